// The page to draw a digit on, with the prediction of the model.

import { CheckpointChoice } from "../checkpoint.js";
import { createElement, cssColor, cssRgb, onColorSchemeChange, setText } from "../dom.js";
import { explainLink, packPixels } from "../links.js";
import { drawActivations, explainable, layerFigures } from "../maps.js";
import { activationsOf } from "../model.js";
import { prepare } from "../prepare.js";
import { predictionBars, predictionTitle } from "../sample.js";
import { translate } from "../text.js";

/** Side of the canvas and width of the pen in pixels: two to three pixels of the model's input. */
const [SIDE, PEN] = [280, 24];
/** Side of the model's input. */
const INPUT = 28;
/** Milliseconds between two predictions while someone draws, and while only the model changes. */
const [INTERVAL_MS, IDLE_INTERVAL_MS] = [80, 1000];

export default {
  name: "draw",
  position: 4,
  needsRun: true,
  title: () => translate("page.draw"),
  async open(main, { about, step, stepChanged }) {
    if (about.image_shape?.join() !== `${INPUT},${INPUT},1` || !about.classes) {
      const title = createElement("h1", {}, translate("page.draw"));
      const reason = createElement("p", { class: "lead" }, translate("draw.unsupported"));
      main.append(createElement("div", { class: "page" }, title, reason));
      return () => {};
    }
    const page = new DrawPage(main, about, step, stepChanged);
    return () => page.close();
  },
};

class DrawPage {
  constructor(main, about, step, stepChanged) {
    this.about = about;
    this.checkpoint = new CheckpointChoice(about, step, (chosen) => {
      stepChanged(chosen);
      this.isChanged = this.bytes !== null;
    });
    this.build(main);
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.stopColorSchemeListener = onColorSchemeChange(() => this.recolor());
    this.pen = null;
    this.isPredicting = false;
    this.lastPrediction = 0;
    this.listen();
    this.timer = setInterval(() => this.predict(), INTERVAL_MS);
    this.clear();
  }

  build(main) {
    const canvas = { role: "img", tabindex: "0", "aria-label": translate("draw.here"), width: SIDE, height: SIDE };
    const input = { role: "img", "aria-label": translate("draw.model_input"), width: INPUT, height: INPUT };
    this.canvas = createElement("canvas", { id: "pad", ...canvas });
    this.input = createElement("canvas", { id: "model-input", ...input });
    this.prediction = createElement("div", { id: "prediction", "aria-live": "polite" });
    this.predictionTitle = createElement("figcaption", {}, translate("common.probabilities"));
    this.layers = createElement("div", { class: "layers" });
    const click = () => this.clear();
    const clear = createElement("button", { type: "button", id: "clear", click }, translate("draw.clear"));
    const buttons = createElement("div", { class: "buttons" }, clear);
    const caption = (key) => createElement("figcaption", {}, translate(key));
    const figures = [
      createElement("figure", {}, caption("draw.here"), this.canvas, buttons),
      createElement("figure", {}, caption("draw.model_input"), this.input),
      createElement("figure", { class: "wide" }, this.predictionTitle, this.prediction),
    ];
    main.append(
      createElement(
        "div",
        { class: "page" },
        createElement("h1", {}, this.about.id),
        this.checkpoint.element,
        createElement("p", { class: "lead" }, translate("draw.lead")),
        createElement("div", { class: "drawing" }, ...figures),
        this.layers,
      ),
    );
  }

  close() {
    clearInterval(this.timer);
    this.stopColorSchemeListener();
  }

  /** Gives the ink the colour of the current colour scheme. */
  recolor() {
    this.context.globalCompositeOperation = "source-in";
    this.context.fillStyle = cssColor("--ink");
    this.context.fillRect(0, 0, SIDE, SIDE);
    this.context.globalCompositeOperation = "source-over";
    this.isChanged = this.bytes !== null;
  }

  listen() {
    const position = (event) => {
      const box = this.canvas.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * SIDE;
      const y = ((event.clientY - box.top) / box.height) * SIDE;
      return [x, y];
    };
    this.canvas.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      this.canvas.setPointerCapture(event.pointerId);
      this.pen = position(event);
      this.line(this.pen, this.pen);
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (!this.pen) return;
      // Browsers merge the events of a fast pen.
      const merged = event.getCoalescedEvents?.() ?? [];
      for (const each of merged.length > 0 ? merged : [event]) {
        const next = position(each);
        this.line(this.pen, next);
        this.pen = next;
      }
    });
    const lift = () => {
      this.pen = null;
    };
    for (const name of ["pointerup", "pointercancel"]) this.canvas.addEventListener(name, lift);
  }

  /** Draws with the pen. Only the opacity of the ink is read back: its colour depends on the colour scheme. */
  line([fromX, fromY], [toX, toY]) {
    const { context } = this;
    Object.assign(context, { lineWidth: PEN, lineCap: "round", lineJoin: "round", strokeStyle: cssColor("--ink") });
    context.beginPath();
    context.moveTo(fromX, fromY);
    context.lineTo(toX + 0.01, toY);
    context.stroke();
    this.isChanged = true;
  }

  clear() {
    this.context.clearRect(0, 0, SIDE, SIDE);
    this.input.getContext("2d").clearRect(0, 0, INPUT, INPUT);
    this.prediction.replaceChildren(createElement("p", { class: "note" }, translate("draw.nothing_drawn")));
    this.layers.replaceChildren();
    this.isChanged = false;
    this.bytes = null;
  }

  async predict() {
    const followsTraining = this.bytes && this.about.is_live && this.checkpoint.step === null;
    const isDue = followsTraining && performance.now() - this.lastPrediction > IDLE_INTERVAL_MS;
    if ((!this.isChanged && !isDue) || this.isPredicting || document.hidden) return;
    this.isChanged = false;
    this.isPredicting = true;
    this.lastPrediction = performance.now();
    const opacity = this.context.getImageData(0, 0, SIDE, SIDE).data.filter((_, i) => i % 4 === 3);
    this.bytes = prepare(opacity, SIDE);
    if (this.bytes) {
      this.drawInput(this.bytes);
      const found = await activationsOf(this.about.id, this.bytes, this.checkpoint.step);
      // The drawing may have been cleared meanwhile.
      if (found && this.bytes) this.show(found);
      else if (!found) this.checkpoint.show(null);
    }
    this.isPredicting = false;
  }

  drawInput(bytes) {
    const context = this.input.getContext("2d");
    const image = context.createImageData(INPUT, INPUT);
    const ink = cssRgb("--ink");
    bytes.forEach((value, i) => image.data.set([...ink, value], 4 * i));
    context.putImageData(image, 0, 0);
  }

  /** The address of the explanation of an element for what is drawn. */
  explained(of) {
    return explainLink(this.about.id, this.checkpoint.step, { of, pixels: packPixels(this.bytes) });
  }

  show(found) {
    const { step, layers } = found;
    this.prediction.replaceChildren(predictionBars(found, (of) => this.explained(of)));
    setText(this.predictionTitle, predictionTitle(found, this.about));
    this.checkpoint.show(step);
    if (this.layers.children.length !== layers.length) {
      this.layers.replaceChildren(...layerFigures(this.about));
      this.about.layers.forEach(({ path }, i) => {
        const canvas = this.layers.children[i].querySelector("canvas");
        explainable(canvas, (index) => (location.hash = this.explained(`${path}[${index.join(", ")}]`)));
      });
    }
    layers.forEach((layer, i) => drawActivations(this.layers.children[i].querySelector("canvas"), layer));
  }
}
