// The page that explains any number of a model: from the loss down to the pixels, backward, and through an update.

import { createElement, setText } from "../dom.js";
import { Asker } from "../engine.js";
import { formulaLines, parseElement, termMap, termPicture, termTable, updateParts, valueName } from "../explanation.js";
import { formatInteger, formatNumber } from "../format.js";
import { Images, drawImages } from "../images.js";
import { CheckpointChoice } from "../checkpoint.js";
import { explainLink, unpackPixels } from "../links.js";
import { translate } from "../text.js";

/** Terms that are asked for: those of a unit of most layers, for the picture. */
const TERMS = 4096;
/** What is explained first. */
const FIRST = "loss";
/** Views of what a step did to a parameter, and of the share of the sample in it. */
const VIEWS_OF_STEPS = ["update", "share"];

export default {
  name: "explain",
  position: 5,
  needsRun: true,
  title: () => translate("page.explain"),
  async open(main, { about, step, stepChanged, query, queryChanged }) {
    const page = new ExplainPage(main, about, step, stepChanged, queryChanged);
    page.read(query);
    return { close: () => page.asker.close(), moved: (other) => page.moved(other) };
  },
};

class ExplainPage {
  constructor(main, about, step, stepChanged, queryChanged) {
    Object.assign(this, { about, stepChanged, queryChanged });
    this.asker = new Asker(
      "explanation",
      (found) => this.show(found),
      (text) => setText(this.status, text),
    );
    this.checkpoint = new CheckpointChoice(about, step, (chosen) => {
      stepChanged(chosen);
      this.ask();
    });
    this.images = Object.fromEntries(
      Object.keys(about.parts).map((part) => [part, new Images(about, part, () => this.drawSample())]),
    );
    this.build(main);
  }

  build(main) {
    const { about } = this;
    this.status = createElement("p", { class: "note", role: "status" });
    this.mistake = createElement("p", { class: "mistake", role: "alert" });
    this.crumbs = createElement("nav", { class: "crumbs", "aria-label": translate("page.breadcrumb") });
    this.views = createElement("div", {
      class: "buttons views",
      role: "group",
      "aria-label": translate("explain.views"),
    });
    const change = () => {
      const sample = Math.min(Math.max(0, Math.round(Number(this.number.value)) || 0), Number(this.number.max));
      this.go({ part: this.parts.value, sample, pixels: null });
    };
    const options = Object.keys(about.parts).map((part) =>
      createElement("option", { value: part }, translate(`network.sample_of_${part}`)),
    );
    this.parts = createElement("select", { "aria-label": translate("network.set"), change }, ...options);
    this.number = createElement("input", {
      type: "number",
      id: "sample",
      min: "0",
      "aria-label": translate("common.sample"),
      change,
    });
    this.names = createElement("datalist", { id: "elements" });
    const submit = (event) => {
      event.preventDefault();
      this.go({ of: this.field.value.trim(), from: [], view: null });
    };
    this.field = createElement("input", {
      type: "text",
      id: "element",
      list: "elements",
      autocomplete: "off",
      spellcheck: "false",
    });
    const label = createElement("label", { for: "element" }, translate("explain.element"));
    const form = createElement(
      "form",
      { class: "formula-line", submit },
      label,
      this.field,
      this.names,
      createElement("button", {}, translate("page.explain")),
    );
    this.image = createElement("canvas", { class: "sample-image", role: "img" });
    this.parts.hidden = this.number.hidden = !about.parts.test;
    this.content = createElement("div", { class: "columns", id: "explanation" });
    this.title = createElement("h1", {}, translate("page.explain"));
    main.append(
      createElement(
        "div",
        { class: "page" },
        createElement("div", { class: "lesson-head" }, this.crumbs, this.views),
        createElement(
          "div",
          { class: "explain-head" },
          this.image,
          createElement(
            "div",
            {},
            this.title,
            createElement("div", { class: "filter" }, this.parts, this.number, this.checkpoint.element),
            form,
          ),
        ),
        this.mistake,
        this.status,
        this.content,
      ),
    );
  }

