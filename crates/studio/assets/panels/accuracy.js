// Training and test accuracy.

import { formatPercent } from "../format.js";
import { switchButton } from "../panel.js";
import { latest } from "../search.js";
import { translate } from "../text.js";
import { curves } from "./curves.js";

/** Above each accuracy the axis starts higher: later changes happen near its upper end. */
const FLOORS = [
  [0.95, 0.9],
  [0.9, 0.8],
];

export default {
  name: "accuracy",
  key: "1",
  group: "7",
  title: () => translate("panel.accuracy"),
  build(context) {
    let isFull = false;
    const full = switchButton(translate("panel.full_axis"), translate("panel.full_axis_title"), (isPressed) => {
      isFull = isPressed;
      context.redraw();
    });
    full.hidden = true;
    const decimals = (fraction) => (Number.isInteger(Math.round(fraction * 1e6) / 1e4) ? 0 : 1);
    const isUnavailable = context.about.test_samples && !context.about.classes;
    const build = curves({
      valueOf: ({ metrics }) => metrics.accuracy ?? null,
      text: (fraction, isExact) => formatPercent(fraction, isExact ? 2 : decimals(fraction)),
      corner: "below",
      axis: () => translate("axis.accuracy"),
      tools: () => [full],
      unavailable: isUnavailable ? translate("panel.no_classes") : null,
      options: ({ run, step }) => {
        const best = latest(run.evaluations, step)?.best.accuracy?.value ?? 0;
        const floor = FLOORS.find(([reached]) => best > reached)?.[1] ?? 0;
        full.hidden = floor === 0;
        return { range: [isFull ? 0 : floor, 1] };
      },
    });
    return build(context);
  },
};
