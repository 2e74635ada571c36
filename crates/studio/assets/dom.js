// Elements, made from names and texts. Texts are never read as HTML.

/** Makes an element: `h("p", { class: "note" }, "text", other)`. A function among the attributes listens. */
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key, value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** A table of texts and elements. */
export function table(head, rows) {
  const cells = (kind, texts) => h("tr", {}, ...texts.map((text) => h(kind, {}, text instanceof Node ? text : String(text))));
  return h("table", {}, h("thead", {}, cells("th", head)), h("tbody", {}, ...rows.map((row) => cells("td", row))));
}

/** The value of a colour of the style sheet, in the light that is on now. */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** The three parts of a colour of the style sheet, such as `#3b63e6`. */
export function rgb(name) {
  const value = parseInt(colour(name).slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/** Calls `changed` whenever the system turns light or dark. Returns what ends that. */
export function whenLightChanges(changed) {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", changed);
  return () => dark.removeEventListener("change", changed);
}

/** Sets a text only if it has changed: nothing else is laid out anew. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