  /** Shows what the address names. */
  read(query) {
    const given = new URLSearchParams(query);
    const part = given.get("part");
    this.state = {
      of: given.get("of") ?? FIRST,
      part: part in this.about.parts ? part : "test",
      sample: Math.max(0, Math.round(Number(given.get("sample"))) || 0),
      pixels: given.get("pixels"),
      view: VIEWS_OF_STEPS.includes(given.get("view")) ? given.get("view") : null,
      from: given.getAll("from"),
    };
    this.ask();
  }

  moved({ step, query }) {
    this.checkpoint.step = step;
    this.read(query);
  }

  /** The address of another element, or of the same with something changed. */
  address(change) {
    return explainLink(this.about.id, this.checkpoint.step, { ...this.state, ...change });
  }

  go(change) {
    location.hash = this.address(change);
  }

  /** A link to an element that the present one leads to. */
  link(of, text = of) {
    const { state } = this;
    const from = state.of === of ? state.from : [...state.from, state.of];
    return createElement("a", { href: this.address({ of, from, view: null }), "aria-label": of }, text);
  }

  ask() {
    const { of, part, sample, pixels, view } = this.state;
    this.begin = performance.now();
    const { about, checkpoint } = this;
    const drawn = pixels === null ? null : unpackPixels(pixels);
    const request = {
      run: about.id,
      step: checkpoint.step,
      part,
      sample,
      pixels: drawn,
      of,
      view: view ?? "element",
      terms: TERMS,
    };
    this.number.max = String(Math.max(0, (about.parts[part] ?? 0) - 1));
    this.number.value = String(sample);
    this.parts.value = part;
    this.field.value = of;
    this.drawCrumbs();
    if (about.image_shape && pixels === null) this.images[part]?.fetch([sample]);
    this.drawSample();
    return this.asker.ask(request);
  }

  drawSample() {
    const { about, state } = this;
    const pixels = state.pixels === null ? null : unpackPixels(state.pixels);
    const image = pixels
      ? { pixels: Uint8Array.from(pixels), label: null }
      : this.images[state.part]?.get(state.sample);
    const size = about.image_shape?.reduce((product, length) => product * length, 1);
    this.image.hidden = !image || image.pixels.length !== size;
    if (this.image.hidden) return;
    this.image.setAttribute(
      "aria-label",
      image.label === null ? translate("explain.drawn") : translate("sample.label", { label: image.label }),
    );
    drawImages(this.image, about, [{ image }], 1, 1);
  }

  drawCrumbs() {
    const { about, state } = this;
    const { of, part, sample, pixels, from } = state;
    const first = createElement("a", { href: `#/train/${encodeURIComponent(about.id)}` }, about.id);
    const name =
      pixels === null ? translate(`sample.of_${part}`, { n: formatInteger(sample) }) : translate("explain.drawn");
    const network = createElement("a", { href: `#/network/${encodeURIComponent(about.id)}` }, name);
    const trail = from.map((element, i) =>
      createElement("a", { href: this.address({ of: element, from: from.slice(0, i), view: null }) }, element),
    );
    const items = [first, network, ...trail, createElement("b", { "aria-current": "page" }, of)];
    this.crumbs.replaceChildren(...items.flatMap((item, i) => (i === 0 ? [item] : [" › ", item])));
  }

  /** The choice between a value, its gradient, and for parameters the update. */
  drawViews(isParameter) {
    const { of, view } = this.state;
    const value = valueName(of);
    const choice = (key, isCurrent, change) =>
      createElement(
        "a",
        { href: this.address(change), class: "view", "aria-current": isCurrent ? "true" : null },
        translate(key),
      );
    const isGradient = of !== value;
    this.views.replaceChildren(
      choice("explain.forward", !view && !isGradient, { of: value, view: null }),
      choice("explain.backward", !view && isGradient, { of: `gradient:${value}`, view: null }),
      ...(isParameter ? [choice("explain.update", view !== null, { of: value, view: "update" })] : []),
    );
  }

