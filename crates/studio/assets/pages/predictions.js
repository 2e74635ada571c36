// The page of predictions: a part of the data by a model, beside its targets, and the samples it is most wrong about.

import { CheckpointChoice } from "../checkpoint.js";
import { createElement, createTable, onColorSchemeChange, setText, tableFrame } from "../dom.js";
import { Asker } from "../engine.js";
import { createFigure } from "../figures/all.js";
import { formatInteger, formatNumber, formatPercent } from "../format.js";
import { drawImages, Images } from "../images.js";
import { explainLink } from "../links.js";
import { metricName, metricText } from "../metrics.js";
import { confusionAt, confusionRows, extent, histogramOf, ratesOf } from "../predictions.js";
import { translate } from "../text.js";

/** Bins of a histogram. */
const BINS = 30;
/** Milliseconds between two updates of a run in progress. */
const INTERVAL_MS = 3000;

export default {
  name: "predictions",
  position: 3,
  needsRun: true,
  title: () => translate("page.predictions"),
  async open(main, { about, step, stepChanged }) {
    const page = new PredictionsPage(main, about, step, stepChanged);
    return () => page.close();
  },
};

class PredictionsPage {
  constructor(main, about, step, stepChanged) {
    this.about = about;
    this.checkpoint = new CheckpointChoice(about, step, (chosen) => {
      stepChanged(chosen);
      this.ask();
    });
    this.asker = new Asker(
      "predictions",
      (found) => this.show(found),
      (text) => setText(this.state, text),
    );
    this.rowAsker = new Asker(
      "rows",
      (found, asked) => this.showRows(found, asked),
      (text) => setText(this.rowState, text),
    );
    /** What the mistakes that are shown wait for; null if for nothing. */
    this.rowsAsked = null;
    /** The threshold of two classes; it stays when the model changes. */
    this.threshold = 0.5;
    this.build(main);
    this.timer = setInterval(() => {
      const isLatest = this.checkpoint.step === null;
      if (!document.hidden && about.is_live && isLatest) this.ask();
    }, INTERVAL_MS);
    this.stopColorSchemeListener = onColorSchemeChange(() => this.drawPictures());
    this.ask();
  }

  close() {
    clearInterval(this.timer);
    this.asker.close();
    this.rowAsker.close();
    this.stopColorSchemeListener();
  }

  build(main) {
    const { about } = this;
    const parts = ["test", "validation", "train"].filter((part) => about.parts[part]);
    const change = () => this.ask();
    const options = parts.map((part) => createElement("option", { value: part }, translate(`predictions.of_${part}`)));
    this.part = createElement("select", { id: "part", "aria-label": translate("network.set"), change }, ...options);
    this.images = Object.fromEntries(parts.map((part) => [part, new Images(about, part, () => this.drawPictures())]));
    this.state = createElement("p", { class: "lead", id: "measured", role: "status" });
    this.content = createElement("div", { class: "figures", id: "predictions" });
    this.checkpoint.element.prepend(this.part);
    main.append(
      createElement(
        "div",
        { class: "page" },
        createElement("h1", {}, about.id),
        this.checkpoint.element,
        this.state,
        this.content,
      ),
    );
    if (parts.length === 0) setText(this.state, translate("panel.no_data"));
  }

  ask() {
    if (this.part.value === "") return;
    this.asker.ask({ run: this.about.id, step: this.checkpoint.step, part: this.part.value });
  }

