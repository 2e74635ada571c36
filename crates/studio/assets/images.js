// Images of samples: fetched once, drawn side by side.

import { cssRgb, resizeCanvas } from "./dom.js";
import description from "./panels/description.json" with { type: "json" };
import { fetchImages } from "./server.js";

/** Samples and pixels in a request: more than a snapshot lists, so that a batch is one request. */
const BATCH = 500;
const MAX_PIXELS = 1 << 26;

/** What an image is known by: that of the data, or the one that was trained with in a step. */
const key = (sample, step) => (step === null ? sample : `${step}: ${sample}`);

/** The images of one set of a run. */
export class Images {
  constructor(about, set, arrived) {
    Object.assign(this, { about, set, arrived });
    this.known = new Map();
    this.requested = new Set();
  }

  /** The pixels and label of a sample, as augmented in a step if one is given; undefined until they have arrived. */
  get(sample, step = null) {
    return this.known.get(key(sample, step));
  }

  /** Requests the images that were not requested before. Those of a step are the beginning of its batch, in order. */
  async fetch(samples, step = null) {
    const missing = samples.filter((sample) => !this.requested.has(key(sample, step)));
    missing.forEach((sample) => this.requested.add(key(sample, step)));
    const batch = Math.min(BATCH, Math.max(1, Math.floor(MAX_PIXELS / this.pixels())));
    // Of a step only the beginning of the batch can be had.
    const end = step === null ? missing.length : Math.min(missing.length, batch);
    for (let i = 0; i < end; i += batch) await this.fetchBatch(missing.slice(i, i + batch), step);
  }

  /** Pixels of an image. */
  pixels() {
    return this.about.image_shape.reduce((product, length) => product * length, 1);
  }

  async fetchBatch(samples, step) {
    const bytes = await fetchImages(this.about.id, this.set, samples, step);
    if (!bytes) {
      samples.forEach((sample) => this.requested.delete(key(sample, step)));
      return;
    }
    const labels = new DataView(bytes);
    const size = this.pixels();
    samples.forEach((sample, i) => {
      const pixels = new Uint8Array(bytes, 4 * samples.length + i * size, size);
      this.known.set(key(sample, step), { label: labels.getUint32(4 * i, true), pixels });
    });
    this.arrived();
  }
}

/** Numerals of 3 × 5 pixels, a row of bits each number. */
const NUMERALS = description.numerals;

/**
 * Draws cells `{ image, prediction }` in rows of `columns`, as large as the canvas allows, with their aspect
 * ratio kept or, if it `fills`, stretched. A misclassified sample has a red background, with the label at the
 * left and the prediction at the right.
 */
export function drawImages(canvas, about, cells, columns, rows, fills = false) {
  const [height, width, channels] = about.image_shape;
  const [gridWidth, gridHeight] = [columns * width, rows * height];
  const source = (canvas.source ??= document.createElement("canvas"));
  resizeCanvas(source, gridWidth, gridHeight);
  const context = source.getContext("2d");
  const [ink, card, misclassified] = ["--ink", "--card", "--misclassified"].map(cssRgb);
  const grid = context.createImageData(gridWidth, gridHeight);
  const blend = (offset, background, opacity) => {
    for (let c = 0; c < 3; c++) grid.data[offset + c] = background[c] + (ink[c] - background[c]) * opacity;
    grid.data[offset + 3] = 255;
  };
  cells.forEach(({ image, prediction }, i) => {
    if (!image) return;
    const isCorrect = prediction === undefined || prediction === image.label;
    const background = isCorrect ? card : misclassified;
    const [left, top] = [(i % columns) * width, Math.floor(i / columns) * height];
    const offset = (x, y) => 4 * ((top + y) * gridWidth + left + x);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const from = (y * width + x) * channels;
        if (channels === 1) blend(offset(x, y), background, image.pixels[from] / 255);
        else grid.data.set([...image.pixels.subarray(from, from + 3), 255], offset(x, y));
      }
    }
    if (isCorrect || height < 8 || width < 10) return;
    const drawNumeral = (value, x) =>
      NUMERALS[value]?.forEach((bits, y) => {
        for (let column = 0; column < 3; column++) {
          if (bits & (4 >> column)) blend(offset(x + column, height - 6 + y), background, 1);
        }
      });
    drawNumeral(image.label, 1);
    drawNumeral(prediction, width - 4);
  });
  context.putImageData(grid, 0, 0);
  fit(canvas, source, fills);
}

/** Scales an image to its canvas. */
function fit(canvas, source, fills) {
  const box = canvas.getBoundingClientRect();
  const ratio = devicePixelRatio || 1;
  const isLaidOut = box.width && box.height;
  const size = isLaidOut ? [box.width * ratio, box.height * ratio].map(Math.round) : [source.width, source.height];
  const [totalWidth, totalHeight] = size;
  resizeCanvas(canvas, totalWidth, totalHeight);
  const factor = Math.min(totalWidth / source.width, totalHeight / source.height);
  const [width, height] = fills ? size : [source.width * factor, source.height * factor];
  const [left, top] = [(totalWidth - width) / 2, (totalHeight - height) / 2];
  canvas.area = {
    left: left / totalWidth,
    top: top / totalHeight,
    width: width / totalWidth,
    height: height / totalHeight,
  };
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, totalWidth, totalHeight);
  // Reduced images are averaged, enlarged ones show their pixels.
  Object.assign(context, { imageSmoothingEnabled: factor < 2, imageSmoothingQuality: "high" });
  context.drawImage(source, left, top, width, height);
}

/** The centre of a cell of a drawn canvas, in the coordinates of the window. */
export function cellCenter(canvas, cell, columns, rows) {
  const box = canvas.getBoundingClientRect();
  const { left, top, width, height } = canvas.area;
  const [column, row] = [cell % columns, Math.floor(cell / columns)];
  return {
    clientX: box.left + (left + ((column + 0.5) / columns) * width) * box.width,
    clientY: box.top + (top + ((row + 0.5) / rows) * height) * box.height,
  };
}

/** The cell under a pointer on a drawn canvas; -1 if there is none. */
export function cellAt(canvas, event, columns, rows) {
  if (!canvas.area) return -1;
  const box = canvas.getBoundingClientRect();
  const { left, top, width, height } = canvas.area;
  const x = ((event.clientX - box.left) / box.width - left) / width;
  const y = ((event.clientY - box.top) / box.height - top) / height;
  if (x < 0 || x >= 1 || y < 0 || y >= 1) return -1;
  return Math.floor(y * rows) * columns + Math.floor(x * columns);
}
