// The page of a network: its layers, learned weights, activation statistics, and one sample passed through it.

import { CheckpointChoice } from "../checkpoint.js";
import { createElement, createTable, onColorSchemeChange, setText, tableFrame } from "../dom.js";
import { Flow } from "../flow.js";
import { formatNumber, formatPercent } from "../format.js";
import { Images } from "../images.js";
import { layerTable } from "../layers.js";
import { explainLink } from "../links.js";
import { drawWeights, explainable, mapFigure, quantileBar } from "../maps.js";
import { activationStatistics, activations, parameter } from "../model.js";
import { Run } from "../run.js";
import { predictionBars, predictionTitle } from "../sample.js";
import { latest } from "../search.js";
import { translate } from "../text.js";

/** Milliseconds between two updates of a run in progress. */
const INTERVAL_MS = 1500;
/** Fractions of dead units and of saturated values from which on the page warns. */
const [MAX_DEAD, MAX_SATURATED] = [0.1, 0.5];

export default {
  name: "network",
  position: 2,
  needsRun: true,
  title: () => translate("page.network"),
  async open(main, { about, step, stepChanged }) {
    const page = new NetworkPage(main, about, step, stepChanged);
    return () => page.close();
  },
};

class NetworkPage {
  constructor(main, about, step, stepChanged) {
    this.about = about;
    /** The set and the number of the sample that is shown. */
    [this.set, this.sample] = ["test", 0];
    this.checkpoint = new CheckpointChoice(about, step, (chosen) => {
      stepChanged(chosen);
      this.update();
    });
    this.run = new Run(about, () => {
      if (about.problem) this.drawChanges(this.run.snapshots.at(-1));
    });
    const images = (set) => [set, new Images(about, set, () => this.drawSample())];
    this.images = Object.fromEntries(Object.keys(about.parts).map(images));
    this.build(main);
    this.timer = setInterval(() => {
      const isLatest = this.checkpoint.step === null;
      if (!document.hidden && about.is_live && !this.run.finished && isLatest) this.update();
    }, INTERVAL_MS);
    this.stopColorSchemeListener = onColorSchemeChange(() => this.update());
    this.update();
  }

  close() {
    this.stopColorSchemeListener();
    clearInterval(this.timer);
    this.flow?.close();
    this.run.close();
  }

  build(main) {
    const { about } = this;
    this.warnings = createElement("ul", { class: "warnings" });
    const warnings = createElement("div", { role: "status" }, this.warnings);
    this.learned = createElement("div", { class: "layers", id: "learned" });
    this.statistics = tableFrame("activation-statistics");
    this.changes = tableFrame("changes");
    const section = (title, lead, ...parts) => [
      createElement("h2", {}, translate(title)),
      lead ? createElement("p", { class: "lead" }, translate(lead)) : null,
      ...parts,
    ];
    const changes = section("network.changes", "network.changes_lead", this.changes);
    if (about.problem) {
      // Without its network there is what the log holds.
      this.warnings.append(createElement("li", { class: "severe" }, about.problem));
      main.append(createElement("div", { class: "page" }, createElement("h1", {}, about.id), warnings, ...changes));
      return;
    }
    main.append(
      createElement(
        "div",
        { class: "page" },
        createElement("h1", {}, about.id),
        this.checkpoint.element,
        warnings,
        createElement(
          "section",
          {},
          ...section(about.parts.test ? "network.sample" : "flow.title", null, ...this.buildSample()),
        ),
        ...section("network.learned", "network.sign_colors", this.learned),
        ...section("network.activations", "network.activations_lead", this.statistics),
        ...changes,
        ...section("common.layers", null, tableFrame(null, layerTable(about.layers))),
      ),
    );
  }

  buildSample() {
    const { about } = this;
    const change = () => {
      this.set = this.setChoice.value;
      this.number.max = String(Math.max(0, (about.parts[this.set] ?? 0) - 1));
      this.sample = Math.min(Number(this.number.value), Number(this.number.max));
      this.updateSample();
    };
    const sets = Object.keys(about.parts).map((set) =>
      createElement("option", { value: set }, translate(`network.sample_of_${set}`)),
    );
    this.setChoice = createElement("select", { id: "set", "aria-label": translate("network.set"), change }, ...sets);
    this.setChoice.value = this.set;
    const max = String(Math.max(0, (about.parts.test ?? 0) - 1));
    this.number = createElement("input", { type: "number", id: "sample", min: "0", max, value: "0", change });
    this.output = createElement("div", { id: "output", class: "prediction" });
    this.flow = new Flow(about, (of) => this.explain({ of }));
    this.number.ariaLabel = translate("common.sample");
    const choice = createElement("div", { class: "filter", hidden: !about.parts.test }, this.setChoice, this.number);
    return [choice, this.output, this.flow.element];
  }

