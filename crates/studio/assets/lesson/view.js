// An opened lesson: its steps, of which each is shown when those before it are done.

import { createBlocks } from "../blocks.js";
import { createElement, setText } from "../dom.js";
import { formatNumber } from "../format.js";
import { language, translate } from "../text.js";
import { Instrument } from "./instrument.js";
import { Question } from "./question.js";
import { hiddenKeys, stateText, withHidden, withValue } from "./state.js";

/** Milliseconds after which a changed lesson judges its predictions again. */
const JUDGE_MS = 300;

export class LessonView {
  /** `page` is an opened lesson, `state` its state; `stateChanged(text)` is called with each other one. */
  constructor(page, state, stateChanged) {
    Object.assign(this, { page, state, stateChanged });
    /** The spans of numbers in texts, and the numbers: `{ instrument, value, digits, element }`. */
    this.spans = [];
    this.values = new Map();
    this.context = {
      instrument: (name) => this.instrument(name),
      question: (name) => this.question(name),
      gap: (name) => this.gap(name),
      value: (inline) => this.value(inline),
    };
    const gaps = page.steps.flatMap(({ blocks }) => blocks.filter(({ kind }) => kind === "gap"));
    this.gapsOf = new Set(gaps.map(({ question }) => question));
    this.instruments = new Map();
    this.questions = new Map();
    this.steps = page.steps.map((step, i) => this.step(step, i));
    this.mistakes = createElement("ul", { class: "warnings" });
    this.progress = createElement("span", { class: "progress", role: "status" });
    this.element = createElement(
      "div",
      { class: "lesson" },
      this.head(),
      createElement("div", { role: "alert" }, this.mistakes),
      ...this.steps.map(({ element }) => element),
      this.teacher(),
      this.links(),
    );
    this.shownCount = 0;
    this.showNext();
  }

  close() {
    for (const instrument of this.instruments.values()) instrument.close();
    clearTimeout(this.timer);
  }

  request() {
    return { state: stateText(this.state), language: language() };
  }

  head() {
    const { number, title, about } = this.page;
    const link = createElement("a", { href: "#/lessons" }, translate("page.lessons"));
    const attributes = { class: "crumbs", "aria-label": translate("page.breadcrumb") };
    const crumbs = createElement("nav", attributes, link, " › ", createElement("b", {}, `${number} ${title}`));
    return createElement(
      "div",
      {},
      createElement("div", { class: "lesson-head" }, crumbs, this.progress),
      createElement("h1", {}, title),
      createElement("p", { class: "lead" }, about),
    );
  }

  /** A step: its blocks up to the first question that holds the others back, and a button at its end. */
  step({ title, blocks }, i) {
    const elements = createBlocks(blocks, this.context);
    const heading = createElement("h2", { tabindex: "-1" }, title);
    const isLast = i === this.page.steps.length - 1;
    const click = () => this.showNext();
    const next = createElement("button", { type: "button", class: "main next", click }, translate("lesson.continue"));
    const end = isLast ? createElement("div", { class: "end" }) : createElement("div", { class: "buttons end" }, next);
    const element = createElement("section", { class: "card step", hidden: true }, heading, ...elements, end);
    return { element, heading, blocks, elements, end };
  }

  showNext() {
    const step = this.steps[this.shownCount];
    if (!step) return;
    const before = this.steps[this.shownCount - 1];
    if (before) before.end.hidden = true;
    this.shownCount += 1;
    step.element.hidden = false;
    this.reveal();
    if (before) {
      step.heading.focus({ preventScroll: true });
      step.element.scrollIntoView({ block: "start" });
    }
  }

  /** Shows what no unanswered question holds back. */
  reveal() {
    for (const step of this.steps.slice(0, this.shownCount)) {
      let isHeld = false;
      step.blocks.forEach(({ kind, name }, i) => {
        const wasHidden = step.elements[i].dataset.shown !== "true";
        step.elements[i].hidden = isHeld;
        if (!isHeld && wasHidden) {
          step.elements[i].dataset.shown = "true";
          if (kind === "instrument") this.instruments.get(name).shown();
        }
        const question = kind === "question" ? this.questions.get(name) : null;
        if (question?.view.reveals && !question.given) isHeld = true;
      });
      step.end.hidden = isHeld || step !== this.steps[this.shownCount - 1];
    }
    const dots = this.steps.map((_, i) => (i < this.shownCount ? "●" : "○")).join("");
    const at = translate("lesson.progress", { step: this.shownCount, steps: this.steps.length });
    this.progress.replaceChildren(at, createElement("span", { "aria-hidden": "true" }, ` ${dots}`));
  }

  instrument(name) {
    const instrument = new Instrument(name, this.page.instruments[name], this);
    this.instruments.set(name, instrument);
    return instrument.element;
  }

  question(name) {
    const question = new Question(name, this.page.questions[name], this.gapsOf.has(name), this);
    this.questions.set(name, question);
    return question.element;
  }

