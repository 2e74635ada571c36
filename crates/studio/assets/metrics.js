// Metrics of a run: their names and values as text, also of those that this version does not know.

import { formatNumber, formatPercent } from "./format.js";
import { hasMessage, translate } from "./text.js";

/** The name of a metric: translated, or as it is in the log. */
export function metricName(name) {
  const key = `metric_name.${name}`;
  return hasMessage(key) ? translate(key) : name.replaceAll("_", " ");
}

/** A value of a metric in its unit. */
export function metricText({ unit }, value) {
  return unit === "fraction" ? formatPercent(value ?? NaN) : formatNumber(value ?? NaN, 4);
}

/** The sentence that says that the test set chose the best values of a run; null if another set did. */
export function selectionNote(started) {
  // With the loss alone, no best value is shown.
  const isChosen = started?.selection?.part === "test" && started.metrics.length > 1;
  return isChosen ? translate("common.chosen_by_test") : null;
}

/** The sentence on the value that ended a run: what was not finite, of which node, in which layer. */
export function notFiniteText({ step, what, layer, node, shape }) {
  if (!node) return translate("warning.not_finite_norm", { step });
  const of = `${node} [${shape.map((size) => size ?? "N").join(", ")}]`;
  const isData = node === "input" || node === "target";
  const where = layer ?? translate(isData ? "warning.in_data" : "warning.in_loss");
  return translate(`warning.not_finite_${what}`, { step, of, where });
}
