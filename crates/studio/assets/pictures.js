// Pictures of samples: fetched once, drawn side by side.

import { rgb } from "./dom.js";
import { pictures } from "./server.js";

/** Samples that are asked for at a time. */
const AT_A_TIME = 500;

/** The pictures of one set of a run. */
export class Pictures {
  constructor(about, set, arrived) {
    Object.assign(this, { about, set, arrived });
    this.known = new Map();
    this.asked = new Set();
  }

  /** The picture and label of a sample, or nothing until it has arrived. */
  get(sample) {
    return this.known.get(sample);
  }

  /** Asks for those that are not there yet. */
  async fetch(samples) {
    const missing = samples.filter((sample) => !this.asked.has(sample));
    missing.forEach((sample) => this.asked.add(sample));
    for (let i = 0; i < missing.length; i += AT_A_TIME) await this.fetchSome(missing.slice(i, i + AT_A_TIME));
  }

  async fetchSome(samples) {
    const bytes = await pictures(this.about.id, this.set, samples);
    if (!bytes) {
      samples.forEach((sample) => this.asked.delete(sample));
      return;
    }
    const labels = new DataView(bytes);
    const [rows, columns, channels] = this.about.picture;
    const size = rows * columns * channels;
    samples.forEach((sample, i) => {
      const pixels = new Uint8Array(bytes, 4 * samples.length + i * size, size);
      this.known.set(sample, { label: labels.getUint32(4 * i, true), pixels });
    });
    this.arrived();
  }
}

/** Figures of 3 × 5 points, a row of bits each line. */
const FIGURES = [
  [7, 5, 5, 5, 7], [2, 6, 2, 2, 7], [7, 1, 7, 4, 7], [7, 1, 7, 1, 7], [5, 5, 7, 1, 1],
  [7, 4, 7, 1, 7], [7, 4, 7, 5, 7], [7, 1, 2, 2, 2], [7, 5, 7, 5, 7], [7, 5, 7, 1, 7],
];

/**
 * Draws cells `{ picture, guess }` in rows of `columns`, as large as the canvas has room, with their shape kept or as
 * wide and high as it is. A guess that is not the label stands on a red ground, with the label at the left and the guess
 * at the right.
 */
export function drawGrid(canvas, about, cells, columns, rows, fills = false) {
  const [height, width, channels] = about.picture;
  const [w, hgt] = [columns * width, rows * height];
  const source = (canvas.source ??= document.createElement("canvas"));
  if (source.width !== w || source.height !== hgt) Object.assign(source, { width: w, height: hgt });
  const g = source.getContext("2d");
  const [ink, card, wrong] = ["--ink", "--card", "--wrong"].map(rgb);
  const image = g.createImageData(w, hgt);
  const put = (at, ground, share) => {
    for (let c = 0; c < 3; c++) image.data[at + c] = ground[c] + (ink[c] - ground[c]) * share;
    image.data[at + 3] = 255;
  };
  cells.forEach(({ picture, guess }, i) => {
    if (!picture) return;
    const isWrong = guess !== undefined && guess !== picture.label;
    const ground = isWrong ? wrong : card;
    const [left, top] = [(i % columns) * width, Math.floor(i / columns) * height];
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const at = 4 * ((top + y) * w + left + x);
        const from = (y * width + x) * channels;
        if (channels === 1) put(at, ground, picture.pixels[from] / 255);
        else for (let c = 0; c < 4; c++) image.data[at + c] = c === 3 ? 255 : picture.pixels[from + c];
      }
    }
    if (!isWrong || height < 8 || width < 10) return;
    const figure = (value, x0) => FIGURES[value]?.forEach((bits, y) => {
      for (let x = 0; x < 3; x++) if (bits & (4 >> x)) put(4 * ((top + height - 6 + y) * w + left + x0 + x), ground, 1);
    });
    figure(picture.label, 1);
    figure(guess, width - 4);
  });
  g.putImageData(image, 0, 0);
  fit(canvas, source, fills);
}

/** Draws a picture as large as its canvas has room. */
function fit(canvas, source, fills) {
  const box = canvas.getBoundingClientRect();
  const scale = devicePixelRatio || 1;
  const [w, hgt] = box.width && box.height ? [box.width * scale, box.height * scale].map(Math.round) : [source.width, source.height];
  if (canvas.width !== w || canvas.height !== hgt) Object.assign(canvas, { width: w, height: hgt });
  const factor = Math.min(w / source.width, hgt / source.height);
  const [width, height] = fills ? [w, hgt] : [source.width * factor, source.height * factor];
  canvas.frame = { left: (w - width) / 2 / w, top: (hgt - height) / 2 / hgt, width: width / w, height: height / hgt };
  const g = canvas.getContext("2d");
  g.clearRect(0, 0, w, hgt);
  // Small pictures are the mean of what they cover; large ones show their pixels.
  Object.assign(g, { imageSmoothingEnabled: factor < 2, imageSmoothingQuality: "high" });
  g.drawImage(source, (w - width) / 2, (hgt - height) / 2, width, height);
}

/** The middle of a cell of a canvas that was drawn, in the window. */
export function placeOf(canvas, cell, columns, rows) {
  const box = canvas.getBoundingClientRect();
  const { left, top, width, height } = canvas.frame;
  const [column, row] = [cell % columns, Math.floor(cell / columns)];
  return { clientX: box.left + (left + ((column + 0.5) / columns) * width) * box.width, clientY: box.top + (top + ((row + 0.5) / rows) * height) * box.height };
}

/** The cell under a pointer on a canvas that was drawn; -1 if there is none. */
export function cellAt(canvas, event, columns, rows) {
  if (!canvas.frame) return -1;
  const box = canvas.getBoundingClientRect();
  const { left, top, width, height } = canvas.frame;
  const x = ((event.clientX - box.left) / box.width - left) / width;
  const y = ((event.clientY - box.top) / box.height - top) / height;
  if (x < 0 || x >= 1 || y < 0 || y >= 1) return -1;
  return Math.floor(y * rows) * columns + Math.floor(x * columns);
}
