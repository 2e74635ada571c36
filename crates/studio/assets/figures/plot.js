// Series over two axes: lines, points, arrows and bands.

import { createElement, createSvg } from "../dom.js";
import { formatNumber } from "../format.js";
import { axisRange, describe, fitted, legend, Plane, seriesClass } from "./plane.js";

/** A path through points; it begins anew after one that cannot be shown. */
export function linePath(plane, x, y) {
  let path = "";
  let isDrawing = false;
  x.forEach((_, i) => {
    const isShown = plane.isShown(x[i], y[i]);
    if (isShown) path += `${isDrawing ? "L" : "M"}${plane.x(x[i]).toFixed(1)} ${plane.y(y[i]).toFixed(1)}`;
    isDrawing = isShown;
  });
  return path;
}

function arrow(plane, x, y, dx, dy) {
  const [left, top, right, bottom] = [plane.x(x), plane.y(y), plane.x(x + dx), plane.y(y + dy)];
  const length = Math.hypot(right - left, bottom - top);
  if (!(length > 0)) return "";
  const size = Math.min(7, length / 2) / length;
  const [backX, backY] = [(left - right) * size, (top - bottom) * size];
  const side = (sign) => [right + backX + sign * backY * 0.5, bottom + backY - sign * backX * 0.5];
  const [one, other] = [side(1), side(-1)].map((point) => point.map((value) => value.toFixed(1)).join(" "));
  return `M${left.toFixed(1)} ${top.toFixed(1)}L${right.toFixed(1)} ${bottom.toFixed(1)}M${one}L${right.toFixed(1)} ${bottom.toFixed(1)}L${other}`;
}

/** The area between the edges of a band. */
function bandPath(plane, x, y, dy) {
  const shown = x.map((_, i) => i).filter((i) => plane.isShown(x[i], y[i]) && plane.isShown(x[i], y[i] + dy[i]));
  const at = (i, value) => `${plane.x(x[i]).toFixed(1)} ${plane.y(value).toFixed(1)}`;
  const lower = shown.map((i) => at(i, y[i]));
  const upper = shown.map((i) => at(i, y[i] + dy[i])).reverse();
  return shown.length > 0 ? `M${[...lower, ...upper].join("L")}Z` : "";
}

/** The class of a series: bands lie within each other, in one colour. */
const kindOf = ({ mark }, i) => (mark === "band" ? `${seriesClass(0)} band-${i + 1}` : seriesClass(i));

function shapes(plane, { mark, x, y, dx = [], dy = [] }, kind) {
  if (mark === "band") return [createSvg("path", { class: `band ${kind}`, d: bandPath(plane, x, y, dy) })];
  if (mark === "points") {
    const points = x.map((_, i) => [x[i], y[i]]).filter(([left, top]) => plane.isShown(left, top));
    return points.map(([left, top]) =>
      createSvg("circle", { class: kind, cx: plane.x(left), cy: plane.y(top), r: 3.5 }),
    );
  }
  const path =
    mark === "arrows" ? x.map((_, i) => arrow(plane, x[i], y[i], dx[i], dy[i])).join("") : linePath(plane, x, y);
  return [createSvg("path", { class: `line ${kind} ${mark === "dashed" ? "dashed" : ""}`, d: path })];
}

/** All numbers on an axis; arrows end at another place. */
const valuesOf = (series, axis, moved) =>
  series.flatMap((one) => [...one[axis], ...(one[moved] ?? []).map((value, i) => one[axis][i] + value)]);

export default function plot({ title, x, y, series, equal }) {
  const ranges = { x: axisRange(x, valuesOf(series, "x", "dx")), y: axisRange(y, valuesOf(series, "y", "dy")) };
  const last = ({ name, y: values }) => {
    const shown = values.filter(Number.isFinite);
    return shown.length ? `${name} ${formatNumber(shown.at(-1), 4)}` : name;
  };
  const label = describe(title, [`${y.label} / ${x.label}`, ...series.map(last)]);
  const draw = (width) => {
    const plane = new Plane({ width, x: { ...x, range: ranges.x }, y: { ...y, range: ranges.y }, isEqual: equal });
    return plane.svg(label, ...series.flatMap((one, i) => shapes(plane, one, kindOf(one, i))));
  };
  return createElement("div", {}, legend(series.map((one, i) => [one.name, kindOf(one, i)])), fitted(draw));
}
