// The page of all runs.

import { decode } from "../address.js";
import { Chart } from "../chart.js";
import { createElement, createTable, onColorSchemeChange, setText, tableFrame } from "../dom.js";
import { formatDateTime, formatDuration, formatInteger, formatPercent } from "../format.js";
import { metricName, metricText, notFiniteText, selectionNote } from "../metrics.js";
import { Run } from "../run.js";
import { listRuns, resumeRun, sendData } from "../server.js";
import { translate } from "../text.js";

/** Runs that are compared at most: more colours cannot be told apart. */
const MAX_COMPARED = 8;
/** Milliseconds between two updates of the list. */
const INTERVAL_MS = 3000;

/** The title of each column, the value to sort by, and its text. */
const COLUMNS = [
  { title: "runs.run", value: (run) => run.id, text: (run) => run.id },
  { title: "runs.state", value: (run) => run.state, text: (run) => translate(`state.${run.state}`) },
  { title: "common.step", value: (run) => run.step, text: (run) => formatInteger(run.step) },
  { title: "common.parameters", value: (run) => run.parameters, text: (run) => formatInteger(run.parameters) },
  { title: "common.seed", value: (run) => run.seed, text: (run) => run.seed ?? "–" },
  {
    title: "metric.duration",
    value: (run) => run.wall_seconds,
    text: (run) => formatDuration(run.wall_seconds ?? NaN),
  },
  { title: "runs.modified", value: (run) => run.modified, text: (run) => formatDateTime(run.modified) },
];

/** The position of the columns of metrics among the others. */
const METRICS_POSITION = 3;

/** The columns of the metrics of any run: the best value and the last ones, of the loss the last only. */
function metricColumns(runs) {
  const metrics = new Map(runs.flatMap((run) => run.metrics ?? []).map((metric) => [metric.name, metric]));
  const last = (a, b) => (a.name === "loss") - (b.name === "loss");
  return [...metrics.values()].sort(last).flatMap((metric) => {
    const column = (key, value) => ({
      id: `${key} ${metric.name}`,
      name: translate(key, { name: metricName(metric.name) }),
      value,
      text: (run) => metricText(metric, value(run)),
    });
    const test = column("metric.test", (run) => run.test?.[metric.name]);
    const best = column("metric.best", (run) => run.best[metric.name]?.value);
    const validation = column("metric.validation", (run) => run.validation?.[metric.name]);
    const hasValidation = runs.some((run) => run.validation);
    return [...(metric.name === "loss" ? [] : [best]), ...(hasValidation ? [validation] : []), test];
  });
}

/** Whether two columns are the same one, made at different times. */
const isSame = (a, b) => (a.id ?? a.title ?? a.name) === (b.id ?? b.title ?? b.name);

export default {
  name: "runs",
  position: 6,
  title: () => translate("page.runs"),
  async open(main) {
    const page = new RunsPage(main);
    await page.load();
    page.compareChosen();
    const timer = setInterval(() => {
      if (!document.hidden) page.load();
    }, INTERVAL_MS);
    return () => {
      clearInterval(timer);
      page.close();
    };
  },
};

/** Whether a run has a page: not a folder of another kind, nor a run of a newer version. */
const canOpen = (run) => run.state !== "not_a_run" && run.state !== "newer";

class RunsPage {
  constructor(main) {
    this.runs = [];
    this.order = { column: COLUMNS.find(({ title }) => title === "runs.modified"), isDescending: true };
    const draw = () => this.draw();
    const hint = { placeholder: translate("runs.filter_hint"), "aria-label": translate("runs.filter") };
    this.filter = createElement("input", { type: "search", id: "filter", ...hint, input: draw });
    const attributes = { id: "setting", "aria-label": translate("common.setting"), change: draw };
    this.setting = createElement("select", attributes);
    this.count = createElement("span", { class: "note", id: "count" });
    this.body = tableFrame("runs");
    this.comparison = new Comparison();
    this.dropZone = new DropZone();
    this.stopColorSchemeListener = onColorSchemeChange(() => this.comparison.draw());
    const setting = createElement("label", {}, translate("runs.show_setting"), " ", this.setting);
    main.append(
      createElement(
        "div",
        { class: "page" },
        createElement("h1", {}, translate("page.runs")),
        createElement("div", { class: "filter" }, this.filter, setting, this.count),
        this.comparison.element,
        this.dropZone.element,
        this.body,
      ),
    );
  }

