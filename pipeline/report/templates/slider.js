// Shows one of several pictures, chosen by a slider or played through.
for (const player of document.querySelectorAll("[data-player]")) {
  const frames = [...player.querySelectorAll("[data-frame]")];
  const slider = player.querySelector("input");
  const output = player.querySelector("output");
  const button = player.querySelector("button");
  let timer = null;

  const show = () => {
    frames.forEach((frame, number) => { frame.hidden = number !== Number(slider.value); });
    output.textContent = frames[slider.value].dataset.frame;
    slider.setAttribute("aria-valuetext", output.textContent);
  };
  const stop = () => {
    clearInterval(timer);
    timer = null;
    button.textContent = "Play";
  };
  const step = () => {
    if (Number(slider.value) === frames.length - 1) return stop();
    slider.value = Number(slider.value) + 1;
    show();
  };
  slider.addEventListener("input", () => { stop(); show(); });
  button.addEventListener("click", () => {
    if (timer) return stop();
    if (Number(slider.value) === frames.length - 1) slider.value = 0;
    show();
    button.textContent = "Pause";
    timer = setInterval(step, 600);
  });
  player.querySelector(".player").hidden = false;
  show();
}
