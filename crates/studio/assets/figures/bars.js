// Bars in groups.

import { createElement, createSvg } from "../dom.js";
import { formatNumber } from "../format.js";
import { axisRange, describe, fitted, legend, Plane, seriesClass } from "./plane.js";

/** The part of a group that its bars take. */
const FILLED = 0.7;
/** Groups narrower than this have no numbers at their bars. */
const MIN_WIDTH = 34;

export default function bars({ title, x: names, y, series }) {
  const values = series.flatMap((one) => one.values);
  const range = axisRange(y, y.scale === "log" ? values : [0, ...values]);
  const said = series.map((one) => names.map((name, i) => `${name} ${formatNumber(one.values[i])}`).join(", "));
  const draw = (width) => {
    const x = { label: "", scale: "linear", range: [0, names.length] };
    const plane = new Plane({ width, x, y: { ...y, range }, hasTicks: false });
    const base = plane.y(y.scale === "log" ? range[0] : 0);
    const group = plane.inner.width / names.length;
    const barWidth = (group * FILLED) / series.length;
    const shapes = series.flatMap((one, which) =>
      one.values.flatMap((value, i) => {
        if (!Number.isFinite(value) || (y.scale === "log" && value <= 0)) return [];
        const left = plane.x(i) + (group * (1 - FILLED)) / 2 + which * barWidth;
        const top = plane.y(value);
        const box = { x: left, y: Math.min(top, base), width: barWidth, height: Math.max(1, Math.abs(top - base)) };
        const at = { class: "tick middle", x: left + barWidth / 2, y: value < 0 ? top + 13 : top - 4 };
        const number = barWidth >= MIN_WIDTH ? [createSvg("text", at, formatNumber(value))] : [];
        return [createSvg("rect", { class: `bar ${seriesClass(which)}`, ...box }), ...number];
      }),
    );
    const svg = plane.svg(describe(title, said), ...shapes);
    const bottom = plane.inner.top + plane.inner.height + 16;
    const below = names.map((name, i) =>
      createSvg("text", { class: "tick middle", x: plane.x(i + 0.5), y: bottom }, name),
    );
    svg.append(...below);
    return svg;
  };
  return createElement(
    "div",
    {},
    legend(series.map(({ name }, i) => [series.length > 1 && name, seriesClass(i)])),
    fitted(draw),
  );
}
