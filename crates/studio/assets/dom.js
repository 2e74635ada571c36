// Helpers to build and change elements. Texts are never parsed as HTML.

/**
 * Creates an element: `createElement("p", { class: "note" }, "text", other)`. An attribute whose value is a
 * function is an event listener.
 */
export function createElement(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key, value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Creates an element of an SVG. */
export function createSvg(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Opens a dialog with a button that closes it; a click beside it does so too. `closed` is called at the end. */
export function openDialog(attributes, closeText, closed, ...children) {
  const close = createElement("button", { class: "main" }, closeText);
  const form = createElement("form", { method: "dialog", class: "buttons" }, close);
  const dialog = createElement("dialog", attributes, ...children, form);
  dialog.addEventListener("close", () => {
    closed();
    dialog.remove();
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
}

/** A table of texts and elements. A column without a name has no header cell. */
export function createTable(head, rows) {
  const cell = (kind, content) =>
    createElement(content === "" ? "td" : kind, {}, content instanceof Node ? content : String(content));
  const row = (kind, contents) => createElement("tr", {}, ...contents.map((content) => cell(kind, content)));
  const body = rows.map((contents) => row("td", contents));
  return createElement("table", {}, createElement("thead", {}, row("th", head)), createElement("tbody", {}, ...body));
}

/** A frame for a table that may be wider than the page: it is scrolled, by keys as well. */
export function tableFrame(id, ...children) {
  return createElement("div", { class: "table", id, tabindex: "0" }, ...children);
}

/** The value of a colour of the style sheet in the current colour scheme. */
export function cssColor(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Red, green and blue of a colour of the style sheet, such as `#3b63e6`. */
export function cssRgb(name) {
  const value = parseInt(cssColor(name).slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/** Calls `changed` when the system switches between light and dark. Returns a function that removes the listener. */
export function onColorSchemeChange(changed) {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", changed);
  return () => dark.removeEventListener("change", changed);
}

/** Sets a text only if it differs, to avoid layout. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Sets the size of a canvas only if it differs: setting it clears the canvas. */
export function resizeCanvas(canvas, width, height) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
}
