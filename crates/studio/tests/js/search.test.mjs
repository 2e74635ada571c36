// Binary search in events and steps.

import assert from "node:assert/strict";
import { test } from "node:test";

import { countUpTo, latest, nearest } from "../../assets/search.js";

const events = [0, 10, 10, 20].map((step, i) => ({ step, i }));

test("events up to a step are counted", () => {
  const cases = [[-1, 0], [0, 1], [9, 1], [10, 3], [19.5, 3], [20, 4], [99, 4]];
  for (const [step, count] of cases) assert.equal(countUpTo(events, step), count, `step ${step}`);
  assert.equal(countUpTo([], 5), 0);
});

test("the latest event is the last of its step", () => {
  assert.equal(latest(events, 15).i, 2);
  assert.equal(latest(events, -1), undefined);
});

test("the nearest step is the earlier one of two at the same distance or nearer", () => {
  const steps = [0, 10, 20];
  const cases = [[-5, 0], [4, 0], [5, 1], [6, 1], [14, 1], [16, 2], [99, 2]];
  for (const [step, index] of cases) assert.equal(nearest(steps, step), index, `step ${step}`);
  assert.equal(nearest([], 5), -1);
});

test("a search agrees with a scan", () => {
  for (let length = 0; length < 12; length++) {
    const steps = Array.from({ length }, (_, i) => i * 3);
    for (let step = -1; step < 40; step++) {
      const count = steps.filter((each) => each <= step).length;
      assert.equal(countUpTo(steps, step, (each) => each), count);
      const distances = steps.map((each) => Math.abs(each - step));
      const index = nearest(steps, step);
      assert.equal(distances[index], length ? Math.min(...distances) : undefined);
    }
  }
});
