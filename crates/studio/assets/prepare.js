// Converts a drawing to the model's input as MNIST was made: the bounding box of the ink is scaled to fit 20
// × 20 with its aspect ratio kept (each pixel is the mean of the area it covers), and its centre of mass is
// placed at the centre of 28 × 28.

const BOX = 20;
const SIDE = 28;
/** Ink fainter than this, of 255, does not count for the bounding box. */
const MIN_INK = 16;

/** The 28 × 28 bytes for a square of ink with values from 0 to 255; null if there is no ink. */
export function prepare(ink, side) {
  const bounds = inkBounds(ink, side);
  if (!bounds) return null;
  const scaled = scaleToBox(ink, side, bounds);
  const { width, height, values } = scaled;
  const [centerX, centerY] = centerOfMass(scaled);
  // The centre of 28 pixels lies between the two in the middle.
  const [left, top] = [centerX, centerY].map((center) => Math.round((SIDE - 1) / 2 - center));
  const bytes = new Uint8Array(SIDE * SIDE);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [column, row] = [left + x, top + y];
      const isInside = column >= 0 && column < SIDE && row >= 0 && row < SIDE;
      if (isInside) bytes[row * SIDE + column] = Math.round(values[y * width + x]);
    }
  }
  return bytes;
}

function inkBounds(ink, side) {
  let [left, right, top, bottom] = [side, -1, side, -1];
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      if (ink[y * side + x] < MIN_INK) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y);
    }
  }
  return right < 0 ? null : { left, top, width: right - left + 1, height: bottom - top + 1 };
}

function scaleToBox(ink, side, bounds) {
  const scale = BOX / Math.max(bounds.width, bounds.height);
  const [width, height] = [bounds.width, bounds.height].map((size) => Math.max(1, Math.round(size * scale)));
  const edgeX = (x) => bounds.left + (x * bounds.width) / width;
  const edgeY = (y) => bounds.top + (y * bounds.height) / height;
  const values = new Float64Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      values[y * width + x] = mean(ink, side, edgeX(x), edgeX(x + 1), edgeY(y), edgeY(y + 1));
    }
  }
  return { width, height, values };
}

function centerOfMass({ width, values }) {
  let [mass, momentX, momentY] = [0, 0, 0];
  values.forEach((value, i) => {
    mass += value;
    momentX += value * (i % width);
    momentY += value * Math.floor(i / width);
  });
  return [momentX / mass, momentY / mass];
}

/** The mean over a rectangle whose edges may lie within pixels. */
function mean(ink, side, left, right, top, bottom) {
  let [sum, area] = [0, 0];
  for (let y = Math.floor(top); y < bottom; y++) {
    const height = Math.min(y + 1, bottom) - Math.max(y, top);
    for (let x = Math.floor(left); x < right; x++) {
      const part = height * (Math.min(x + 1, right) - Math.max(x, left));
      sum += part * (ink[y * side + x] ?? 0);
      area += part;
    }
  }
  return sum / area;
}
