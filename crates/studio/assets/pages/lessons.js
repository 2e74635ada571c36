// The page of lessons: a list of them, or one that is opened by its state.

import { createElement } from "../dom.js";
import { ask } from "../engine.js";
import { parseState, stateText } from "../lesson/state.js";
import { LessonView, mistakeItems } from "../lesson/view.js";
import { language, translate } from "../text.js";

export default {
  name: "lessons",
  position: 8,
  title: () => translate("page.lessons"),
  async open(main, { query, queryChanged }) {
    const page = new LessonsPage(main, queryChanged);
    await page.show(query);
    return { close: () => page.close(), moved: ({ query: other }) => page.show(other) };
  },
};

class LessonsPage {
  constructor(main, queryChanged) {
    this.queryChanged = queryChanged;
    this.status = createElement("p", { class: "note", role: "status" });
    this.page = createElement("div", { class: "page" }, this.status);
    main.append(this.page);
    this.shownCount = 0;
  }

  close() {
    this.shownCount += 1;
    this.view?.close();
  }

  /** Shows the list, or the lesson of a state. */
  async show(query) {
    this.view?.close();
    const number = ++this.shownCount;
    const isLeft = () => number !== this.shownCount;
    const told = (text) => (this.status.textContent = text);
    const [name, request] = query === "" ? ["lessons", {}] : ["lesson", { state: query }];
    const found = await ask(name, { ...request, language: language() }, { told, isLeft });
    if (isLeft()) return;
    this.page.replaceChildren(
      ...(found.problem
        ? this.problem(found.problem)
        : query === ""
          ? this.list(found.answer)
          : this.lesson(query, found.answer)),
    );
    scrollTo(0, 0);
  }

  problem(text) {
    return [
      createElement("h1", {}, translate("page.lessons")),
      createElement("p", { class: "mistake", role: "alert" }, text),
    ];
  }

  lesson(query, page) {
    if (page.mistakes) {
      const link = createElement("a", { href: "#/lessons" }, translate("page.lessons"));
      const title = createElement("h1", {}, translate("lesson.damaged"));
      return [
        title,
        createElement(
          "div",
          { role: "alert" },
          createElement("ul", { class: "warnings" }, ...mistakeItems(page.mistakes)),
        ),
        createElement("p", {}, link),
      ];
    }
    document.title = `${page.title} · gradus`;
    this.view = new LessonView(page, parseState(query), this.queryChanged);
    return [this.view.element];
  }

  list(lessons) {
    document.title = `${translate("page.lessons")} · gradus`;
    const item = ({ name, number, title, about, steps }) => {
      const link = createElement("a", { href: `#lesson=${encodeURIComponent(name)}` }, title);
      const n = createElement("span", { class: "number", "aria-hidden": "true" }, String(number));
      const length = createElement("span", { class: "note" }, translate("lesson.steps", { n: steps }));
      return createElement(
        "li",
        { class: "card" },
        n,
        createElement("div", {}, link, createElement("p", {}, about), length),
      );
    };
    const field = createElement("input", {
      type: "text",
      id: "open-state",
      autocomplete: "off",
      spellcheck: "false",
      placeholder: "#lesson=…",
    });
    const submit = (event) => {
      event.preventDefault();
      const state = stateText(parseState(field.value));
      if (state !== "") location.hash = `#${state}`;
    };
    const open = createElement(
      "form",
      { class: "formula-line", submit },
      createElement("label", { for: "open-state" }, translate("lesson.open_state")),
      field,
      createElement("button", {}, translate("lesson.open")),
    );
    return [
      createElement("h1", {}, translate("page.lessons")),
      createElement("p", { class: "lead" }, translate("lesson.lead")),
      createElement("ol", { class: "lesson-list" }, ...lessons.map(item)),
      open,
    ];
  }
}
