// Pictures side by side: what the panels of training and of test digits have in common.

import { colour, h, say, table } from "../dom.js";
import { cellAt, drawGrid, placeOf } from "../pictures.js";
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
  /** The cell that the arrow keys have chosen. */
  let chosen = -1;
  const enlarge = (cell) => { if (shown[cell]) open(shown[cell].sample, shown[cell].guess); };
  /** Says beside a place what a cell there shows. */
  const tell = (cell, { clientX, clientY }) => {
    const { sample, guess } = shown[cell] ?? {};
    const picture = pictures.get(sample);
    readout.hidden = !picture;
    if (!picture) return;
    say(readout, `${t("number")} ${sample} · ${t("truth")} ${picture.label} · ${t("guess")} ${guess ?? picture.label}`);
    const box = element.getBoundingClientRect();
    const [isRight, isLow] = [clientX > box.left + box.width / 2, clientY > box.top + box.height / 2];
    Object.assign(readout.style, {
      left: isRight ? "auto" : `${clientX - box.left + 14}px`, right: isRight ? `${box.right - clientX + 10}px` : "auto",
      top: isLow ? "auto" : `${clientY - box.top + 14}px`, bottom: isLow ? `${box.bottom - clientY + 10}px` : "auto",
    });
  };
  const hide = () => { readout.hidden = true; };
  canvas.addEventListener("click", (event) => enlarge(cellAt(canvas, event, columns, rows)));
  canvas.addEventListener("pointermove", (event) => tell(cellAt(canvas, event, columns, rows), event));
  canvas.addEventListener("pointerleave", hide);
  canvas.addEventListener("blur", hide);
  canvas.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    if ((!move && event.key !== "Enter") || shown.length === 0) return;
    // The key is not to press the button of the window that opens.
    event.preventDefault();
    if (!move) return enlarge(chosen);
    chosen = chosen < 0 ? 0 : Math.min(shown.length - 1, Math.max(0, chosen + move));
    tell(chosen, placeOf(canvas, chosen, columns, rows));
  });
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