  close() {
    this.stopColorSchemeListener();
    this.comparison.show([]);
    this.dropZone.close();
  }

  /** Compares the runs that the address names. */
  compareChosen() {
    const ids = (location.hash.split("/")[2] ?? "").split(",").map(decode);
    const chosen = ids.map((id) => this.runs.find((run) => run.id === id)).filter((run) => run);
    this.comparison.show(chosen.slice(0, MAX_COMPARED));
    this.draw();
  }

  compare(run, isChosen) {
    const others = this.comparison.runs.filter((other) => other.id !== run.id);
    this.comparison.show(isChosen ? [...others, run] : others);
    const ids = this.comparison.runs.map((chosen) => encodeURIComponent(chosen.id));
    history.replaceState(null, "", ["#/runs", ...(ids.length ? [ids.join(",")] : [])].join("/"));
    this.draw();
  }

  async load() {
    const listed = await listRuns();
    const text = JSON.stringify(listed?.runs);
    this.dropZone.element.hidden = !listed?.takes_data;
    this.resumes = listed?.takes_data;
    // What is shown stays if the server has ended.
    if (listed === null || text === this.text) return;
    Object.assign(this, { text, runs: listed.runs });
    this.draw();
  }

  /** The columns, with that of the chosen setting. */
  columns() {
    const paths = [...new Set(this.runs.flatMap((run) => run.settings.map(([path]) => path)))].sort();
    if (paths.length + 1 !== this.setting.options.length) {
      const chosen = this.setting.value;
      const options = paths.map((path) => createElement("option", { value: path }, path));
      this.setting.replaceChildren(createElement("option", { value: "" }, "–"), ...options);
      this.setting.value = paths.includes(chosen) ? chosen : "";
    }
    const path = this.setting.value;
    const columns = COLUMNS.toSpliced(METRICS_POSITION, 0, ...metricColumns(this.runs));
    if (path === "") return columns;
    if (this.chosenColumn?.name !== path) {
      const setting = (run) => run.settings.find(([other]) => other === path)?.[1];
      const value = (run) => parseNumber(setting(run));
      this.chosenColumn = { name: path, value, text: (run) => setting(run) ?? "–" };
    }
    return [...columns, this.chosenColumn];
  }

  sortBy(column) {
    this.order = { column, isDescending: isSame(this.order.column, column) ? !this.order.isDescending : true };
    this.draw();
  }

  draw() {
    const columns = this.columns();
    const shown = sorted(filtered(this.runs, this.filter.value), this.order);
    setText(this.count, translate("runs.count", { n: formatInteger(shown.length) }));
    if (this.runs.length === 0) {
      const command = createElement("code", {}, "gradus train --live");
      this.body.replaceChildren(createElement("p", { class: "page" }, translate("runs.none"), " ", command));
      return;
    }
    const head = createElement("tr", {}, ...columns.map((column) => this.headCell(column)));
    const rows = shown.map((run) => this.row(run, columns));
    const isChosenByTest = shown.some((run) => selectionNote(run));
    const note = createElement("p", { class: "note" }, translate("common.chosen_by_test"));
    this.body.replaceChildren(
      createElement("table", {}, createElement("thead", {}, head), createElement("tbody", {}, ...rows)),
      ...(isChosenByTest ? [note] : []),
    );
  }

