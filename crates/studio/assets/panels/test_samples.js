// Samples of the test set, misclassified ones first. With MNIST the grid holds a tenth of the test set, so
// that the lower edge of the misclassified ones can be read as the accuracy.

import { createElement } from "../dom.js";
import { formatInteger, formatPercent } from "../format.js";
import { latest } from "../search.js";
import { translate } from "../text.js";
import { sampleList } from "./samples.js";

export function testSamples({ rows, columns }) {
  const most = rows * columns;
  return ({ about, redraw, images, openSample }) => {
    const scale = createElement("div", { class: "scale", "aria-hidden": "true" });
    const fraction = most / about.parts.test;
    // Fewer samples than the grid has cells need no scale.
    const hasScale = Boolean(about.image_shape && about.classes) && about.parts.test >= most;
    for (let i = 0; hasScale && i <= 5; i++) {
      const text = formatPercent(1 - (fraction * i) / 5, fraction >= 0.05 ? 0 : 1);
      scale.append(createElement("span", {}, text));
    }
    const body = sampleList({
      about,
      set: "test",
      redraw,
      images: images.test,
      columns,
      rows,
      cells({ run, step }) {
        const evaluation = latest(run.evaluations, step);
        return evaluation ? misclassifiedFirst(evaluation.misclassified ?? [], about.parts.test, most) : [];
      },
      note(_, shown) {
        const values = { shown: formatInteger(shown.length), all: formatInteger(about.parts.test) };
        return translate("panel.misclassified_first", values);
      },
      open: (sample, prediction) => openSample("test", sample, prediction),
      beside: scale,
      fills: true,
    });
    body.element.classList.toggle("scaled", hasScale);
    return body;
  };
}

/** The misclassified samples, then the others in order, at most `most`. */
export function misclassifiedFirst(misclassified, count, most) {
  const cells = misclassified.map(([sample, prediction]) => ({ sample, prediction })).slice(0, most);
  const first = new Set(cells.map(({ sample }) => sample));
  for (let sample = 0; sample < count && cells.length < most; sample++) {
    if (!first.has(sample)) cells.push({ sample, prediction: undefined });
  }
  return cells;
}