  show({ answer, problem }) {
    setText(this.status, problem ?? "");
    const { of } = this.state;
    const isParameter = this.about.parameters.some(({ path }) => path === parseElement(of).path);
    this.drawViews(isParameter);
    setText(this.title, of);
    if (!answer) return;
    setText(this.mistake, answer.state === "mistake" ? answer.message : "");
    if (answer.state === "mistake") this.content.replaceChildren();
    else if (answer.state === "updated") this.showUpdate(answer.update);
    else if (answer.state === "shared") this.showShare(answer);
    else this.showElement(answer);
    /** How long the last click took, for tests and measurements. */
    this.content.dataset.milliseconds = String(performance.now() - this.begin);
    this.content.dataset.of = of;
  }

  showElement({ step, explanation, nodes }) {
    this.checkpoint.show(step);
    this.names.replaceChildren(
      ...nodes.map(({ path, shape }) =>
        createElement("option", { value: shape.length > 0 ? `${path}[${shape.map(() => 0).join(", ")}]` : path }),
      ),
    );
    const { op, shape, relation, gradient, terms } = explanation;
    const map = termMap(explanation, (path) => this.arrangedShape(path, nodes));
    const facts = [op, shape.length > 0 ? `[${shape.join(", ")}]` : null].filter(Boolean).join(" · ");
    const gradientLine =
      gradient === null || gradient === undefined
        ? null
        : createElement(
            "p",
            {},
            `${translate("explain.its_gradient")} `,
            createElement(
              "a",
              { class: "backward", href: this.address({ of: `gradient:${valueName(this.state.of)}`, view: null }) },
              formatNumber(gradient, 5),
            ),
          );
    const picture = map
      ? termPicture(map, (element) => this.go({ of: element, from: [...this.state.from, this.state.of], view: null }))
      : null;
    const rest =
      explanation.relation === "given"
        ? createElement("p", {}, translate("explain.given"))
        : createElement(
            "p",
            { class: "note" },
            translate(`relation.${relation}`, { n: formatInteger(terms.length + (explanation.rest?.count ?? 0)) }),
          );
    const left = createElement(
      "section",
      { class: "card" },
      createElement("h2", {}, facts),
      ...formulaLines(explanation),
      rest,
      gradientLine,
      picture,
    );
    const right =
      terms.length > 0
        ? [
            createElement(
              "section",
              { class: "card wide" },
              createElement("h2", {}, translate("explain.terms")),
              termTable(explanation, (of, text) => this.link(of, text)),
            ),
          ]
        : [];
    this.content.replaceChildren(left, ...right);
  }

  showUpdate(update) {
    const sampleLink = (sample) =>
      createElement(
        "a",
        {
          href: this.address({
            part: "train",
            sample,
            pixels: null,
            view: "share",
          }),
        },
        formatInteger(sample),
      );
    this.content.replaceChildren(...updateParts(update, sampleLink));
  }

  /** What the sample adds to the gradient of a step. Its terms are of the step, so they lead to no value of the model. */
  showShare({ step, sample, label, explanation }) {
    const shown = { step: formatInteger(step), sample: formatInteger(sample), label: label ?? "–" };
    const whole = createElement(
      "a",
      { class: "backward", href: this.address({ view: "update" }) },
      formatNumber(explanation.gradient, 5),
    );
    const terms = formatInteger(explanation.terms.length + (explanation.rest?.count ?? 0));
    this.content.replaceChildren(
      createElement(
        "section",
        { class: "card" },
        createElement("h2", {}, translate("explain.share_of", shown)),
        ...formulaLines(explanation),
        createElement("p", { class: "note" }, translate("relation.gradient_share", { n: terms })),
        createElement("p", {}, `${translate("explain.gradient_of_batch")} `, whole),
      ),
      createElement(
        "section",
        { class: "card wide" },
        createElement("h2", {}, translate("explain.terms")),
        termTable(explanation, (of, text) => (text === of ? of : "")),
      ),
    );
  }

  /** The shape by which the elements of a node are seen: of a flattened one that of the map before. */
  arrangedShape(path, nodes) {
    const node = nodes.find((each) => each.path === path);
    if (!node || node.shape.length === 3) return node?.shape ?? null;
    const layers = this.about.layers;
    const layer = layers.find((each) => each.path === path);
    if (layer?.kind !== "flatten") return path === "input" ? this.about.image_shape : null;
    const [before] = layer.inputs;
    if (before === null) return this.about.image_shape;
    return nodes.find((each) => each.path === layers[before].path)?.shape ?? null;
  }
}
