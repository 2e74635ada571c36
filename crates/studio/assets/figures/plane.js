// A plane with two axes, on which figures are drawn as an SVG of the width that the page has.

import { paddedRange, ticks } from "../axes.js";
import { createElement, createSvg } from "../dom.js";
import { formatNumber } from "../format.js";

/** Points around the plane: space for the texts of the axes. */
const MARGIN = { left: 54, right: 12, top: 22, bottom: 38 };
/** Points between two ticks at least. */
const [APART_X, APART_Y] = [70, 34];
/** A plane is as high as this part of its width, within bounds. */
const [PORTION, LEAST, MOST] = [0.62, 200, 380];

/** The colours of series in their order. */
export const seriesClass = (i) => `series-${(i % 8) + 1}`;

/**
 * An element that shows what `draw(width)` builds, again whenever its width changes.
 */
export function fitted(draw) {
  const element = createElement("div", { class: "fitted" });
  let drawn = 0;
  const show = () => {
    const width = Math.floor(element.clientWidth);
    if (width === 0 || width === drawn) return;
    drawn = width;
    element.replaceChildren(draw(width));
  };
  new ResizeObserver(show).observe(element);
  return element;
}

const isShown = (value, scale) => Number.isFinite(value) && (scale !== "log" || value > 0);

/** The range of an axis: that which it names, or that of the values that it can show, with a margin. */
export function axisRange({ scale, range }, values) {
  if (range) return range;
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (!isShown(value, scale)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) return scale === "log" ? [0.1, 1] : [0, 1];
  if (scale !== "log") return paddedRange(low, high);
  return low === high ? [low / 2, high * 2] : [low / 1.2, high * 1.2];
}

/** Ticks of a logarithmic axis: powers of ten, or round numbers if it has fewer than two. */
function logTicks([low, high], most) {
  const [from, to] = [Math.ceil(Math.log10(low) - 1e-9), Math.floor(Math.log10(high) + 1e-9)];
  if (to - from < 1) return ticks(low, high, most);
  const apart = Math.ceil((to - from + 1) / most);
  const found = [];
  for (let power = from; power <= to; power += apart) found.push(Number(`1e${power}`));
  return found;
}

/** A number beside an axis. */
function tickText(value) {
  const magnitude = Math.abs(value);
  const isUsual = value === 0 || (magnitude >= 1e-3 && magnitude < 1e5);
  return isUsual ? formatNumber(value, 4) : Number(value.toPrecision(3)).toExponential().replace("+", "");
}

export class Plane {
  /** `x` and `y` are `{ label, scale }` with a `range` of two numbers; `isEqual` gives both the same length per unit. */
  constructor({ width, height, x, y, isEqual = false, hasTicks = true }) {
    this.axes = { x, y };
    this.width = width;
    this.height = height ?? Math.max(LEAST, Math.min(MOST, width * PORTION));
    this.hasTicks = hasTicks;
    this.inner = {
      left: MARGIN.left,
      top: MARGIN.top,
      width: this.width - MARGIN.left - MARGIN.right,
      height: this.height - MARGIN.top - MARGIN.bottom,
    };
    this.ranges = { x: this.position("x", x.range), y: this.position("y", y.range) };
    if (isEqual) this.makeEqual();
  }

  /** Values on their axis: logarithms if that is logarithmic. */
  position(axis, values) {
    return this.axes[axis].scale === "log" ? values.map(Math.log10) : values;
  }

  makeEqual() {
    const { width, height } = this.inner;
    const span = ([low, high]) => high - low || 1;
    const unit = Math.min(width / span(this.ranges.x), height / span(this.ranges.y));
    const widen = ([low, high], length) => {
      const more = (length / unit - (high - low)) / 2;
      return [low - more, high + more];
    };
    this.ranges = { x: widen(this.ranges.x, width), y: widen(this.ranges.y, height) };
  }

  x(value) {
    const [low, high] = this.ranges.x;
    const [at] = this.position("x", [value]);
    return this.inner.left + (this.inner.width * (at - low)) / (high - low || 1);
  }

  y(value) {
    const [low, high] = this.ranges.y;
    const [at] = this.position("y", [value]);
    return this.inner.top + this.inner.height * (1 - (at - low) / (high - low || 1));
  }

  /** The point of the plane at a place of its SVG. */
  valueAt(left, top) {
    const [lowX, highX] = this.ranges.x;
    const [lowY, highY] = this.ranges.y;
    const x = lowX + ((left - this.inner.left) / this.inner.width) * (highX - lowX);
    const y = highY - ((top - this.inner.top) / this.inner.height) * (highY - lowY);
    return [this.axes.x.scale === "log" ? 10 ** x : x, this.axes.y.scale === "log" ? 10 ** y : y];
  }

  isShown(x, y) {
    return isShown(x, this.axes.x.scale) && isShown(y, this.axes.y.scale);
  }

  ticksOf(axis) {
    const length = axis === "x" ? this.inner.width : this.inner.height;
    const most = Math.max(2, Math.floor(length / (axis === "x" ? APART_X : APART_Y)));
    const [low, high] = this.ranges[axis];
    if (this.axes[axis].scale !== "log") return ticks(low, high, most);
    return logTicks([10 ** low, 10 ** high], most);
  }

  /** An SVG of the plane with its axes; `label` says what it shows. `append` draws on the plane, cut at its borders. */
  svg(label, ...children) {
    const { width, height, inner } = this;
    const id = `plane-${(Plane.count = (Plane.count ?? 0) + 1)}`;
    const border = createSvg("rect", { x: inner.left, y: inner.top, width: inner.width, height: inner.height });
    const clip = createSvg("clipPath", { id }, border);
    const drawn = createSvg("g", { "clip-path": `url(#${id})` }, ...children);
    const attributes = { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label };
    return createSvg("svg", { ...attributes, class: "plane" }, clip, ...this.drawAxes(), drawn);
  }

  drawAxes() {
    const { inner, width, height, axes } = this;
    const text = (value, attributes) => createSvg("text", attributes, value);
    const bottom = inner.top + inner.height;
    const horizontal = this.ticksOf("y").flatMap((value) => {
      const y = this.y(value);
      const line = createSvg("line", { class: "grid", x1: inner.left, x2: inner.left + inner.width, y1: y, y2: y });
      return [line, text(tickText(value), { class: "tick end", x: inner.left - 6, y: y + 4 })];
    });
    const vertical = this.hasTicks ? this.ticksOf("x") : [];
    const below = vertical.map((value) =>
      text(tickText(value), { class: "tick middle", x: this.x(value), y: bottom + 16 }),
    );
    const labels = [
      text(axes.y.label, { class: "axis", x: 2, y: 13 }),
      text(axes.x.label, { class: "axis end", x: width - MARGIN.right, y: height - 5 }),
    ];
    return [...horizontal, ...below, ...labels];
  }
}

/** The entries of a legend, `[name, class]` each; none for a single nameless one. */
export function legend(entries) {
  const named = entries.filter(([name]) => name);
  if (named.length === 0) return null;
  const entry = ([name, kind]) => createElement("span", {}, createElement("i", { class: `key ${kind}` }), name);
  return createElement("div", { class: "legend" }, ...named.map(entry));
}

/** What a figure shows, for readers who do not see it. */
export const describe = (title, parts) => [title, ...parts].filter(Boolean).join("; ");
