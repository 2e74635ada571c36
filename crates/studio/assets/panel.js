// What all panels have: a frame with a title, its key, and the values as a table for those who want or need them.

import { h } from "./dom.js";
import { t } from "./text.js";

/**
 * A panel is `{ name, key, title(about), build(context) }`; `build` returns `{ element, notes, tools, draw(view),
 * table(view) }`. `view` is the run, the step it is shown at, and whether that is the latest.
 */
export function frame(panel, context) {
  const body = panel.build(context);
  const title = panel.title(context.about);
  const values = h("div", { class: "values", tabindex: "0", role: "region", "aria-label": title, hidden: true });
  const toggle = h("button", { type: "button", class: "as-table", title: t("show_table"), "aria-pressed": "false", click: () => show(values.hidden) }, t("as_table"));
  const key = h("button", { type: "button", class: "key", title: t("keys"), "aria-keyshortcuts": panel.key, click: () => context.choose(panel.key) }, panel.key);
  const stage = body.element;
  stage.append(values);
  const element = h(
    "figure", { class: "panel", id: panel.name },
    h("figcaption", {}, h("h2", {}, title), ...(body.notes ?? []), h("span", { class: "tools" }, ...(body.tools ?? []), toggle, key)),
    stage,
  );
  let last = null;
  const fill = () => values.replaceChildren(body.table(last));
  function show(isTable) {
    values.hidden = !isTable;
    toggle.setAttribute("aria-pressed", String(isTable));
    if (isTable && last) fill();
  }
  return {
    element, panel,
    draw(view) {
      last = view;
      if (!values.hidden) fill();
      body.draw(view);
    },
  };
}

/** A button that is on or off. */
export function switchButton(label, title, changed) {
  const button = h("button", { type: "button", title, "aria-pressed": "false", click: () => {
    const isOn = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(isOn));
    changed(isOn);
  } }, label);
  return button;
}
