// A chart on a canvas: lines and nested bands over steps, a pure function of its columns.
//
// Hover or touch shows the values at a step, dragging enlarges a range of steps, a double click shows all again.

import { colour, h, say } from "./dom.js";
import { few } from "./format.js";
import { nearest } from "./search.js";
import { t } from "./text.js";

const MARGIN = { left: 54, right: 12, top: 24, bottom: 38 };
/** Opacity of a band; four of them lie over each other in the middle. */
const BAND_OPACITY = 1.6 / 7;

export class Chart {
  /** `yText` writes a value of the vertical axis, `yLabel` names it. */
  constructor({ yText = (value) => few(value), yLabel }) {
    this.options = { yText, yLabel };
    this.canvas = h("canvas", { tabindex: "0", role: "img" });
    this.readout = h("div", { class: "readout", hidden: true });
    this.element = h("div", { class: "stage" }, this.canvas, this.readout);
    this.data = null;
    this.zoom = null;
    this.hover = null;
    this.drag = null;
    this.listen();
    new ResizeObserver(() => this.paint()).observe(this.element);
  }

  /**
   * Draws `series` (`{ label, colour, width, x, y }`), `bands` (`{ label, rgb, x, edges }`, eight edges a step) and
   * a line at the step `at`. The axes go to step `end` and over `range`, or as far as the values do.
   */
  draw(data) {
    this.data = data;
    this.canvas.setAttribute("aria-label", data.summary ?? "");
    this.paint();
  }

