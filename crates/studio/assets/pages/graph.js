// The page of a formula: its computational graph, with values forward and gradients backward, edge by edge.

import { createControl, numberControl } from "../controls.js";
import { createElement, createTable, setText, tableFrame } from "../dom.js";
import { Asker } from "../engine.js";
import { GraphView, stepper } from "../figures/graph.js";
import { valuesFor, valueText } from "../formulas.js";
import { translate } from "../text.js";

/** Formulas to begin with, and values for their names. */
const EXAMPLES = [
  ["apple * count * tax", { apple: 10, count: 2, tax: 1.1 }],
  ["1 / (1 + exp(-(w0*x0 + w1*x1 + w2)))", { w0: 2, x0: -1, w1: -3, x1: -2, w2: -3 }],
  ["(x + y)^2", { x: 3, y: 2 }],
  ["-log(softmax(s)[0])", { s: [3.2, 5.1, -1.7] }],
  ["max(0, w*x + b)", { w: 0.5, x: 2, b: -3 }],
];
/** A value for a name that has none. */
const USUAL = 1;
/** Sliders go so far on both sides of 0, or twice as far as the value. */
const REACH = 10;

export default {
  name: "graph",
  position: 9,
  title: () => translate("page.graph"),
  async open(main, { query, queryChanged }) {
    const page = new GraphPage(main, query, queryChanged);
    return { close: () => page.asker.close(), moved: ({ query: other }) => page.read(other) };
  },
};

/** The formula and the values in an address; those of the first example if it names none. */
export function readQuery(query) {
  const { formula, ...values } = Object.fromEntries(new URLSearchParams(query));
  if (formula === undefined) return { formula: EXAMPLES[0][0], at: { ...EXAMPLES[0][1] } };
  const at = {};
  for (const [name, text] of Object.entries(values)) {
    const numbers = text.split(",").map(Number);
    if (numbers.every(Number.isFinite)) at[name] = text.includes(",") ? numbers : numbers[0];
  }
  return { formula, at };
}

const writeQuery = ({ formula, at }) => {
  const values = Object.entries(valuesFor(formula, at)).map(([name, value]) => [name, String(value)]);
  return new URLSearchParams([["formula", formula], ...values]).toString();
};

class GraphPage {
  constructor(main, query, queryChanged) {
    this.queryChanged = queryChanged;
    this.asker = new Asker(
      "formula",
      (found) => this.show(found),
      (text) => setText(this.status, text),
    );
    this.build(main);
    this.read(query);
  }

  build(main) {
    const input = () => {
      this.chosen = null;
      this.detail.hidden = true;
      this.changed({ formula: this.field.value });
    };
    const attributes = {
      type: "text",
      id: "formula",
      maxlength: "2000",
      autocomplete: "off",
      spellcheck: "false",
      input,
    };
    this.field = createElement("input", attributes);
    const change = () => {
      const [formula, at] = EXAMPLES[this.examples.value] ?? [];
      if (formula) this.read(writeQuery({ formula, at }));
      this.examples.value = "";
    };
    const options = EXAMPLES.map(([formula], i) => createElement("option", { value: i }, formula));
    const first = createElement("option", { value: "" }, translate("graph.examples"));
    this.examples = createElement("select", { "aria-label": translate("graph.examples"), change }, first, ...options);
    this.status = createElement("p", { class: "note", role: "status" });
    this.mistake = createElement("pre", { class: "mistake", role: "alert", hidden: true });
    this.controls = createElement("div", { class: "control-list" });
    this.result = createElement("p", { class: "sum", id: "result" });
    this.drawing = createElement("div", { id: "drawing" });
    this.detail = createElement("div", { class: "card", id: "node", hidden: true });
    this.gradients = tableFrame("gradients");
    const label = createElement("label", { for: "formula" }, translate("graph.formula"));
    main.append(
      createElement(
        "div",
        { class: "page" },
        createElement("h1", {}, translate("page.graph")),
        createElement("p", { class: "lead" }, translate("graph.lead")),
        createElement("div", { class: "formula-line" }, label, this.field, this.examples),
        this.mistake,
        createElement(
          "div",
          { class: "columns narrow-first" },
          createElement(
            "section",
            { class: "card" },
            createElement("h2", {}, translate("graph.values")),
            this.controls,
          ),
          createElement("section", { class: "card wide" }, this.result, this.drawing, this.status),
        ),
        this.detail,
        createElement("h2", {}, translate("graph.steps")),
        this.gradients,
      ),
    );
  }

  read(query) {
    this.state = readQuery(query);
    this.field.value = this.state.formula;
    this.built = "";
    this.chosen = null;
    this.detail.hidden = true;
    this.ask();
  }

  changed(change) {
    Object.assign(this.state, change);
    this.queryChanged(writeQuery(this.state));
    this.ask();
  }

  ask() {
    const { formula, at } = this.state;
    this.asker.ask({ formula, at: valuesFor(formula, at), drawing: true });
  }

  show({ answer, problem }) {
    setText(this.status, problem ?? "");
    if (!answer) return;
    const { state } = answer;
    this.mistake.hidden = state !== "mistake";
    this.field.setAttribute("aria-invalid", String(state === "mistake"));
    if (state === "mistake") this.showMistake(answer.mistake);
    else if (state === "missing_values") {
      const missing = Object.fromEntries(answer.names.map((name) => [name, USUAL]));
      this.changed({ at: { ...this.state.at, ...missing } });
    } else this.showEvaluation(answer);
  }

