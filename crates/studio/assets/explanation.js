// An explanation of a number: its formula, its terms with bars, and where they come from as a picture.

import { createElement, cssRgb, onColorSchemeChange } from "./dom.js";
import { formatInteger, formatNumber } from "./format.js";
import { translate } from "./text.js";

/** Terms in the table; the others are added up. */
const LISTED = 12;
/** Digits of a number in an explanation. */
const DIGITS = 5;

const number = (value) => {
  if (value === null || value === undefined) return translate("explain.not_finite");
  return formatNumber(value, DIGITS).replace(/\.?0+e/, "e");
};

/** `8.linear[17]` as its quantity, path, index and sample. */
export function parseElement(text) {
  const [, gradient, path, index = "", sample] = /^(gradient:)?([^[\]@]*)(?:\[([\d, ]*)\])?(?:@(\d+))?$/.exec(text) ?? [
    null,
    null,
    text,
  ];
  const numbers = index
    .split(",")
    .filter((part) => part.trim() !== "")
    .map(Number);
  return { isGradient: Boolean(gradient), path, index: numbers, sample: sample === undefined ? null : Number(sample) };
}

/** The name of an element without what says that it is a gradient. */
export const valueName = (text) => text.replace(/^gradient:/, "");

/** The listed terms and what is left of all. */
export function listed({ terms, rest }, most = LISTED) {
  const others = terms.slice(most);
  const sum = others.reduce((total, { product }) => total + (product ?? 0), rest?.sum ?? 0);
  return { shown: terms.slice(0, most), count: others.length + (rest?.count ?? 0), sum };
}

function bar(value, largest) {
  const element = createElement(
    "span",
    { class: value < 0 ? "bar-cell lowers" : "bar-cell raises", "aria-hidden": "true" },
    createElement("i"),
  );
  const width = (50 * Math.abs(value)) / (largest || 1);
  Object.assign(element.firstChild.style, { width: `${width}%`, left: value < 0 ? `${50 - width}%` : "50%" });
  return element;
}

/** The table of the terms. `link(of, text)` makes a link to another element, or text alone. */
export function termTable(explanation, link) {
  const { relation, value } = explanation;
  const isSum = relation !== "formula";
  const isGradient = relation === "gradient" || relation === "gradient_share";
  const { shown, count, sum } = listed(explanation);
  const largest = Math.max(...shown.map(({ product }) => Math.abs(product ?? 0)));
  const names = {
    element: isGradient ? "explain.read_by" : "explain.operand",
    value: isGradient ? "explain.upstream" : "explain.value",
    derivative: relation === "sum_of_products" ? "explain.factor" : "explain.derivative",
  };
  const head = [names.element, names.value, names.derivative, isSum ? "explain.product" : "explain.product_of_change"];
  const cells = (kind, contents) =>
    createElement("tr", { class: kind }, ...contents.map((content) => createElement("td", {}, content)));
  const rows = shown.map(({ name, element, value: of, derivative, factor, product, elements }) => {
    const title = [name ? `${name} = ` : "", link(element, element)];
    const many = elements > 1 ? ` (${translate("explain.elements", { n: formatInteger(elements) })})` : "";
    const first = createElement("span", {}, ...title, many);
    const second = factor ? createElement("span", {}, number(derivative), " ", link(factor, "↗")) : number(derivative);
    return cells(null, [first, number(of), second, number(product), bar(product ?? 0, largest)]);
  });
  if (count > 0)
    rows.push(
      cells("quiet", [translate("explain.others", { n: formatInteger(count) }), "", "", isSum ? number(sum) : "", ""]),
    );
  if (isSum) rows.push(cells("strong", [translate("explain.sum"), "", "", number(explanation.sum ?? value), ""]));
  const columns = head.map((key) => createElement("th", { scope: "col" }, translate(key)));
  return createElement(
    "div",
    { class: "scroll", tabindex: "0", role: "group", "aria-label": translate("explain.terms") },
    createElement(
      "table",
      { class: "terms" },
      createElement("thead", {}, createElement("tr", {}, ...columns, createElement("td"))),
      createElement("tbody", {}, ...rows),
    ),
  );
}

