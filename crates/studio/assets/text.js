// Texts in the reader's language. Every label stands in one file per language.

import en from "./text/en.js";
import zh from "./text/zh.js";

export const languages = { en, zh };

// A page that is opened as a file may have no storage.
const storage = (() => { try { return localStorage; } catch { return null; } })();
const stored = storage?.getItem("language") ?? null;
const wanted = stored ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");
let current = wanted in languages ? wanted : "en";

export function language() {
  return current;
}

export function setLanguage(name) {
  current = name;
  storage?.setItem("language", name);
}

/** The text called `key`, with `{name}` replaced by the values. */
export function t(key, values = {}) {
  const text = languages[current][key] ?? en[key];
  if (text === undefined) throw new Error(`there is no text ${key}`);
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}
