// A computational graph: values above the edges, gradients below them, one edge after the other if wanted.

import { createElement, createSvg } from "../dom.js";
import { translate } from "../text.js";

/** The least and the largest scale of a drawing, and with boxes to be filled in. A wider one is scrolled. */
const [SCALES, SCALES_WITH_BOXES] = [
  [0.8, 1.25],
  [1.5, 2],
];

/**
 * The numbers that are shown after `stage` moves: the forward pass edge by edge, then the backward pass from the last edge to
 * the first that has a gradient. `at` is the edge of the last move and its pass.
 */
export function shownAt(edges, stage) {
  const backward = edges
    .map((_, i) => i)
    .filter((i) => edges[i].gradient)
    .reverse();
  const moves = [
    ...edges.map((_, edge) => ({ edge, pass: "forward" })),
    ...backward.map((edge) => ({ edge, pass: "backward" })),
  ];
  const done = moves.slice(0, stage);
  const of = (pass) => new Set(done.filter((move) => move.pass === pass).map(({ edge }) => edge));
  return { values: of("forward"), gradients: of("backward"), at: done.at(-1) ?? null, end: moves.length };
}

export class GraphView {
  /**
   * Shows a drawing. `clicked(node)` is called with the number of a node that is clicked or chosen by a key; `blank(name)` builds
   * the box for a number that is to be filled in; `label` says what is shown.
   */
  constructor({ drawing, blanks = [], label, clicked = null, blank = null }) {
    this.drawing = drawing;
    const { width, height, nodes, edges } = drawing;
    this.edges = edges.map((edge) => this.edge(edge));
    this.nodes = nodes.map((node) => this.node(node, clicked));
    const tip = createSvg("path", { d: "M0 0L8 4L0 8z" });
    const box = { viewBox: "0 0 8 8", refX: "7", refY: "4", markerWidth: "9", markerHeight: "9", orient: "auto", markerUnits: "userSpaceOnUse" };
    const id = `graph-tip-${(GraphView.count = (GraphView.count ?? 0) + 1)}`;
    const marker = createSvg("marker", { id, ...box }, tip);
    this.edges.forEach(({ line }) => line.setAttribute("marker-end", `url(#${id})`));
    const attributes = { viewBox: `0 0 ${width} ${height}`, role: clicked ? "group" : "img", "aria-label": label };
    const parts = this.edges.flatMap(({ line, value, gradient }) => [line, value, gradient].filter(Boolean));
    const svg = createSvg(
      "svg",
      attributes,
      createSvg("defs", {}, marker),
      ...parts,
      ...this.nodes.map(({ shape }) => shape),
    );
    this.inner = createElement("div", { class: "graph-inner" }, svg);
    const [minWidth, maxWidth] = (blank ? SCALES_WITH_BOXES : SCALES).map((scale) => `${Math.round(width * scale)}px`);
    Object.assign(this.inner.style, { minWidth, maxWidth });
    if (blank) this.inner.append(...blanks.map((each) => this.box(each, blank)));
    const region = { class: "graph-view scroll", tabindex: "0", role: "group", "aria-label": label };
    this.element = createElement("div", region, this.inner);
    this.show(Infinity);
  }

  edge(edge) {
    const text = (number, kind) => {
      if (!number) return null;
      return createSvg("text", { class: `${kind} middle`, x: number.x, y: number.y + 4 }, number.text || "?");
    };
    return {
      line: createSvg("path", { class: "edge", d: edge.path }),
      value: text(edge.value, "forward"),
      gradient: text(edge.gradient, "backward"),
    };
  }

  node({ node, kind, label, x, y, width, height }, clicked) {
    const shown = kind === "result" ? translate("graph.result") : label;
    const text = createSvg("text", { class: "middle", x, y: y + 5 }, shown);
    const box = { x: x - width / 2, y: y - height / 2, width, height, rx: 12 };
    const parts = kind === "result" ? [text] : [createSvg("rect", box), text];
    const isButton = clicked && kind !== "result";
    const button = isButton ? { tabindex: "0", role: "button", "aria-label": translate("graph.node", { label }) } : {};
    const shape = createSvg("g", { class: `node ${kind}`, ...button }, ...parts);
    if (isButton) {
      shape.addEventListener("click", () => clicked(node));
      shape.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        clicked(node);
      });
    }
    return { node, shape };
  }

  /** A box over the drawing, in place of a number. */
  box({ edge, pass, name }, blank) {
    const { drawing } = this;
    const part = pass === "forward" ? "value" : "gradient";
    const number = drawing.edges[edge][part];
    const box = blank(name);
    this.edges[edge][part].classList.add("filled");
    box.classList.add("over-graph");
    Object.assign(box.style, {
      left: `${(100 * number.x) / drawing.width}%`,
      top: `${(100 * number.y) / drawing.height}%`,
    });
    return box;
  }

  /** Shows the numbers after `stage` moves, and marks the edge of the last one. */
  show(stage) {
    const { values, gradients, at, end } = shownAt(this.drawing.edges, stage);
    this.edges.forEach(({ line, value, gradient }, i) => {
      value.classList.toggle("hidden", !values.has(i));
      gradient?.classList.toggle("hidden", !gradients.has(i));
      const isAt = at?.edge === i && stage < end;
      line.classList.toggle("at-forward", isAt && at.pass === "forward");
      line.classList.toggle("at-backward", isAt && at.pass === "backward");
    });
    return { at, end };
  }

  /** Marks a node. */
  choose(node) {
    for (const each of this.nodes) each.shape.classList.toggle("chosen", each.node === node);
  }
}

/** Buttons and keys that move through the passes edge by edge; `moved({ at, stage, end })` is called after each move. */
export function stepper(view, moved = () => {}) {
  const { end } = shownAt(view.drawing.edges, Infinity);
  let stage = end;
  const text = createElement("span", { class: "note", role: "status" });
  const go = (to) => {
    stage = Math.min(end, Math.max(0, to));
    const { at } = view.show(stage);
    text.textContent = translate("graph.stage", { stage, end });
    back.disabled = stage === 0;
    next.disabled = stage === end;
    moved({ at, stage, end });
  };
  const button = (label, click, name = null) =>
    createElement("button", { type: "button", title: name, "aria-label": name, click }, label);
  const back = button("◂", () => go(stage - 1), translate("graph.step_back"));
  const next = button("▸", () => go(stage + 1), translate("graph.step_forward"));
  const first = button(translate("graph.from_start"), () => go(0));
  const all = button(translate("graph.all"), () => go(end));
  view.element.addEventListener("keydown", (event) => {
    const to = { ArrowLeft: stage - 1, ArrowRight: stage + 1, Home: 0, End: end }[event.key];
    if (to === undefined || event.target.matches("input")) return;
    event.preventDefault();
    go(to);
  });
  go(end);
  return { element: createElement("div", { class: "buttons stepper" }, first, back, next, all, text), go };
}

export default function graph({ title, drawing, blanks }, { blank = null }) {
  const label = title ?? translate("figure.graph");
  const isFillingIn = blank !== null && blanks.length > 0;
  const view = new GraphView({ drawing, blanks, label, blank: isFillingIn ? blank : null });
  return createElement("div", {}, view.element, isFillingIn ? null : stepper(view).element);
}
