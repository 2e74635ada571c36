// Numbers as pictures: maps of what layers say, and of what they have learned, in two colours for the sign.

import { colour, h, rgb } from "./dom.js";

/** Maps or neurons of a layer that are drawn at most. */
const MOST = 128;

/**
 * Draws framed maps of `height` × `width`, several in a row, each number as a square of `pixel` points. `at(map, y, x)` is
 * the number there, `most` the magnitude that has the full colour. Without a `gap`, neighbours share their frames.
 */
function drawMaps(canvas, { count, height, width, at, most, columns, pixel, gap = 0 }) {
  const [w, hgt] = [width * pixel + 1, height * pixel + 1];
  Object.assign(canvas, { width: columns * (w + gap) + 1, height: Math.ceil(count / columns) * (hgt + gap) + 1 });
  const g = canvas.getContext("2d");
  const image = g.createImageData(canvas.width, canvas.height);
  const [paper, positive, negative, frame] = [rgb("--card"), rgb("--test"), rgb("--train"), rgb("--frame")];
  const fill = (left, top, w, hgt, ink) => {
    for (let y = top; y < top + hgt; y++) {
      for (let x = left; x < left + w; x++) image.data.set(ink, 4 * (y * canvas.width + x));
    }
  };
  for (let map = 0; map < count; map++) {
    const [left, top] = [(map % columns) * (w + gap), Math.floor(map / columns) * (hgt + gap)];
    fill(left, top, w + 1, hgt + 1, [...frame, 255]);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const share = Math.max(-1, Math.min(1, at(map, y, x) / most || 0));
        const ink = share < 0 ? negative : positive;
        const mixed = paper.map((light, c) => light + (ink[c] - light) * Math.abs(share));
        fill(left + 1 + x * pixel, top + 1 + y * pixel, pixel, pixel, [...mixed, 255]);
      }
    }
  }
  g.putImageData(image, 0, 0);
}

const magnitude = (values) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;

/** What a layer says of one sample: maps side by side, or neurons as cells of a row. */
export function layerMaps(canvas, { shape, values }) {
  const most = magnitude(values);
  if (shape.length === 3) {
    const [height, width, channels] = shape;
    const count = Math.min(channels, MOST);
    const pixel = height < 8 ? 4 : height < 16 ? 3 : 2;
    drawMaps(canvas, { count, height, width, most, columns: Math.min(count, 12), pixel, at: (map, y, x) => values[(y * width + x) * channels + map] });
  } else {
    const columns = Math.min(values.length, values.length > 400 ? 100 : 50);
    drawMaps(canvas, { count: values.length, height: 1, width: 1, most, columns, pixel: values.length > 50 ? 6 : 12, at: (map) => values[map] });
  }
}

/** What a layer has learned, as pictures of its input; nothing if it has no such form. */
export function weightMaps(canvas, { shape, values }, picture) {
  const most = magnitude(values);
  if (shape.length === 4) {
    // Filters: height, width, channels in, channels out. Of several channels in, their mean is shown.
    const [height, width, channels, filters] = shape;
    const count = Math.min(filters, MOST);
    const at = (map, y, x) => {
      let sum = 0;
      for (let c = 0; c < channels; c++) sum += values[((y * width + x) * channels + c) * filters + map];
      return sum / channels;
    };
    const shown = channels === 1 ? most : most / Math.sqrt(channels);
    drawMaps(canvas, { count, height, width, most: shown, columns: Math.min(count, 16), pixel: 8, gap: 6, at });
    return true;
  }
  const [inputs, outputs] = shape;
  if (shape.length === 2 && picture && picture[0] * picture[1] * picture[2] === inputs) {
    const [height, width, channels] = picture;
    const count = Math.min(outputs, MOST);
    drawMaps(canvas, { count, height, width, most, columns: Math.min(count, 12), pixel: 2, gap: 6, at: (map, y, x) => values[(y * width + x) * channels * outputs + map] });
    return true;
  }
  if (shape.length === 2 && Math.max(inputs, outputs) <= MOST) {
    // A row for each input, a column for each output.
    drawMaps(canvas, { count: 1, height: inputs, width: outputs, most, columns: 1, pixel: 8, at: (_, y, x) => values[y * outputs + x] });
    return true;
  }
  return false;
}

/** How numbers are spread, as nested bars on a scale from `-most` to `most`: all of them lightest, the middle darkest. */
export function spreadBar(edges, most, rgbName, label) {
  const canvas = h("canvas", { class: "spread", width: 220, height: 16, role: "img", "aria-label": label });
  const g = canvas.getContext("2d");
  const x = (value) => 110 + (109 * value) / (most || 1);
  g.fillStyle = colour("--line");
  g.fillRect(109.5, 0, 1, 16);
  g.fillStyle = `rgba(${colour(rgbName)}, ${1.6 / 7})`;
  for (const [low, high] of [[3, 4], [2, 5], [1, 6], [0, 7]]) g.fillRect(x(edges[low]), 2, Math.max(1, x(edges[high]) - x(edges[low])), 12);
  return canvas;
}

/** A figure with a canvas for maps. */
export function mapFigure(name) {
  const canvas = h("canvas", { class: "maps", role: "img", "aria-label": name });
  return h("figure", { class: "layer" }, h("figcaption", {}, name), h("div", { class: "scroll" }, canvas));
}

/** A figure for each layer of a network. */
export function layerFigures(about) {
  return about.layers.map(({ number, kind, output }) => mapFigure(`${number} ${kind} ${output}`));
}
