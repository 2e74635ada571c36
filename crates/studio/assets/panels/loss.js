// Panel 2: the loss, in training and in test.

import { few } from "../format.js";
import { switchButton } from "../panel.js";
import { t } from "../text.js";
import { curves } from "./curves.js";

/** The codelab draws a hundred times the mean, on an axis that ends at 100. */
const CODELAB = 100;

export default {
  name: "loss",
  key: "2",
  title: (about) => (about.is_loss_in_nats ? t("loss") : t("other_loss")),
  build(context) {
    const state = { factor: 1, isLog: false };
    const set = (change) => { Object.assign(state, change); context.redraw(); };
    const build = curves({
      of: (event) => event.loss_nats === null ? null : event.loss_nats * state.factor,
      text: (value, isExact) => few(value, isExact ? 4 : 3),
      corner: "above",
      axis: () => context.about.is_loss_in_nats ? t(state.factor === 1 ? "loss_axis" : "loss_axis_100") : `${context.about.loss.replaceAll("_", " ")}, ${t("loss_mean")}`,
      tools: () => [
        ...(context.about.is_loss_in_nats ? [switchButton(t("times_100"), t("show_100"), (isOn) => set({ factor: isOn ? CODELAB : 1 }))] : []),
        switchButton(t("log_axis"), t("show_log"), (isOn) => set({ isLog: isOn })),
      ],
      // The first losses are far above all others: the axis of the codelab cuts them off, and ours does.
      options: ({ run }) => ({ isLog: state.isLog, range: state.factor === CODELAB ? [0, 100] : [0, top(run)] }),
    });
    return build(context);
  },
};

/** Twice the test loss of the first third that was learned, but all that was seen while that is little. */
function top(run) {
  const losses = run.evaluations.map((event) => event.loss_nats).filter(Number.isFinite);
  if (losses.length === 0) return Math.max(1, ...run.steps.slice(0, 50).map((event) => event.loss_nats).filter(Number.isFinite)) * 1.05;
  if (losses.length < 4) return Math.max(...losses) * 1.1;
  const sorted = losses.slice(1).sort((a, b) => a - b);
  return Math.min(Math.max(...losses) * 1.1, Math.max(sorted[Math.floor(sorted.length * 0.9)] * 2.5, 1e-6));
}