  listen() {
    const canvas = this.canvas;
    const stepAt = (event) => this.frame?.step(event.clientX - canvas.getBoundingClientRect().left);
    canvas.addEventListener("pointermove", (event) => {
      this.hover = stepAt(event);
      if (this.drag) this.drag.to = this.hover;
      this.paint();
    });
    canvas.addEventListener("pointerleave", () => { this.hover = null; this.paint(); });
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      this.drag = { from: stepAt(event), to: stepAt(event) };
    });
    canvas.addEventListener("pointerup", () => {
      const { from, to } = this.drag ?? {};
      this.drag = null;
      const [low, high] = [Math.min(from, to), Math.max(from, to)];
      if (this.frame && this.frame.x(high) - this.frame.x(low) > 12) this.zoom = [low, high];
      this.paint();
    });
    canvas.addEventListener("pointercancel", () => { this.drag = null; this.paint(); });
    canvas.addEventListener("dblclick", () => { this.zoom = null; this.paint(); });
    canvas.addEventListener("keydown", (event) => {
      const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!move || !this.data) return;
      event.preventDefault();
      const [low, high] = this.zoom ?? [0, this.data.end];
      this.hover = Math.min(high, Math.max(low, (this.hover ?? low) + (move * (high - low)) / 50));
      this.paint();
    });
  }

  paint() {
    const { width, height } = this.element.getBoundingClientRect();
    if (!this.data || width < 20 || height < 20) return;
    const scale = devicePixelRatio || 1;
    const [w, hgt] = [Math.round(width * scale), Math.round(height * scale)];
    if (this.canvas.width !== w || this.canvas.height !== hgt) Object.assign(this.canvas, { width: w, height: hgt });
    const g = this.canvas.getContext("2d");
    g.setTransform(scale, 0, 0, scale, 0, 0);
    g.clearRect(0, 0, width, height);
    const size = parseFloat(getComputedStyle(document.documentElement).fontSize);
    g.font = `${Math.max(11, size * 0.8)}px system-ui, sans-serif`;
    const steps = this.zoom ?? [0, this.data.end];
    this.canvas.title = this.zoom ? t("zoomed") : "";
    this.frame = new Frame({ width, height, steps, range: this.range(steps), isLog: this.data.isLog });
    this.axes(g);
    g.save();
    g.beginPath();
    g.rect(MARGIN.left, MARGIN.top - 3, width - MARGIN.left - MARGIN.right, height - MARGIN.top - MARGIN.bottom + 6);
    g.clip();
    for (const band of this.data.bands ?? []) this.band(g, band);
    for (const line of this.data.series ?? []) this.line(g, line);
    if (this.data.at !== null && this.data.at !== undefined) this.upright(g, this.data.at, "--quiet", [4, 3]);
    if (this.hover !== null && this.hover !== undefined) this.upright(g, this.hover, "--line", []);
    if (this.drag) {
      const [a, b] = [this.frame.x(this.drag.from), this.frame.x(this.drag.to)];
      g.fillStyle = colour("--quiet");
      g.globalAlpha = 0.15;
      g.fillRect(Math.min(a, b), MARGIN.top, Math.abs(b - a), height - MARGIN.top - MARGIN.bottom);
    }
    g.restore();
    this.tell();
  }

  /** The values between which the vertical axis lies. */
  range([from, to]) {
    const { range, isLog } = this.data;
    if (range && !this.zoom && !isLog) return range;
    let [low, high] = [Infinity, -Infinity];
    const see = (value) => {
      if (!Number.isFinite(value) || (isLog && value <= 0)) return;
      low = Math.min(low, value);
      high = Math.max(high, value);
    };
    const inside = (x) => x >= from && x <= to;
    for (const line of this.data.series ?? []) line.x.forEach((x, i) => inside(x) && see(line.y[i]));
    for (const band of this.data.bands ?? []) band.x.forEach((x, i) => inside(x) && (see(band.edges[i][0]), see(band.edges[i][7])));
    if (low > high) return isLog ? [0.01, 1] : range ?? [0, 1];
    if (isLog) return [low / 1.1, high * 1.1];
    const pad = (high - low || Math.abs(high) || 1) * 0.06;
    const bounds = range && !this.zoom ? range : [low - pad, high + pad];
    // Shares and losses do not go below 0 only for a margin.
    return [low >= 0 ? Math.max(0, bounds[0]) : bounds[0], bounds[1]];
  }

  axes(g) {
    const { frame } = this;
    g.fillStyle = colour("--quiet");
    g.strokeStyle = colour("--line");
    g.lineWidth = 1;
    g.textBaseline = "middle";
    g.textAlign = "right";
    for (const value of frame.valueTicks()) {
      const y = Math.round(frame.y(value)) + 0.5;
      g.beginPath();
      g.moveTo(MARGIN.left, y);
      g.lineTo(frame.width - MARGIN.right, y);
      g.stroke();
      g.fillText(this.options.yText(value), MARGIN.left - 6, y);
    }
    g.textBaseline = "top";
    const bottom = frame.height - MARGIN.bottom + 5;
    const steps = frame.stepTicks();
    for (const step of steps) {
      const text = stepText(step, steps.at(-1));
      const half = g.measureText(text).width / 2;
      const x = Math.min(frame.x(step), frame.width - half - 1);
      g.textAlign = "center";
      g.fillText(text, x, bottom);
    }
    g.textAlign = "right";
    g.textBaseline = "bottom";
    g.fillText(t("step_axis"), frame.width - MARGIN.right, frame.height);
    g.textAlign = "left";
    g.textBaseline = "top";
    g.fillText(this.options.yLabel(), 0, 0);
  }

  line(g, { x, y, colour: name, width }) {
    g.beginPath();
    let isDown = false;
    x.forEach((step, i) => {
      const value = y[i];
      const isGap = !Number.isFinite(value) || (this.frame.isLog && value <= 0);
      if (isGap) isDown = false;
      else if (isDown) g.lineTo(this.frame.x(step), this.frame.y(value));
      else { g.moveTo(this.frame.x(step), this.frame.y(value)); isDown = true; }
    });
    g.strokeStyle = colour(name);
    g.lineWidth = width;
    g.lineJoin = "round";
    g.stroke();
    if (x.length === 1 && Number.isFinite(y[0])) {
      g.beginPath();
      g.arc(this.frame.x(x[0]), this.frame.y(y[0]), width + 0.5, 0, 7);
      g.fillStyle = colour(name);
      g.fill();
    }
  }

  band(g, { x, edges, rgb }) {
    g.fillStyle = `rgba(${colour(rgb)}, ${BAND_OPACITY})`;
    // A single look is a short stroke, so that it can be seen.
    const steps = x.length === 1 ? [x[0], x[0] + this.data.end / 200] : x;
    const at = (i) => edges[Math.min(i, edges.length - 1)];
    for (const [low, high] of [[3, 4], [2, 5], [1, 6], [0, 7]]) {
      g.beginPath();
      steps.forEach((step, i) => g.lineTo(this.frame.x(step), this.frame.y(at(i)[high])));
      for (let i = steps.length - 1; i >= 0; i--) g.lineTo(this.frame.x(steps[i]), this.frame.y(at(i)[low]));
      g.fill();
    }
  }

  upright(g, step, name, dash) {
    const x = this.frame.x(step);
    g.strokeStyle = colour(name);
    g.lineWidth = 1.5;
    g.setLineDash(dash);
    g.beginPath();
    g.moveTo(x, MARGIN.top);
    g.lineTo(x, this.frame.height - MARGIN.bottom);
    g.stroke();
    g.setLineDash([]);
  }

  /** Shows the values at the step under the pointer. */
  tell() {
    const rows = this.hover === null || this.hover === undefined ? [] : this.valuesAt(this.hover);
    this.readout.hidden = rows.length === 0;
    if (rows.length === 0) return;
    say(this.readout, rows.join("\n"));
    const isRight = this.frame.x(this.hover) > this.frame.width / 2;
    this.readout.style.left = isRight ? `${MARGIN.left + 6}px` : "auto";
    this.readout.style.right = isRight ? "auto" : `${MARGIN.right + 6}px`;
  }

  valuesAt(step) {
    const rows = [];
    for (const { label, x, y } of this.data.series ?? []) {
      const i = nearest(x, step);
      if (i >= 0) rows.push(`${t("at_step", { step: x[i] })}  ${label} ${this.options.yText(y[i], true)}`);
    }
    for (const { x, edges } of this.data.bands ?? []) {
      const i = nearest(x, step);
      if (i < 0) continue;
      rows.push(t("at_step", { step: x[i] }));
      for (const [low, high] of [[3, 4], [2, 5], [1, 6], [0, 7]]) rows.push(`${few(edges[i][low])} … ${few(edges[i][high])}`);
    }
    return rows;
  }
}