/**
 * The terms of one operand that is a map or an image, added up over its channels at each place: `{ height, width, sums,
 * largest }`, where `largest` is the element with the largest product there. Null if no operand is one. `shapeOf(path)` is
 * the shape by which the elements of a node are arranged.
 */
export function termMap(explanation, shapeOf) {
  const paths = new Map();
  for (const { element } of explanation.terms) {
    const { path } = parseElement(element);
    paths.set(path, (paths.get(path) ?? 0) + 1);
  }
  const [path] = [...paths].sort((a, b) => b[1] - a[1])[0] ?? [];
  const shape = path === undefined ? null : shapeOf(path);
  if (!shape || shape.length !== 3 || shape[0] * shape[1] < 4) return null;
  const [height, width, channels] = shape;
  const sums = new Float64Array(height * width);
  const largest = new Array(height * width).fill(null);
  const products = new Float64Array(height * width);
  for (const { element, product } of explanation.terms) {
    const parsed = parseElement(element);
    if (parsed.path !== path || product === null) continue;
    const { index } = parsed;
    const flat = index.length === 3 ? (index[0] * width + index[1]) * channels + index[2] : index[0];
    const place = Math.floor(flat / channels);
    sums[place] += product;
    if (largest[place] === null || Math.abs(product) > products[place]) {
      largest[place] = element;
      products[place] = Math.abs(product);
    }
  }
  return { path, height, width, sums, largest };
}

/** The picture of a term map; `open(element)` is called for a cell that is clicked or chosen by keys. */
export function termPicture(map, open) {
  const { path, height, width, sums, largest } = map;
  const most = sums.reduce((found, sum) => Math.max(found, Math.abs(sum)), 0) || 1;
  const label = translate("explain.picture", { path });
  const canvas = createElement("canvas", {
    class: "term-picture",
    role: "img",
    tabindex: "0",
    "aria-label": label,
    width,
    height,
  });
  const draw = () => {
    const context = canvas.getContext("2d");
    const image = context.createImageData(width, height);
    const [paper, positive, negative] = ["--wash", "--test", "--train"].map(cssRgb);
    sums.forEach((sum, i) => {
      const color = sum < 0 ? negative : positive;
      const opacity = Math.sqrt(Math.abs(sum) / most);
      for (let c = 0; c < 3; c++) image.data[4 * i + c] = paper[c] + (color[c] - paper[c]) * opacity;
      image.data[4 * i + 3] = 255;
    });
    context.putImageData(image, 0, 0);
  };
  draw();
  const stop = onColorSchemeChange(() => (canvas.isConnected ? draw() : stop()));
  const readout = createElement("p", { class: "note", role: "status" }, translate("explain.picture_note"));
  let chosen = -1;
  const tell = (cell) => {
    const element = largest[cell];
    readout.textContent = element ? `${element}: ${number(sums[cell])}` : translate("explain.no_term");
  };
  const cellAt = ({ offsetX, offsetY }) => {
    const [x, y] = [
      Math.floor((offsetX / canvas.clientWidth) * width),
      Math.floor((offsetY / canvas.clientHeight) * height),
    ];
    return Math.min(height - 1, Math.max(0, y)) * width + Math.min(width - 1, Math.max(0, x));
  };
  canvas.addEventListener("pointermove", (event) => tell(cellAt(event)));
  canvas.addEventListener("click", (event) => {
    const element = largest[cellAt(event)];
    if (element) open(element);
  });
  canvas.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -width, ArrowDown: width }[event.key];
    if (event.key === "Enter" && largest[chosen]) open(largest[chosen]);
    if (!move) return;
    event.preventDefault();
    chosen =
      chosen < 0
        ? Math.floor(height / 2) * width + Math.floor(width / 2)
        : Math.min(sums.length - 1, Math.max(0, chosen + move));
    tell(chosen);
  });
  canvas.style.aspectRatio = `${width} / ${height}`;
  return createElement("div", {}, canvas, readout);
}

