// The page of one run: its panels, the controls of a live run, and a slider over its history.

import { createElement, onColorSchemeChange, setText } from "../dom.js";
import { formatDuration, formatInteger, formatNumber, formatPercent, formatRate } from "../format.js";
import { Images } from "../images.js";
import { metricName, metricText, notFiniteText, selectionNote } from "../metrics.js";
import { panelFrame } from "../panel.js";
import { panels } from "../panels/all.js";
import { ProcessTable } from "../processes.js";
import { Run } from "../run.js";
import { openSample } from "../sample.js";
import { countUpTo, latest } from "../search.js";
import { sendCommand } from "../server.js";
import { translate } from "../text.js";

/** The keys of the panels that each key of the keyboard shows: one panel, a group of them, or all. */
const VIEWS = panelViews(panels);
/** The numbers in the head of the page: their id, title and class. */
const NUMBERS = [
  ["validation_accuracy", "metric.validation_accuracy", "validation"],
  ["test_accuracy", "metric.test_accuracy", "test"],
  ["training_accuracy", "metric.training_accuracy", ""],
  ["validation_loss", "metric.validation_loss", ""],
  ["test_loss", "metric.test_loss", ""],
  ["samples_per_second", "metric.samples_per_second", ""],
];
/** The titles of losses in nats. */
const IN_NATS = { validation_loss: "metric.validation_loss_nats", test_loss: "metric.test_loss_nats" };
/** Milliseconds between two updates. Four a second suffice, and the trainer needs the cores. */
const INTERVAL_MS = 250;
/** Magnitudes of weights or biases from which on training may be diverging, and has diverged. */
const [DIVERGING, DIVERGED] = [100, 1000];
/** How far training accuracy may exceed the accuracy on other data before the page warns of overfitting. */
const MAX_GAP = 0.015;

/** The panels that each key shows: `{ 1: ["1"], …, 7: ["1", "2"], …, 0: all }`. */
export function panelViews(panels) {
  const views = {};
  for (const { key, group } of panels) {
    views[key] = [key];
    (views[group] ??= []).push(key);
  }
  const all = panels.map(({ key }) => key);
  return { ...views, 0: all, Escape: all };
}

export default {
  name: "train",
  position: 1,
  needsRun: true,
  title: () => translate("page.train"),
  /**
   * Shows a run at a step, or at the latest; calls `stepChanged` with other steps. `explained(change, step)` is the address of an
   * explanation, null where there are none. Returns a function that closes the page.
   */
  async open(main, { about, step = null, stepChanged = () => {}, explained = null }) {
    const page = new TrainPage(main, { about, step, stepChanged, explained });
    return () => page.close();
  },
};

class TrainPage {
  constructor(main, { about, step, stepChanged, explained }) {
    this.about = about;
    /** The step that is shown; null for the latest. */
    this.step = step;
    this.stepChanged = stepChanged;
    this.needsDrawing = true;
    const redraw = () => this.redraw();
    this.run = new Run(about, redraw);
    const images = { train: new Images(about, "train", redraw), test: new Images(about, "test", redraw) };
    const context = {
      about,
      redraw,
      images,
      explained,
      choose: (key) => this.choose(this.shown === VIEWS[key] ? "0" : key),
      openSample: (set, sample, prediction) => openSample(about, images[set], set, sample, prediction, this.step),
    };
    this.panels = panels.map((panel) => panelFrame(panel, context));
    this.build(main);
    this.choose("0");
    this.keyListener = (event) => this.keyPressed(event);
    document.addEventListener("keydown", this.keyListener);
    this.stopColorSchemeListener = onColorSchemeChange(redraw);
    this.timer = setInterval(() => this.draw(), INTERVAL_MS);
    this.draw();
  }

  close() {
    clearInterval(this.timer);
    this.run.close();
    document.removeEventListener("keydown", this.keyListener);
    this.stopColorSchemeListener();
  }

