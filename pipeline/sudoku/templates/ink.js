// Generated digits as ink: a small picture, bright on dark, becomes a large sharp mask, so that the
// page may colour it as it does text.
const INK_PX = 192;
const FAINTEST = 0.14, FULL = 0.6;
const inks = new Map();

function ink(png) {
  if (!inks.has(png)) inks.set(png, drawnInk(png));
  return inks.get(png);
}

async function drawnInk(png) {
  const image = new Image();
  image.src = `data:image/png;base64,${png}`;
  await image.decode();
  const side = image.naturalWidth;
  const small = new OffscreenCanvas(side, side).getContext("2d", { willReadFrequently: true });
  small.drawImage(image, 0, 0);
  const pixels = small.getImageData(0, 0, side, side).data;
  const levels = Float32Array.from({ length: side * side }, (_, n) => pixels[4 * n] / 255);
  const wide = stretched(levels, side, side);
  const high = stretched(wide, side, INK_PX);
  const canvas = new OffscreenCanvas(INK_PX, INK_PX);
  const large = canvas.getContext("2d");
  const drawn = large.createImageData(INK_PX, INK_PX);
  for (let n = 0; n < high.length; n++) {
    // `stretched` turns the picture over each time, so that twice leaves it as it was.
    const share = Math.min(1, Math.max(0, (high[n] - FAINTEST) / (FULL - FAINTEST)));
    drawn.data[4 * n + 3] = 255 * share * share * (3 - 2 * share);
  }
  large.putImageData(drawn, 0, 0);
  return URL.createObjectURL(await canvas.convertToBlob());
}

// Stretch rows of `width` levels to INK_PX by cubic interpolation (Keys 1981, a = -0.5); the result
// has a row for each column.
function stretched(levels, width, height) {
  const found = new Float32Array(INK_PX * height);
  for (let x = 0; x < INK_PX; x++) {
    const at = (x + 0.5) * width / INK_PX - 0.5;
    const first = Math.floor(at), t = at - first;
    const weights = [
      -0.5 * t + t * t - 0.5 * t ** 3, 1 - 2.5 * t * t + 1.5 * t ** 3,
      0.5 * t + 2 * t * t - 1.5 * t ** 3, -0.5 * t * t + 0.5 * t ** 3,
    ];
    const columns = weights.map((_, n) => Math.min(width - 1, Math.max(0, first - 1 + n)));
    for (let y = 0; y < height; y++) {
      let sum = 0;
      for (let n = 0; n < 4; n++) sum += weights[n] * levels[y * width + columns[n]];
      found[x * height + y] = sum;
    }
  }
  return found;
}

// Show a digit in an element: as ink where its picture is given, at once as text until it is there.
async function showInk(element, png) {
  const url = await ink(png);
  element.style.setProperty("--ink-picture", `url("${url}")`);
}
