// The page of one run: six panels, what to do with it, and the way back in time.

import { h, say, whenLightChanges } from "../dom.js";
import { duration, few, percent, speed, whole } from "../format.js";
import { frame } from "../panel.js";
import accuracy from "../panels/accuracy.js";
import batch from "../panels/batch.js";
import biases from "../panels/biases.js";
import digits from "../panels/digits.js";
import loss from "../panels/loss.js";
import weights from "../panels/weights.js";
import { openDigit } from "../digit.js";
import { Pictures } from "../pictures.js";
import { Run } from "../run.js";
import { countUpTo, latest } from "../search.js";
import { command } from "../server.js";
import { t } from "../text.js";

/** In the order of their places. */
const PANELS = [accuracy, loss, batch, weights, biases, digits];
/** The panels that each key shows, as in the codelab's window. */
const VIEWS = { 1: "1", 2: "2", 3: "3", 4: "4", 5: "5", 6: "6", 7: "12", 8: "45", 9: "36", 0: "123456", Escape: "123456" };
/** The numbers of the head line, and how each looks. */
const NUMBERS = [["test_accuracy", "test"], ["training_accuracy"], ["test_loss"], ["samples"]];
/** Milliseconds between two drawings. Four a second are smooth enough, and the trainer needs the cores. */
const PACE = 250;
/** Magnitudes at which weights or biases are large, and at which they have run away. */
const [LARGE, HUGE] = [100, 1000];
/** How far training accuracy may be above test accuracy before it is said. */
const GAP = 0.015;

export default {
  name: "train",
  needsRun: true,
  title: () => t("train"),
  /** Shows a run, as it was at a step or as it is; `wentTo` is told of other steps. Returns what to do when the page is left. */
  async open(main, { about, step = null, wentTo = () => {} }) {
    const page = new TrainPage(main, about, step, wentTo);
    return () => page.leave();
  },
};

class TrainPage {
  constructor(main, about, step, wentTo) {
    this.about = about;
    /** The step that is shown; nothing for the latest. */
    this.at = step;
    this.wentTo = wentTo;
    this.isDirty = true;
    const redraw = () => this.redraw();
    this.run = new Run(about, redraw);
    const [trainPictures, testPictures] = ["train", "test"].map((set) => new Pictures(about, set, redraw));
    const context = {
      about, redraw, trainPictures, testPictures,
      choose: (key) => this.choose(this.shown === VIEWS[key] ? "0" : key),
      openDigit: (set, sample, guess) => openDigit(about, set === "test" ? testPictures : trainPictures, set, sample, guess, this.at),
    };
    this.panels = PANELS.map((panel) => frame(panel, context));
    this.build(main);
    this.choose("0");
    this.listener = (event) => this.key(event);
    document.addEventListener("keydown", this.listener);
    this.endLight = whenLightChanges(redraw);
    this.timer = setInterval(() => this.draw(), PACE);
    this.draw();
  }

  leave() {
    clearInterval(this.timer);
    this.run.close();
    document.removeEventListener("keydown", this.listener);
    this.endLight();
  }

  build(main) {
    const number = (name, kind = "") => {
      const value = h("dd", { id: name }, "–");
      const title = name === "test_loss" && this.about.is_loss_in_nats ? t("test_loss_nats") : t(name);
      return [value, h("div", { class: kind }, h("dt", {}, title), value)];
    };
    const fields = NUMBERS.filter(([name]) => this.about.classes || !name.endsWith("accuracy")).map(([name, kind]) => [name, ...number(name, kind)]);
    this.numbers = Object.fromEntries(fields.map(([name, value]) => [name, value]));
    this.dot = h("span", { class: "dot" });
    this.where = h("span", { id: "where" });
    this.warnings = h("ul", { class: "warnings", role: "status" });
    this.grid = h("section", { class: "panels", "aria-label": t("keys") }, ...this.panels.map(({ element }) => element));
    this.time = h("input", { type: "range", id: "time", min: "0", max: "1", value: "1", input: () => this.goTo(Number(this.time.value)), change: () => this.wentTo(this.at) });
    this.timeText = h("span");
    this.liveButton = h("button", { type: "button", id: "go-live", hidden: true, click: () => { this.goLive(); this.draw(); } }, t("go_live"));
    main.append(
      h("section", { class: "head" },
        h("div", {}, h("h1", {}, this.dot, this.about.id), h("p", {}, h("span", { id: "preset", title: t("preset") }, this.about.name), " · ", this.where)),
        h("dl", { class: "numbers" }, ...fields.map(([, , element]) => element))),
      this.warnings, this.grid,
      h("section", { class: "controls" },
        this.buttons(),
        h("div", { class: "slider wide" }, h("label", { for: "time" }, h("span", {}, t("time")), h("span", {}, this.timeText, " ", this.liveButton)), this.time),
        this.rateSlider()),
    );
  }

