// The page of descent: optimizers race from a start point over a function or over the loss of a line.

import { createControl, numberControl } from "../controls.js";
import { createElement, createTable, setText, tableFrame } from "../dom.js";
import { Asker } from "../engine.js";
import { DescentView, pathLegend, pathName } from "../figures/contours.js";
import { formatInteger, formatNumber } from "../format.js";
import { valuesFor } from "../formulas.js";
import { translate } from "../text.js";

/** Functions to begin with: a formula and a start. */
const FUNCTIONS = [
  ["x^2/20 + y^2", { x: -7, y: 2 }],
  ["x^2 + y^2", { x: -3, y: 4 }],
  ["(1 - x)^2 + 5*(y - x^2)^2", { x: -1.5, y: 2 }],
  ["x^2 - y^2", { x: -2, y: 0.1 }],
  ["x^4 - 4*x^2 + x", { x: 2.2 }],
  ["x^2", { x: -3 }],
];
/** Optimizers, whether they take part at first, and their rates in the book. */
const OPTIMIZERS = [
  ["sgd", true, 0.95],
  ["momentum", true, 0.1],
  ["nesterov", false, 0.1],
  ["adagrad", true, 1.5],
  ["rmsprop", false, 0.1],
  ["adam", true, 0.3],
];
const MAX_STEPS = 300;
/** Batches that are compared on the loss of a line: all points, one and ten. */
const BATCHES = [null, 1, 10];
/** Milliseconds of a race. */
const RACE_MS = 4000;

export default {
  name: "descent",
  position: 10,
  title: () => translate("page.descent"),
  async open(main, { query, queryChanged }) {
    const page = new DescentPage(main, query, queryChanged);
    return { close: () => page.close(), moved: ({ query: other }) => page.read(other) };
  },
};

const isTrue = (text) => text === "1";

/** The settings in an address, those of the book for what it does not name. */
export function readQuery(query) {
  const given = Object.fromEntries(new URLSearchParams(query));
  const { formula = FUNCTIONS[0][0], steps, ascend, numerical, data, seed } = given;
  const known = FUNCTIONS.find(([text]) => text === formula);
  const from = {};
  for (const pair of (given.from ?? "").split(",").filter(Boolean)) {
    const [name, value] = pair.split(":");
    if (Number.isFinite(Number(value))) from[name] = Number(value);
  }
  const chosen = given.optimizers?.split(",").map((each) => each.split(":"));
  const optimizers = OPTIMIZERS.map(([name, isUsual, rate]) => {
    const named = chosen?.find(([other]) => other === name);
    return { name, isOn: chosen ? named !== undefined : isUsual, rate: Number(named?.[1]) || rate };
  });
  return {
    formula,
    from: given.from ? from : { ...(known?.[1] ?? {}) },
    optimizers,
    steps: Math.min(MAX_STEPS, Math.max(1, Number(steps) || 30)),
    ascend: isTrue(ascend),
    numerical: isTrue(numerical),
    isData: data === "line",
    seed: Math.max(0, Math.round(Number(seed)) || 0),
  };
}

function writeQuery({ formula, from, optimizers, steps, ascend, numerical, isData, seed }) {
  const chosen = optimizers.filter(({ isOn }) => isOn).map(({ name, rate }) => `${name}:${rate}`);
  const start = Object.entries(isData ? from : valuesFor(formula, from)).map(([name, value]) => `${name}:${value}`);
  const query = new URLSearchParams(isData ? { data: "line", seed } : { formula });
  query.set("from", start.join(","));
  query.set("optimizers", chosen.join(","));
  query.set("steps", steps);
  if (ascend) query.set("ascend", "1");
  if (numerical) query.set("numerical", "1");
  return query.toString();
}

class DescentPage {
  constructor(main, query, queryChanged) {
    this.queryChanged = queryChanged;
    this.asker = new Asker(
      "descent",
      (found) => this.show(found),
      (text) => setText(this.status, text),
    );
    this.main = main;
    this.read(query);
  }

  close() {
    this.asker.close();
    clearInterval(this.race);
  }

  read(query) {
    this.state = readQuery(query);
    this.view = null;
    this.build();
    this.ask();
  }

