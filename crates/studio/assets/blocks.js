// Texts of lessons: blocks and what is in their lines, as elements.

import { createElement } from "./dom.js";
import { alignment } from "./figures/table.js";
import { createMath } from "./math.js";
import { translate } from "./text.js";

/** The elements of some blocks. `context` builds what only the page of a lesson has: see `KINDS` and `INLINE`. */
export function createBlocks(blocks, context) {
  return blocks.map((block) => KINDS[block.kind](block, context));
}

/** What stands in a line. */
export function createInlines(inlines, context) {
  return inlines.map((inline) => INLINE[inline.kind](inline, context));
}

const KINDS = {
  paragraph: ({ inlines }, context) => createElement("p", {}, ...createInlines(inlines, context)),
  list: ({ ordered, items }, context) => {
    const item = (blocks) => createElement("li", {}, ...createBlocks(blocks, context));
    return createElement(ordered ? "ol" : "ul", {}, ...items.map(item));
  },
  text_table: ({ rows: [head, ...rows], align }, context) => {
    const row = (kind, cells) => {
      const cell = (inlines, i) =>
        createElement(kind, { class: alignment(align[i]) }, ...createInlines(inlines, context));
      return createElement("tr", {}, ...cells.map(cell));
    };
    const table = createElement(
      "table",
      { class: "text-table" },
      createElement("thead", {}, row("th", head)),
      createElement("tbody", {}, ...rows.map((cells) => row("td", cells))),
    );
    return createElement("div", { class: "scroll", tabindex: "0" }, table);
  },
  code: ({ text }) => createElement("pre", { tabindex: "0" }, createElement("code", {}, text)),
  formula: ({ math }) => createElement("div", { class: "formula scroll", tabindex: "0" }, createMath(math, true)),
  trap: ({ blocks }, context) => {
    const title = createElement("strong", {}, translate("lesson.trap"));
    return createElement("div", { class: "trap", role: "note" }, title, ...createBlocks(blocks, context));
  },
  instrument: ({ name }, context) => context.instrument(name),
  question: ({ name }, context) => context.question(name),
  gap: ({ question }, context) => context.gap(question),
};

const INLINE = {
  text: ({ text }) => document.createTextNode(text),
  emphasis: ({ inlines }, context) => createElement("em", {}, ...createInlines(inlines, context)),
  strong: ({ inlines }, context) => createElement("strong", {}, ...createInlines(inlines, context)),
  code: ({ text }) => createElement("code", {}, text),
  math: ({ math }) => createMath(math),
  lesson_link: ({ lesson, inlines }, context) => {
    const href = `#lesson=${encodeURIComponent(lesson)}`;
    return createElement("a", { href }, ...createInlines(inlines, context));
  },
  link: ({ url, inlines }, context) => {
    const href = url.startsWith("https://") ? url : null;
    return createElement("a", { href, rel: "noreferrer", target: "_blank" }, ...createInlines(inlines, context));
  },
  value: (inline, context) => context.value(inline),
  colored: ({ pass, inlines }, context) => createElement("span", { class: pass }, ...createInlines(inlines, context)),
};