  /** The mistake, with the part of the formula that it is in underlined. */
  showMistake({ message, start, end }) {
    const letters = Array.from(this.state.formula);
    const part = (from, to) => letters.slice(from, to).join("");
    const marked = createElement("mark", {}, start === end ? " " : part(start, end));
    const line = start === null || start === undefined ? [] : [part(0, start), marked, part(end), "\n"];
    this.mistake.replaceChildren(...line, message);
  }

  showEvaluation({ evaluation, drawing }) {
    this.evaluation = evaluation;
    const { read_as: readAs, result, undefined: begins } = evaluation;
    this.buildControls();
    const value = createElement("b", { class: "forward" }, valueText(result));
    const why = begins ? createElement("span", { class: "mistake" }, ` ${begins.message}`) : null;
    this.result.replaceChildren(`${readAs} = `, value, ...(why ? [why] : []));
    this.showDrawing(drawing);
    this.showNodes();
    if (this.chosen !== null) this.choose(this.chosen);
  }

  /** A slider for each name, kept while the names stay the same. */
  buildControls() {
    const names = this.evaluation.nodes.filter(({ op }) => op === "parameter").map(({ name }) => name);
    const at = Object.fromEntries(names.map((name) => [name, this.state.at[name] ?? USUAL]));
    // Values of names that the formula no longer has stay known.
    this.state.at = { ...this.state.at, ...at };
    const built = JSON.stringify(names.map((name) => [name, Array.isArray(at[name])]));
    if (built === this.built) return;
    this.built = built;
    const controls = names.map((name) => {
      const value = at[name];
      if (Array.isArray(value)) {
        const of = { kind: "numbers", key: name, label: name, hidden: false, value, least: 1, most: 100 };
        return createControl(of, (_, text) => this.valueChanged(name, text.split(",").map(Number)));
      }
      const reach = Math.max(REACH, 2 * Math.abs(value));
      const control = numberControl(name, name, value, [-reach, reach], { step: 0.01 });
      return createControl(control, (_, text) => this.valueChanged(name, Number(text)));
    });
    this.controls.replaceChildren(...controls.map(({ element }) => element));
  }

  valueChanged(name, value) {
    const isNumber = Array.isArray(value) ? value.length > 0 && value.every(Number.isFinite) : Number.isFinite(value);
    if (isNumber) this.changed({ at: { ...this.state.at, [name]: value } });
  }

  showDrawing(drawing) {
    const text = JSON.stringify(drawing);
    if (text === this.drawn) return;
    this.drawn = text;
    if (!drawing) {
      this.drawing.replaceChildren(createElement("p", { class: "note" }, translate("graph.too_large")));
      return;
    }
    const hadFocus = this.view?.element === document.activeElement;
    this.view = new GraphView({ drawing, label: translate("figure.graph"), clicked: (node) => this.choose(node) });
    this.move = createElement("p", { class: "move", role: "status", id: "move" });
    const kept = this.stage ?? Infinity;
    const steps = stepper(this.view, ({ at, stage, end }) => {
      this.stage = stage === end ? null : stage;
      setText(this.move, at && stage < end ? this.moveText(drawing, at) : "");
    });
    this.drawing.replaceChildren(this.view.element, steps.element, this.move);
    steps.go(kept);
    if (hadFocus) this.view.element.focus();
  }

  /** What happens along the edge of a move. */
  moveText({ nodes, edges }, { edge, pass }) {
    const { from, to, value, gradient } = edges[edge];
    const [source, target] = [nodes[from].label, nodes[to].label];
    if (pass === "forward") return translate("graph.forward", { value: value.text, from: source, to: target });
    const upstream = this.evaluation.nodes[nodes[to].node].gradient;
    if (nodes[to].kind === "result") return translate("graph.backward_first", { value: gradient.text, to: source });
    const values = { gradient: gradient.text, from: target, to: source, upstream: valueText(upstream) };
    return translate("graph.backward", values);
  }

  /** Shows one node: what it computes, and what it passes back to each operand. */
  choose(number) {
    const { nodes } = this.evaluation;
    const node = nodes[number];
    if (!node) return;
    this.chosen = number;
    this.view?.choose(number);
    const name = (operand) => nodes[operand].name || nodes[operand].operation;
    const rows = node.operands.map((operand, i) => [
      name(operand),
      valueText(nodes[operand].value),
      valueText(node.gradient),
      valueText(node.flows[i] ?? null),
    ]);
    const head = ["graph.operand", "graph.value", "graph.upstream", "graph.passed_back"].map((key) => translate(key));
    const title = `${node.name || node.operation} = ${valueText(node.value)}`;
    const parts = rows.length > 0 ? [createElement("div", { class: "scroll" }, createTable(head, rows))] : [];
    const gradient = createElement("p", {}, translate("graph.gradient_of", { gradient: valueText(node.gradient) }));
    this.detail.hidden = false;
    this.detail.replaceChildren(createElement("h2", {}, title), gradient, ...parts);
  }

  showNodes() {
    const head = ["graph.node_number", "graph.operation", "graph.value", "graph.gradient"].map((key) => translate(key));
    const rows = this.evaluation.nodes.map(({ node, operation, name, value, gradient }) => [
      `#${node}`,
      name || operation,
      valueText(value),
      valueText(gradient),
    ]);
    this.gradients.replaceChildren(createTable(head, rows));
  }
}
