// A descent: paths over the contours of a surface, along a curve, or, with more variables, their values over the steps.

import { createElement, createSvg } from "../dom.js";
import { formatNumber } from "../format.js";
import { translate } from "../text.js";
import { axisRange, describe, fitted, legend, Plane, seriesClass } from "./plane.js";
import { linePath } from "./plot.js";

/** Paths of more points have no dot at each. */
const MAX_DOTS = 60;

/** What a path is called: its optimizer, rate and batch. */
export function pathName({ optimizer, learning_rate: rate, batch }) {
  const ofBatch = batch === null || batch === undefined ? "" : `, ${translate("descent.batch", { n: batch })}`;
  return `${optimizer} ${formatNumber(rate)}${ofBatch}`;
}

const linear = (label, range) => ({ label, scale: "linear", range });

/** The plane of a descent, and how points of its paths are placed on it. */
function planeOf(descent, width) {
  const { names, surface, curve, paths } = descent;
  if (surface) {
    const { xs, ys } = surface;
    const axes = { x: linear(names[0], [xs[0], xs.at(-1)]), y: linear(names[1], [ys[0], ys.at(-1)]) };
    return { plane: new Plane({ width, ...axes }), place: ({ at }) => at };
  }
  if (curve) {
    const range = axisRange(linear("", null), curve.y);
    const axes = { x: linear(names[0], [curve.x[0], curve.x.at(-1)]), y: linear(translate("descent.value"), range) };
    return { plane: new Plane({ width, ...axes }), place: ({ at, value }) => [at[0], value] };
  }
  const values = paths.flatMap(({ points }) => points.map(({ value }) => value));
  const most = Math.max(1, ...paths.map(({ points }) => points.length - 1));
  const axes = {
    x: linear(translate("axis.step"), [0, most]),
    y: linear(translate("descent.value"), axisRange(linear("", null), values)),
  };
  return { plane: new Plane({ width, ...axes }), place: ({ value }, step) => [step, value] };
}

function background(plane, { surface, curve, data }) {
  if (curve) return [createSvg("path", { class: "contour", d: linePath(plane, curve.x, curve.y) })];
  const contours = surface?.contours ?? [];
  const shade = (i) => 0.3 + (0.6 * i) / Math.max(1, contours.length - 1);
  const line = (points) =>
    linePath(
      plane,
      points.map(([x]) => x),
      points.map(([, y]) => y),
    );
  return contours.map(({ lines }, i) =>
    createSvg("path", { class: "contour", d: lines.map(line).join(""), "stroke-opacity": shade(i) }),
  );
}

function pathShapes({ plane, place }, { points }, kind, step) {
  const shown = points.slice(0, step + 1).map(place);
  const [x, y] = [0, 1].map((axis) => shown.map((point) => point[axis]));
  const dot = ([left, top], name, r) =>
    createSvg("circle", { class: `${name} ${kind}`, cx: plane.x(left), cy: plane.y(top), r });
  const dots = shown.length <= MAX_DOTS ? shown.map((point) => dot(point, "dot", 2.2)) : [];
  const end = shown.at(-1);
  const isShown = end && plane.isShown(...end);
  return [
    createSvg("path", { class: `line ${kind}`, d: linePath(plane, x, y) }),
    ...dots,
    isShown ? dot(end, "end", 5) : null,
  ];
}

/** A descent up to a step of its paths. Its start can be moved if `started(at)` is given. */
export class DescentView {
  constructor(descent, { title = null, started = null } = {}) {
    this.descent = descent;
    this.title = title;
    this.started = started;
    this.step = Infinity;
    this.element = fitted((width) => this.draw(width));
  }

  /** Shows another descent, or the same up to another step. */
  show(descent, step) {
    Object.assign(this, { descent, step });
    const width = Math.floor(this.element.clientWidth);
    if (width > 0) this.element.replaceChildren(this.draw(width));
  }

  draw(width) {
    const { descent, step, title } = this;
    const placed = planeOf(descent, width);
    this.placed = placed;
    const last = (path) => {
      const { at, value } = path.points[Math.min(step, path.points.length - 1)];
      return `${pathName(path)}: ${[...at, value].map((number) => formatNumber(number)).join(", ")}`;
    };
    const shapes = descent.paths.flatMap((path, i) => pathShapes(placed, path, seriesClass(i), step));
    const all = [...background(placed.plane, descent), ...shapes.filter(Boolean)];
    const svg = placed.plane.svg(describe(title, descent.paths.map(last)), ...all);
    const start = descent.paths[0]?.points[0];
    if (this.started && start && (descent.surface || descent.curve)) svg.append(this.handle(svg, start));
    return svg;
  }

  /** The start point, which the pointer and the arrow keys move. */
  handle(svg, start) {
    const { plane, place } = this.placed;
    const [x, y] = place(start, 0);
    const label = translate("descent.start_at", { at: start.at.map((number) => formatNumber(number)).join(", ") });
    const attributes = {
      class: "start",
      cx: plane.x(x),
      cy: plane.y(y),
      r: 9,
      tabindex: "0",
      role: "button",
      "aria-label": label,
    };
    const handle = createSvg("circle", attributes);
    svg.setAttribute("role", "group");
    const isSurface = Boolean(this.descent.surface);
    const move = (at) => this.started(isSurface ? at : at.slice(0, 1));
    handle.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      const box = svg.getBoundingClientRect();
      const at = ({ clientX, clientY }) => plane.valueAt(clientX - box.left, clientY - box.top);
      const moved = (next) => move(at(next));
      const stop = () => {
        removeEventListener("pointermove", moved);
        removeEventListener("pointerup", stop);
        removeEventListener("pointercancel", stop);
      };
      addEventListener("pointermove", moved);
      addEventListener("pointerup", stop);
      addEventListener("pointercancel", stop);
    });
    handle.addEventListener("keydown", (event) => {
      const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      if (!direction) return;
      event.preventDefault();
      const span = ([low, high]) => (high - low) / 50;
      const steps = [span(plane.ranges.x), span(plane.ranges.y)];
      move([x + direction[0] * steps[0], y + direction[1] * steps[1]]);
    });
    handle.addEventListener("focus", () => {
      this.isFocused = true;
    });
    handle.addEventListener("blur", () => {
      if (handle.isConnected) this.isFocused = false;
    });
    // The start is built anew with each drawing: the keys continue to move it.
    if (this.isFocused) queueMicrotask(() => handle.focus());
    return handle;
  }
}

/** The legend of the paths. */
export const pathLegend = ({ paths }) => legend(paths.map((path, i) => [pathName(path), seriesClass(i)]));

export default function contours({ title, descent }) {
  return createElement("div", {}, pathLegend(descent), new DescentView(descent, { title }).element);
}