  headCell(column) {
    const isChosen = isSame(column, this.order.column);
    const direction = this.order.isDescending ? "descending" : "ascending";
    const arrow = isChosen ? (this.order.isDescending ? " ↓" : " ↑") : "";
    const title = (column.name ?? translate(column.title)) + arrow;
    const button = createElement("button", { type: "button", click: () => this.sortBy(column) }, title);
    return createElement("th", { "aria-sort": isChosen ? direction : "none" }, button);
  }

  row(run, columns) {
    const isChosen = this.comparison.runs.some((other) => other.id === run.id);
    const isFull = !isChosen && this.comparison.runs.length >= MAX_COMPARED;
    const box = createElement("input", {
      type: "checkbox",
      "aria-label": translate("runs.compare", { id: run.id }),
      disabled: !canOpen(run) || isFull,
      change: (event) => this.compare(run, event.target.checked),
    });
    box.checked = isChosen;
    const link = canOpen(run)
      ? createElement("a", { href: `#/train/${encodeURIComponent(run.id)}` }, run.id)
      : run.id;
    const why = run.problem ?? (run.not_finite ? notFiniteText(run.not_finite) : null);
    const problem = why ? createElement("div", { class: "problem" }, why) : null;
    const cells = columns.slice(1).map((column) => createElement("td", {}, String(column.text(run))));
    const first = createElement("td", {}, box, " ", link, problem, this.resumption(run));
    return createElement("tr", { "data-run": run.id }, first, ...cells);
  }

  /** The command that continues a run, and a button that does; null if it cannot continue. */
  resumption(run) {
    if (!run.resume) return null;
    const command = createElement("code", {}, run.resume);
    if (!this.resumes) return createElement("div", { class: "note" }, command);
    const why = createElement("span", { class: "problem", role: "status" });
    const click = async () => {
      button.disabled = true;
      const problem = await resumeRun(run.id);
      if (problem === null) location.hash = `#/train/${encodeURIComponent(run.id)}`;
      button.disabled = false;
      setText(why, problem ?? "");
    };
    const attributes = { type: "button", class: "resume", "aria-label": translate("runs.resume_run", { id: run.id }), click };
    const button = createElement("button", attributes, translate("train.resume"));
    return createElement("div", { class: "note" }, button, " ", command, " ", why);
  }
}

/** Takes a file that is dropped on the page or chosen, and opens the run that trains on it. */
class DropZone {
  constructor() {
    const change = () => this.send(this.input.files[0]);
    this.input = createElement("input", { type: "file", id: "data-file", change });
    this.state = createElement("span", { id: "data-state", role: "status" });
    const label = createElement("label", { for: "data-file" }, translate("runs.drop"));
    this.element = createElement("div", { class: "drop", hidden: true }, label, this.input, this.state);
    this.listeners = {
      dragover: (event) => this.isOver(event, true),
      dragleave: (event) => this.isOver(event, false),
      drop: (event) => {
        this.isOver(event, false);
        this.send(event.dataTransfer.files[0]);
      },
    };
    for (const [kind, listener] of Object.entries(this.listeners)) addEventListener(kind, listener);
  }

  close() {
    for (const [kind, listener] of Object.entries(this.listeners)) removeEventListener(kind, listener);
  }

  isOver(event, isOver) {
    // Otherwise the browser would leave the page and show the file.
    event.preventDefault();
    this.element.classList.toggle("over", isOver);
  }

  async send(file) {
    if (!file || this.element.hidden || this.input.disabled) return;
    this.input.disabled = true;
    this.state.className = "note";
    setText(this.state, translate("runs.sending", { name: file.name }));
    const { run, problem } = await sendData(file);
    this.input.disabled = false;
    this.state.className = "problem";
    setText(this.state, problem ?? "");
    if (run) location.hash = `#/train/${encodeURIComponent(run)}`;
  }
}

