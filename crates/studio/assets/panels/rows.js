// A list of rows of a table: the panels of training and test samples whose samples are not images.

import { createElement, createTable, setText } from "../dom.js";
import { Asker } from "../engine.js";
import { formatInteger } from "../format.js";
import { explainLink } from "../links.js";
import { translate } from "../text.js";

/** The most rows of a question, and of the list. */
const MOST = 100;

/**
 * `cells(view)` are the `{ sample, prediction }` to show of `set`, predictions being classes; `note(view, cells)` is the text
 * beside the title.
 */
export function rowList({ about, redraw, set, cells, note }) {
  const element = createElement("div", { class: "plot" });
  const empty = createElement("div", { class: "empty" });
  const label = `${translate("panel.rows")}: ${translate(`predictions.of_${set}`)}`;
  const list = createElement("div", { class: "values rows", tabindex: "0", role: "region", "aria-label": label });
  element.append(list, empty);
  const text = createElement("span", { class: "note" });
  /** What is known of samples; null of those of which nothing can be known. */
  const known = new Map();
  let names = { target: "", classes: [], columns: [] };
  let drawnAs = "";
  const asker = new Asker(
    "rows",
    ({ answer, problem }, { samples }) => {
      setText(empty, answer ? "" : problem);
      names = answer ?? names;
      samples.forEach((sample, i) => known.set(sample, answer?.rows[i] ?? null));
      redraw();
    },
    () => {},
  );
  const table = (shown) => {
    const { target, classes, columns } = names;
    const hasPredictions = classes.length > 0;
    const body = shown.map(({ sample, prediction }) => {
      const row = known.get(sample);
      const link = createElement("a", { href: explainLink(about.id, null, { part: set, sample }) }, formatInteger(sample));
      const predicted = prediction === undefined ? (row?.target ?? "") : classes[prediction];
      const isWrong = row && predicted !== row.target;
      const mark = isWrong ? createElement("span", { class: "wrong" }, predicted) : predicted;
      return [link, row?.target ?? "–", ...(hasPredictions ? [mark] : []), ...(row?.cells ?? columns.map(() => "–"))];
    });
    const prediction = hasPredictions ? [translate("common.prediction")] : [];
    return createTable([translate("common.sample"), target, ...prediction, ...columns], body);
  };
  return {
    element,
    notes: [text],
    draw(view) {
      const all = cells(view);
      const shown = all.slice(0, MOST);
      setText(text, note(view, shown));
      const missing = shown.map(({ sample }) => sample).filter((sample) => !known.has(sample));
      if (missing.length > 0) asker.ask({ run: about.id, part: set, samples: missing });
      const state = JSON.stringify([shown, known.size]);
      if (state === drawnAs || known.size === 0) return;
      drawnAs = state;
      list.replaceChildren(table(shown));
    },
    table: (view) => table(cells(view).slice(0, MOST)),
  };
}
