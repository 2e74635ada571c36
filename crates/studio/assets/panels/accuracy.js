// Training and test accuracy.

import { axisPercent, curveRange } from "../axes.js";
import { formatPercent } from "../format.js";
import { switchButton } from "../panel.js";
import { countUpTo } from "../search.js";
import { translate } from "../text.js";
import { curves } from "./curves.js";
import { describe } from "./describe.js";

const panel = describe("accuracy");
const valueOf = ({ metrics }) => metrics.accuracy ?? null;

export default {
  ...panel,
  build(context) {
    let isFull = false;
    const full = switchButton(translate("panel.full_axis"), translate("panel.full_axis_title"), (isPressed) => {
      isFull = isPressed;
      context.redraw();
    });
    full.hidden = true;
    const isUnavailable = context.about.test_samples && !context.about.classes;
    const build = curves({
      valueOf,
      text: (fraction, isExact) => (isExact ? formatPercent(fraction) : axisPercent(fraction)),
      corner: "below",
      axis: () => translate(panel.axis),
      tools: () => [full],
      unavailable: isUnavailable ? translate("panel.no_classes") : null,
      options: ({ run, step }) => {
        const shown = run.evaluations.slice(0, countUpTo(run.evaluations, step));
        const [floor, top] = curveRange(panel.range, [], shown.map(valueOf));
        full.hidden = floor === 0;
        return { range: [isFull ? 0 : floor, top] };
      },
    });
    return build(context);
  },
};
