// The messages: placeholders and languages.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { language, languages, setLanguage, translate } from "../../assets/text.js";

afterEach(() => setLanguage("en"));

test("placeholders are replaced by their values", () => {
  assert.equal(translate("train.step", { step: 7 }), "step 7");
  assert.equal(translate("train.progress", { step: "1", planned: "2", epoch: "0.5" }), "step 1 of 2 · epoch 0.5");
});

test("a value that looks like a placeholder or a pattern stays as it is", () => {
  assert.equal(translate("page.run_not_found", { id: "{id} $& $1" }), "Run {id} $& $1 not found.");
});

test("an unknown message and a missing value are errors", () => {
  assert.throws(() => translate("train.no_such_message"), /unknown message train\.no_such_message/);
  assert.throws(() => translate("train.step"), /no value for \{step\}/);
});

test("the language can be switched", () => {
  assert.equal(language(), "en");
  setLanguage("zh");
  assert.equal(translate("panel.accuracy"), "准确率");
  assert.deepEqual(Object.keys(languages.zh), Object.keys(languages.en));
});
