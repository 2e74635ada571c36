// A metric over the steps: a thin curve for training and a thick one for test.

import { axisPercent, curveRange } from "../axes.js";
import { Chart } from "../chart.js";
import { createElement, createTable } from "../dom.js";
import { formatInteger, formatNumber, formatPercent } from "../format.js";
import { switchButton } from "../panel.js";
import { countUpTo } from "../search.js";
import { translate } from "../text.js";
import description from "./description.json" with { type: "json" };

/** The codelab draws a hundred times the mean loss, on an axis that ends at 100. */
const CODELAB_FACTOR = 100;

/** How the values of an axis and those in tables and notes are written. */
const FORMATS = {
  percent: (fraction, isExact) => (isExact ? formatPercent(fraction) : axisPercent(fraction)),
  number: (value, isExact) => formatNumber(value, isExact ? 4 : 3),
};

export function curves({ metric, axis, range, text: format }) {
  return ({ about, redraw }) => {
    const state = { isFull: false, factor: 1, isLog: false };
    const button = (label, title, change) =>
      switchButton(translate(label), translate(title), (isPressed) => {
        Object.assign(state, change(isPressed));
        redraw();
      });
    const full = button("panel.full_axis", "panel.full_axis_title", (isFull) => ({ isFull }));
    full.hidden = true;
    const timesHundred = button("panel.times_100", "panel.times_100_title", (isPressed) => ({
      factor: isPressed ? CODELAB_FACTOR : 1,
    }));
    const log = button("panel.log_axis", "panel.log_axis_title", (isLog) => ({ isLog }));

    const isLoss = metric === "loss";
    const text = FORMATS[format];
    const rawOf = ({ metrics }) => metrics[metric] ?? null;
    const valueOf = (event) => (rawOf(event) === null ? null : rawOf(event) * state.factor);
    const yLabel = () => {
      if (isLoss && !about.is_loss_in_nats)
        return `${about.loss.replaceAll("_", " ")}, ${translate("axis.mean_per_sample")}`;
      return translate(state.factor === 1 ? axis : "axis.nats_times_100");
    };
    const chart = new Chart({ yText: text, yLabel });
    const [training, test] = description.curves.map(({ label }) => translate(label));
    // The legend is in the corner that curves seldom reach.
    const legend = createElement(
      "div",
      { class: `in-plot ${isLoss ? "above" : "below"}`, "aria-hidden": "true" },
      createElement("span", {}, createElement("i", { class: "swatch" }), training),
      createElement("span", {}, createElement("i", { class: "swatch test" }), test),
    );
    const isUnavailable = !isLoss && about.test_samples && !about.classes && !about.has_accuracy;
    const unavailable = createElement("div", { class: "empty" }, translate("panel.no_classes"));
    if (isUnavailable) chart.element.replaceChildren(unavailable);
    else chart.element.append(legend);

    const rangeOf = ({ run, step }) => {
      if (range.kind === "floors") {
        const shown = run.evaluations.slice(0, countUpTo(run.evaluations, step));
        const [floor, top] = curveRange(range, [], shown.map(rawOf));
        full.hidden = floor === 0;
        return [state.isFull ? 0 : floor, top];
      }
      if (state.factor === CODELAB_FACTOR) return [0, 100];
      return curveRange(range, run.steps.map(rawOf), run.evaluations.map(rawOf));
    };
    const columns = (events, step) => {
      const shown = events.slice(0, countUpTo(events, step)).filter((event) => valueOf(event) !== null);
      return { x: shown.map((event) => event.step), y: shown.map(valueOf) };
    };
    const both = ({ run, step }) => [columns(run.steps, step), columns(run.evaluations, step)];
    const last = ({ y }) => (y.length ? text(y.at(-1), true) : "–");
    const lossTools = about.is_loss_in_nats ? [timesHundred, log] : [log];
    return {
      element: chart.element,
      tools: isLoss ? lossTools : [full],
      draw(view) {
        if (isUnavailable) return;
        const [trainingColumns, testColumns] = both(view);
        chart.draw({
          series: [
            { ...description.curves[0], label: training, ...trainingColumns },
            { ...description.curves[1], label: test, ...testColumns },
          ],
          end: view.run.end,
          at: view.isLatest ? null : view.step,
          summary: `${training} ${last(trainingColumns)}, ${test} ${last(testColumns)}`,
          isLog: state.isLog,
          range: rangeOf(view),
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
