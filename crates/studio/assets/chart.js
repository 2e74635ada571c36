// A chart on a canvas: lines and nested bands over steps, a pure function of its columns.
//
// Hovering or touching shows the values at a step, dragging zooms into a range of steps, a double click shows
// all again.

import { paddedRange, stepText, ticks } from "./axes.js";
import { createElement, cssColor, cssRgb, resizeCanvas, setText } from "./dom.js";
import { formatNumber } from "./format.js";
import description from "./panels/description.json" with { type: "json" };
import { nearest } from "./search.js";
import { translate } from "./text.js";

const { margin: MARGIN, bands: BANDS, band_opacity: BAND_OPACITY } = description;
/** Pixels from which on a drag zooms. */
const MIN_DRAG = 12;

export class Chart {
  /** `yText` formats a value of the vertical axis, `yLabel` names the axis. */
  constructor({ yText = (value) => formatNumber(value), yLabel }) {
    this.options = { yText, yLabel };
    this.canvas = createElement("canvas", { tabindex: "0", role: "img", "aria-label": yLabel() });
    this.readout = createElement("div", { class: "readout", hidden: true });
    this.element = createElement("div", { class: "plot" }, this.canvas, this.readout);
    this.data = null;
    this.zoom = null;
    this.hover = null;
    this.drag = null;
    this.listen();
    new ResizeObserver(() => this.paint()).observe(this.element);
  }

  /**
   * Draws `series` (`{ label, color, width, x, y }`), `bands` (`{ label, color, x, edges }`, eight edges a step) and a
   * vertical line at the step `at`. The axes end at step `end` and span `range`, or the values if there is none.
   */
  draw(data) {
    this.data = data;
    this.canvas.setAttribute("aria-label", data.summary || this.options.yLabel());
    this.paint();
  }