  build(main) {
    const { about } = this;
    this.dot = createElement("span", { class: "dot" });
    this.progress = createElement("span", { id: "progress" });
    this.selection = createElement("p", { id: "selection", class: "note" });
    const name = createElement("span", { id: "preset", title: translate("train.preset") }, about.name);
    this.processes = new ProcessTable();
    this.warnings = createElement("ul", { class: "warnings" });
    this.grid = createElement(
      "section",
      { class: "panels", "aria-label": translate("panel.keys") },
      ...this.panels.map(({ element }) => element),
    );
    main.append(
      createElement(
        "section",
        { class: "head" },
        createElement(
          "div",
          {},
          createElement("h1", {}, this.dot, about.id),
          createElement("p", {}, name, " · ", this.progress),
          this.selection,
        ),
        this.buildNumbers(),
      ),
      createElement("div", { role: "status" }, this.warnings),
      this.grid,
      this.processes.element,
      createElement("section", { class: "controls" }, this.buildButtons(), this.buildTime(), this.buildRate()),
    );
  }

  buildNumbers() {
    this.numbers = {};
    const { classes, has_validation: hasValidation } = this.about;
    const isThere = (name) =>
      (classes || !name.endsWith("accuracy")) && (hasValidation || !name.startsWith("validation"));
    const fields = NUMBERS.filter(([name]) => isThere(name)).map(([name, key, kind]) => {
      const isInNats = name.endsWith("loss") && this.about.is_loss_in_nats;
      const title = translate(isInNats ? IN_NATS[name] : key);
      this.numbers[name] = createElement("dd", { id: name }, "–");
      return createElement("div", { class: kind }, createElement("dt", {}, title), this.numbers[name]);
    });
    this.numberList = createElement("dl", { class: "numbers" }, ...fields);
    return this.numberList;
  }

  /** Adds the number of a metric without a panel on a part of the data, unless it is there. */
  addNumber({ name }, part) {
    const id = `${part}_${name}`;
    if (this.numbers[id]) return;
    this.numbers[id] = createElement("dd", { id }, "–");
    const key = part === "test" ? "metric.test" : "metric.validation";
    const title = translate(key, { name: metricName(name) });
    this.numberList.append(createElement("div", {}, createElement("dt", {}, title), this.numbers[id]));
  }

  buildButtons() {
    const { can_control: canControl, is_live: isLive } = this.about;
    const button = (id, key, click, kind = "") => {
      const attributes = { type: "button", id, class: kind, click, disabled: !canControl };
      return createElement("button", attributes, translate(key));
    };
    this.pauseButton = button("pause", "train.pause", () => this.togglePause(), "main");
    this.buttons = [
      this.pauseButton,
      button("one-step", "train.one_step", () => this.send({ command: "step" })),
      button("one-epoch", "train.one_epoch", () => this.send({ command: "epoch" })),
      button("stop", "train.stop", () => this.confirmStop()),
    ];
    const isReadOnly = isLive && !canControl;
    const note = isReadOnly ? createElement("span", { class: "note" }, translate("train.read_only")) : null;
    const hidden = !isLive && !canControl;
    return createElement("div", { class: "buttons", hidden }, ...this.buttons, note);
  }

  buildTime() {
    const input = () => this.goTo(Number(this.time.value));
    const change = () => this.stepChanged(this.step);
    this.time = createElement("input", { type: "range", id: "time", min: "0", max: "1", value: "1", input, change });
    this.timeText = createElement("span");
    const click = () => {
      this.goLive();
      this.draw();
    };
    const attributes = { type: "button", id: "go-live", hidden: true, click };
    this.liveButton = createElement("button", attributes, translate("train.go_live"));
    const label = createElement(
      "label",
      { for: "time" },
      createElement("span", {}, translate("train.time")),
      createElement("span", {}, this.timeText, " ", this.liveButton),
    );
    return createElement("div", { class: "slider wide" }, label, this.time);
  }

  buildRate() {
    // The slider is logarithmic: from 1e-6 to 10.
    const range = { min: "-6", max: "1", step: "0.05", disabled: !this.about.can_control };
    const input = () => setText(this.rateText, formatNumber(this.chosenRate()));
    const change = () => this.send({ command: "set_learning_rate", learning_rate: this.chosenRate() });
    this.rate = createElement("input", { type: "range", id: "rate", ...range, input, change });
    this.rateText = createElement("span", { id: "rate-text" });
    const click = () => this.send({ command: "set_learning_rate", learning_rate: null });
    const attributes = { type: "button", id: "schedule", hidden: true, click };
    this.schedule = createElement("button", attributes, translate("train.schedule"));
    const title = createElement("span", {}, translate("train.learning_rate"), " ", this.schedule);
    const label = createElement("label", { for: "rate" }, title, this.rateText);
    return createElement("div", { class: "slider" }, label, this.rate);
  }

