// A drawing, prepared as the digits of MNIST were: its box is made 20 × 20 with its shape kept, every pixel the mean of
// what it covers, and the centre of its mass is put at the centre of 28 × 28. This decides what the network sees.

const BOX = 20;
const SIDE = 28;

/** The 28 × 28 bytes of a square of ink, whose numbers are 0 to 255; nothing if there is no ink. */
export function prepare(ink, side) {
  const bounds = inkBounds(ink, side);
  if (!bounds) return null;
  const { left, top, width, height } = bounds;
  const scale = BOX / Math.max(width, height);
  const [w, h] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
  const small = new Float64Array(w * h);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) small[y * w + x] = mean(ink, side, left + (x * width) / w, left + ((x + 1) * width) / w, top + (y * height) / h, top + ((y + 1) * height) / h);
  }
  let [mass, cx, cy] = [0, 0, 0];
  small.forEach((value, i) => {
    mass += value;
    cx += value * (i % w);
    cy += value * Math.floor(i / w);
  });
  // The centre of 28 pixels lies between the two in the middle.
  const [x0, y0] = [Math.round((SIDE - 1) / 2 - cx / mass), Math.round((SIDE - 1) / 2 - cy / mass)];
  const bytes = new Uint8Array(SIDE * SIDE);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const [tx, ty] = [x0 + x, y0 + y];
      if (tx >= 0 && tx < SIDE && ty >= 0 && ty < SIDE) bytes[ty * SIDE + tx] = Math.round(small[y * w + x]);
    }
  }
  return bytes;
}

function inkBounds(ink, side) {
  let [left, right, top, bottom] = [side, -1, side, -1];
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      if (ink[y * side + x] < 16) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y);
    }
  }
  return right < 0 ? null : { left, top, width: right - left + 1, height: bottom - top + 1 };
}

/** The mean over a rectangle whose sides need not fall on pixels. */
function mean(ink, side, x0, x1, y0, y1) {
  let [sum, area] = [0, 0];
  for (let y = Math.floor(y0); y < y1; y++) {
    const dy = Math.min(y + 1, y1) - Math.max(y, y0);
    for (let x = Math.floor(x0); x < x1; x++) {
      const part = dy * (Math.min(x + 1, x1) - Math.max(x, x0));
      sum += part * (ink[y * side + x] ?? 0);
      area += part;
    }
  }
  return sum / area;
}
