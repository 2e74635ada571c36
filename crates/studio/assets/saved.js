// Which of the networks that a run has saved is looked at.

import { h, say } from "./dom.js";
import { whole } from "./format.js";
import { t } from "./text.js";

export class SavedStep {
  /** `at` is the step at first, nothing for the latest; `changed` is called with another one. */
  constructor(about, at, changed) {
    this.at = at;
    const choose = () => {
      this.at = this.choice.value === "" ? null : Number(this.choice.value);
      changed(this.at);
    };
    this.choice = h("select", { id: "saved-step", "aria-label": t("time"), change: choose },
      h("option", { value: "" }, t("latest_network")), ...about.saved_steps.map((step) => this.option(step)));
    this.text = h("p", { class: "lead", id: "seen-at" });
    this.element = h("div", { class: "filter" }, this.choice, this.text);
  }

  option(step) {
    return h("option", { value: step }, t("at_step", { step: whole(step) }));
  }

  /** Says of which step the network is that has answered, or that there is none. */
  tell(step) {
    if (step === null) {
      say(this.text, t("no_network"));
      return;
    }
    const shown = this.at === null ? "" : String(step);
    // One that was saved since the page was opened.
    if (!this.choice.querySelector(`[value="${shown}"]`)) this.choice.append(this.option(step));
    this.choice.value = shown;
    const isNear = this.at !== null && this.at !== step;
    say(this.text, t(isNear ? "network_near" : "network_at", { step: whole(step), wanted: whole(this.at) }));
  }
}
