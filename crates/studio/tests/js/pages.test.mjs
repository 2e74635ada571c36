// What pages compute before they draw.

import assert from "node:assert/strict";
import { test } from "node:test";

import { filtered, parseNumber, sorted } from "../../assets/pages/runs.js";
import { panelViews } from "../../assets/pages/train.js";
import { panels } from "../../assets/panels/all.js";
import { misclassifiedFirst } from "../../assets/panels/test_samples.js";

const runs = [
  { id: "softmax-1", state: "finished", settings: [["train.steps", "120"], ["train.seed", "1"]], accuracy: 0.9 },
  { id: "softmax-2", state: "crashed", settings: [["train.steps", "1200"]], accuracy: null },
  { id: "five-relu-1", state: "running", settings: [["train.steps", "120"]], accuracy: 0.95 },
];
const ids = (found) => found.map(({ id }) => id);

test("runs match all words of a filter in their name, state and settings", () => {
  const cases = [
    ["", ["softmax-1", "softmax-2", "five-relu-1"]],
    ["SOFT", ["softmax-1", "softmax-2"]],
    ["soft train.steps=120", ["softmax-1", "softmax-2"]],
    ["relu  train.steps=120", ["five-relu-1"]],
    ["unexpectedly", ["softmax-2"]],
    ["no such", []],
  ];
  for (const [filter, expected] of cases) assert.deepEqual(ids(filtered(runs, filter)), expected, filter);
});

test("runs without a value come last in both directions", () => {
  const column = { value: (run) => run.accuracy };
  assert.deepEqual(ids(sorted(runs, { column, isDescending: true })), ["five-relu-1", "softmax-1", "softmax-2"]);
  assert.deepEqual(ids(sorted(runs, { column, isDescending: false })), ["softmax-1", "five-relu-1", "softmax-2"]);
});

test("settings are sorted as numbers where they are numbers", () => {
  assert.deepEqual(["12", " 1e3 ", "", "adam", undefined].map(parseNumber), [12, 1000, "", "adam", undefined]);
});

test("the keys show one panel, a group of panels or all", () => {
  const views = panelViews(panels);
  assert.deepEqual(views[1], ["1"]);
  assert.deepEqual([views[7], views[8], views[9]], [["1", "2"], ["4", "5"], ["3", "6"]]);
  assert.deepEqual(views[0], ["1", "2", "3", "4", "5", "6"]);
  assert.deepEqual(views.Escape, views[0]);
});

test("every panel has a name and a key of its own", () => {
  for (const field of ["name", "key"]) assert.equal(new Set(panels.map((panel) => panel[field])).size, panels.length);
});

test("misclassified samples come first, then the others in order", () => {
  const cells = misclassifiedFirst([[3, 7], [1, 2]], 5, 1000);
  assert.deepEqual(ids(cells.map(({ sample }) => ({ id: sample }))), [3, 1, 0, 2, 4]);
  assert.deepEqual(cells[0], { sample: 3, prediction: 7 });
  assert.equal(cells[2].prediction, undefined);
  assert.equal(misclassifiedFirst([], 10_000, 1000).length, 1000);
  assert.equal(misclassifiedFirst(Array.from({ length: 1200 }, (_, i) => [i, 0]), 10_000, 1000).length, 1000);
});