  show({ answer, problem }) {
    if (!answer) {
      setText(this.state, problem);
      this.content.replaceChildren();
      this.drawn = null;
      this.rowsAsked = null;
      return;
    }
    const { step, samples, measured, metrics, predicted, mistakes } = answer;
    const drawn = JSON.stringify([answer, this.part.value]);
    if (drawn === this.drawn) return;
    this.drawn = drawn;
    this.checkpoint.show(step);
    const isWhole = measured === samples;
    const counts = { measured: formatInteger(measured), samples: formatInteger(samples) };
    setText(this.state, translate(isWhole ? "predictions.measured_all" : "predictions.measured_first", counts));
    const rows = metrics.map(([name, unit, value]) => [metricName(name), metricText({ unit }, value)]);
    const head = [translate("tune.metric"), translate("common.value")];
    this.content.replaceChildren(
      ...KINDS[predicted.kind](predicted, this),
      createElement("h2", {}, translate("predictions.metrics")),
      tableFrame("metrics", createTable(head, rows)),
      ...this.mistakes(mistakes, predicted),
    );
    this.drawPictures();
    this.rowsAsked = null;
    if (!this.about.has_rows || mistakes.length === 0) return;
    const numbers = mistakes.map(({ sample }) => sample);
    this.rowsAsked = { run: this.about.id, part: this.part.value, samples: numbers };
    this.rowAsker.ask(this.rowsAsked);
  }

  /** Adds the cells of their rows to the mistakes. */
  showRows({ answer, problem }, asked) {
    if (asked !== this.rowsAsked) return;
    this.rowsAsked = null;
    if (!answer) return setText(this.rowState, problem);
    const table = this.content.querySelector("#mistakes table");
    const { columns, of, rows } = answer;
    const shown = formatInteger(columns.length);
    const isWhole = columns.length === of;
    setText(this.rowState, isWhole ? "" : translate("predictions.first_columns", { shown, of: formatInteger(of) }));
    const add = (line, kind, cells) => line.append(...cells.map((cell) => createElement(kind, {}, cell)));
    add(table.tHead.rows[0], "th", columns);
    [...table.tBodies[0].rows].forEach((line, i) => add(line, "td", rows[i]?.cells ?? columns.map(() => "")));
  }

  /** The samples the model is most wrong about, each with a link to its explanation. */
  mistakes(mistakes, { names = [], outputs = [] }) {
    this.pictures = [];
    this.rowState = createElement("p", { class: "lead", role: "status" });
    const title = createElement("h2", {}, translate("predictions.mistakes"));
    if (mistakes.length === 0) return [title, createElement("p", {}, translate("predictions.no_mistakes"))];
    const isValue = mistakes[0].target !== undefined;
    const sampleLink = (sample) => {
      const href = explainLink(this.about.id, this.checkpoint.step, { part: this.part.value, sample });
      return createElement("a", { href }, formatInteger(sample));
    };
    const hasPictures = !isValue && this.about.image_shape;
    const picture = (mistake) => {
      const label = translate("sample.label", { label: names[mistake.label] });
      const canvas = createElement("canvas", { class: "sample-picture", role: "img", "aria-label": label });
      this.pictures.push({ canvas, sample: mistake.sample });
      return canvas;
    };
    const ofClass = (mistake) => [
      sampleLink(mistake.sample),
      ...(hasPictures ? [picture(mistake)] : []),
      names[mistake.label],
      names[mistake.predicted],
      score(mistake.label_probability, mistake.label_score),
      score(mistake.predicted_probability, mistake.predicted_score),
    ];
    const ofValue = ({ sample, output, target, prediction, error }) => [
      sampleLink(sample),
      ...(outputs.length > 1 ? [outputs[output].name] : []),
      ...[target, prediction, error].map((value) => formatNumber(value ?? NaN, 5)),
    ];
    const head = isValue
      ? ["common.sample", ...(outputs.length > 1 ? ["predictions.output"] : []), "predictions.target"]
      : ["common.sample", ...(hasPictures ? ["figure.picture"] : []), "common.label"];
    const rest = isValue
      ? ["common.prediction", "predictions.error"]
      : ["common.prediction", "predictions.label_score", "predictions.predicted_score"];
    const table = createTable(
      [...head, ...rest].map((key) => translate(key)),
      mistakes.map(isValue ? ofValue : ofClass),
    );
    const lead = createElement("p", { class: "lead" }, translate("predictions.mistakes_lead"));
    return [title, lead, this.rowState, tableFrame("mistakes", table)];
  }

  drawPictures() {
    const images = this.images[this.part.value];
    const pictures = this.pictures ?? [];
    if (pictures.length > 0) images.fetch(pictures.map(({ sample }) => sample));
    for (const { canvas, sample } of pictures) {
      const image = images.get(sample);
      if (image) drawImages(canvas, this.about, [{ image, prediction: undefined }], 1, 1);
    }
  }
}