  listen() {
    const { canvas } = this;
    const stepAt = (event) => this.area?.step(event.clientX - canvas.getBoundingClientRect().left) ?? null;
    const set = (change) => {
      Object.assign(this, change);
      this.paint();
    };
    canvas.addEventListener("pointermove", (event) => {
      const hover = stepAt(event);
      if (this.drag) this.drag.to = hover;
      set({ hover });
    });
    canvas.addEventListener("pointerleave", () => set({ hover: null }));
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      this.drag = { from: stepAt(event), to: stepAt(event) };
    });
    canvas.addEventListener("pointerup", () => {
      const { from, to } = this.drag ?? {};
      const [low, high] = [Math.min(from, to), Math.max(from, to)];
      const isZoom = this.area && this.area.x(high) - this.area.x(low) > MIN_DRAG;
      set({ drag: null, zoom: isZoom ? [low, high] : this.zoom });
    });
    canvas.addEventListener("pointercancel", () => set({ drag: null }));
    canvas.addEventListener("dblclick", () => set({ zoom: null }));
    canvas.addEventListener("keydown", (event) => {
      const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!move || !this.data) return;
      event.preventDefault();
      const [low, high] = this.zoom ?? [0, this.data.end];
      const next = (this.hover ?? low) + (move * (high - low)) / 50;
      set({ hover: Math.min(high, Math.max(low, next)) });
    });
  }

  paint() {
    const { width, height } = this.element.getBoundingClientRect();
    if (!this.data || width < 20 || height < 20) return;
    const { at = null, bands = [], end, isLog, series = [] } = this.data;
    const context = this.clear(width, height);
    const steps = this.zoom ?? [0, end];
    this.canvas.title = this.zoom ? translate("panel.zoomed") : "";
    this.area = new PlotArea({ width, height, steps, range: this.range(steps), isLog });
    this.drawAxes(context);
    context.save();
    context.beginPath();
    context.rect(MARGIN.left, MARGIN.top - 3, this.area.innerWidth, this.area.innerHeight + 6);
    context.clip();
    for (const band of bands) this.drawBand(context, band);
    for (const line of series) this.drawLine(context, line);
    if (at !== null) this.drawStep(context, at, "--quiet", [4, 3]);
    if (this.hover !== null) this.drawStep(context, this.hover, "--line", []);
    if (this.drag) this.drawSelection(context);
    context.restore();
    this.showReadout();
  }

  /** Fits the canvas to its element and clears it. */
  clear(width, height) {
    const ratio = devicePixelRatio || 1;
    resizeCanvas(this.canvas, Math.round(width * ratio), Math.round(height * ratio));
    const context = this.canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const fontSize = parseFloat(getComputedStyle(document.documentElement).fontSize);
    context.font = `${Math.max(11, fontSize * 0.8)}px system-ui, sans-serif`;
    return context;
  }

  /** The range of the vertical axis. */
  range(steps) {
    const { range, isLog } = this.data;
    const fixed = this.zoom || isLog ? null : range;
    return fixed ?? valueRange(this.data, steps) ?? (isLog ? [0.01, 1] : (range ?? [0, 1]));
  }

  drawAxes(context) {
    const { area } = this;
    context.fillStyle = cssColor("--quiet");
    context.strokeStyle = cssColor("--line");
    context.lineWidth = 1;
    context.textBaseline = "middle";
    context.textAlign = "right";
    for (const value of area.valueTicks()) {
      const y = Math.round(area.y(value)) + 0.5;
      context.beginPath();
      context.moveTo(MARGIN.left, y);
      context.lineTo(area.width - MARGIN.right, y);
      context.stroke();
      context.fillText(this.options.yText(value), MARGIN.left - 6, y);
    }
    context.textBaseline = "top";
    context.textAlign = "center";
    const steps = area.stepTicks();
    for (const step of steps) {
      const text = stepText(step, steps.at(-1));
      const x = Math.min(area.x(step), area.width - context.measureText(text).width / 2 - 1);
      context.fillText(text, x, area.height - MARGIN.bottom + 5);
    }
    context.textAlign = "right";
    context.textBaseline = "bottom";
    context.fillText(translate("axis.step"), area.width - MARGIN.right, area.height);
    context.textAlign = "left";
    context.textBaseline = "top";
    context.fillText(this.options.yLabel(), 0, 0);
  }

  drawLine(context, { x, y, color, width }) {
    const { area } = this;
    context.beginPath();
    let isDrawing = false;
    x.forEach((step, i) => {
      const isDrawable = Number.isFinite(y[i]) && (!area.isLog || y[i] > 0);
      if (isDrawable) context[isDrawing ? "lineTo" : "moveTo"](area.x(step), area.y(y[i]));
      isDrawing = isDrawable;
    });
    Object.assign(context, { strokeStyle: cssColor(color), lineWidth: width, lineJoin: "round" });
    context.stroke();
    if (x.length !== 1 || !Number.isFinite(y[0])) return;
    context.beginPath();
    context.arc(area.x(x[0]), area.y(y[0]), width + 0.5, 0, 7);
    context.fillStyle = cssColor(color);
    context.fill();
  }

  drawBand(context, { x, edges, color }) {
    const { area } = this;
    context.fillStyle = `rgba(${cssRgb(color)}, ${BAND_OPACITY})`;
    // A single snapshot is drawn with a small width, so that it is visible.
    const steps = x.length === 1 ? [x[0], x[0] + this.data.end / 200] : x;
    const edgesAt = (i) => edges[Math.min(i, edges.length - 1)];
    for (const [low, high] of BANDS) {
      context.beginPath();
      steps.forEach((step, i) => context.lineTo(area.x(step), area.y(edgesAt(i)[high])));
      for (let i = steps.length - 1; i >= 0; i--) context.lineTo(area.x(steps[i]), area.y(edgesAt(i)[low]));
      context.fill();
    }
  }

  /** Draws a vertical line at a step. */
  drawStep(context, step, color, dash) {
    const x = this.area.x(step);
    Object.assign(context, { strokeStyle: cssColor(color), lineWidth: 1.5 });
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(x, MARGIN.top);
    context.lineTo(x, this.area.height - MARGIN.bottom);
    context.stroke();
    context.setLineDash([]);
  }

  drawSelection(context) {
    const [from, to] = [this.area.x(this.drag.from), this.area.x(this.drag.to)];
    Object.assign(context, { fillStyle: cssColor("--quiet"), globalAlpha: 0.15 });
    context.fillRect(Math.min(from, to), MARGIN.top, Math.abs(to - from), this.area.innerHeight);
  }

  /** Shows the values at the step under the pointer. */
  showReadout() {
    const rows = this.hover === null ? [] : this.valuesAt(this.hover);
    this.readout.hidden = rows.length === 0;
    if (rows.length === 0) return;
    setText(this.readout, rows.join("\n"));
    const isRight = this.area.x(this.hover) > this.area.width / 2;
    this.readout.style.left = isRight ? `${MARGIN.left + 6}px` : "auto";
    this.readout.style.right = isRight ? "auto" : `${MARGIN.right + 6}px`;
  }

  valuesAt(hover) {
    const rows = [];
    for (const { label, x, y } of this.data.series ?? []) {
      const i = nearest(x, hover);
      if (i >= 0) rows.push(`${translate("train.step", { step: x[i] })}  ${label} ${this.options.yText(y[i], true)}`);
    }
    for (const { x, edges } of this.data.bands ?? []) {
      const i = nearest(x, hover);
      if (i < 0) continue;
      rows.push(translate("train.step", { step: x[i] }));
      for (const band of BANDS) rows.push(band.map((edge) => formatNumber(edges[i][edge])).join(" … "));
    }
    return rows;
  }
}

