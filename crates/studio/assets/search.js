// Binary search in events and steps, which are in ascending order.

/** How many of the items have a step of at most `step`. */
export function countUpTo(items, step, stepOf = (event) => event.step) {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (stepOf(items[middle]) <= step) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The last event up to `step`. */
export function latest(events, step) {
  return events[countUpTo(events, step) - 1];
}

/** The index of the step nearest to `step`; -1 if there are none. */
export function nearest(steps, step) {
  const after = countUpTo(steps, step, (each) => each);
  if (after === 0 || after === steps.length) return Math.min(after, steps.length - 1);
  return step - steps[after - 1] < steps[after] - step ? after - 1 : after;
}