  /** The address of the explanation of an element of the sample that is shown. */
  explained(change) {
    return explainLink(this.about.id, this.checkpoint.step, { part: this.set, sample: this.sample, ...change });
  }

  explain(change) {
    location.hash = this.explained(change);
  }

  /** Shows the latest model, or the one of the chosen checkpoint. */
  async update() {
    if (this.about.problem) return;
    const step = this.checkpoint.step;
    const [found, ...weights] = await Promise.all([activationStatistics(this.about.id, step), ...this.fetchWeights()]);
    this.checkpoint.show(found?.step ?? null);
    if (!found) return;
    this.drawLearned(weights);
    this.drawStatistics(found.layers);
    this.drawChanges(latest(this.run.snapshots, found.step));
    await this.updateSample();
  }

  /** Fetches the weights that may be shown as images: those of the first layer that has any, and all filters. */
  fetchWeights() {
    const weights = this.about.parameters.filter(({ role }) => role === "weight");
    const shown = weights.filter(({ shape }, i) => i === 0 || shape.length === 4);
    this.shown = shown.map(({ path }) => path);
    return this.shown.map((name) => parameter(this.about.id, name, this.checkpoint.step));
  }

  drawLearned(weights) {
    if (!this.learned.children.length) {
      this.learned.append(...this.shown.map(mapFigure));
      this.shown.forEach((path, i) => {
        const canvas = this.learned.children[i].querySelector("canvas");
        explainable(canvas, (index) => this.explain({ of: `${path}[${index.join(", ")}]` }));
      });
    }
    weights.forEach((found, i) => {
      const figure = this.learned.children[i];
      const canvas = figure.querySelector("canvas");
      if (!found || !canvas) return;
      setText(figure.querySelector("figcaption"), `${this.shown[i]} [${found.shape.join(", ")}]`);
      const isDrawn = drawWeights(canvas, found, this.about.image_shape);
      if (!isDrawn) figure.querySelector(".scroll").replaceChildren(translate("network.no_image"));
    });
  }

  drawStatistics(layers) {
    const warnings = [];
    const rows = layers.map(({ path: layer, edges, units, dead, saturated }) => {
      if (dead / units >= MAX_DEAD) warnings.push(translate("warning.dead_units", { layer, dead, units }));
      if (saturated !== null && saturated >= MAX_SATURATED) {
        warnings.push(translate("warning.saturated", { layer, share: formatPercent(saturated, 0) }));
      }
      const bar = quantileBar(edges, Math.max(-edges[0], edges[7]), "--weights", layer);
      const quantiles = [0, 3, 4, 7].map((i) => formatNumber(edges[i]));
      const deadUnits = dead === null ? "–" : `${dead} / ${units}`;
      return [layer, bar, ...quantiles, deadUnits, saturated === null ? "–" : formatPercent(saturated, 1)];
    });
    const head = [
      translate("common.layer"),
      "",
      translate("common.minimum"),
      translate("common.quantile", { i: 3 }),
      translate("common.quantile", { i: 4 }),
      translate("common.maximum"),
      translate("network.dead"),
      translate("network.saturated"),
    ];
    this.statistics.replaceChildren(createTable(head, rows));
    this.warnings.replaceChildren(...warnings.map((text) => createElement("li", {}, text)));
  }

  drawChanges(snapshot) {
    const central = (edges) => {
      if (!edges) return "–";
      const text = `${formatNumber(edges[1])} … ${formatNumber(edges[6])}`;
      const bar = quantileBar(edges, Math.max(-edges[0], edges[7]), "--biases", text);
      return createElement("span", { class: "quantiles-cell" }, bar, text);
    };
    const magnitude = (edges) => Math.max(Math.abs(edges[1]), Math.abs(edges[6]));
    const rows = (snapshot?.parameters ?? []).map(({ layer, part, values, gradients, updates }) => {
      const hasRatio = updates && magnitude(values);
      const ratio = hasRatio ? formatNumber(magnitude(updates) / magnitude(values)) : "–";
      return [`${layer}.${part}`, central(values), central(gradients), central(updates), ratio];
    });
    const head = [
      translate("network.parameter"),
      translate("network.values"),
      translate("network.gradients"),
      translate("network.updates"),
      translate("network.update_ratio"),
    ];
    this.changes.replaceChildren(createTable(head, rows));
  }

  async updateSample() {
    if (this.about.image_shape) this.images[this.set]?.fetch([this.sample]);
    const found = await activations(this.about.id, this.set, this.sample, this.checkpoint.step);
    if (!found) return;
    const title = createElement("p", { class: "note" }, predictionTitle(found, this.about));
    this.output.replaceChildren(
      title,
      predictionBars(found, (of) => this.explained({ of })),
    );
    await this.flow.draw(found);
    this.drawSample();
  }

  drawSample() {
    const image = this.images[this.set]?.get(this.sample);
    if (image) this.flow.drawInput(image);
  }
}
