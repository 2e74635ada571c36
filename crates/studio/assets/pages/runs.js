// The page of all runs.

import { Chart } from "../chart.js";
import { h, say, table, whenLightChanges } from "../dom.js";
import { duration, few, moment, percent, whole } from "../format.js";
import { Run } from "../run.js";
import { list } from "../server.js";
import { t } from "../text.js";

/** Runs that are laid over each other at most: more colours are not told apart. */
const MOST_COMPARED = 8;
/** Runs of them that are followed while they go on: each needs one of the six connections of a browser. */
const MOST_FOLLOWED = 3;

/** What stands in each column: a value to sort by, and its text. */
const COLUMNS = [
  { name: "run", value: (run) => run.id, text: (run) => run.id },
  { name: "state", value: (run) => run.state, text: (run) => t(run.state) },
  { name: "step", value: (run) => run.step, text: (run) => whole(run.step) },
  { name: "best_accuracy", value: (run) => run.best_accuracy, text: (run) => percent(run.best_accuracy ?? NaN) },
  { name: "test_accuracy", value: (run) => run.test_accuracy, text: (run) => percent(run.test_accuracy ?? NaN) },
  { name: "test_loss", value: (run) => run.test_loss, text: (run) => few(run.test_loss ?? NaN) },
  { name: "parameters", value: (run) => run.parameters, text: (run) => whole(run.parameters) },
  { name: "seed", value: (run) => run.seed, text: (run) => run.seed ?? "–" },
  { name: "wall", value: (run) => run.wall_seconds, text: (run) => duration(run.wall_seconds ?? NaN) },
  { name: "modified", value: (run) => run.modified, text: (run) => moment(run.modified) },
];
/** Milliseconds between two looks at the folders. */
const PACE = 3000;

export default {
  name: "runs",
  title: () => t("runs"),
  async open(main) {
    const page = new RunsPage(main);
    await page.load();
    page.compareChosen();
    const timer = setInterval(() => { if (!document.hidden) page.load(); }, PACE);
    return () => {
      clearInterval(timer);
      page.leave();
    };
  },
};

class RunsPage {
  constructor(main) {
    this.runs = [];
    this.order = { column: COLUMNS.find(({ name }) => name === "modified"), isDown: true };
    this.filter = h("input", { type: "search", id: "filter", placeholder: t("filter_hint"), "aria-label": t("filter"), input: () => this.draw() });
    this.setting = h("select", { id: "setting", "aria-label": t("setting"), change: () => this.draw() });
    this.count = h("span", { class: "note", id: "count" });
    this.body = h("div", { class: "runs" });
    this.comparison = new Comparison();
    this.endLight = whenLightChanges(() => this.comparison.draw());
    main.append(h("div", { class: "page" }, h("h1", {}, t("runs")), h("div", { class: "filter" }, this.filter, h("label", {}, t("show_setting"), " ", this.setting), this.count), this.comparison.element, this.body));
  }

  leave() {
    this.endLight();
    this.comparison.show([]);
  }

  /** The runs that the address names are laid over each other. */
  compareChosen() {
    const ids = (location.hash.split("/")[2] ?? "").split(",").map(decodeURIComponent);
    this.comparison.show(ids.map((id) => this.runs.find((run) => run.id === id)).filter(Boolean).slice(0, MOST_COMPARED));
    this.draw();
  }

  compare(run, isChosen) {
    const others = this.comparison.rows.filter((other) => other.id !== run.id);
    this.comparison.show(isChosen ? [...others, run] : others);
    const ids = this.comparison.rows.map((row) => encodeURIComponent(row.id));
    history.replaceState(null, "", ["#/runs", ...(ids.length ? [ids.join(",")] : [])].join("/"));
    this.draw();
  }

  async load() {
    const { runs } = await list();
    const text = JSON.stringify(runs);
    if (text === this.text) return;
    Object.assign(this, { text, runs });
    this.draw();
  }

  /** The columns, and one of the setting that was chosen. */
  columns() {
    const paths = [...new Set(this.runs.flatMap((run) => run.settings.map(([path]) => path)))].sort();
    if (paths.length + 1 !== this.setting.options.length) {
      const chosen = this.setting.value;
      this.setting.replaceChildren(h("option", { value: "" }, "–"), ...paths.map((path) => h("option", { value: path }, path)));
      this.setting.value = paths.includes(chosen) ? chosen : "";
    }
    const path = this.setting.value;
    if (path === "") return COLUMNS;
    const value = (run) => run.settings.find(([other]) => other === path)?.[1];
    this.chosen = this.chosen?.label === path ? this.chosen : { name: "setting", label: path, value: (run) => asNumber(value(run)), text: (run) => value(run) ?? "–" };
    return [...COLUMNS, this.chosen];
  }

  sortBy(column) {
    this.order = { column, isDown: this.order.column === column ? !this.order.isDown : true };
    this.draw();
  }

