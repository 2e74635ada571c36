// A question of a lesson: its form, and what the answer is worth.

import { createBlocks, createInlines } from "../blocks.js";
import { createElement, setText } from "../dom.js";
import { ask } from "../engine.js";
import { createFigure } from "../figures/all.js";
import { translate } from "../text.js";

const input = (attributes) => createElement("input", { type: "text", autocomplete: "off", ...attributes });

export class Question {
  /**
   * `lesson` has the state: `request()` is what an answer is sent with, `answered(name)` is called when there is one, `context`
   * builds texts. A question that `hasGap` shows its verdict there.
   */
  constructor(name, view, hasGap, lesson) {
    Object.assign(this, { name, view, hasGap, lesson });
    /** What was answered; null before. */
    this.given = null;
    this.verdict = createElement("div", { class: "verdict", role: "status" });
    this.status = createElement("span", { class: "note", role: "status" });
    const id = `question-${name}`;
    const fields = KINDS[view.input.kind](view.input, id, this);
    const text = createElement("div", { id: `${id}-text` }, ...createBlocks(view.ask, lesson.context));
    const submit = (event) => {
      event.preventDefault();
      this.submit();
    };
    this.button = createElement(
      "button",
      { class: "main" },
      translate(view.predicts ? "lesson.show_me" : "lesson.check"),
    );
    const title = createElement("h3", {}, translate(view.predicts ? "lesson.prediction" : "lesson.question"));
    const blank = (boxName) => this.boxes.get(boxName);
    const figure = view.figure ? createFigure(view.figure, { blank }) : null;
    const legend = createElement("div", { class: "fields" }, ...fields);
    this.element = createElement(
      "form",
      { class: "question", "aria-labelledby": `${id}-text`, "data-name": name, submit },
      title,
      text,
      figure,
      legend,
      createElement("div", { class: "buttons" }, this.button, this.status),
      hasGap ? null : this.verdict,
    );
  }

  async submit() {
    const given = this.read();
    if (given.some((text) => text === "")) {
      setText(this.status, translate("lesson.answer_first"));
      return;
    }
    this.given = given;
    setText(this.status, "");
    if (!(await this.judge())) return;
    if (this.hasGap) setText(this.status, translate("lesson.noted"));
    this.lesson.answered(this.name);
  }

  /** Asks what the answer is worth, for the present values. Returns whether it was understood. */
  async judge() {
    if (!this.given) return false;
    const request = { ...this.lesson.request(), question: this.name, answer: this.given };
    const { answer, problem } = await ask("answer", request, { told: (text) => setText(this.status, text) });
    if (!answer) {
      setText(this.status, problem);
      return false;
    }
    if (answer.mistakes) {
      const [{ found, expected }] = answer.mistakes;
      setText(this.status, translate("lesson.mistake", { found, expected }));
      return false;
    }
    setText(this.status, "");
    this.show(answer);
    return true;
  }

  show({ right, parts, feedback }) {
    const { context } = this.lesson;
    if (right === null || right === undefined) {
      this.verdict.replaceChildren(createElement("p", {}, translate("lesson.noted")));
      return;
    }
    const sign = (isRight) =>
      createElement("span", { class: isRight ? "mark-right" : "mark-wrong" }, isRight ? "✓" : "✗");
    const label = (i) => {
      const box = this.view.input.boxes?.[i];
      return box ? [...createInlines(box.label, context), ": "] : [];
    };
    const row = ({ given, right: isRight, expected, gap, feedback: why }, i) => {
      const values = { given: this.optionText(given), expected: this.optionText(expected) };
      const text = translate(isRight ? "lesson.right" : "lesson.wrong", values);
      const more = gap ? ` ${translate("lesson.gap", { gap })}` : "";
      return createElement("li", {}, sign(isRight), " ", ...label(i), text, more, " ", ...createInlines(why, context));
    };
    const list = createElement("ul", { class: "parts" }, ...parts.map(row));
    this.verdict.replaceChildren(list, ...createBlocks(feedback, context));
    this.boxes?.forEach((box, name) => {
      const i = this.view.input.boxes.findIndex((each) => each.name === name);
      if (parts[i]) box.setAttribute("aria-invalid", String(!parts[i].right));
    });
  }

  /** An answer as text: of a choice its letter. */
  optionText(text) {
    return this.view.input.kind === "choice" && /^\d+$/.test(text) ? letter(Number(text)) : text;
  }
}

const letter = (i) => String.fromCharCode(65 + i);

/** The fields of each kind of answer; each sets `question.read`, which returns what was answered. */
const KINDS = {
  number({ unit }, id, question) {
    const field = input({ inputmode: "decimal", size: "10", "aria-label": translate("lesson.your_answer") });
    question.read = () => [field.value.trim()];
    return [createElement("label", {}, field, unit ? ` ${unit}` : "")];
  },
  choice({ options }, id, question) {
    const radios = options.map((_, i) => createElement("input", { type: "radio", name: id, value: i }));
    question.read = () => [radios.find((radio) => radio.checked)?.value ?? ""];
    const option = (inlines, i) =>
      createElement(
        "label",
        { class: "option" },
        radios[i],
        ` ${letter(i)}. `,
        ...createInlines(inlines, question.lesson.context),
      );
    const attributes = { role: "radiogroup", "aria-label": translate("lesson.your_answer") };
    return [createElement("div", attributes, ...options.map(option))];
  },
  boxes({ boxes }, id, question) {
    const label = (inlines) => createElement("span", {}, ...createInlines(inlines, question.lesson.context));
    const made = boxes.map(({ name, label: text }) => {
      const field = input({ inputmode: "decimal", size: "6", class: "blank", "aria-label": label(text).textContent });
      return [name, field];
    });
    question.boxes = new Map(made);
    question.read = () => made.map(([, field]) => field.value.trim());
    // In the figure, or below each other.
    const inFigure = new Set((question.view.figure?.blanks ?? []).map(({ name }) => name));
    const below = boxes.filter(({ name }) => !inFigure.has(name));
    return below.map(({ name, label: text }) => createElement("label", {}, label(text), " ", question.boxes.get(name)));
  },
};
