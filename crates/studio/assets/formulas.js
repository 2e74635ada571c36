// What pages of formulas share.

import { formatNumber } from "./format.js";

/** The words of a formula, names of values among them. */
export const wordsOf = (formula) => new Set(formula.match(/[\p{L}_][\p{L}\p{N}_]*/gu) ?? []);

/** The values whose names stand in a formula. */
export function valuesFor(formula, values) {
  const words = wordsOf(formula);
  return Object.fromEntries(Object.entries(values).filter(([name]) => words.has(name)));
}

/** A number or a vector with six significant digits. */
export function valueText(value) {
  if (Array.isArray(value)) return `[${value.map(valueText).join(", ")}]`;
  return value === null || value === undefined ? "–" : formatNumber(value, 6);
}
