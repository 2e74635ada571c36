// The messages of the pages, one file per language.

import en from "./text/en.json" with { type: "json" };
import zh from "./text/zh.json" with { type: "json" };

export const languages = { en, zh };

// Storage is not available to a page opened from a file, and neither of the two exists outside browsers.
const storage = (() => {
  try {
    return localStorage;
  } catch {
    return null;
  }
})();
const preferred = globalThis.navigator?.language.toLowerCase().startsWith("zh") ? "zh" : "en";
const stored = storage?.getItem("language") ?? preferred;
let current = stored in languages ? stored : "en";

export function language() {
  return current;
}

export function setLanguage(name) {
  current = name;
  storage?.setItem("language", name);
}

/** Whether there is a message `key`. */
export function hasMessage(key) {
  return Object.hasOwn(languages[current], key);
}

/** The message `key` in the current language, each `{name}` in it replaced by the value of that name. */
export function translate(key, values = {}) {
  const message = languages[current][key];
  if (message === undefined) throw new Error(`unknown message ${key}`);
  return message.replace(/\{(\w+)\}/g, (_, name) => {
    if (!(name in values)) throw new Error(`message ${key}: no value for {${name}}`);
    return values[name];
  });
}
