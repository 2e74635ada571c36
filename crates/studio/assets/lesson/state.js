// The state of a lesson: the part after `#` of its address, as a query with a key for each value that was changed.

/** The keys and values of a state, in their order; the address of a lesson may be given whole. */
export function parseState(text) {
  const state = text.trim().replace(/^[^#]*#/, "");
  const pairs = state.split("&").filter(Boolean);
  return new Map(pairs.map((pair) => [pair.split("=", 1)[0], pair.slice(pair.indexOf("=") + 1)]));
}

/** The text of a state. */
export const stateText = (state) => [...state].map(([key, value]) => `${key}=${value}`).join("&");

/** A value as it stands in a state: commas and what needs no escape stay readable. */
export const escapeValue = (value) => encodeURIComponent(value).replaceAll("%2C", ",");

/** Adds a value, or takes it away if it is null. */
export function withValue(state, key, value) {
  const other = new Map(state);
  if (value === null) other.delete(key);
  else other.set(key, escapeValue(value));
  return other;
}

/** The keys of the controls that are hidden. */
export const hiddenKeys = (state) =>
  decodeURIComponent(state.get("hide") ?? "")
    .split(",")
    .filter(Boolean);

/** Hides or shows a control. */
export function withHidden(state, key, isHidden) {
  const others = hiddenKeys(state).filter((other) => other !== key);
  const keys = isHidden ? [...others, key] : others;
  return withValue(state, "hide", keys.length > 0 ? keys.join(",") : null);
}
