// The choice of a checkpoint of a run.

import { createElement, setText } from "./dom.js";
import { formatInteger } from "./format.js";
import { translate } from "./text.js";

export class CheckpointChoice {
  /** `step` is chosen at first, the latest model if it is null; `changed` is called with another choice. */
  constructor(about, step, changed) {
    this.step = step;
    const change = () => {
      this.step = this.choice.value === "" ? null : Number(this.choice.value);
      changed(this.step);
    };
    this.choice = createElement(
      "select",
      { id: "checkpoint", "aria-label": translate("model.checkpoint"), change },
      createElement("option", { value: "" }, translate("model.latest")),
      ...about.saved_steps.map((saved) => this.option(saved)),
    );
    this.text = createElement("p", { class: "lead", id: "checkpoint-step" });
    this.element = createElement("div", { class: "filter" }, this.choice, this.text);
  }

  option(step) {
    return createElement("option", { value: step }, translate("train.step", { step: formatInteger(step) }));
  }

  /** Shows the step of the model that is displayed, or that no model is saved. */
  show(step) {
    if (step === null) {
      setText(this.text, translate("common.no_saved_model"));
      return;
    }
    const shown = this.step === null ? "" : String(step);
    // The checkpoint may have been saved after the page was opened.
    if (!this.choice.querySelector(`[value="${shown}"]`)) this.choice.append(this.option(step));
    this.choice.value = shown;
    const isExact = this.step === null || this.step === step;
    const values = { step: formatInteger(step), wanted: formatInteger(this.step) };
    setText(this.text, translate(isExact ? "model.at_step" : "model.nearest", values));
  }
}