  chosenRate() {
    return Number((10 ** Number(this.rate.value)).toPrecision(3));
  }

  async send(command) {
    this.goLive();
    this.refusal = await sendCommand(this.about.id, command);
    this.redraw();
  }

  togglePause() {
    if (!this.about.can_control || this.run.finished) return;
    this.send({ command: this.run.isPaused ? "unpause" : "pause" });
  }

  confirmStop() {
    const attributes = { class: "main", id: "confirm-stop", value: "stop" };
    const confirm = createElement("button", attributes, translate("train.stop_confirm"));
    const cancel = createElement("button", {}, translate("train.continue"));
    const dialog = createElement(
      "dialog",
      {},
      createElement("p", {}, translate("train.stop_question")),
      createElement("form", { method: "dialog", class: "buttons" }, confirm, cancel),
    );
    dialog.addEventListener("close", () => {
      if (dialog.returnValue === "stop") this.send({ command: "stop" });
      dialog.remove();
    });
    document.body.append(dialog);
    dialog.showModal();
  }

  keyPressed(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || document.querySelector("dialog[open]")) return;
    const isTyping = event.target.matches("select, input:not([type=range])");
    if (event.key === " " && !isTyping && !event.target.matches("button, summary")) {
      event.preventDefault();
      this.togglePause();
    } else if (event.key in VIEWS && !isTyping) {
      this.choose(event.key);
    }
  }

  choose(key) {
    this.shown = VIEWS[key];
    for (const { element, panel } of this.panels) element.hidden = !this.shown.includes(panel.key);
    this.grid.classList.toggle("one", this.shown.length === 1);
    this.grid.classList.toggle("two", this.shown.length === 2);
    this.redraw();
  }

  goTo(step) {
    this.step = step >= this.run.step ? null : step;
    this.redraw();
  }

  goLive() {
    this.step = null;
    this.stepChanged(null);
    this.redraw();
  }

  redraw() {
    this.needsDrawing = true;
  }

  draw() {
    if (!this.needsDrawing || document.hidden) return;
    this.needsDrawing = false;
    const { run } = this;
    const view = { run, step: Math.min(this.step ?? run.step, run.step), isLatest: this.step === null };
    this.drawHead(view);
    this.drawControls(view);
    for (const panel of this.panels) if (!panel.element.hidden) panel.draw(view);
    this.processes.draw(latest(run.processes, view.step));
  }

  drawHead(view) {
    const { run, step, isLatest } = view;
    this.dot.className = `dot ${run.state}`;
    const [evaluation, validation] = [latest(run.evaluations, step), latest(run.validations, step)];
    const steps = run.steps.slice(0, countUpTo(run.steps, step));
    const recent = steps.filter(({ metrics }) => Number.isFinite(metrics.accuracy)).slice(-20);
    const trainingAccuracy = recent.reduce((sum, { metrics }) => sum + metrics.accuracy, 0) / recent.length;
    const rate = isLatest && run.finished ? run.finished.samples_per_second : run.speedAt(step);
    const accuracy = formatPercent(evaluation?.metrics.accuracy ?? NaN);
    const loss = formatNumber(evaluation?.metrics.loss ?? NaN);
    const texts = {
      validation_accuracy: formatPercent(validation?.metrics.accuracy ?? NaN),
      validation_loss: formatNumber(validation?.metrics.loss ?? NaN),
      test_accuracy: accuracy,
      training_accuracy: formatPercent(trainingAccuracy, 1),
      test_loss: loss,
      samples_per_second: formatRate(rate),
    };
    for (const metric of run.otherMetrics) {
      for (const { part, metrics } of [validation, evaluation].filter((each) => each)) {
        texts[`${part}_${metric.name}`] = metricText(metric, metrics[metric.name]);
        this.addNumber(metric, part);
      }
    }
    for (const [name, element] of Object.entries(this.numbers)) setText(element, texts[name] ?? "–");
    setText(this.progress, this.describeProgress(view, rate));
    document.title = `${this.about.classes ? accuracy : loss} ${this.about.id} · gradus`;
    const note = selectionNote(run.started);
    this.selection.hidden = note === null;
    setText(this.selection, note ?? "");
    this.drawWarnings(latest(run.snapshots, step), trainingAccuracy, latest(run.selecting, step));
  }

  describeProgress({ run, step, isLatest }, rate) {
    const { started, finished } = run;
    const planned = started?.steps_planned;
    const epoch = started ? (step * started.batch) / started.parts.train : 0;
    const values = { step: formatInteger(step), planned: formatInteger(planned), epoch: epoch.toFixed(1) };
    const parts = [translate(planned ? "train.progress" : "train.progress_open", values)];
    if (isLatest && finished) {
      parts.push(translate("train.time_taken", { time: formatDuration(finished.wall_seconds) }));
    } else if (isLatest && run.state === "running" && planned && rate > 0) {
      const seconds = ((planned - step) * started.batch) / rate;
      parts.push(translate("train.time_left", { time: formatDuration(seconds) }));
    }
    parts.push(translate(run.isLost ? "train.connection_lost" : `state.${run.state}`));
    return parts.join(" · ");
  }

  drawWarnings(snapshot, trainingAccuracy, evaluation) {
    const { about, run } = this;
    const warnings = [];
    const add = (text, isSevere = false) => warnings.push([text, isSevere]);
    const pooled = { weights: "panel.weights", biases: "panel.biases" };
    for (const [name, key] of Object.entries(pooled)) {
      const edges = snapshot?.[name];
      const magnitude = edges ? Math.max(-edges[0], edges[7]) : 0;
      if (magnitude < DIVERGING) continue;
      const hasDiverged = magnitude >= DIVERGED;
      const values = { what: translate(key), value: formatNumber(magnitude) };
      add(translate(hasDiverged ? "warning.diverged" : "warning.diverging", values), hasDiverged);
    }
    const reason = run.finished?.reason;
    if (reason?.kind === "not_finite") add(notFiniteText(reason), true);
    if (run.finished?.model_saved === false) add(translate("warning.not_saved"), true);
    const gap = trainingAccuracy - evaluation?.metrics.accuracy;
    const overfitting = evaluation?.part === "test" ? "warning.overfitting" : "warning.overfitting_validation";
    if (gap > MAX_GAP) add(translate(overfitting, { gap: formatPercent(gap, 1) }));
    if (about.problem) add(about.problem, true);
    if (about.damaged_lines) add(translate("warning.damaged_lines", { n: about.damaged_lines }));
    if (run.others.length > 0) add(translate("warning.newer_events", { kinds: run.otherKinds }));
    if (run.problem) add(run.problem, true);
    if (this.refusal) add(this.refusal);
    const drawn = JSON.stringify(warnings);
    if (drawn === this.drawnWarnings) return;
    this.drawnWarnings = drawn;
    const items = warnings.map(([text, isSevere]) => createElement("li", { class: isSevere ? "severe" : "" }, text));
    this.warnings.replaceChildren(...items);
  }

  drawControls({ run, step, isLatest }) {
    const isOver = run.finished !== null;
    const isDisabled = isOver || !this.about.can_control;
    for (const button of this.buttons) button.disabled = isDisabled;
    setText(this.pauseButton, run.isPaused ? `▶ ${translate("train.resume")}` : `❚❚ ${translate("train.pause")}`);
    this.time.max = String(run.step);
    this.time.value = String(step);
    const end = isLatest ? ` · ${translate(isOver ? "train.end_of_run" : "train.live")}` : "";
    setText(this.timeText, translate("train.step", { step: formatInteger(step) }) + end);
    this.liveButton.hidden = isLatest || isOver;
    const manual = latest(run.learningRates, step)?.learning_rate ?? null;
    const rate = manual ?? latest(run.steps, step)?.learning_rate ?? this.about.learning_rate;
    this.rate.disabled = isDisabled;
    this.schedule.hidden = manual === null || isDisabled;
    const isMoving = document.activeElement === this.rate;
    if (!isMoving && rate > 0) this.rate.value = String(Math.log10(rate));
    if (isMoving && manual === null) return;
    setText(this.rateText, formatNumber(rate) + (manual === null ? "" : ` · ${translate("train.set_manually")}`));
  }
}
