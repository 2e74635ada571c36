// Panel 6: test digits, those that are not recognised first. A thousand of them are a tenth of the test set, so that the
// lower edge of the red ones reads off the accuracy.

import { h } from "../dom.js";
import { percent, whole } from "../format.js";
import { latest } from "../search.js";
import { t } from "../text.js";
import { grid } from "./grid.js";

const [COLUMNS, ROWS] = [40, 25];
const SHOWN = COLUMNS * ROWS;

export default {
  name: "digits",
  key: "6",
  title: (about) => t(about.picture ? "digits" : "other_digits"),
  build({ about, redraw, testPictures, openDigit }) {
    const scale = h("div", { class: "scale", "aria-hidden": "true" });
    // A full grid is this share of all. Fewer samples than it has cells need no scale.
    const share = SHOWN / about.test_samples;
    const isFull = Boolean(about.picture && about.classes) && about.test_samples >= SHOWN;
    for (let i = 0; isFull && i <= 5; i++) scale.append(h("span", {}, percent(1 - (share * i) / 5, share * 100 >= 5 ? 0 : 1)));
    const cells = ({ run, step }) => {
      const evaluation = latest(run.evaluations, step);
      if (!evaluation) return [];
      const wrong = evaluation.wrong ?? [];
      const isWrong = new Set(wrong.map(([sample]) => sample));
      const found = wrong.map(([sample, guess]) => ({ sample, guess }));
      for (let sample = 0; found.length < Math.min(SHOWN, about.test_samples); sample++) {
        if (!isWrong.has(sample)) found.push({ sample, guess: undefined });
      }
      return found.slice(0, SHOWN);
    };
    const body = grid({
      about, redraw, pictures: testPictures, columns: COLUMNS, rows: ROWS, cells,
      note: (_, shown) => t("mistakes_first", { shown: whole(shown.length), all: whole(about.test_samples) }),
      open: (sample, guess) => openDigit("test", sample, guess), beside: scale, fills: true,
    });
    body.element.classList.toggle("scaled", isFull);
    return body;
  },
};
