// Show one of several images, chosen by a slider or played one after the other.
for (const slideshow of document.querySelectorAll("[data-slideshow]")) {
  const frames = [...slideshow.querySelectorAll("[data-frame]")];
  const slider = slideshow.querySelector("input");
  const output = slideshow.querySelector("output");
  const button = slideshow.querySelector("button");
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
  slideshow.querySelector(".slideshow").hidden = false;
  show();
}