/** The range of the values within some steps, with a margin; null if there are none that can be drawn. */
function valueRange({ series = [], bands = [], isLog = false }, [from, to]) {
  let [low, high] = [Infinity, -Infinity];
  const include = (step, value) => {
    if (step < from || step > to || !Number.isFinite(value) || (isLog && value <= 0)) return;
    low = Math.min(low, value);
    high = Math.max(high, value);
  };
  for (const { x, y } of series) x.forEach((step, i) => include(step, y[i]));
  for (const { x, edges } of bands) {
    x.forEach((step, i) => [0, 7].forEach((edge) => include(step, edges[i][edge])));
  }
  if (low > high) return null;
  if (isLog) return [low / 1.1, high * 1.1];
  return paddedRange(low, high);
}

/** Maps steps and values to positions on the canvas. */
class PlotArea {
  constructor({ width, height, steps, range, isLog }) {
    Object.assign(this, { width, height, steps, isLog });
    this.innerWidth = width - MARGIN.left - MARGIN.right;
    this.innerHeight = height - MARGIN.top - MARGIN.bottom;
    this.range = isLog ? range.map(Math.log10) : range;
  }

  x(step) {
    const [from, to] = this.steps;
    return MARGIN.left + (this.innerWidth * (step - from)) / (to - from || 1);
  }

  step(x) {
    const [from, to] = this.steps;
    const fraction = (x - MARGIN.left) / this.innerWidth;
    return from + (to - from) * Math.min(1, Math.max(0, fraction));
  }

  y(value) {
    const [low, high] = this.range;
    const position = this.isLog ? Math.log10(value) : value;
    return MARGIN.top + this.innerHeight * (1 - (position - low) / (high - low || 1));
  }

  valueTicks() {
    const found = ticks(...this.range, Math.max(2, Math.floor(this.innerHeight / 34)));
    if (!this.isLog) return found;
    const rounded = found.map((power) => Number((10 ** power).toPrecision(1)));
    return rounded.filter((value, i) => rounded.indexOf(value) === i);
  }

  stepTicks() {
    const found = ticks(...this.steps, Math.max(2, Math.floor((this.width - MARGIN.left) / 70)));
    return found.filter((step) => Number.isInteger(step));
  }
}
