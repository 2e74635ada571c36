// One sample with the model's prediction of it.

import { createElement, onColorSchemeChange, openDialog } from "./dom.js";
import { formatInteger, formatNumber, formatPercent } from "./format.js";
import { drawImages } from "./images.js";
import { explainLink } from "./links.js";
import { activations } from "./model.js";
import { translate } from "./text.js";

/**
 * The outputs of the model as bars: probabilities, or scores if its loss defines no probabilities. `explained(of)` is the
 * address of the explanation of an output.
 */
export function predictionBars({ probabilities, scores }, explained) {
  // JSON has neither NaN nor infinity.
  const values = (probabilities ?? scores).map((value) => value ?? NaN);
  const maximum = Math.max(...values);
  const [low, high] = probabilities ? [0, 1] : [Math.min(0, ...values), Math.max(0, maximum)];
  const width = (length) => `${(100 * length) / (high - low || 1)}%`;
  const row = (value, label) => {
    const emphasis = value === maximum ? "top" : "";
    const bar = createElement("i");
    bar.style.width = width(Math.abs(value));
    bar.style.marginLeft = width(Math.min(0, value) - low);
    return [
      createElement("a", { class: emphasis, href: explained(outputName({ probabilities }, label)) }, label),
      createElement("span", {}, bar),
      createElement("span", { class: emphasis }, probabilities ? formatPercent(value, 1) : formatNumber(value)),
    ];
  };
  return createElement("div", { class: "prediction-bars" }, ...values.flatMap(row));
}

/** How the explanation of a model names one of its outputs. */
const outputName = ({ probabilities }, label) => `${probabilities ? "probabilities" : "logits"}[${label}]`;

/** The title of `predictionBars`. */
export function predictionTitle({ probabilities }, { classes }) {
  if (probabilities) return translate("common.probabilities");
  return translate(classes ? "common.scores" : "common.values");
}

/** Opens a dialog with a sample of `set` and the prediction of the latest model, or of the one nearest to `step`. */
export async function openSample(about, images, set, sample, prediction, step) {
  const image = images.get(sample);
  if (!image) return;
  const { label } = image;
  const title = translate(`sample.of_${set}`, { n: sample });
  const isCorrect = prediction === undefined || prediction === label;
  const outcome = isCorrect ? translate("sample.correct") : translate("sample.predicted", { prediction });
  const canvas = createElement("canvas", { role: "img", "aria-label": translate("sample.label", { label }) });
  const output = createElement("div");
  const draw = () => drawImages(canvas, about, [{ image, prediction: undefined }], 1, 1);
  openDialog(
    { class: "sample-dialog" },
    translate("common.close"),
    onColorSchemeChange(draw),
    createElement("h2", {}, title),
    createElement("div", { class: "sample" }, canvas, output),
    createElement("p", {}, translate("sample.label", { label }), " ", outcome),
  );
  draw();
  const found = await activations(about.id, set, sample, step);
  if (!found) {
    output.append(createElement("p", { class: "note" }, translate("common.no_saved_model")));
    return;
  }
  const model = translate("model.at_step", { step: formatInteger(found.step) });
  const explained = (of) => explainLink(about.id, step, { of, part: set, sample });
  output.append(
    createElement("p", {}, `${predictionTitle(found, about)} · ${model}`),
    predictionBars(found, explained),
  );
}
