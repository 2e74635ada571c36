// The switch between languages.

import { h } from "./dom.js";
import { language, languages, setLanguage } from "./text.js";

/** A button for each language; `changed` shows everything anew. */
export function languageSwitch(changed) {
  const button = (name) => h("button", { type: "button", lang: name, "aria-pressed": String(name === language()), click: () => { setLanguage(name); changed(); } }, languages[name].language);
  return h("span", { class: "languages" }, ...Object.keys(languages).map(button));
}
