// Axes: their ranges, their ticks, and the text of numbers beside them. Pure functions, without the page.
//
// `src/picture/axis.rs` follows the same rules for pictures of reports: both are tested with `tests/axes.json`.

/** No bound is larger, so that the difference of two bounds is still a number. */
const LARGEST = 8e307;

const bounded = (value) => Math.min(LARGEST, Math.max(-LARGEST, value));

/** The share of a range that stays free at each end. */
const MARGIN = 0.06;

/** The range of values between `low` and `high`, with a margin. Values that are not negative have no margin below 0. */
export function paddedRange(low, high) {
  if (!(low <= high)) return [0, 1];
  const margin = (high - low || Math.abs(high) || 1) * MARGIN;
  return [low >= 0 ? Math.max(0, low - margin) : bounded(low - margin), bounded(high + margin)];
}

/**
 * The range of a curve by the rule of its panel, from its values in training and in an evaluated set.
 *
 * `floors`: from the floor that the best value has earned up to 1.
 * `quantile`: from 0. The first losses are far above all others and would flatten the rest, so the axis ends at
 * `factor` times a quantile of the evaluated losses without the first, or above the largest if that is lower. With fewer
 * than `few` of them it ends above the largest; with none, above the first `first_steps` training losses.
 */
export function curveRange(rule, training, evaluated) {
  const finite = evaluated.filter(Number.isFinite);
  const largest = finite.reduce((most, value) => Math.max(most, value), 0);
  if (rule.kind === "floors") return [rule.floors.find(([threshold]) => largest > threshold)?.[1] ?? 0, 1];
  if (finite.length === 0) {
    const first = training.slice(0, rule.first_steps).filter(Number.isFinite);
    return [0, bounded(Math.max(1, ...first) * rule.headroom)];
  }
  const top = bounded(Math.max(rule.smallest, largest * rule.headroom));
  if (finite.length < rule.few) return [0, top];
  const sorted = finite.slice(1).sort((a, b) => a - b);
  const usual = sorted[Math.floor(sorted.length * rule.quantile)] * rule.factor;
  return [0, Math.min(top, Math.max(usual, rule.smallest))];
}

/** The range of several curves, from the values in each evaluated set: no set leaves its own range. */
export function curvesRange(rule, training, evaluated) {
  const ranges = evaluated.map((values) => curveRange(rule, training, values));
  return [Math.min(...ranges.map(([low]) => low)), Math.max(...ranges.map(([, high]) => high))];
}

/** Round numbers between two bounds, at most `most` of them and one. */
export function ticks(low, high, most) {
  const rough = (high - low) / most || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const apart = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.999);
  const first = Math.ceil(low / apart - 1e-9);
  const found = [];
  // Bounded by a count: where `low` is large beside the distance, adding 1 to a number may not change it.
  for (let i = 0; i <= most + 1; i++) {
    const value = (first + i) * apart;
    if (!(value <= high + apart * 1e-9)) break;
    found.push(Number(value.toPrecision(12)));
  }
  return found;
}

/** A step in the unit of the largest step on the axis. */
export function stepText(step, largest) {
  const [unit, size] = step === 0 ? ["", 1] : largest >= 1e6 ? ["M", 1e6] : largest >= 1e4 ? ["k", 1e3] : ["", 1];
  return `${Number((step / size).toPrecision(4))}${unit}`;
}

/** A fraction as a percentage on an axis: whole if it is, else with one decimal. */
export function axisPercent(fraction) {
  return `${(100 * fraction).toFixed(Number.isInteger(Math.round(fraction * 1e6) / 1e4) ? 0 : 1)} %`;
}
