// Numbers as pictures: maps of what layers say, and of what they have learned, in two colours for the sign.

import { colour, h, rgb } from "./dom.js";

/** Maps or neurons of a layer that are drawn at most. */
const MOST = 128;

/**
 * Draws maps of `height` × `width`, several in a row. `at(map, y, x)` is the number there, `most` the magnitude that has
 * the full colour.
 */
export function drawMaps(canvas, { count, height, width, at, most, columns }) {
  const gap = 1;
  const rows = Math.ceil(count / columns);
  Object.assign(canvas, { width: columns * (width + gap) - gap, height: rows * (height + gap) - gap });
  const g = canvas.getContext("2d");
  const image = g.createImageData(canvas.width, canvas.height);
  const [paper, positive, negative] = [rgb("--card"), rgb("--test"), rgb("--train")];
  for (let map = 0; map < count; map++) {
    const [left, top] = [(map % columns) * (width + gap), Math.floor(map / columns) * (height + gap)];
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const share = Math.max(-1, Math.min(1, at(map, y, x) / most || 0));
        const ink = share < 0 ? negative : positive;
        const to = 4 * ((top + y) * canvas.width + left + x);
        for (let c = 0; c < 3; c++) image.data[to + c] = paper[c] + (ink[c] - paper[c]) * Math.abs(share);
        image.data[to + 3] = 255;
      }
    }
  }
  g.putImageData(image, 0, 0);
}

const magnitude = (values) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;

/** What a layer says of one sample: maps side by side, or neurons as cells of a row. */
export function layerMaps(canvas, { sizes, values }) {
  const most = magnitude(values);
  if (sizes.length === 3) {
    const [height, width, channels] = sizes;
    const count = Math.min(channels, MOST);
    drawMaps(canvas, { count, height, width, most, columns: Math.min(count, 12), at: (map, y, x) => values[(y * width + x) * channels + map] });
    scale(canvas, height < 8 ? 4 : height < 16 ? 3 : 2);
  } else {
    const columns = Math.min(values.length, 50);
    drawMaps(canvas, { count: values.length, height: 1, width: 1, most, columns, at: (map) => values[map] });
    scale(canvas, values.length <= 50 ? 12 : 7);
  }
}

/** What a layer has learned, as pictures of its input; nothing if it has no such form. */
export function weightMaps(canvas, { sizes, values }, picture) {
  const most = magnitude(values);
  if (sizes.length === 4) {
    // Filters: height, width, channels in, channels out. Of several channels in, their mean is shown.
    const [height, width, channels, filters] = sizes;
    const count = Math.min(filters, MOST);
    const at = (map, y, x) => {
      let sum = 0;
      for (let c = 0; c < channels; c++) sum += values[((y * width + x) * channels + c) * filters + map];
      return sum / channels;
    };
    const shown = channels === 1 ? most : most / Math.sqrt(channels);
    drawMaps(canvas, { count, height, width, most: shown, columns: Math.min(count, 16), at });
    scale(canvas, 8);
    return true;
  }
  const [inputs, outputs] = sizes;
  if (sizes.length === 2 && picture && picture[0] * picture[1] * picture[2] === inputs) {
    const [height, width, channels] = picture;
    const count = Math.min(outputs, MOST);
    drawMaps(canvas, { count, height, width, most, columns: Math.min(count, 12), at: (map, y, x) => values[(y * width + x) * channels * outputs + map] });
    scale(canvas, 2);
    return true;
  }
  return false;
}

function scale(canvas, factor) {
  canvas.style.width = `${canvas.width * factor}px`;
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

/** A canvas for maps. */
export function mapCanvas(label) {
  return h("canvas", { class: "maps", role: "img", "aria-label": label });
}
