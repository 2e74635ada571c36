// The state of a lesson.

import assert from "node:assert/strict";
import { test } from "node:test";

import { hiddenKeys, parseState, stateText, withHidden, withValue } from "../../assets/lesson/state.js";

test("a state is read from an address, a link or as it is, and written as it was", () => {
  const state = "lesson=chain-rule&apple=100&s=3.2,5.1&formula=x%26y&answers=off";
  for (const text of [state, `#${state}`, ` #${state}\n`, `http://127.0.0.1:7700/?token=0#${state}`]) {
    assert.equal(stateText(parseState(text)), state, text);
  }
  assert.equal(stateText(parseState("#")), "");
  assert.equal(parseState("lesson=a=b").get("lesson"), "a=b");
});

test("values and hidden controls are added and taken away", () => {
  const state = parseState("lesson=chain-rule");
  assert.equal(stateText(withValue(state, "formula", "x & y")), "lesson=chain-rule&formula=x%20%26%20y");
  assert.equal(stateText(withValue(state, "s", "1,2")), "lesson=chain-rule&s=1,2");
  assert.equal(stateText(withValue(withValue(state, "a", "1"), "a", null)), "lesson=chain-rule");
  const hidden = withHidden(withHidden(state, "apple", true), "tax", true);
  assert.deepEqual(hiddenKeys(hidden), ["apple", "tax"]);
  assert.equal(stateText(hidden), "lesson=chain-rule&hide=apple,tax");
  assert.equal(stateText(withHidden(withHidden(hidden, "apple", false), "tax", false)), "lesson=chain-rule");
});
