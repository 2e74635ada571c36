// Activations and weights as images in two colours, one for each sign.

import { createElement, cssColor, cssRgb } from "./dom.js";
import { translate } from "./text.js";

/** Feature maps or filters of a layer that are drawn at most. */
const MAX_MAPS = 128;
/** Opacity of one of the four nested bars of quantiles. */
const BAR_OPACITY = 1.6 / 7;

/**
 * Draws framed maps of `height` × `width`, several in a row, each number as a square of `pixel` points.
 * `at(map, y, x)` is the number at a place, `maximum` the magnitude with the full colour. Without a `gap`,
 * adjacent maps share their frames.
 */
function drawMaps(canvas, { count, height, width, at, maximum, columns, pixel, gap = 0 }) {
  const [mapWidth, mapHeight] = [width * pixel + 1, height * pixel + 1];
  const rows = Math.ceil(count / columns);
  Object.assign(canvas, { width: columns * (mapWidth + gap) + 1, height: rows * (mapHeight + gap) + 1 });
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  const [background, positive, negative, frame] = ["--card", "--test", "--train", "--frame"].map(cssRgb);
  const fill = (left, top, fillWidth, fillHeight, color) => {
    for (let y = top; y < top + fillHeight; y++) {
      for (let x = left; x < left + fillWidth; x++) image.data.set(color, 4 * (y * canvas.width + x));
    }
  };
  for (let map = 0; map < count; map++) {
    const left = (map % columns) * (mapWidth + gap);
    const top = Math.floor(map / columns) * (mapHeight + gap);
    fill(left, top, mapWidth + 1, mapHeight + 1, [...frame, 255]);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const fraction = Math.max(-1, Math.min(1, at(map, y, x) / maximum || 0));
        const color = fraction < 0 ? negative : positive;
        const mixed = background.map((value, c) => value + (color[c] - value) * Math.abs(fraction));
        fill(left + 1 + x * pixel, top + 1 + y * pixel, pixel, pixel, [...mixed, 255]);
      }
    }
  }
  context.putImageData(image, 0, 0);
  canvas.layout = { count, height, width, columns, outer: [mapWidth + gap, mapHeight + gap], pixel };
}

/** The map, row and column under a pointer on a drawn canvas; null beside the maps. */
function cellAt(canvas, { offsetX, offsetY }) {
  const { count, height, width, columns, outer, pixel } = canvas.layout;
  const left = (offsetX * canvas.width) / canvas.clientWidth;
  const top = (offsetY * canvas.height) / canvas.clientHeight;
  const map = Math.floor(top / outer[1]) * columns + Math.floor(left / outer[0]);
  const [x, y] = [left % outer[0], top % outer[1]].map((inside) => Math.floor((inside - 1) / pixel));
  return map < count && x >= 0 && x < width && y >= 0 && y < height ? { map, y, x } : null;
}

/**
 * Makes each number of a drawn canvas a way to its explanation: `open(index)` is called with the index of the one that is
 * clicked, or chosen with the arrow keys and Enter.
 */
export function explainable(canvas, open) {
  let chosen = { map: 0, y: 0, x: 0 };
  canvas.classList.add("explainable");
  canvas.title = translate("explain.click");
  canvas.tabIndex = 0;
  canvas.addEventListener("click", (event) => {
    const cell = canvas.layout && cellAt(canvas, event);
    if (cell) open(canvas.indexOf(cell));
  });
  canvas.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!canvas.layout || (!move && event.key !== "Enter")) return;
    event.preventDefault();
    if (!move) {
      open(canvas.indexOf(chosen));
      return;
    }
    const { count, height, width } = canvas.layout;
    // Units are maps of a single number.
    const [y, x] = [chosen.y + move[0], chosen.x + move[1]];
    const inside = y >= 0 && y < height && x >= 0 && x < width;
    const map = Math.min(count - 1, Math.max(0, chosen.map + move[0] + move[1]));
    chosen = inside
      ? { ...chosen, y, x }
      : { map, y: Math.min(height - 1, Math.max(0, y)), x: Math.min(width - 1, Math.max(0, x)) };
    canvas.title = `[${canvas.indexOf(chosen).join(", ")}]`;
  });
}

const maxMagnitude = (values) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;

/** Points of a number in a map, from the largest. `src/flow.rs` has the same: the height of a box follows from it. */
const PIXELS = [12, 8, 6, 5, 4, 3, 2, 1];

/**
 * How `count` maps fit into an area: how many of them, in how many columns, with how many points for a number. All of
 * them, as large as possible; if even the smallest are too large, the first.
 */