  buttons() {
    const button = (name, label, click, kind = "") => h("button", { type: "button", id: name, class: kind, click, disabled: !this.about.may_steer }, label);
    this.pauseButton = button("pause", t("pause"), () => this.togglePause(), "main");
    this.steering = [
      this.pauseButton,
      button("one-step", t("one_step"), () => this.ask({ command: "step" })),
      button("one-epoch", t("one_epoch"), () => this.ask({ command: "epoch" })),
      button("stop", t("stop"), () => this.stop()),
    ];
    const isOnlyShown = this.about.is_live && !this.about.may_steer;
    return h("div", { class: "buttons", hidden: !this.about.is_live }, ...this.steering, isOnlyShown ? h("span", { class: "note" }, t("read_only")) : null);
  }

  rateSlider() {
    // A slider of powers: from 1e-6 to 10.
    this.rate = h("input", { type: "range", id: "rate", min: "-6", max: "1", step: "0.05", disabled: !this.about.may_steer,
      input: () => say(this.rateText, few(this.chosenRate())),
      change: () => this.ask({ command: "set_learning_rate", learning_rate: this.chosenRate() }) });
    this.rateText = h("span", { id: "rate-text" });
    this.schedule = h("button", { type: "button", id: "schedule", hidden: true, click: () => this.ask({ command: "set_learning_rate", learning_rate: null }) }, t("schedule"));
    return h("div", { class: "slider" }, h("label", { for: "rate" }, h("span", {}, t("learning_rate"), " ", this.schedule), this.rateText), this.rate);
  }

  chosenRate() {
    return Number((10 ** Number(this.rate.value)).toPrecision(3));
  }

  async ask(order) {
    this.goLive();
    this.refusal = await command(this.about.id, order);
    this.redraw();
  }

  togglePause() {
    if (this.about.may_steer && !this.run.finished) this.ask({ command: this.run.isPaused ? "resume" : "pause" });
  }

