// Two curves over the steps, of training thin and of test thick: what the panels of accuracy and loss have in common.

import { Chart } from "../chart.js";
import { h, table } from "../dom.js";
import { whole } from "../format.js";
import { countUpTo } from "../search.js";
import { t } from "../text.js";

/**
 * `of(event)` is what is drawn of an event, `text(value)` writes it, and the legend is in the `corner` where no curve goes.
 * Of a run that has no such events, `without` says so.
 */
export function curves({ of, text, axis, corner, tools = () => [], options = () => ({}), without = null }) {
  return (context) => {
    const chart = new Chart({ yText: text, yLabel: axis });
    const legend = h("div", { class: `in-plot ${corner}`, "aria-hidden": "true" },
      h("span", {}, h("i", { class: "swatch" }), t("training")),
      h("span", {}, h("i", { class: "swatch test" }), t("test")));
    if (without) chart.element.replaceChildren(h("div", { class: "empty" }, without));
    else chart.element.append(legend);
    const columns = (events, step) => {
      const shown = events.slice(0, countUpTo(events, step)).filter((event) => of(event) !== null);
      return { x: shown.map((event) => event.step), y: shown.map(of) };
    };
    const read = ({ run, step }) => ({ training: columns(run.steps, step), test: columns(run.evaluations, step) });
    return {
      element: chart.element, tools: tools(context),
      draw(view) {
        if (without) return;
        const { training, test } = read(view);
        const last = (column) => (column.y.length ? text(column.y.at(-1), true) : "–");
        chart.draw({
          series: [
            { label: t("training"), colour: "--train", width: 1.2, ...training },
            { label: t("test"), colour: "--test", width: 3, ...test },
          ],
          end: view.run.end, at: view.isLatest ? null : view.step,
          summary: `${t("training")} ${last(training)}, ${t("test")} ${last(test)}`,
          ...options(view),
        });
      },
      table(view) {
        const { training, test } = read(view);
        const rows = test.x.map((step, i) => {
          const before = countUpTo(training.x, step, (x) => x) - 1;
          return [whole(step), before >= 0 ? text(training.y[before], true) : "–", text(test.y[i], true)];
        });
        return table([t("step"), t("training"), t("test")], rows.reverse());
      },
    };
  };
}
