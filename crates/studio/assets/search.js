// Searching among things in order.

/** How many of some things, in order of their steps, come no later than `step`. */
export function countUpTo(things, step, stepOf = (event) => event.step) {
  let [low, high] = [0, things.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (stepOf(things[middle]) <= step) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The last of some events that comes no later than `step`. */
export function latest(events, step) {
  return events[countUpTo(events, step) - 1];
}

/** The place of the step nearest to `step`; -1 if there are none. */
export function nearest(steps, step) {
  const after = countUpTo(steps, step, (each) => each);
  if (after === 0 || after === steps.length) return Math.min(after, steps.length - 1);
  return step - steps[after - 1] < steps[after] - step ? after - 1 : after;
}
