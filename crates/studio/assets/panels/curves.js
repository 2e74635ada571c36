// A thin curve for training and a thick one for test over the steps: shared by the panels of accuracy and loss.

import { Chart } from "../chart.js";
import { createElement, createTable } from "../dom.js";
import { formatInteger } from "../format.js";
import { countUpTo } from "../search.js";
import { translate } from "../text.js";
import { description } from "./describe.js";

/**
 * `valueOf(event)` is the value to draw, `text(value, isExact)` formats it, and the legend is in the `corner`
 * that curves seldom reach. `unavailable` is a text to show instead if the run has no such values.
 */
export function curves({ valueOf, text, axis, corner, tools = () => [], options = () => ({}), unavailable = null }) {
  return (context) => {
    const chart = new Chart({ yText: text, yLabel: axis });
    const [training, test] = description.curves.map(({ label }) => translate(label));
    const legend = createElement(
      "div",
      { class: `in-plot ${corner}`, "aria-hidden": "true" },
      createElement("span", {}, createElement("i", { class: "swatch" }), training),
      createElement("span", {}, createElement("i", { class: "swatch test" }), test),
    );
    if (unavailable) chart.element.replaceChildren(createElement("div", { class: "empty" }, unavailable));
    else chart.element.append(legend);
    const columns = (events, step) => {
      const shown = events.slice(0, countUpTo(events, step)).filter((event) => valueOf(event) !== null);
      return { x: shown.map((event) => event.step), y: shown.map(valueOf) };
    };
    const both = ({ run, step }) => [columns(run.steps, step), columns(run.evaluations, step)];
    const last = ({ y }) => (y.length ? text(y.at(-1), true) : "–");
    return {
      element: chart.element,
      tools: tools(context),
      draw(view) {
        if (unavailable) return;
        const [trainingColumns, testColumns] = both(view);
        chart.draw({
          series: [
            { ...description.curves[0], label: training, ...trainingColumns },
            { ...description.curves[1], label: test, ...testColumns },
          ],
          end: view.run.end,
          at: view.isLatest ? null : view.step,
          summary: `${training} ${last(trainingColumns)}, ${test} ${last(testColumns)}`,
          ...options(view),
        });
      },
      table(view) {
        const [trainingColumns, testColumns] = both(view);
        const rows = testColumns.x.map((step, i) => {
          const n = countUpTo(trainingColumns.x, step, (x) => x);
          const trainingText = n > 0 ? text(trainingColumns.y[n - 1], true) : "–";
          return [formatInteger(step), trainingText, text(testColumns.y[i], true)];
        });
        return createTable([translate("common.step"), training, test], rows.reverse());
      },
    };
  };
}
