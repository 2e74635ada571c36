// A network as a flow from its input to its output: a box for each layer, with its activations for a sample.

import { createElement, createSvg, openDialog } from "./dom.js";
import { formatInteger, formatNumber } from "./format.js";
import { drawImages } from "./images.js";
import { drawActivations, explainable, mapFigure } from "./maps.js";
import { placedNetwork } from "./model.js";
import { translate } from "./text.js";

export class Flow {
  /** `explain(of)` is called with an element whose number is clicked. */
  constructor(about, explain) {
    Object.assign(this, { about, explain });
    const input = { path: translate("flow.input"), output: about.input, parameters: 0 };
    this.image = createElement("canvas", { class: "input", role: "img", hidden: !about.image_shape });
    this.canvases = about.layers.map(({ path }) =>
      createElement("canvas", { class: "maps", role: "img", "aria-label": path }),
    );
    const layers = about.layers.map((layer, i) => {
      const attributes = {
        type: "button",
        title: translate("flow.enlarge", { layer: layer.path }),
        click: () => this.enlarge(i),
      };
      return box(layer, createElement("button", attributes, this.canvases[i]));
    });
    this.boxes = [box(input, this.image), ...layers];
    this.edges = createSvg("svg", { "aria-hidden": "true" });
    this.plan = createElement("div", { class: "plan" }, this.edges, ...this.boxes);
    this.note = createElement("p", { class: "note", hidden: true }, translate("flow.too_large"));
    this.element = createElement("div", { class: "flow", id: "flow" }, this.note, this.plan);
    // Also calls when the element is shown for the first time.
    this.observer = new ResizeObserver(() => this.place());
    this.observer.observe(this.element);
  }

  close() {
    this.observer.disconnect();
  }

  /** Requests positions for the width of the page, if it has changed. */
  async place() {
    const width = this.element.clientWidth;
    if (width === 0 || width === this.width) return;
    this.width = width;
    const placed = await placedNetwork(this.about.id, width);
    // The width may have changed meanwhile. What is drawn stays if the server has ended.
    if (width !== this.width || (placed === null && this.isPlaced)) return;
    this.isPlaced = placed !== null;
    this.note.hidden = placed !== null;
    this.plan.classList.toggle("placed", placed !== null);
    if (placed) this.setPositions(placed);
    if (this.found) this.draw(this.found);
    if (this.sample) this.drawInput(this.sample);
  }

  setPositions({ width, height, boxes, edges }) {
    Object.assign(this.plan.style, { width: `${width}px`, height: `${height}px` });
    boxes.forEach((numbers, i) => {
      const [left, top, boxWidth, boxHeight] = numbers.map((points) => `${points}px`);
      Object.assign(this.boxes[i].style, { left, top, width: boxWidth, height: boxHeight });
    });
    for (const [name, value] of Object.entries({ width, height })) this.edges.setAttribute(name, value);
    const tip = createSvg("path", { d: "M0 0L8 4L0 8z" });
    const box = { viewBox: "0 0 8 8", refX: "7", refY: "4", markerWidth: "6", markerHeight: "6", orient: "auto" };
    const marker = createSvg("marker", { id: "tip", ...box }, tip);
    const lines = edges.map(({ path }) => createSvg("path", { class: "edge", d: path, "marker-end": "url(#tip)" }));
    this.edges.replaceChildren(createSvg("defs", {}, marker), ...lines);
  }

  /** Draws the image of a sample into the box of the input. */
  drawInput(image) {
    this.sample = image;
    drawImages(this.image, this.about, [{ image }], 1, 1);
    this.image.setAttribute("aria-label", translate("sample.label", { label: image.label }));
  }

  /** Draws the activations of a sample into the boxes of the layers. */
  draw(found) {
    this.found = found;
    found.layers.forEach((layer, i) => {
      const { clientWidth: width, clientHeight: height } = this.canvases[i].parentElement;
      if (width > 0) drawActivations(this.canvases[i], layer, { width, height });
    });
    if (this.enlarged) drawActivations(this.enlarged.canvas, found.layers[this.enlarged.layer]);
  }

  /** Opens a dialog with the activations of a layer, as large as they are easy to see. */
  enlarge(layer) {
    if (!this.found) return;
    const { path, output } = this.about.layers[layer];
    const figure = mapFigure(`${path} ${output}`);
    const canvas = figure.querySelector("canvas");
    explainable(canvas, (index) => this.explain(`${path}[${index.join(", ")}]`));
    this.enlarged = { layer, canvas };
    const closed = () => {
      this.enlarged = null;
    };
    openDialog({ class: "maps-dialog" }, translate("common.close"), closed, figure);
    this.draw(this.found);
  }
}

/** What is known of a layer, above its activations. */
function box({ path, kind, output, parameters, is_frozen: isFrozen, learning_rate_factor: factor }, activations) {
  const training = isFrozen
    ? translate("flow.frozen")
    : factor !== undefined && factor !== 1 && translate("flow.learning_rate_factor", { factor: formatNumber(factor) });
  const facts = [parameters > 0 && translate("flow.parameters", { n: formatInteger(parameters) }), training];
  const line = (parts, attributes = {}) => createElement("span", attributes, parts.filter(Boolean).join(" · "));
  return createElement(
    "figure",
    { class: isFrozen ? "box frozen" : "box" },
    createElement(
      "figcaption",
      {},
      createElement("strong", { title: path }, path),
      line([kind, output]),
      parameters > 0 ? line(facts) : null,
    ),
    activations,
  );
}
