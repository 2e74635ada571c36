// A metric over the steps: a curve for each part of the data, the thickest for the test set.

import { axisPercent, curvesRange } from "../axes.js";
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
  return ({ about, redraw, explained }) => {
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
    const link = explained && isLoss ? createElement("a", {}, translate("explain.link")) : null;
    const text = FORMATS[format];
    const rawOf = ({ metrics }) => metrics[metric] ?? null;
    const valueOf = (event) => (rawOf(event) === null ? null : rawOf(event) * state.factor);
    const yLabel = () => {
      if (isLoss && !about.is_loss_in_nats)
        return `${about.loss.replaceAll("_", " ")}, ${translate("axis.mean_per_sample")}`;
      return translate(state.factor === 1 ? axis : "axis.nats_times_100");
    };
    const chart = new Chart({ yText: text, yLabel });
    const described = description.curves.filter(({ part }) => part !== "validation" || about.has_validation);
    const parts = described.map((curve) => ({ ...curve, label: translate(curve.label) }));
    const entry = ({ part, label }) =>
      createElement("span", {}, createElement("i", { class: `swatch ${part}` }), label);
    // The legend is in the corner that curves seldom reach.
    const legend = createElement(
      "div",
      { class: `in-plot ${isLoss ? "above" : "below"}`, "aria-hidden": "true" },
      ...parts.map(entry),
    );
    const isUnavailable = !isLoss && about.parts.test && !about.classes && !about.has_accuracy;
    const unavailable = createElement("div", { class: "empty" }, translate("panel.no_classes"));
    if (isUnavailable) chart.element.replaceChildren(unavailable);
    else chart.element.append(legend);

    const eventsOf = (run, part) => ({ train: run.steps, validation: run.validations, test: run.evaluations })[part];
    const evaluated = parts.filter(({ part }) => part !== "train");
    const rangeOf = ({ run, step }) => {
      const events = evaluated.map(({ part }) => eventsOf(run, part));
      if (range.kind === "floors") {
        const shown = events.map((each) => each.slice(0, countUpTo(each, step)).map(rawOf));
        const [floor, top] = curvesRange(range, [], shown);
        full.hidden = floor === 0;
        return [state.isFull ? 0 : floor, top];
      }
      if (state.factor === CODELAB_FACTOR) return [0, 100];
      return curvesRange(
        range,
        run.steps.map(rawOf),
        events.map((each) => each.map(rawOf)),
      );
    };
    const columns = (events, step) => {
      const shown = events.slice(0, countUpTo(events, step)).filter((event) => valueOf(event) !== null);
      return { x: shown.map((event) => event.step), y: shown.map(valueOf) };
    };
    const all = ({ run, step }) => parts.map((each) => ({ ...each, ...columns(eventsOf(run, each.part), step) }));
    const last = ({ y }) => (y.length ? text(y.at(-1), true) : "–");
    const lossTools = [...(about.is_loss_in_nats ? [timesHundred, log] : [log]), link];
    return {
      element: chart.element,
      tools: isLoss ? lossTools : [full],
      draw(view) {
        if (isUnavailable) return;
        link?.setAttribute("href", explained({ of: "loss" }, view.isLatest ? null : view.step));
        const series = all(view);
        chart.draw({
          series,
          end: view.run.end,
          at: view.isLatest ? null : view.step,
          summary: series.map((curve) => `${curve.label} ${last(curve)}`).join(", "),
          isLog: state.isLog,
          range: rangeOf(view),
        });
      },
      table(view) {
        const series = all(view);
        const textAt = ({ x, y }, step) => {
          const n = countUpTo(x, step, (each) => each);
          return n > 0 ? text(y[n - 1], true) : "–";
        };
        const rows = series
          .at(-1)
          .x.map((step) => [formatInteger(step), ...series.map((curve) => textAt(curve, step))]);
        return createTable([translate("common.step"), ...parts.map(({ label }) => label)], rows.reverse());
      },
    };
  };
}