  draw() {
    const columns = this.columns();
    const words = this.filter.value.toLowerCase().split(/\s+/).filter((word) => word !== "");
    const texts = (run) => [run.id, run.state, t(run.state), ...run.settings.map(([path, value]) => `${path}=${value}`)].map((text) => text.toLowerCase());
    const shown = this.runs.filter((run) => words.every((word) => texts(run).some((text) => text.includes(word))));
    const { column, isDown } = this.order;
    const key = (run) => column.value(run) ?? (isDown ? -Infinity : Infinity);
    shown.sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0) * (isDown ? -1 : 1));
    say(this.count, t("several", { n: whole(shown.length) }));
    if (this.runs.length === 0) {
      this.body.replaceChildren(h("p", { class: "page" }, t("no_runs"), " ", h("code", {}, "gradus train --live")));
      return;
    }
    const head = columns.map((each) => {
      const arrow = each === column ? (isDown ? " ↓" : " ↑") : "";
      const sort = each === column ? (isDown ? "descending" : "ascending") : "none";
      return h("th", { "aria-sort": sort }, h("button", { type: "button", click: () => this.sortBy(each) }, (each.label ?? t(each.name)) + arrow));
    });
    const rows = shown.map((run) => {
      const cells = columns.slice(1).map((each) => h("td", {}, String(each.text(run))));
      const link = run.state === "foreign" || run.state === "newer" ? run.id : h("a", { href: `#/train/${encodeURIComponent(run.id)}` }, run.id);
      const problem = run.problem ? h("div", { class: "problem" }, run.problem) : null;
      const isChosen = this.comparison.rows.some((other) => other.id === run.id);
      const isFull = !isChosen && this.comparison.rows.length >= MOST_COMPARED;
      const box = h("input", { type: "checkbox", "aria-label": t("compare_run", { id: run.id }), disabled: link === run.id || isFull, change: (event) => this.compare(run, event.target.checked) });
      box.checked = isChosen;
      return h("tr", {}, h("td", {}, box, " ", link, problem), ...cells);
    });
    this.body.replaceChildren(h("table", {}, h("thead", {}, h("tr", {}, ...head)), h("tbody", {}, ...rows)));
  }
}

/** A text as the number that it is, or as it stands. */
function asNumber(text) {
  return text !== undefined && text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
}

/** Runs laid over each other, and what their settings have not in common. */
class Comparison {
  constructor() {
    this.rows = [];
    this.runs = new Map();
    this.accuracy = new Chart({ yText: (share) => percent(share, 1), yLabel: () => t("accuracy_axis") });
    this.loss = new Chart({ yLabel: () => t("loss_mean") });
    this.legend = h("p", { class: "legend" });
    this.settings = h("div", { class: "runs", id: "difference" });
    const panel = (name, chart) => h("figure", { class: "panel" }, h("figcaption", {}, h("h2", {}, t(name))), chart.element);
    this.element = h("section", { id: "comparison", hidden: true }, this.legend,
      h("div", { class: "compared" }, panel("test_accuracy", this.accuracy), panel("test_loss", this.loss)), this.settings);
  }

  show(rows) {
    this.rows = rows;
    for (const [id, run] of this.runs) {
      if (rows.some((row) => row.id === id)) continue;
      run.close();
      this.runs.delete(id);
    }
    const running = rows.filter((row) => row.state === "running").slice(0, MOST_FOLLOWED);
    for (const row of rows) if (!this.runs.has(row.id)) this.runs.set(row.id, new Run(row, () => this.draw(), running.includes(row)));
    this.element.hidden = rows.length === 0;
    this.draw();
    this.drawSettings();
  }

  draw() {
    const runs = this.rows.map((row) => this.runs.get(row.id)).filter((run) => run);
    const end = Math.max(1, ...runs.map((run) => run.end));
    const series = (of) => runs.map((run, i) => {
      const shown = run.evaluations.filter((event) => of(event) !== null);
      return { label: run.about.id, colour: `--run-${i + 1}`, width: 2, x: shown.map((event) => event.step), y: shown.map(of) };
    });
    this.accuracy.draw({ series: series((event) => event.accuracy), end });
    this.loss.draw({ series: series((event) => event.loss_nats), end, isLog: true });
    this.legend.replaceChildren(...this.rows.map((row, i) => {
      const swatch = h("i", { class: "swatch" });
      swatch.style.borderColor = `var(--run-${i + 1})`;
      return h("span", {}, swatch, row.id);
    }));
  }

  drawSettings() {
    const values = this.rows.map((row) => new Map(row.settings));
    const paths = [...new Set(values.flatMap((settings) => [...settings.keys()]))];
    const different = paths.filter((path) => new Set(values.map((settings) => settings.get(path))).size > 1);
    const rows = different.map((path) => [path, ...values.map((settings) => settings.get(path) ?? "–")]);
    const hasNone = this.rows.length > 1 && rows.length === 0;
    this.settings.hidden = this.rows.length < 2;
    this.settings.replaceChildren(hasNone ? h("p", { class: "note" }, t("no_difference")) : table([t("setting"), ...this.rows.map((row) => row.id)], rows));
  }
}