/** Where steps and values lie on the canvas. */
class Frame {
  constructor({ width, height, steps, range, isLog }) {
    Object.assign(this, { width, height, steps, isLog });
    this.range = isLog ? range.map(Math.log10) : range;
  }

  x(step) {
    const [from, to] = this.steps;
    return MARGIN.left + ((this.width - MARGIN.left - MARGIN.right) * (step - from)) / (to - from || 1);
  }

  step(x) {
    const [from, to] = this.steps;
    const share = (x - MARGIN.left) / (this.width - MARGIN.left - MARGIN.right);
    return from + (to - from) * Math.min(1, Math.max(0, share));
  }

  y(value) {
    const [low, high] = this.range;
    const at = this.isLog ? Math.log10(value) : value;
    return MARGIN.top + (this.height - MARGIN.top - MARGIN.bottom) * (1 - (at - low) / (high - low || 1));
  }

  valueTicks() {
    const [low, high] = this.range;
    const most = Math.max(2, Math.floor((this.height - MARGIN.top - MARGIN.bottom) / 34));
    if (!this.isLog) return ticks(low, high, most);
    const powers = ticks(low, high, most).map((power) => 10 ** power);
    return powers.map((value) => Number(value.toPrecision(1))).filter((value, i, all) => all.indexOf(value) === i);
  }

  stepTicks() {
    return ticks(...this.steps, Math.max(2, Math.floor((this.width - MARGIN.left) / 70))).filter((step) => Number.isInteger(step));
  }
}

/** Round numbers between two bounds, at most `most` of them. */
export function ticks(low, high, most) {
  const rough = (high - low) / most || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const apart = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.999);
  const found = [];
  for (let i = Math.ceil(low / apart - 1e-9); i * apart <= high + apart * 1e-9; i++) found.push(Number((i * apart).toPrecision(12)));
  return found;
}

/** A step in the unit that the largest on the axis has. */
function stepText(step, largest) {
  const [unit, size] = step === 0 ? ["", 1] : largest >= 1e6 ? ["M", 1e6] : largest >= 1e4 ? ["k", 1e3] : ["", 1];
  return `${Number((step / size).toPrecision(4))}${unit}`;
}
