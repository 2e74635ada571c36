// What follows from the predictions for a part. Pure functions, without the page.

/** `[[true negatives, false positives], [false negatives, true positives]]` if class 1 is predicted from a threshold on. */
export function confusionAt(labels, probabilities, threshold) {
  const counts = [[0, 0], [0, 0]];
  labels.forEach((label, i) => counts[label][Number(probabilities[i] >= threshold)]++);
  return counts;
}

/** Metrics of a confusion matrix of two classes, those of class 1; NaN where one is undefined. */
export function ratesOf([[negatives, alarms], [misses, hits]]) {
  const precision = hits / (hits + alarms);
  const recall = hits / (hits + misses);
  const specificity = negatives / (negatives + alarms);
  return {
    accuracy: (negatives + hits) / (negatives + alarms + misses + hits),
    balanced_accuracy: (recall + specificity) / 2,
    precision,
    recall,
    f1: (2 * hits) / (2 * hits + alarms + misses),
  };
}

/** The smallest and the largest of finite values; 0 and 1 if there are none. */
export function extent(values) {
  if (values.length === 0) return [0, 1];
  return values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
}

/** How many of the finite values are in each of `bins` bins of equal width, and the edges of these. */
export function histogramOf(values, bins, range = null) {
  const finite = values.filter(Number.isFinite);
  let [low, high] = range ?? extent(finite);
  if (low === high) [low, high] = [low - 0.5, high + 0.5];
  const counts = Array(bins).fill(0);
  for (const value of finite) {
    const bin = Math.floor(((value - low) / (high - low)) * bins);
    counts[Math.min(bins - 1, Math.max(0, bin))]++;
  }
  const edges = Array.from({ length: bins + 1 }, (_, i) => low + ((high - low) * i) / bins);
  return { edges, counts };
}

/** The rows of a table of a confusion matrix: correct predictions on the diagonal, the share of each label beside it. */
export function confusionRows(names, confusion) {
  return confusion.map((counts, label) => {
    const total = counts.reduce((sum, count) => sum + count, 0);
    const cell = (count, predicted) => {
      const mark = predicted === label ? "right" : count > 0 ? "wrong" : "quiet";
      return { count, mark };
    };
    return { name: names[label], cells: counts.map(cell), recall: counts[label] / total };
  });
}