/** The formula of an explanation, with its symbols and with the numbers put in. */
export function formulaLines({ formula, quantity, value }) {
  const result = createElement("b", { class: quantity === "gradient" ? "backward" : "forward" }, number(value));
  if (!formula) return [createElement("p", { class: "sum" }, result)];
  const { symbols, numbers } = formula;
  return [
    createElement("p", { class: "sum" }, `${symbols} = `, result),
    createElement("p", { class: "note numbers-line" }, `= ${numbers}`),
  ];
}

/** What a step of a run did to a parameter: before, gradient, the optimizer's lines, after. */
export function updateParts(update, link) {
  const { gradient, before, after, given, lines, shares, rest, penalty, loss, step } = update;
  const { learning_rate: rate, is_as_logged: isAsLogged } = update;
  const value = (list, i = 0) => number(list[i]?.value);
  const row = createElement(
    "dl",
    { class: "update-row" },
    ...[
      ["explain.before", value(before), ""],
      ["explain.gradient", number(gradient), "backward"],
      ["explain.rate", number(rate), ""],
      ["explain.after", value(after), "forward"],
    ].map(([key, text, kind]) =>
      createElement("div", {}, createElement("dt", {}, translate(key)), createElement("dd", { class: kind }, text)),
    ),
  );
  const table = (head, rows, label) =>
    createElement(
      "div",
      { class: "scroll", tabindex: "0", role: "group", "aria-label": label },
      createElement(
        "table",
        { class: head.at(-1) === "" ? "terms" : null },
        createElement(
          "thead",
          {},
          createElement(
            "tr",
            {},
            ...head.map((text) => (text === "" ? createElement("td") : createElement("th", { scope: "col" }, text))),
          ),
        ),
        createElement(
          "tbody",
          {},
          ...rows.map((cells) => createElement("tr", {}, ...cells.map((cell) => createElement("td", {}, cell)))),
        ),
      ),
    );
  const states = before.map(({ name, value: of }, i) => [name, number(of), value(after, i)]);
  const state = table(
    ["", translate("explain.before"), translate("explain.after")],
    states,
    translate("explain.state"),
  );
  const formulas = lines.map(({ name, formula, value: of }) =>
    createElement(
      "li",
      {},
      createElement("code", {}, `${name} = ${formula.symbols}`),
      createElement("br"),
      createElement("span", { class: "note" }, `= ${formula.numbers} = ${number(of)}`),
    ),
  );
  const largest = Math.max(...shares.map(({ share }) => Math.abs(share)), 0);
  const samples = shares
    .slice(0, LISTED)
    .map(({ sample, label, share }) => [link(sample), label ?? "–", number(share), bar(share, largest)]);
  const others = listed({ terms: shares.map(({ share }) => ({ product: share })), rest });
  if (others.count > 0)
    samples.push([translate("explain.others", { n: formatInteger(others.count) }), "", number(others.sum), ""]);
  if (penalty !== 0) samples.push([translate("explain.penalty"), "", number(penalty), ""]);
  const head = [translate("common.sample"), translate("common.label"), translate("explain.share"), ""];
  const settings = given.map(({ name, value: of }) => `${name} ${number(of)}`).join(" · ");
  const title = (key, values) => createElement("h2", {}, translate(key, values));
  return [
    createElement(
      "section",
      { class: "card wide" },
      title("explain.update_of", { step: formatInteger(step) }),
      row,
      formulas.length > 0
        ? createElement("ol", { class: "update-lines" }, ...formulas)
        : createElement("p", {}, translate("explain.no_formula")),
      createElement(
        "p",
        { class: "note" },
        translate("explain.loss_of_batch", { loss: number(loss) }),
        settings === "" ? "" : ` · ${settings}`,
      ),
      state,
    ),
    createElement(
      "section",
      { class: "card wide" },
      title("explain.shares"),
      createElement("p", { class: "note" }, translate("explain.recomputed")),
      isAsLogged === false ? createElement("p", { class: "mistake" }, translate("explain.not_as_logged")) : null,
      table(head, samples, translate("explain.shares")),
    ),
  ];
}
