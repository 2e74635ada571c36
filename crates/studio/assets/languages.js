// The buttons that switch the language.

import { createElement } from "./dom.js";
import { language, languages, setLanguage } from "./text.js";

/** A button for each language; `changed` is called to build the page again. */
export function languageSwitch(changed) {
  const button = (name) => {
    const click = () => {
      setLanguage(name);
      changed();
    };
    const attributes = { type: "button", lang: name, "aria-pressed": String(name === language()), click };
    return createElement("button", attributes, languages[name]["language.name"]);
  };
  return createElement("span", { class: "languages" }, ...Object.keys(languages).map(button));
}