/** The runs that match every word of the filter in their name, state or settings. */
export function filtered(runs, filter) {
  const words = filter
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "");
  const texts = (run) => {
    const settings = run.settings.map(([path, value]) => `${path}=${value}`);
    return [run.id, run.state, translate(`state.${run.state}`), ...settings].map((text) => text.toLowerCase());
  };
  return runs.filter((run) => {
    const searched = texts(run);
    return words.every((word) => searched.some((text) => text.includes(word)));
  });
}

/** The runs in the order of a column; those without a value are last. */
export function sorted(runs, { column, isDescending }) {
  const direction = isDescending ? -1 : 1;
  const key = (run) => column.value(run) ?? (isDescending ? -Infinity : Infinity);
  const compare = (a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0) * direction;
  return [...runs].sort(compare);
}

/** A text as the number that it represents, or unchanged. */
export function parseNumber(text) {
  return text !== undefined && text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
}

/** The curves of several runs in one chart, and the settings in which they differ. */
class Comparison {
  constructor() {
    /** The compared runs as they are in the list, and their events by id. */
    this.runs = [];
    this.followed = new Map();
    this.accuracy = new Chart({
      yText: (fraction) => formatPercent(fraction, 1),
      yLabel: () => translate("axis.accuracy"),
    });
    this.loss = new Chart({ yLabel: () => translate("axis.mean_per_sample") });
    this.legend = createElement("p", { class: "legend" });
    this.settings = tableFrame("difference");
    const panel = (title, chart) => {
      const caption = createElement("figcaption", {}, createElement("h2", {}, translate(title)));
      return createElement("figure", { class: "panel" }, caption, chart.element);
    };
    const charts = [panel("metric.test_accuracy", this.accuracy), panel("metric.test_loss", this.loss)];
    this.element = createElement(
      "section",
      { id: "comparison", hidden: true },
      this.legend,
      createElement("div", { class: "compared" }, ...charts),
      this.settings,
    );
  }

  show(runs) {
    this.runs = runs;
    for (const [id, run] of this.followed) {
      if (runs.some((other) => other.id === id)) continue;
      run.close();
      this.followed.delete(id);
    }
    for (const run of runs) {
      if (this.followed.has(run.id)) continue;
      this.followed.set(run.id, new Run(run, () => this.draw(), run.state === "running"));
    }
    this.element.hidden = runs.length === 0;
    this.draw();
    this.drawSettings();
  }

  draw() {
    const runs = this.runs.map((run) => this.followed.get(run.id)).filter((run) => run);
    const end = Math.max(1, ...runs.map((run) => run.end));
    const series = (valueOf) =>
      runs.map((run, i) => {
        const events = run.evaluations.filter((event) => valueOf(event) !== null);
        const columns = { x: events.map((event) => event.step), y: events.map(valueOf) };
        return { label: run.about.id, color: `--run-${i + 1}`, width: 2, ...columns };
      });
    this.accuracy.draw({ series: series(({ metrics }) => metrics.accuracy ?? null), end });
    this.loss.draw({ series: series(({ metrics }) => metrics.loss), end, isLog: true });
    const entries = this.runs.map((run, i) => {
      const swatch = createElement("i", { class: "swatch" });
      swatch.style.borderColor = `var(--run-${i + 1})`;
      return createElement("span", {}, swatch, run.id);
    });
    this.legend.replaceChildren(...entries);
  }

  drawSettings() {
    const values = this.runs.map((run) => new Map(run.settings));
    const paths = [...new Set(values.flatMap((settings) => [...settings.keys()]))];
    const different = paths.filter((path) => new Set(values.map((settings) => settings.get(path))).size > 1);
    const rows = different.map((path) => [path, ...values.map((settings) => settings.get(path) ?? "–")]);
    const areSame = this.runs.length > 1 && rows.length === 0;
    this.settings.hidden = this.runs.length < 2;
    const head = [translate("common.setting"), ...this.runs.map((run) => run.id)];
    const same = createElement("p", { class: "note" }, translate("runs.same_settings"));
    this.settings.replaceChildren(areSame ? same : createTable(head, rows));
  }
}
