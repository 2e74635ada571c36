// Axes follow the rules that the pictures of reports follow as well: the cases are those of `src/picture/axis.rs`.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

import { axisPercent, curveRange, curvesRange, paddedRange, stepText, ticks } from "../../assets/axes.js";
import { formatNumber } from "../../assets/format.js";

const read = async (path) => JSON.parse(await readFile(new URL(path, import.meta.url), "utf8"));
const cases = await read("../axes.json");
const { panels } = await read("../../assets/panels/description.json");

test("axes follow the rules of the pictures of reports", () => {
  for (const [range, most, want] of cases.ticks) assert.deepEqual(ticks(...range, most), want, `ticks ${range} ${most}`);
  for (const [bounds, want] of cases.padded_range) assert.deepEqual(paddedRange(...bounds), want, `paddedRange ${bounds}`);
  for (const [name, training, test, want] of cases.curve_range) {
    const { range } = panels.find((panel) => panel.name === name);
    assert.deepEqual(curveRange(range, training, test), want, `curveRange ${name} ${training} ${test}`);
  }
  for (const [name, training, evaluated, want] of cases.curves_range) {
    const { range } = panels.find((panel) => panel.name === name);
    assert.deepEqual(curvesRange(range, training, evaluated), want, `curvesRange ${name} ${evaluated}`);
  }
  for (const [step, largest, want] of cases.step_text) assert.equal(stepText(step, largest), want);
  for (const [value, digits, want] of cases.short_number) assert.equal(formatNumber(value, digits), want);
  for (const [fraction, want] of cases.axis_percent) assert.equal(axisPercent(fraction), want);
});

test("no value makes an axis infinite or endless", () => {
  const values = [-Number.MAX_VALUE, -3e38, -1, 0, 1e-300, 1, 3e38, 1e17, Number.MAX_VALUE];
  for (const low of values) {
    for (const high of values) {
      const range = paddedRange(low, high);
      assert.ok(Number.isFinite(range[1] - range[0]), `${low} ${high}: ${range}`);
      assert.ok(ticks(...range, 8).length <= 10);
    }
    const { range } = panels.find((panel) => panel.name === "loss");
    assert.ok(curveRange(range, [low], Array(5).fill(low)).every(Number.isFinite));
  }
});
