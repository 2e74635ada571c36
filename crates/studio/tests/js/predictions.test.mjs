// What follows from the predictions for a part.

import assert from "node:assert/strict";
import { test } from "node:test";

import { confusionAt, confusionRows, histogramOf, ratesOf } from "../../assets/predictions.js";

test("the threshold decides which class is predicted, itself included", () => {
  const [labels, probabilities] = [[0, 0, 1, 1, 1], [0.1, 0.6, 0.4, 0.5, 0.9]];
  assert.deepEqual(confusionAt(labels, probabilities, 0.5), [[1, 1], [1, 2]]);
  assert.deepEqual(confusionAt(labels, probabilities, 0), [[0, 2], [0, 3]]);
  assert.deepEqual(confusionAt(labels, probabilities, 1), [[2, 0], [3, 0]]);
});

test("rates are those of the second class, and undefined ones no numbers", () => {
  const { accuracy, balanced_accuracy: balanced, precision, recall, f1 } = ratesOf([[1, 1], [1, 2]]);
  assert.equal(accuracy, 3 / 5);
  assert.equal(precision, 2 / 3);
  assert.equal(recall, 2 / 3);
  assert.equal(balanced, (2 / 3 + 1 / 2) / 2);
  assert.equal(f1, 4 / 6);
  assert.ok(Number.isNaN(ratesOf([[2, 0], [3, 0]]).precision));
});

test("a histogram counts every finite value once", () => {
  const found = histogramOf([0, 1, 2, 3, 4, NaN, Infinity], 2);
  assert.deepEqual(found, { edges: [0, 2, 4], counts: [2, 3] });
  assert.deepEqual(histogramOf([7, 7], 1), { edges: [6.5, 7.5], counts: [2] });
  assert.deepEqual(histogramOf([], 1).counts, [0]);
  assert.deepEqual(histogramOf([0, 1, 0.5], 4, [0, 1]).counts, [1, 0, 1, 1]);
});

test("a confusion matrix has its diagonal marked, and the share of each label", () => {
  const rows = confusionRows(["a", "b"], [[3, 1], [0, 2]]);
  assert.deepEqual(rows[0].cells.map(({ mark }) => mark), ["right", "wrong"]);
  assert.deepEqual(rows[1].cells.map(({ mark }) => mark), ["quiet", "right"]);
  assert.deepEqual(rows.map(({ recall }) => recall), [0.75, 1]);
});
