// Panel 1: the share that is right, in training and in test.

import { percent } from "../format.js";
import { switchButton } from "../panel.js";
import { latest } from "../search.js";
import { t } from "../text.js";
import { curves } from "./curves.js";

/** Once so much is right, the axis begins higher: what is learned from then on happens near its upper end. */
const FLOORS = [[0.95, 0.9], [0.9, 0.8]];

export default {
  name: "accuracy",
  key: "1",
  title: () => t("accuracy"),
  build(context) {
    const state = { isWhole: false };
    const whole = switchButton(t("whole_axis"), t("show_whole"), (isOn) => { state.isWhole = isOn; context.redraw(); });
    whole.hidden = true;
    const build = curves({
      of: (event) => event.accuracy,
      text: (share, isExact) => percent(share, isExact ? 2 : Number.isInteger(Math.round(share * 1e6) / 1e4) ? 0 : 1),
      corner: "below",
      axis: () => t("accuracy_axis"),
      tools: () => [whole],
      without: context.about.test_samples && !context.about.classes ? t("no_classes") : null,
      options: ({ run, step }) => {
        const best = latest(run.evaluations, step)?.best_accuracy ?? 0;
        const floor = FLOORS.find(([good]) => best > good)?.[1] ?? 0;
        whole.hidden = floor === 0;
        return { range: [state.isWhole ? 0 : floor, 1] };
      },
    });
    return build(context);
  },
};
