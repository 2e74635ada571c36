// The input of the model from a drawing.

import assert from "node:assert/strict";
import { test } from "node:test";

import { prepare } from "../../assets/prepare.js";

const SIDE = 280;

/** A drawing with full ink where `isInk(x, y)`. */
function drawing(isInk) {
  const ink = new Uint8Array(SIDE * SIDE);
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) if (isInk(x, y)) ink[y * SIDE + x] = 255;
  }
  return ink;
}

/** The bounding box of an input: left, top, right and bottom. */
function bounds(bytes) {
  const inked = [...bytes.keys()].filter((i) => bytes[i] > 0);
  const [columns, rows] = [inked.map((i) => i % 28), inked.map((i) => Math.floor(i / 28))];
  return [Math.min(...columns), Math.min(...rows), Math.max(...columns), Math.max(...rows)];
}

function centerOfMass(bytes) {
  let [mass, x, y] = [0, 0, 0];
  bytes.forEach((value, i) => {
    mass += value;
    x += value * (i % 28);
    y += value * Math.floor(i / 28);
  });
  return [x / mass, y / mass];
}

test("without ink there is no input", () => {
  assert.equal(prepare(new Uint8Array(SIDE * SIDE), SIDE), null);
  const faint = new Uint8Array(SIDE * SIDE).fill(15);
  assert.equal(prepare(faint, SIDE), null);
});

test("a square fills 20 × 20 in the middle, wherever and however large it is drawn", () => {
  for (const [left, top, size] of [[0, 0, 40], [200, 30, 80], [10, 10, 260]]) {
    const bytes = prepare(drawing((x, y) => x >= left && x < left + size && y >= top && y < top + size), SIDE);
    assert.deepEqual(bounds(bytes), [4, 4, 23, 23]);
    assert.equal(bytes.reduce((sum, value) => sum + value, 0), 400 * 255);
  }
});

test("the aspect ratio is kept", () => {
  const bytes = prepare(drawing((x, y) => x >= 100 && x < 110 && y >= 50 && y < 250), SIDE);
  assert.deepEqual(bounds(bytes), [14, 4, 14, 23]);
});

test("a single point becomes one pixel of ink that fills the box", () => {
  assert.deepEqual(bounds(prepare(drawing((x, y) => x === 7 && y === 9), SIDE)), [4, 4, 23, 23]);
});

test("the centre of mass is in the middle to half a pixel", () => {
  // An L, whose centre of mass is far from the middle of its box.
  const isInk = (x, y) => (x >= 20 && x < 40 && y >= 20 && y < 200) || (x >= 20 && x < 120 && y >= 180 && y < 200);
  for (const center of centerOfMass(prepare(drawing(isInk), SIDE))) {
    assert.ok(Math.abs(center - 13.5) <= 0.5 + 1e-9, `${center}`);
  }
});

test("partly covered pixels have the mean of what they cover", () => {
  // A box of 30 pixels for 20: a line of one pixel covers two thirds of one.
  const bytes = prepare(drawing((x, y) => y < 30 && (x === 0 || x === 29)), SIDE);
  assert.ok([...bytes].includes(170), "two thirds of 255");
  assert.ok(bytes.every((value) => value <= 170));
});
