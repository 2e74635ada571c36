// One digit, enlarged, with what the network says of it.

import { h, whenLightChanges } from "./dom.js";
import { few, percent, whole } from "./format.js";
import { inside } from "./network.js";
import { drawGrid } from "./pictures.js";
import { t } from "./text.js";

/** What the network says of each class as bars: probabilities, or the scores where its loss knows none. */
export function chances({ probabilities, scores }) {
  const values = [...(probabilities ?? scores)];
  const top = Math.max(...values);
  const [low, high] = probabilities ? [0, 1] : [Math.min(0, ...values), Math.max(0, top)];
  const share = (length) => `${(100 * length) / (high - low || 1)}%`;
  return h("div", { class: "chances" }, ...values.flatMap((value, label) => {
    const kind = value === top ? "top" : "";
    const bar = h("i");
    bar.style.width = share(Math.abs(value));
    bar.style.marginLeft = share(Math.min(0, value) - low);
    return [h("span", { class: kind }, label), h("span", {}, bar), h("span", { class: kind }, probabilities ? percent(value, 1) : few(value))];
  }));
}

/** The name of what `chances` shows. */
export const chancesTitle = ({ probabilities }, { classes }) => t(probabilities ? "probabilities" : classes ? "scores" : "values");

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
  const draw = () => drawGrid(canvas, about, [{ picture, guess: undefined }], 1, 1);
  const endLight = whenLightChanges(draw);
  dialog.addEventListener("close", () => { endLight(); dialog.remove(); });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  document.body.append(dialog);
  dialog.showModal();
  draw();
  const found = await inside(about.id, set, sample, at);
  if (!found) answer.append(h("p", { class: "note" }, t("no_network")));
  else answer.append(h("p", {}, `${chancesTitle(found, about)} · ${t("network_at", { step: whole(found.step) })}`), chances(found));
}
