// Generated digits as ink: a small picture, bright on dark, becomes a large sharp mask, so that the
// page may colour it as it does text; pipeline/sudoku/digits/ink.py does the same.
const INK_PX = 192;
const MARGIN_PX = 3; // around the small picture, since samples may reach its edge
const FAINTEST = 0.34, FULL = 0.7;
const WEIGHTS = [0.125, 0.75, 0.125]; // of a pixel and its neighbours
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
  const levels = softened(pixels, side), width = side + 2 * MARGIN_PX;
  const wide = stretched(levels, width, width);
  const high = stretched(wide, width, INK_PX);
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

// Return the levels from 0 to 1 with a margin, each pixel averaged a little with its neighbours, so
// that strokes which the picture's edge cuts off end round.
function softened(pixels, side) {
  const width = side + 2 * MARGIN_PX;
  const level = (x, y) => x < 0 || y < 0 || x >= side || y >= side ? 0 : pixels[4 * (y * side + x)] / 255;
  const found = new Float32Array(width * width);
  for (let y = 0; y < width; y++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (const down of [-1, 0, 1]) {
        for (const right of [-1, 0, 1]) {
          sum += WEIGHTS[1 + down] * WEIGHTS[1 + right] * level(x - MARGIN_PX + right, y - MARGIN_PX + down);
        }
      }
      found[y * width + x] = sum;
    }
  }
  return found;
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