export function fitMaps({ count, height, width }, area) {
  const fits = (size, points, pixel) => Math.floor((points - 1) / (size * pixel + 1));
  const places = (pixel) => fits(width, area.width, pixel) * fits(height, area.height, pixel);
  const pixel = PIXELS.find((points) => places(points) >= count) ?? 1;
  const columns = Math.min(count, Math.max(1, fits(width, area.width, pixel)));
  return { pixel, columns, count: Math.min(count, Math.max(1, places(pixel))) };
}

/**
 * Draws the activations of a layer for one sample: feature maps side by side, or units as cells. As many as fit into
 * the `area`; without one, as large as they are easy to see.
 */
export function drawActivations(canvas, { shape, values }, area = null) {
  const maximum = maxMagnitude(values);
  if (shape.length === 3) {
    const [height, width, channels] = shape;
    const count = Math.min(channels, MAX_MAPS);
    const pixel = height < 8 ? 4 : height < 16 ? 3 : 2;
    const at = (map, y, x) => values[(y * width + x) * channels + map];
    const fit = area ? fitMaps({ count, height, width }, area) : { count, columns: Math.min(count, 12), pixel };
    drawMaps(canvas, { height, width, maximum, at, ...fit });
    canvas.indexOf = ({ map, y, x }) => [y, x, map];
  } else {
    const count = values.length;
    const columns = Math.min(count, count > 400 ? 100 : 50);
    const pixel = count > 50 ? 6 : 12;
    const fit = area ? fitMaps({ count, height: 1, width: 1 }, area) : { count, columns, pixel };
    drawMaps(canvas, { height: 1, width: 1, maximum, at: (map) => values[map], ...fit });
    canvas.indexOf = ({ map }) => [map];
  }
}

/** Draws the weights of a layer as images of its input. Returns false if they cannot be shown as images. */
export function drawWeights(canvas, { shape, values }, imageShape) {
  const maximum = maxMagnitude(values);
  if (shape.length === 4) {
    const [height, width, channels, filters] = shape;
    const count = Math.min(filters, MAX_MAPS);
    // The mean over the input channels.
    const at = (map, y, x) => {
      let sum = 0;
      for (let c = 0; c < channels; c++) sum += values[((y * width + x) * channels + c) * filters + map];
      return sum / channels;
    };
    const columns = Math.min(count, 16);
    drawMaps(canvas, { count, height, width, maximum: maximum / Math.sqrt(channels), columns, pixel: 8, gap: 6, at });
    canvas.indexOf = ({ map, y, x }) => [y, x, 0, map];
    return true;
  }
  if (shape.length !== 2) return false;
  const [inputs, outputs] = shape;
  if (imageShape && imageShape[0] * imageShape[1] * imageShape[2] === inputs) {
    const [height, width, channels] = imageShape;
    const count = Math.min(outputs, MAX_MAPS);
    const at = (map, y, x) => values[(y * width + x) * channels * outputs + map];
    drawMaps(canvas, { count, height, width, maximum, columns: Math.min(count, 12), pixel: 2, gap: 6, at });
    canvas.indexOf = ({ map, y, x }) => [(y * width + x) * channels, map];
    return true;
  }
  if (Math.max(inputs, outputs) > MAX_MAPS) return false;
  // A row for each input, a column for each output.
  const at = (_, y, x) => values[y * outputs + x];
  drawMaps(canvas, { count: 1, height: inputs, width: outputs, maximum, columns: 1, pixel: 8, at });
  canvas.indexOf = ({ y, x }) => [y, x];
  return true;
}

/** Eight quantiles as nested bars on an axis from `-maximum` to `maximum`: the central seventh is darkest. */
export function quantileBar(edges, maximum, color, label) {
  const canvas = createElement("canvas", {
    class: "quantiles",
    width: 220,
    height: 16,
    role: "img",
    "aria-label": label,
  });
  const context = canvas.getContext("2d");
  const x = (value) => 110 + (109 * value) / (maximum || 1);
  context.fillStyle = cssColor("--line");
  context.fillRect(109.5, 0, 1, 16);
  context.fillStyle = `rgba(${cssRgb(color)}, ${BAR_OPACITY})`;
  for (let low = 3; low >= 0; low--) {
    const [left, right] = [edges[low], edges[7 - low]].map(x);
    context.fillRect(left, 2, Math.max(1, right - left), 12);
  }
  return canvas;
}

/** A figure with a canvas for maps. */
export function mapFigure(name) {
  const canvas = createElement("canvas", { class: "maps", role: "img", "aria-label": name });
  const caption = createElement("figcaption", {}, name);
  return createElement("figure", { class: "layer" }, caption, createElement("div", { class: "scroll" }, canvas));
}

/** A figure for each layer of a network. */
export function layerFigures(about) {
  return about.layers.map(({ path, output }) => mapFigure(`${path} ${output}`));
}