  build() {
    const { state } = this;
    this.status = createElement("p", { class: "note", role: "status" });
    this.mistake = createElement("p", { class: "mistake", role: "alert" });
    this.figure = createElement("div", { id: "figure" });
    this.table = tableFrame("paths");
    this.main.replaceChildren(
      createElement(
        "div",
        { class: "page" },
        createElement("h1", {}, translate("page.descent")),
        createElement("p", { class: "lead" }, translate("descent.lead")),
        this.buildFunction(),
        this.mistake,
        createElement(
          "div",
          { class: "columns" },
          createElement("section", { class: "card" }, ...this.buildSettings()),
          createElement("section", { class: "card wide" }, this.figure, this.buildTime(), this.status),
        ),
        createElement("h2", {}, translate("descent.results")),
        this.table,
      ),
    );
    setText(this.stepText, translate("train.step", { step: state.steps }));
  }

  buildFunction() {
    const { state } = this;
    const change = () => this.changed({ formula: this.field.value, from: {} });
    const attributes = {
      type: "text",
      id: "function",
      maxlength: "500",
      autocomplete: "off",
      spellcheck: "false",
      change,
    };
    this.field = createElement("input", { ...attributes, disabled: state.isData, value: state.formula });
    const options = FUNCTIONS.map(([formula], i) => createElement("option", { value: i }, formula));
    const first = createElement("option", { value: "" }, translate("graph.examples"));
    const data = createElement("option", { value: "data" }, translate("descent.line"));
    const choose = () => {
      const [formula, from] = FUNCTIONS[examples.value] ?? [];
      const isData = examples.value === "data";
      const other = isData ? { isData, from: {}, steps: 60 } : { formula, from: { ...from }, isData };
      if (examples.value !== "") this.read(writeQuery({ ...this.state, ...other }));
      this.queryChanged(writeQuery(this.state));
    };
    const examples = createElement(
      "select",
      { "aria-label": translate("graph.examples"), change: choose },
      first,
      ...options,
      data,
    );
    const label = createElement("label", { for: "function" }, translate("descent.function"));
    return createElement("div", { class: "formula-line" }, label, this.field, examples);
  }

  buildSettings() {
    const { state } = this;
    const optimizers = state.optimizers.map((optimizer) => {
      const { name, isOn, rate } = optimizer;
      const change = () => {
        optimizer.isOn = box.checked;
        this.changed({});
      };
      const box = createElement("input", { type: "checkbox", id: `on-${name}`, checked: isOn, change });
      const control = numberControl(`rate-${name}`, translate("descent.rate"), rate, [1e-4, 10], { scale: "log" });
      const { element } = createControl(control, (_, text) => {
        if (Number(text) > 0) optimizer.rate = Number(text);
        this.changed({});
      });
      const label = createElement("label", { for: `on-${name}` }, box, " ", name);
      return createElement("div", { class: "optimizer", role: "group", "aria-label": name }, label, element);
    });
    const steps = numberControl("steps", translate("descent.steps"), state.steps, [1, MAX_STEPS], { step: 1 });
    const setSteps = (_, text) => {
      if (Number(text) >= 1) this.changed({ steps: Math.min(MAX_STEPS, Math.round(Number(text))) });
    };
    const toggle = (name, key) => {
      const change = () => this.changed({ [name]: box.checked });
      const box = createElement("input", { type: "checkbox", checked: state[name], change });
      return createElement("label", { class: "toggle" }, box, " ", translate(key));
    };
    const seed = { kind: "seed", key: "seed", label: translate("common.seed"), hidden: false, value: state.seed };
    const setSeed = (_, text) => {
      if (/^\d{1,9}$/.test(text)) this.changed({ seed: Number(text) });
    };
    const parts = state.isData
      ? [createElement("p", { class: "note" }, translate("descent.line_lead")), createControl(seed, setSeed).element]
      : [toggle("ascend", "descent.ascend"), toggle("numerical", "descent.numerical")];
    const title = createElement("h2", {}, translate("descent.optimizers"));
    return [title, ...optimizers, createControl(steps, setSteps).element, ...parts];
  }

