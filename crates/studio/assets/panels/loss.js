// Training and test loss.

import { curveRange } from "../axes.js";
import { formatNumber } from "../format.js";
import { switchButton } from "../panel.js";
import { translate } from "../text.js";
import { curves } from "./curves.js";
import { describe } from "./describe.js";

/** The codelab draws a hundred times the mean, on an axis that ends at 100. */
const CODELAB_FACTOR = 100;

const panel = describe("loss");
const lossOf = ({ metrics }) => metrics.loss;

export default {
  ...panel,
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
      return translate(state.factor === 1 ? panel.axis : "axis.nats_times_100");
    };
    const build = curves({
      valueOf: (event) => (lossOf(event) === null ? null : lossOf(event) * state.factor),
      text: (value, isExact) => formatNumber(value, isExact ? 4 : 3),
      corner: "above",
      axis,
      tools: () => (isInNats ? [timesHundred, log] : [log]),
      options({ run }) {
        const range = curveRange(panel.range, run.steps.map(lossOf), run.evaluations.map(lossOf));
        return { isLog: state.isLog, range: state.factor === CODELAB_FACTOR ? [0, 100] : range };
      },
    });
    return build(context);
  },
};
