// Pictures side by side: what the panels of training and of test digits have in common.

import { colour, h, say, table } from "../dom.js";
import { cellAt, drawGrid } from "../pictures.js";
import { t } from "../text.js";

/**
 * `cells(view)` are `{ sample, guess }` to show, `note(view)` is said beside the title, `pictures` has the pictures and
 * `open(sample, guess)` is called for one that was clicked.
 */
export function grid({ about, redraw, pictures, columns, rows, cells, note, open, beside = null, fills = false }) {
  const canvas = h("canvas", { class: "pictures", tabindex: "0", role: "img" });
  const empty = h("div", { class: "empty" });
  const readout = h("div", { class: "readout", hidden: true });
  const element = h("div", { class: "stage" }, canvas, empty, readout, ...(beside ? [beside] : []));
  const text = h("span", { class: "note" });
  let shown = [];
  let drawnAs = "";
  // A window that is made larger has room for larger pictures.
  new ResizeObserver(redraw).observe(element);
  canvas.addEventListener("click", (event) => {
    const cell = shown[cellAt(canvas, event, columns, rows)];
    if (cell) open(cell.sample, cell.guess);
  });
  const tell = (event) => {
    const cell = shown[cellAt(canvas, event, columns, rows)];
    const picture = cell && pictures.get(cell.sample);
    readout.hidden = !picture;
    if (!picture) return;
    const guess = cell.guess ?? picture.label;
    say(readout, `${t("number")} ${cell.sample} · ${t("truth")} ${picture.label} · ${t("guess")} ${guess}`);
    const box = element.getBoundingClientRect();
    const [isRight, isLow] = [event.clientX > box.left + box.width / 2, event.clientY > box.top + box.height / 2];
    Object.assign(readout.style, {
      left: isRight ? "auto" : `${event.clientX - box.left + 14}px`, right: isRight ? `${box.right - event.clientX + 10}px` : "auto",
      top: isLow ? "auto" : `${event.clientY - box.top + 14}px`, bottom: isLow ? `${box.bottom - event.clientY + 10}px` : "auto",
    });
  };
  canvas.addEventListener("pointermove", tell);
  canvas.addEventListener("pointerleave", () => { readout.hidden = true; });
  return {
    element, notes: [text],
    draw(view) {
      if (!about.picture || !about.classes) {
        say(empty, t(about.test_samples ? "no_pictures" : "no_data"));
        canvas.hidden = true;
        return;
      }
      shown = cells(view);
      say(text, note(view, shown));
      say(empty, "");
      pictures.fetch(shown.map(({ sample }) => sample));
      const drawn = shown.map(({ sample, guess }) => ({ picture: pictures.get(sample), guess }));
      // A thousand pictures are drawn only when they are others, or look or lie otherwise.
      const { width, height } = element.getBoundingClientRect();
      const state = JSON.stringify([width, height, colour("--card"), pictures.known.size, shown.map(({ sample, guess }) => [sample, guess])]);
      if (state === drawnAs) return;
      drawnAs = state;
      drawGrid(canvas, about, drawn, columns, rows, fills);
      const wrong = drawn.filter(({ picture, guess }) => picture && guess !== undefined && guess !== picture.label).length;
      canvas.setAttribute("aria-label", `${note(view, shown)}, ${t("wrong")}: ${wrong}`);
    },
    table(view) {
      const rows = cells(view).map(({ sample, guess }) => {
        const label = pictures.get(sample)?.label;
        return [sample, label ?? "–", guess ?? label ?? "–", guess !== undefined && guess !== label ? t("wrong") : t("right")];
      });
      return table([t("number"), t("truth"), t("guess"), ""], rows);
    },
  };
}
