// Training and test loss.

import { formatNumber } from "../format.js";
import { switchButton } from "../panel.js";
import { translate } from "../text.js";
import { curves } from "./curves.js";

/** The codelab draws a hundred times the mean, on an axis that ends at 100. */
const CODELAB_FACTOR = 100;

export default {
  name: "loss",
  key: "2",
  group: "7",
  title: (about) => translate(about.is_loss_in_nats ? "panel.cross_entropy_loss" : "panel.loss"),
  build(context) {
    const { is_loss_in_nats: isInNats, loss } = context.about;
    const state = { factor: 1, isLog: false };
    const set = (change) => {
      Object.assign(state, change);
      context.redraw();
    };
    const factor = (isPressed) => set({ factor: isPressed ? CODELAB_FACTOR : 1 });
    const timesHundred = switchButton(translate("panel.times_100"), translate("panel.times_100_title"), factor);
    const logarithmic = (isPressed) => set({ isLog: isPressed });
    const log = switchButton(translate("panel.log_axis"), translate("panel.log_axis_title"), logarithmic);
    const axis = () => {
      if (!isInNats) return `${loss.replaceAll("_", " ")}, ${translate("axis.mean_per_sample")}`;
      return translate(state.factor === 1 ? "axis.nats" : "axis.nats_times_100");
    };
    const build = curves({
      valueOf: ({ metrics }) => (metrics.loss === null ? null : metrics.loss * state.factor),
      text: (value, isExact) => formatNumber(value, isExact ? 4 : 3),
      corner: "above",
      axis,
      tools: () => (isInNats ? [timesHundred, log] : [log]),
      // The first losses are far above all others and would compress them.
      options: ({ run }) => ({
        isLog: state.isLog,
        range: state.factor === CODELAB_FACTOR ? [0, 100] : [0, top(run)],
      }),
    });
    return build(context);
  },
};

/**
 * The upper end of the axis: 2.5 times the test loss that nine tenths of the evaluations reach, at most the
 * largest.
 */
export function top(run) {
  const finite = (events) => events.map((event) => event.metrics.loss).filter(Number.isFinite);
  const losses = finite(run.evaluations);
  if (losses.length === 0) return Math.max(1, ...finite(run.steps.slice(0, 50))) * 1.05;
  const largest = Math.max(...losses) * 1.1;
  if (losses.length < 4) return largest;
  const sorted = losses.slice(1).sort((a, b) => a - b);
  return Math.min(largest, Math.max(sorted[Math.floor(sorted.length * 0.9)] * 2.5, 1e-6));
}