  stop() {
    const yes = h("button", { class: "main", id: "yes-stop", value: "yes" }, t("yes_stop"));
    const dialog = h("dialog", {}, h("p", {}, t("stop_sure")), h("form", { method: "dialog", class: "buttons" }, yes, h("button", {}, t("no"))));
    dialog.addEventListener("close", () => {
      if (dialog.returnValue === "yes") this.ask({ command: "stop" });
      dialog.remove();
    });
    document.body.append(dialog);
    dialog.showModal();
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || document.querySelector("dialog[open]")) return;
    const isTyping = event.target.matches("select, input:not([type=range])");
    if (event.key === " " && !event.target.matches("button, select, summary, input:not([type=range])")) {
      event.preventDefault();
      this.togglePause();
    } else if (event.key in VIEWS && !isTyping) this.choose(event.key);
  }

  choose(key) {
    this.shown = VIEWS[key];
    for (const { element, panel } of this.panels) element.hidden = !this.shown.includes(panel.key);
    this.grid.classList.toggle("one", this.shown.length === 1);
    this.grid.classList.toggle("two", this.shown.length === 2);
    this.redraw();
  }

  goTo(step) {
    this.at = step >= this.run.step ? null : step;
    this.redraw();
  }

  goLive() {
    this.at = null;
    this.wentTo(null);
    this.redraw();
  }

  redraw() {
    this.isDirty = true;
  }

  draw() {
    if (!this.isDirty || document.hidden) return;
    this.isDirty = false;
    const { run } = this;
    const view = { run, step: Math.min(this.at ?? run.step, run.step), isLatest: this.at === null };
    this.drawHead(view);
    this.drawControls(view);
    for (const panel of this.panels) if (!panel.element.hidden) panel.draw(view);
  }

  drawHead({ run, step, isLatest }) {
    this.dot.className = `dot ${run.state}`;
    const evaluation = latest(run.evaluations, step);
    const recent = run.steps.slice(0, countUpTo(run.steps, step));
    const reported = recent.filter((event) => event.accuracy !== null).slice(-20);
    const mean = reported.reduce((sum, event) => sum + event.accuracy, 0) / reported.length;
    const tell = (name, text) => this.numbers[name] && say(this.numbers[name], text);
    tell("test_accuracy", percent(evaluation?.accuracy ?? NaN));
    tell("training_accuracy", percent(mean, 1));
    tell("test_loss", few(evaluation?.loss_nats ?? NaN));
    const rate = isLatest && run.finished ? run.finished.samples_per_second : run.speedAt(step);
    tell("samples", speed(rate));
    const epoch = run.started ? (step * run.started.batch) / run.started.train_samples : 0;
    const planned = run.started?.steps_planned;
    const parts = [t(planned ? "where" : "where_open", { step: whole(step), planned: whole(planned), epoch: epoch.toFixed(1) })];
    if (isLatest && run.finished) parts.push(t("took", { time: duration(run.finished.wall_seconds) }));
    else if (isLatest && run.state === "running" && planned && rate > 0) parts.push(t("left", { time: duration(((planned - step) * run.started.batch) / rate) }));
    parts.push(run.isLost ? t("lost") : t(run.state));
    say(this.where, parts.join(" · "));
    const result = this.about.classes ? percent(evaluation?.accuracy ?? NaN) : few(evaluation?.loss_nats ?? NaN);
    document.title = `${result} ${this.about.id} · gradus`;
    this.warn(view(run, step), mean - evaluation?.accuracy);
  }

  warn(look, gap) {
    const { run } = this;
    const found = [];
    const add = (text, isSevere = false) => found.push([text, isSevere]);
    for (const name of ["weights", "biases"]) {
      const edges = look?.[name];
      const most = edges ? Math.max(-edges[0], edges[7]) : 0;
      if (most >= LARGE) add(t(most >= HUGE ? "warn_huge" : "warn_large", { what: t(name), value: few(most) }), most >= HUGE);
    }
    const reason = run.finished?.reason;
    if (reason?.not_finite) add(t("warn_nan", reason.not_finite), true);
    if (gap > GAP) add(t("warn_gap", { gap: percent(gap, 1) }));
    if (this.about.damaged_lines) add(t("warn_damaged", { n: this.about.damaged_lines }));
    if (this.about.unknown_lines) add(t("warn_unknown", { n: this.about.unknown_lines }));
    if (run.problem) add(run.problem, true);
    if (this.refusal) add(this.refusal);
    const text = JSON.stringify(found);
    if (text === this.warned) return;
    this.warned = text;
    this.warnings.replaceChildren(...found.map(([line, isSevere]) => h("li", { class: isSevere ? "severe" : "" }, line)));
  }

  drawControls({ run, step, isLatest }) {
    const isOver = run.finished !== null;
    for (const button of this.steering) button.disabled = isOver || !this.about.may_steer;
    say(this.pauseButton, run.isPaused ? `▶ ${t("resume")}` : `❚❚ ${t("pause")}`);
    this.time.max = String(run.step);
    this.time.value = String(step);
    const end = isOver ? "at_end" : "live";
    say(this.timeText, `${t("at_step", { step: whole(step) })}${isLatest ? ` · ${t(end)}` : ""}`);
    this.liveButton.hidden = isLatest || isOver;
    const last = latest(run.steps, step);
    const set = latest(run.rates, step)?.learning_rate ?? null;
    const rate = set ?? last?.learning_rate ?? this.about.learning_rate;
    this.rate.disabled = isOver || !this.about.may_steer;
    this.schedule.hidden = set === null || this.rate.disabled;
    if (document.activeElement !== this.rate && rate > 0) this.rate.value = String(Math.log10(rate));
    if (document.activeElement !== this.rate || set !== null) say(this.rateText, few(rate) + (set === null ? "" : ` · ${t("set_by_hand")}`));
  }
}

/** What was seen inside the network at a step. */
const view = (run, step) => latest(run.looks, step);
