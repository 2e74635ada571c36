// How maps fit into a box.

import assert from "node:assert/strict";
import { test } from "node:test";

import { fitMaps } from "../../assets/maps.js";

test("maps are as large as all of them fit, and the first are shown if they do not", () => {
  const area = { width: 244, height: 130 };
  const cases = [
    [{ count: 10, height: 1, width: 1 }, { pixel: 12, columns: 10, count: 10 }],
    [{ count: 1, height: 28, width: 28 }, { pixel: 4, columns: 1, count: 1 }],
    [{ count: 16, height: 28, width: 28 }, { pixel: 1, columns: 8, count: 16 }],
    [{ count: 64, height: 28, width: 28 }, { pixel: 1, columns: 8, count: 32 }],
    [{ count: 2, height: 300, width: 300 }, { pixel: 1, columns: 1, count: 1 }],
    [{ count: 0, height: 1, width: 1 }, { pixel: 12, columns: 0, count: 0 }],
  ];
  for (const [maps, expected] of cases) assert.deepEqual(fitMaps(maps, area), expected, JSON.stringify(maps));
});
