// Histograms side by side.

import { createElement, createSvg } from "../dom.js";
import { formatInteger, formatNumber } from "../format.js";
import { axisRange, describe, fitted, Plane } from "./plane.js";

export default function histograms({ title, x, panels }) {
  const range = axisRange(x, x.range ?? panels.flatMap(({ edges }) => [edges[0], edges.at(-1)]));
  const panel = ({ caption, edges, counts }) => {
    const most = Math.max(1, ...counts);
    const fullest = counts.indexOf(Math.max(...counts));
    const said = `${formatNumber(edges[fullest])} … ${formatNumber(edges[fullest + 1])}: ${formatInteger(counts[fullest])}`;
    const draw = (width) => {
      const y = { label: "", scale: "linear", range: [0, most * 1.05] };
      const plane = new Plane({ width, height: 190, x: { ...x, range }, y });
      const shapes = counts.map((count, i) => {
        const [left, right, top] = [plane.x(edges[i]), plane.x(edges[i + 1]), plane.y(count)];
        const box = { x: left, y: top, width: Math.max(0.5, right - left - 0.5), height: plane.y(0) - top };
        return createSvg("rect", { class: "bar series-1", ...box });
      });
      return plane.svg(describe(title, [caption, said]), ...shapes);
    };
    return createElement("figure", {}, createElement("figcaption", {}, caption), fitted(draw));
  };
  return createElement("div", { class: "side-by-side" }, ...panels.map(panel));
}