  buildTime() {
    const input = () => this.goTo(Number(this.time.value));
    this.time = createElement("input", {
      type: "range",
      id: "race-time",
      min: "0",
      max: this.state.steps,
      value: this.state.steps,
      input,
    });
    this.stepText = createElement("span");
    const label = createElement(
      "label",
      { for: "race-time" },
      createElement("span", {}, translate("axis.step")),
      this.stepText,
    );
    const play = createElement(
      "button",
      { type: "button", id: "race", click: () => this.play() },
      translate("descent.race"),
    );
    return createElement(
      "div",
      { class: "controls race" },
      createElement("div", { class: "buttons" }, play),
      createElement("div", { class: "slider wide" }, label, this.time),
    );
  }

  changed(change) {
    Object.assign(this.state, change);
    this.queryChanged(writeQuery(this.state));
    this.ask();
  }

  ask() {
    const { formula, from, optimizers, steps, ascend, numerical, isData, seed } = this.state;
    const surface = isData
      ? { kind: "line", from: { weight: from.weight ?? 0, bias: from.bias ?? 0 }, batches: BATCHES, seed }
      : { kind: "formula", formula, from: valuesFor(formula, from), at: {} };
    const chosen = optimizers
      .filter(({ isOn }) => isOn)
      .map(({ name, rate }) => ({ optimizer: name, learning_rate: rate }));
    const paths = isData && chosen.length > 0 ? BATCHES.map(() => chosen[0]) : chosen;
    this.asker.ask({ surface, optimizers: paths, steps, ascend, numerical });
  }

  show({ answer, problem }) {
    setText(this.status, problem ?? "");
    if (!answer) return;
    setText(this.mistake, answer.state === "mistake" ? answer.mistake.message : "");
    this.field.setAttribute("aria-invalid", String(answer.state === "mistake"));
    if (answer.state === "missing_values") {
      const from = Object.fromEntries(answer.names.map((name) => [name, this.state.from[name] ?? 1]));
      this.changed({ from: { ...this.state.from, ...from } });
    } else if (answer.state === "descended") this.showDescent(answer.descent);
  }

  showDescent(descent) {
    this.descent = descent;
    const most = Math.max(1, ...descent.paths.map(({ points }) => points.length - 1));
    this.time.max = most;
    this.time.value = most;
    const started = (at) => {
      const from = Object.fromEntries(descent.names.map((name, i) => [name, Number(at[i].toPrecision(4))]));
      this.changed({ from });
    };
    if (!this.view) {
      this.view = new DescentView(descent, { title: translate("page.descent"), started });
      this.figure.replaceChildren(createElement("div"), this.view.element);
    }
    this.view.started = started;
    this.figure.firstChild.replaceChildren(...[pathLegend(descent)].filter(Boolean));
    this.goTo(most);
    this.showTable();
  }

  goTo(step) {
    this.time.value = step;
    setText(this.stepText, translate("train.step", { step: formatInteger(step) }));
    this.view?.show(this.descent, step);
  }

  /** Shows the paths growing. Whoever wants little motion sees their end. */
  play() {
    clearInterval(this.race);
    const most = Number(this.time.max);
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.goTo(most);
      return;
    }
    let step = 0;
    const next = () => {
      this.goTo(Math.min(most, step));
      if (step >= most) clearInterval(this.race);
      step += Math.max(1, Math.round((most * 40) / RACE_MS));
    };
    this.race = setInterval(next, Math.max(40, RACE_MS / most));
    next();
  }

  showTable() {
    const { names, paths } = this.descent;
    const head = [
      "descent.path",
      "descent.end",
      "descent.value",
      "descent.outcome",
      "descent.gradients",
      "descent.evaluations",
    ];
    const rows = paths.map((path) => {
      const { at, value } = path.points.at(-1);
      const { kind, step } = path.outcome;
      const end = names.map((name, i) => `${name} = ${formatNumber(at[i], 5)}`).join(", ");
      const outcome = translate(`outcome.${kind}`, { step: formatInteger(step ?? 0) });
      const { forward, backward } = path.cost;
      return [pathName(path), end, formatNumber(value, 5), outcome, formatInteger(backward), formatInteger(forward)];
    });
    this.table.replaceChildren(
      createTable(
        head.map((key) => translate(key)),
        rows,
      ),
    );
  }
}
