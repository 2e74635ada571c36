// Small pictures in a grid, grey or in two colours for the two signs.

import { createElement, cssRgb, onColorSchemeChange } from "../dom.js";
import { translate } from "../text.js";

/** Points of a pixel: so many that a picture is about this wide, within bounds. */
const [SIDE, MOST, LEAST] = [112, 14, 2];

/** Draws pixels on a canvas: `grey` from paper to ink, `signed` from blue over paper to red. */
export function drawPixels(canvas, { width, height, shade, pixels }) {
  const size = { width, height };
  Object.assign(canvas, size);
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const [paper, ink, positive, negative] = ["--card", "--ink", "--test", "--train"].map(cssRgb);
  pixels.forEach((pixel, i) => {
    const [color, opacity] =
      shade === "grey" ? [ink, pixel / 255] : [pixel < 0 ? negative : positive, Math.min(1, Math.abs(pixel) / 127)];
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = paper[c] + (color[c] - paper[c]) * opacity;
    image.data[4 * i + 3] = 255;
  });
  context.putImageData(image, 0, 0);
}

function picture({ caption, width, height, shade, pixels, mark }) {
  const canvas = createElement("canvas", {
    class: "pixels",
    role: "img",
    "aria-label": caption || translate("figure.picture"),
  });
  const points = Math.max(LEAST, Math.min(MOST, Math.floor(SIDE / Math.max(width, height))));
  Object.assign(canvas.style, { width: `${width * points}px`, height: `${height * points}px` });
  const draw = () => drawPixels(canvas, { width, height, shade, pixels });
  draw();
  const stop = onColorSchemeChange(() => (canvas.isConnected ? draw() : stop()));
  const text = createElement("figcaption", { class: mark ? `mark-${mark}` : null }, caption);
  return createElement("figure", { class: "picture" }, canvas, caption ? text : null);
}

export default function pictures({ columns, pictures: all }) {
  const grid = createElement("div", { class: "picture-grid", tabindex: "0" }, ...all.map(picture));
  grid.style.setProperty("--columns", columns);
  return grid;
}
