// What figures and explanations compute before they draw.

import assert from "node:assert/strict";
import { test } from "node:test";

import { listed, parseElement, termMap } from "../../assets/explanation.js";
import { shownAt } from "../../assets/figures/graph.js";
import { axisRange, Plane } from "../../assets/figures/plane.js";
import { valuesFor, valueText } from "../../assets/formulas.js";
import { packPixels, unpackPixels } from "../../assets/links.js";
import { readQuery as descentOf } from "../../assets/pages/descent.js";
import { readQuery as formulaOf } from "../../assets/pages/graph.js";

test("the passes are shown edge by edge, the backward one from the end", () => {
  const edges = [{ gradient: {} }, { gradient: null }, { gradient: {} }];
  const stages = [0, 1, 3, 4, 5, Infinity].map((stage) => {
    const { values, gradients, at, end } = shownAt(edges, stage);
    return [[...values], [...gradients], at?.edge, at?.pass, end];
  });
  assert.deepEqual(stages, [
    [[], [], undefined, undefined, 5],
    [[0], [], 0, "forward", 5],
    [[0, 1, 2], [], 2, "forward", 5],
    [[0, 1, 2], [2], 2, "backward", 5],
    [[0, 1, 2], [2, 0], 0, "backward", 5],
    [[0, 1, 2], [2, 0], 0, "backward", 5],
  ]);
});

test("a plane has round ticks, on logarithmic axes powers of ten", () => {
  const x = { label: "x", scale: "linear", range: [0, 10] };
  const y = { label: "y", scale: "log", range: [1e-6, 1] };
  const plane = new Plane({ width: 500, height: 260, x, y });
  assert.deepEqual(plane.ticksOf("x"), [0, 2, 4, 6, 8, 10]);
  assert.deepEqual(plane.ticksOf("y"), [1e-6, 1e-4, 1e-2, 1]);
  const [left, top] = [plane.x(2.5), plane.y(1e-3)];
  const [backX, backY] = plane.valueAt(left, top);
  assert.ok(Math.abs(backX - 2.5) < 1e-9 && Math.abs(backY / 1e-3 - 1) < 1e-9);
  assert.ok(!plane.isShown(1, 0) && !plane.isShown(null, 1) && plane.isShown(1, 1));
  const equal = new Plane({ width: 500, height: 260, x, y: { ...y, scale: "linear", range: [0, 10] }, isEqual: true });
  assert.ok(Math.abs(equal.x(1) - equal.x(0) - (equal.y(0) - equal.y(1))) < 1e-9);
});

test("an axis spans the values that it can show", () => {
  const axis = (scale, range = null) => ({ label: "", scale, range });
  assert.deepEqual(axisRange(axis("linear", [1, 2]), [0, 9]), [1, 2]);
  assert.deepEqual(axisRange(axis("log"), [0, -1, NaN, 1, 100]), [1 / 1.2, 120]);
  assert.deepEqual(axisRange(axis("log"), [null, 0]), [0.1, 1]);
  assert.deepEqual(axisRange(axis("linear"), []), [0, 1]);
  const [low, high] = axisRange(axis("linear"), [null, -1, 1]);
  assert.ok(low < -1 && high > 1);
});

test("names of elements are read", () => {
  const plain = { isGradient: false, path: "loss", index: [], sample: null };
  assert.deepEqual(parseElement("loss"), plain);
  assert.deepEqual(parseElement("8.linear.weight[412, 17]"), { ...plain, path: "8.linear.weight", index: [412, 17] });
  assert.deepEqual(parseElement("gradient:8.linear[17]@3"), {
    ...{ isGradient: true, path: "8.linear", index: [17], sample: 3 },
  });
  assert.deepEqual(parseElement("[[").path, "[[");
});

test("terms beyond the listed ones are added up with the rest", () => {
  const terms = [3, -2, 1, 0.5].map((product) => ({ product }));
  assert.deepEqual(listed({ terms, rest: { count: 10, sum: 4 } }, 2), {
    shown: terms.slice(0, 2),
    count: 12,
    sum: 5.5,
  });
  assert.deepEqual(listed({ terms, rest: null }, 4), { shown: terms, count: 0, sum: 0 });
});

test("terms are put at their places on a map, also on a flattened one", () => {
  const term = (element, product) => ({ element, product });
  const map = { terms: [term("a[0, 1, 0]", 2), term("a[0, 1, 1]", -5), term("a[1, 0, 1]", 1), term("b", 9)] };
  const flat = { terms: [term("a[2]", 2), term("a[3]", -5), term("a[5]", 1), term("b", 9)] };
  for (const explanation of [map, flat]) {
    const { path, sums, largest } = termMap(explanation, (name) => (name === "a" ? [2, 2, 2] : null));
    assert.equal(path, "a");
    assert.deepEqual([...sums], [0, -3, 1, 0]);
    assert.deepEqual(largest, [null, explanation.terms[1].element, explanation.terms[2].element, null]);
  }
  assert.equal(
    termMap(map, () => [8]),
    null,
  );
  assert.equal(
    termMap({ terms: [] }, () => [2, 2, 2]),
    null,
  );
});

test("a drawing fits into an address", () => {
  const pixels = Uint8Array.from({ length: 784 }, (_, i) => (i * 7) % 256);
  const packed = packPixels(pixels);
  assert.match(packed, /^[\w-]+$/);
  assert.deepEqual(unpackPixels(packed), [...pixels]);
  assert.equal(unpackPixels("%%%"), null);
});

test("formulas and races are read from addresses, whatever stands there", () => {
  assert.deepEqual(formulaOf("formula=x%5E2&x=3&s=1,2&y=abc"), { formula: "x^2", at: { x: 3, s: [1, 2] } });
  assert.equal(formulaOf("").at.tax, 1.1);
  const race = descentOf("formula=x%5E2&from=x:-3&optimizers=adam:0.5,other:1&steps=100000&ascend=1");
  assert.deepEqual([race.formula, race.from, race.steps, race.ascend], ["x^2", { x: -3 }, 300, true]);
  const chosen = race.optimizers.filter(({ isOn }) => isOn);
  assert.deepEqual(chosen, [{ name: "adam", isOn: true, rate: 0.5 }]);
  const usual = descentOf("steps=x&seed=-1");
  assert.deepEqual([usual.steps, usual.seed, usual.from], [30, 0, { x: -7, y: 2 }]);
});

test("values are sent for the names that a formula has", () => {
  const values = { x: 1, exp: 2, 价格: 3, y: 4 };
  assert.deepEqual(valuesFor("2x + x1 * 价格 * exp(y)", { ...values, x1: 5 }), { x: 1, exp: 2, 价格: 3, y: 4, x1: 5 });
  assert.deepEqual(valuesFor("", values), {});
});

test("numbers, vectors and what is undefined are written", () => {
  assert.deepEqual([22, [1, null], null].map(valueText), ["22", "[1, –]", "–"]);
});