const score = (probability, other) => (probability === null ? formatNumber(other) : formatPercent(probability, 1));

/** What is shown of each kind of target. */
const KINDS = {
  values: ({ outputs }) => outputs.flatMap(valueFigures),
  classes: ({ names, confusion }) => (confusion.length > 0 ? [confusionFigure(names, confusion)] : []),
  two_classes: twoClasses,
};

function valueFigures({ name, targets, predictions }) {
  // JSON has neither NaN nor infinity.
  const predicted = predictions.map((value) => value ?? NaN);
  const ends = extent([...targets, ...predicted].filter(Number.isFinite));
  const errors = predicted.map((value, i) => value - targets[i]);
  const axis = (key) => ({ label: translate(key, { name }), scale: "linear" });
  return [
    createFigure({
      kind: "plot",
      title: translate("predictions.against_target"),
      x: { label: name, scale: "linear" },
      y: axis("predictions.prediction_of"),
      series: [
        { name: translate("predictions.samples"), mark: "points", x: targets, y: predicted },
        { name: translate("predictions.equal"), mark: "dashed", x: ends, y: ends },
      ],
    }),
    createFigure({
      kind: "plot",
      title: translate("predictions.residuals"),
      x: axis("predictions.prediction_of"),
      y: axis("predictions.error_of"),
      series: [
        { name: translate("predictions.samples"), mark: "points", x: predicted, y: errors },
        { name: "0", mark: "dashed", x: ends, y: [0, 0] },
      ],
    }),
    createFigure({
      kind: "histograms",
      title: translate("predictions.errors"),
      x: axis("predictions.error_of"),
      panels: [{ caption: translate("predictions.error_of", { name }), ...histogramOf(errors, BINS) }],
    }),
  ];
}

function confusionFigure(names, confusion) {
  const columns = [
    { label: translate("predictions.label_and_prediction"), align: "left" },
    ...names.map((label) => ({ label })),
    { label: translate("predictions.recall") },
  ];
  const rows = confusionRows(names, confusion).map(({ name, cells, recall }) => [
    { text: name },
    ...cells.map(({ count, mark }) => ({ text: formatInteger(count), mark: count > 0 ? mark : "quiet" })),
    { text: formatPercent(recall, 1) },
  ]);
  return createFigure({ kind: "table", title: translate("predictions.confusion"), columns, rows });
}

/** A slider for the threshold, with what follows from it. */
function twoClasses({ names, labels, probabilities }, page) {
  const [value, matrix] = [createElement("output", { for: "threshold" }), createElement("div")];
  const rates = tableFrame("rates");
  const show = () => {
    page.threshold = Number(slider.value);
    setText(value, formatNumber(page.threshold));
    const confusion = confusionAt(labels, probabilities, page.threshold);
    matrix.replaceChildren(confusionFigure(names, confusion));
    const found = Object.entries(ratesOf(confusion));
    rates.replaceChildren(
      createTable(
        found.map(([name]) => metricName(name)),
        [found.map(([, rate]) => formatPercent(rate))],
      ),
    );
  };
  const range = { min: "0", max: "1", step: "0.01", value: page.threshold };
  const slider = createElement("input", { type: "range", id: "threshold", ...range, input: show });
  const title = createElement("span", {}, translate("predictions.threshold", { name: names[1] }));
  const control = createElement(
    "div",
    { class: "slider wide" },
    createElement("label", { for: "threshold" }, title, value),
    slider,
  );
  show();
  const panels = names.map((name, label) => {
    const of = probabilities.filter((_, i) => labels[i] === label);
    return { caption: translate("predictions.label_is", { name }), ...histogramOf(of, BINS, [0, 1]) };
  });
  const x = { label: translate("predictions.probability_of", { name: names[1] }), scale: "linear", range: [0, 1] };
  const histograms = createFigure({ kind: "histograms", title: translate("common.probabilities"), x, panels });
  return [control, matrix, rates, histograms];
}
