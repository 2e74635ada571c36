// Panel 1: the share that is right, in training and in test.

import { percent } from "../format.js";
import { switchButton } from "../panel.js";
import { t } from "../text.js";
import { curves } from "./curves.js";

/** Once this share is right, the axis begins here: what is learned from then on is in the last tenth. */
const GOOD = 0.9;

export default {
  name: "accuracy",
  key: "1",
  title: () => t("accuracy"),
  build(context) {
    const state = { isWhole: false };
    const whole = switchButton(t("whole_axis"), t("show_whole"), (isOn) => { state.isWhole = isOn; context.redraw(); });
    const build = curves({
      of: (event) => event.accuracy,
      text: (share, isExact) => percent(share, isExact ? 2 : Number.isInteger(Math.round(share * 1e6) / 1e4) ? 0 : 1),
      corner: "below",
      axis: () => t("accuracy_axis"),
      tools: () => [whole],
      options: ({ run, step }) => {
        const isGood = run.evaluations.some((event) => event.step <= step && event.accuracy > GOOD);
        whole.hidden = !isGood;
        return { range: [isGood && !state.isWhole ? GOOD : 0, 1] };
      },
    });
    return build(context);
  },
};
