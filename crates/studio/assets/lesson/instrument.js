// An instrument of a lesson: its controls, and the figures of its last run.

import { createControl } from "../controls.js";
import { createElement, setText } from "../dom.js";
import { Asker } from "../engine.js";
import { createFigure } from "../figures/all.js";
import { translate } from "../text.js";

export class Instrument {
  /**
   * `lesson` has the state: `request()` is what a run asks for, `changed(key, value)` is called with each value, `ran(name,
   * values)` with the numbers of each run, `context` builds texts.
   */
  constructor(name, { title, controls, runs }, lesson) {
    this.lesson = lesson;
    this.isAtOnce = runs === "at_once";
    this.hasRun = false;
    this.controls = new Map(
      controls.map((control) => [control.key, createControl(control, (...change) => this.changed(...change))]),
    );
    this.status = createElement("p", { class: "note", role: "status" });
    this.figures = createElement("div", { class: "figures" });
    this.notes = createElement("div", { class: "note" });
    const click = () => this.run();
    this.button = createElement(
      "button",
      { type: "button", class: "main run", hidden: this.isAtOnce, click },
      translate("lesson.run"),
    );
    const list = createElement(
      "div",
      { class: "control-list" },
      ...[...this.controls.values()].map(({ element }) => element),
    );
    const label = title ?? translate("lesson.instrument");
    this.element = createElement(
      "section",
      { class: "card instrument", "aria-label": label, "data-name": name },
      title ? createElement("h3", {}, title) : null,
      list,
      createElement("div", { class: "buttons" }, this.button, this.status),
      this.figures,
      this.notes,
    );
    this.asker = new Asker(
      "instrument",
      (found) => this.show(found),
      (text) => setText(this.status, text),
    );
    this.name = name;
  }

  close() {
    this.asker.close();
  }

  /** Called when the instrument is shown for the first time. */
  shown() {
    if (this.isAtOnce) this.run();
  }

  changed(key, value) {
    this.lesson.changed(key, value);
    if (this.isAtOnce) this.run();
    else if (this.hasRun) setText(this.status, translate("lesson.outdated"));
  }

  async run() {
    this.button.disabled = true;
    await this.asker.ask({ ...this.lesson.request(), instrument: this.name });
    this.button.disabled = false;
  }

  show({ answer, problem }) {
    setText(this.status, problem ?? "");
    if (!answer) return;
    if (answer.mistakes) {
      this.lesson.showMistakes(answer.mistakes);
      return;
    }
    this.hasRun = true;
    for (const { mistake } of this.controls.values()) mistake("");
    const { figures, notes, values } = answer;
    this.figures.replaceChildren(...figures.map((figure) => createFigure(figure)));
    this.notes.replaceChildren(...notes.map((note) => createElement("p", {}, note)));
    this.lesson.ran(this.name, values);
  }

  /** Shows a mistake beside its control; returns false if the control is not of this instrument. */
  showMistake({ key, found, expected }) {
    const control = this.controls.get(key);
    control?.mistake(translate("lesson.mistake", { found, expected }));
    return control !== undefined;
  }
}
