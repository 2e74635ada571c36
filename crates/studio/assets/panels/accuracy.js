// Panel 1: the share that is right, in training and in test.

import { percent } from "../format.js";
import { t } from "../text.js";
import { curves } from "./curves.js";

export default {
  name: "accuracy",
  key: "1",
  title: () => t("accuracy"),
  build: curves({
    of: (event) => event.accuracy,
    text: (share, isExact) => percent(share, isExact ? 2 : Number.isInteger(Math.round(share * 1e6) / 1e4) ? 0 : 1),
    axis: () => t("accuracy_axis"),
    options: () => ({ range: [0, 1] }),
  }),
};
