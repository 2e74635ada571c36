// A grid of images: shared by the panels of training and test samples.

import { createElement, createTable, cssColor, setText } from "../dom.js";
import { cellAt, cellCenter, drawImages } from "../images.js";
import { translate } from "../text.js";

/** Pixels between the pointer and the values beside it. */
const DISTANCE = 14;

/**
 * `cells(view)` are the `{ sample, prediction, step }` to show, all as augmented in that step if there is one, `note(view, cells)` the text beside the title;
 * `images` has the images, and `open(sample, prediction)` is called for a cell that was clicked.
 */
export function imageGrid(options) {
  const { about, redraw, images, columns, rows, cells, note, open, beside = null, fills = false } = options;
  const canvas = createElement("canvas", { class: "images", tabindex: "0", role: "img" });
  const empty = createElement("div", { class: "empty" });
  const readout = createElement("div", { class: "readout", hidden: true });
  const element = createElement("div", { class: "plot" }, canvas, empty, readout, beside);
  const text = createElement("span", { class: "note" });
  let shown = [];
  let drawnAs = "";
  // A larger window has space for larger images.
  new ResizeObserver(redraw).observe(element);
  /** The cell that the arrow keys have chosen. */
  let chosen = -1;
  const enlarge = (cell) => {
    if (shown[cell]) open(shown[cell].sample, shown[cell].prediction);
  };
  const showReadout = (cell, { clientX, clientY }) => {
    const { sample, prediction, step } = shown[cell] ?? {};
    const image = images.get(sample, step);
    readout.hidden = !image;
    if (!image) return;
    const values = [
      `${translate("common.sample")} ${sample}`,
      `${translate("common.label")} ${image.label}`,
      `${translate("common.prediction")} ${prediction ?? image.label}`,
    ];
    setText(readout, values.join(" · "));
    const box = element.getBoundingClientRect();
    const isRight = clientX > box.left + box.width / 2;
    const isLow = clientY > box.top + box.height / 2;
    Object.assign(readout.style, {
      left: isRight ? "auto" : `${clientX - box.left + DISTANCE}px`,
      right: isRight ? `${box.right - clientX + DISTANCE}px` : "auto",
      top: isLow ? "auto" : `${clientY - box.top + DISTANCE}px`,
      bottom: isLow ? `${box.bottom - clientY + DISTANCE}px` : "auto",
    });
  };
  const hide = () => {
    readout.hidden = true;
  };
  canvas.addEventListener("click", (event) => enlarge(cellAt(canvas, event, columns, rows)));
  canvas.addEventListener("pointermove", (event) => showReadout(cellAt(canvas, event, columns, rows), event));
  canvas.addEventListener("pointerleave", hide);
  canvas.addEventListener("blur", hide);
  canvas.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
    const move = moves[event.key];
    if ((!move && event.key !== "Enter") || shown.length === 0) return;
    // Otherwise the key would also press the button of the dialog that opens.
    event.preventDefault();
    if (!move) {
      enlarge(chosen);
      return;
    }
    chosen = chosen < 0 ? 0 : Math.min(shown.length - 1, Math.max(0, chosen + move));
    showReadout(chosen, cellCenter(canvas, chosen, columns, rows));
  });
  return {
    element,
    notes: [text],
    draw(view) {
      if (!about.image_shape || !about.classes) {
        setText(empty, translate(about.parts.test ? "panel.no_images" : "panel.no_data"));
        canvas.hidden = true;
        return;
      }
      shown = cells(view);
      setText(text, note(view, shown));
      images.fetch(
        shown.map(({ sample }) => sample),
        shown[0]?.step,
      );
      // A thousand images are drawn only if they, their size or their colours have changed.
      const { width, height } = element.getBoundingClientRect();
      const state = JSON.stringify([width, height, cssColor("--card"), images.known.size, shown]);
      if (state === drawnAs) return;
      drawnAs = state;
      const drawn = shown.map(({ sample, prediction, step }) => ({ image: images.get(sample, step), prediction }));
      drawImages(canvas, about, drawn, columns, rows, fills);
      const isMisclassified = ({ image, prediction }) =>
        image && prediction !== undefined && prediction !== image.label;
      const count = drawn.filter(isMisclassified).length;
      canvas.setAttribute("aria-label", `${note(view, shown)}, ${translate("common.misclassified")}: ${count}`);
    },
    table(view) {
      const outcome = (prediction, label) => {
        const isCorrect = prediction === undefined || prediction === label;
        return translate(isCorrect ? "common.correct" : "common.misclassified");
      };
      const body = cells(view).map(({ sample, prediction, step }) => {
        const label = images.get(sample, step)?.label;
        return [sample, label ?? "–", prediction ?? label ?? "–", outcome(prediction, label)];
      });
      return createTable(
        [translate("common.sample"), translate("common.label"), translate("common.prediction"), ""],
        body,
      );
    },
  };
}
