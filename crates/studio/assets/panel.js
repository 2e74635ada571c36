// What all panels have in common: a frame with a title, a key, and the values as a table.

import { createElement } from "./dom.js";
import { translate } from "./text.js";

/**
 * A panel is `{ name, key, group, title(about), build(context) }`; `build` returns `{ element, notes, tools,
 * draw(view), table(view) }`. A `view` is the run, the step shown, and whether that is the latest.
 */
export function panelFrame(panel, context) {
  const body = panel.build(context);
  const title = panel.title(context.about);
  const attributes = { class: "values", tabindex: "0", role: "region", "aria-label": title, hidden: true };
  const values = createElement("div", attributes);
  let last = null;
  const fill = () => values.replaceChildren(body.table(last));
  const table = switchButton(translate("panel.as_table"), translate("panel.as_table_title"), (isPressed) => {
    values.hidden = !isPressed;
    if (isPressed && last) fill();
  });
  table.classList.add("as-table");
  const click = () => context.choose(panel.key);
  const key = createElement(
    "button",
    { type: "button", class: "key", title: translate("panel.keys"), "aria-keyshortcuts": panel.key, click },
    panel.key,
  );
  body.element.append(values);
  const caption = createElement(
    "figcaption",
    {},
    createElement("h2", {}, title),
    ...(body.notes ?? []),
    createElement("span", { class: "tools" }, ...(body.tools ?? []), table, key),
  );
  return {
    element: createElement("figure", { class: "panel", id: panel.name }, caption, body.element),
    panel,
    draw(view) {
      last = view;
      if (!values.hidden) fill();
      body.draw(view);
    },
  };
}

/** A toggle button. */
export function switchButton(label, title, changed) {
  const click = () => {
    const isPressed = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(isPressed));
    changed(isPressed);
  };
  const button = createElement("button", { type: "button", title, "aria-pressed": "false", click }, label);
  return button;
}
