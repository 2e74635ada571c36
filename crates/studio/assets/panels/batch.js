// Panel 3: the digits that were learned last.

import { latest } from "../search.js";
import { whole } from "../format.js";
import { t } from "../text.js";
import { grid } from "./grid.js";

export default {
  name: "batch",
  key: "3",
  title: (about) => t(about.picture ? "batch" : "other_batch"),
  build({ about, redraw, trainPictures, openDigit }) {
    const look = ({ run, step }) => latest(run.looks, step);
    return grid({
      about, redraw, pictures: trainPictures, columns: 10, rows: 10,
      cells: (view) => (look(view)?.batch ?? []).map((sample, i) => ({ sample, guess: look(view).guesses[i] })),
      note: ({ run }, shown) => {
        const batch = run.started?.batch ?? 0;
        if (shown.length === 0) return t("before_first");
        return shown.length < batch ? t("first_of_batch", { n: shown.length, batch: whole(batch) }) : t("this_batch", { n: shown.length });
      },
      open: (sample, guess) => openDigit("train", sample, guess),
    });
  },
};
