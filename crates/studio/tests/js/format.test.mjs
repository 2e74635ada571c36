// Numbers, durations and dates as text.

import assert from "node:assert/strict";
import { test } from "node:test";

import * as format from "../../assets/format.js";

const check = (formatter, cases) => {
  for (const [args, expected] of cases) assert.equal(formatter(...args), expected, `${formatter.name}(${args})`);
};

test("integers have thousands separators", () => {
  check(format.formatInteger, [[[0], "0"], [[1234567], "1,234,567"], [[1.6], "2"], [[null], "–"], [[undefined], "–"]]);
});

test("percentages have fixed decimals", () => {
  check(format.formatPercent, [[[0.98765], "98.77 %"], [[1, 0], "100 %"], [[NaN], "–"], [[Infinity], "–"]]);
});

test("metrics in a column have the same decimals", () => {
  check(format.formatMetric, [
    [[0.9], "0.9000"],
    [[0.98765], "0.9877"],
    [[0], "0.0000"],
    [[-2.5], "-2.5000"],
    [[123456.7], "123456.7000"],
    [[0.000031416], "3.14e-5"],
    [[7.25e8], "7.25e+8"],
    [[NaN], "–"],
  ]);
});

test("numbers of any magnitude have few digits", () => {
  check(format.formatNumber, [
    [[0], "0"],
    [[-0], "0"],
    [[0.12345], "0.123"],
    [[-1234.5], "-1230"],
    [[99999], "100000"],
    [[100000], "1.00e+5"],
    [[0.00009999], "1.00e-4"],
    [[0.0001], "0.0001"],
    [[3.14159, 4], "3.142"],
    [[1e-300], "1.00e-300"],
    [[NaN], "–"],
    [[-Infinity], "–"],
  ]);
});

test("rates have a prefix", () => {
  check(format.formatRate, [
    [[21400], "21.4 k/s"],
    [[999], "999 /s"],
    [[1e6], "1 M/s"],
    [[1.2345e7], "12.3 M/s"],
    [[NaN], "–"],
  ]);
});

test("durations have two units at most", () => {
  check(format.formatDuration, [
    [[0], "0 s"],
    [[-1], "0 s"],
    [[1.26], "1.3 s"],
    [[21.4], "21 s"],
    [[59.6], "1 min 0 s"],
    [[185], "3 min 5 s"],
    [[7620], "2 h 7 min"],
    [[NaN], "–"],
  ]);
});

test("a time that is unknown has no date", () => {
  assert.equal(format.formatDateTime(0), "–");
  assert.match(format.formatDateTime(1_000_000_000), /2001/);
});
