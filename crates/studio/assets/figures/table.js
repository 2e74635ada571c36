// A table with marked cells.

import { createElement } from "../dom.js";
import { translate } from "../text.js";

/** What is also said by a sign, for readers who do not see colours. */
const SIGNS = { right: "✓", wrong: "✗" };

/** Cells are aligned at the right unless they say otherwise. */
export const alignment = (align) => (align === "left" ? "left" : null);

export default function table({ title, columns, rows }) {
  const align = columns.map((column) => alignment(column.align));
  const head = columns.map(({ label }, i) =>
    label === "" ? createElement("td") : createElement("th", { scope: "col", class: align[i] }, label),
  );
  const cell = ({ text, mark }, i) => {
    const sign = SIGNS[mark]
      ? createElement("span", { role: "img", "aria-label": translate(`mark.${mark}`) }, ` ${SIGNS[mark]}`)
      : null;
    return createElement("td", { class: [align[i], mark && `mark-${mark}`].filter(Boolean).join(" ") }, text, sign);
  };
  const body = rows.map((cells) => createElement("tr", {}, ...cells.map(cell)));
  const attributes = {
    class: "scroll",
    tabindex: "0",
    role: "group",
    "aria-label": title ?? translate("figure.table"),
  };
  return createElement(
    "div",
    attributes,
    createElement(
      "table",
      {},
      createElement("thead", {}, createElement("tr", {}, ...head)),
      createElement("tbody", {}, ...body),
    ),
  );
}
