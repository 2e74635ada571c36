// One digit, enlarged, with what the network says of it.

import { h } from "./dom.js";
import { percent } from "./format.js";
import { inside } from "./network.js";
import { drawGrid } from "./pictures.js";
import { t } from "./text.js";

/** The probability of each class as bars. */
export function chances(probabilities) {
  const top = Math.max(...probabilities);
  return h("div", { class: "chances" }, ...probabilities.flatMap((share, label) => {
    const kind = share === top ? "top" : "";
    const bar = h("i");
    bar.style.width = `${100 * share}%`;
    return [h("span", { class: kind }, label), h("span", {}, bar), h("span", { class: kind }, percent(share, 1))];
  }));
}

/** Opens a window with a sample of `set`, and what the network says of it now or near the step `at`. */
export async function openDigit(about, pictures, set, sample, guess, at) {
  const picture = pictures.get(sample);
  if (!picture) return;
  const canvas = h("canvas", { role: "img", "aria-label": t("it_is", { truth: picture.label }) });
  const answer = h("div");
  const isRight = guess === undefined || guess === picture.label;
  const dialog = h(
    "dialog", { class: "digit-window" },
    h("h2", {}, t(set === "test" ? "digit_title" : "batch_title", { n: sample })),
    h("div", { class: "digit" }, canvas, answer),
    h("p", {}, t("it_is", { truth: picture.label }), " ", isRight ? t("recognised") : t("taken_for", { guess })),
    h("form", { method: "dialog", class: "buttons" }, h("button", { class: "main" }, t("close"))),
  );
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  document.body.append(dialog);
  dialog.showModal();
  drawGrid(canvas, about, [{ picture, guess: undefined }], 1, 1);
  const found = await inside(about.id, set, sample, at);
  if (!found) answer.append(h("p", { class: "note" }, t("no_network")));
  else answer.append(h("p", {}, t("chances_at", { step: found.step })), chances(found.probabilities));
}