  /** The place where the verdict of a prediction is shown. */
  gap(name) {
    const title = createElement("h3", {}, translate("lesson.compare"));
    const place = createElement("div", { class: "gap" }, title);
    place.dataset.question = name;
    const question = this.questions.get(name);
    if (question) place.append(question.verdict);
    return place;
  }

  /** A number of an instrument in a text; it changes with each run. */
  value({ instrument, value, digits }) {
    const element = createElement("span", { class: "value" });
    this.spans.push({ instrument, value, digits, element });
    this.fill({ instrument, value, digits, element });
    return element;
  }

  fill({ instrument, value, digits, element }) {
    const control = this.page.instruments[instrument]?.controls.find(({ name }) => name === value);
    const number = control ? (this.changedValue(control.key) ?? control.value) : this.values.get(instrument)?.[value];
    const isNumber =
      number !== undefined && number !== null && Number.isFinite(Number(number)) && !Array.isArray(number);
    setText(
      element,
      isNumber ? formatNumber(Number(number), digits) : Array.isArray(number) ? number.join(", ") : (number ?? "…"),
    );
  }

  changedValue(key) {
    const value = this.state.get(key);
    return value === undefined ? undefined : decodeURIComponent(value);
  }

  /** Called with each value of a control. */
  changed(key, value) {
    this.setState(withValue(this.state, key, value));
    this.spans.forEach((span) => this.fill(span));
    this.judgeSoon();
  }

  setState(state) {
    this.state = state;
    const text = stateText(state);
    this.field.value = `#${text}`;
    this.stateChanged(text);
  }

  /** Called with the numbers of each run. */
  ran(name, values) {
    this.showMistakes([]);
    this.values.set(name, values);
    this.spans.forEach((span) => this.fill(span));
    this.judgeSoon();
  }

  /** Predictions are compared with the present values. */
  judgeSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      for (const question of this.questions.values()) if (question.given && question.hasGap) question.judge();
    }, JUDGE_MS);
  }

  answered() {
    this.reveal();
  }

  /** Shows mistakes beside their controls, or above the lesson if they have none. */
  showMistakes(mistakes) {
    const isElsewhere = (mistake) =>
      ![...this.instruments.values()].some((instrument) => instrument.showMistake(mistake));
    this.mistakes.replaceChildren(...mistakeItems(mistakes.filter(isElsewhere)));
  }

  /** What a teacher hands out: the state, with some controls hidden and without answers if wanted. */
  teacher() {
    const controls = Object.values(this.page.instruments).flatMap((instrument) => instrument.controls);
    const box = (label, checked, change) => {
      const input = createElement("input", { type: "checkbox", checked, change: () => change(input.checked) });
      return createElement("label", {}, input, ` ${label}`);
    };
    const hidden = hiddenKeys(this.state);
    const hide = controls.map(({ key, label }) =>
      box(translate("lesson.hide", { control: label }), hidden.includes(key), (isHidden) =>
        this.setState(withHidden(this.state, key, isHidden)),
      ),
    );
    const withoutAnswers = box(translate("lesson.without_answers"), !this.page.answers, (isOff) =>
      this.setState(withValue(this.state, "answers", isOff ? "off" : null)),
    );
    this.field = createElement("input", {
      type: "text",
      id: "lesson-state",
      readonly: true,
      value: `#${stateText(this.state)}`,
    });
    const note = createElement("span", { class: "note", role: "status" });
    const copy = async () => {
      this.field.select();
      const isCopied = await navigator.clipboard?.writeText(this.field.value).then(
        () => true,
        () => false,
      );
      setText(note, translate(isCopied ? "lesson.copied" : "lesson.selected"));
    };
    const button = createElement("button", { type: "button", id: "copy-state", click: copy }, translate("lesson.copy"));
    return createElement(
      "details",
      { class: "card teacher" },
      createElement("summary", {}, translate("lesson.hand_out")),
      createElement("p", { class: "note" }, translate("lesson.hand_out_lead")),
      createElement("div", { class: "control-list" }, ...hide, withoutAnswers),
      createElement(
        "div",
        { class: "formula-line" },
        createElement("label", { for: "lesson-state" }, translate("lesson.state")),
        this.field,
        button,
        note,
      ),
    );
  }

  links() {
    const { previous, next } = this.page;
    const link = (name, key) =>
      name ? createElement("a", { href: `#lesson=${encodeURIComponent(name)}` }, translate(key)) : null;
    return createElement("p", { class: "lesson-links" }, link(previous, "lesson.previous"), link(next, "lesson.next"));
  }
}

/** Mistakes of a state as items of a list. */
export const mistakeItems = (mistakes) =>
  mistakes.map(({ key, found, expected }) =>
    createElement("li", {}, `${key}: ${translate("lesson.mistake", { found, expected })}`),
  );
