// The page of a network: its layers, what they have learned, how they behave, and one digit on its way through them.

import { h, say, table, whenLightChanges } from "../dom.js";
import { few, percent, whole } from "../format.js";
import { chances, chancesTitle } from "../digit.js";
import { layerFigures, layerMaps, mapFigure, spreadBar, weightMaps } from "../maps.js";
import { behaviour, inside, parameter } from "../network.js";
import { Pictures, drawGrid } from "../pictures.js";
import { Run } from "../run.js";
import { SavedStep } from "../saved.js";
import { latest } from "../search.js";
import { t } from "../text.js";

/** Milliseconds between two looks at a network that learns. */
const PACE = 1500;
/** Shares of dead units and of saturated values from which on they are named. */
const [DEAD, SATURATED] = [0.1, 0.5];

export default {
  name: "network",
  needsRun: true,
  title: () => t("network"),
  async open(main, { about, step, wentTo }) {
    const page = new NetworkPage(main, about, step, wentTo);
    return () => page.leave();
  },
};

class NetworkPage {
  constructor(main, about, step, wentTo) {
    this.about = about;
    this.sample = 0;
    this.saved = new SavedStep(about, step, (step) => { wentTo(step); this.look(); });
    this.run = new Run(about, () => {});
    this.pictures = new Pictures(about, "test", () => this.drawSample());
    this.build(main);
    this.timer = setInterval(() => { if (!document.hidden && about.is_live && !this.run.finished && this.saved.at === null) this.look(); }, PACE);
    this.endLight = whenLightChanges(() => this.look());
    this.look();
  }

  leave() {
    this.endLight();
    clearInterval(this.timer);
    this.run.close();
  }

  build(main) {
    const { about } = this;
    const rows = about.layers.map((layer) => [layer.number, layer.kind, layer.output, whole(layer.parameters), whole(layer.multiply_adds)]);
    const total = (name) => whole(about.layers.reduce((sum, layer) => sum + layer[name], 0));
    rows.push(["", t("total"), "", total("parameters"), total("multiply_adds")]);
    this.warnings = h("ul", { class: "warnings", role: "status" });
    this.learned = h("div", { class: "layers", id: "learned" });
    this.spread = h("div", { class: "runs", id: "behaviour" });
    this.changes = h("div", { class: "runs", id: "changes" });
    this.number = h("input", { type: "number", id: "sample", min: "0", max: String(Math.max(0, about.test_samples - 1)), value: "0", change: () => { this.sample = Number(this.number.value); this.lookAtSample(); } });
    this.picture = h("canvas", { class: "one", role: "img" });
    this.answer = h("div", { id: "answer" });
    this.layers = h("div", { class: "layers", id: "activations" }, ...layerFigures(about));
    const section = (title, lead, ...parts) => [h("h2", {}, t(title)), lead ? h("p", { class: "lead" }, t(lead)) : null, ...parts];
    main.append(h("div", { class: "page" },
      h("h1", {}, about.id), this.saved.element, this.warnings,
      h("section", { hidden: about.test_samples === 0 }, ...section(about.picture ? "one_digit" : "one_sample", null,
        h("div", { class: "filter" }, h("label", {}, t("test_sample"), " ", this.number)),
        h("div", { class: "drawing" }, h("figure", { hidden: !about.picture }, this.picture), h("figure", { class: "wide" }, this.answer)),
        this.layers)),
      ...section("learned", "two_colours", this.learned),
      ...section("behaviour", "behaviour_lead", this.spread),
      ...section("changes", "changes_lead", this.changes),
      ...section("layers", null, h("div", { class: "runs" }, table(["", t("layer"), t("output"), t("parameters"), t("multiply_adds")], rows)))));
  }

  /** Everything anew, of the network as it is now or was at the chosen step. */
  async look() {
    const [found, ...weights] = await Promise.all([behaviour(this.about.id, this.saved.at), ...this.weights()]);
    this.saved.tell(found?.step ?? null);
    if (!found) return;
    this.drawLearned(weights);
    this.drawBehaviour(found.layers);
    this.drawChanges(latest(this.run.looks, found.step));
    await this.lookAtSample();
  }

  /** The weights that have a form: those of the first layer that has any, and the filters of convolutions. */
  weights() {
    const weights = this.about.parameters.filter((name) => name.endsWith(".weight"));
    this.shown = weights.filter((name, i) => i === 0 || name.includes("conv2d"));
    return this.shown.map((name) => parameter(this.about.id, name, this.saved.at));
  }

  drawLearned(weights) {
    if (!this.learned.children.length) this.learned.append(...this.shown.map(mapFigure));
    weights.forEach((each, i) => {
      const figure = this.learned.children[i];
      if (!each) return;
      say(figure.querySelector("figcaption"), `${this.shown[i]} [${each.shape.join(", ")}]`);
      if (!weightMaps(figure.querySelector("canvas"), each, this.about.picture)) figure.querySelector(".scroll").replaceChildren(t("no_form"));
    });
  }

  drawBehaviour(layers) {
    const found = [];
    const rows = layers.map(({ number, kind, edges, units, dead, saturated }) => {
      if (dead / units >= DEAD) found.push(t("warn_dead", { layer: `${number} ${kind}`, dead, units }));
      if (saturated !== null && saturated >= SATURATED) found.push(t("warn_saturated", { layer: `${number} ${kind}`, share: percent(saturated, 0) }));
      const ends = saturated === null ? "–" : percent(saturated, 1);
      const bar = spreadBar(edges, Math.max(-edges[0], edges[7]), "--weights", kind);
      return [`${number} ${kind}`, bar, few(edges[0]), few(edges[3]), few(edges[4]), few(edges[7]), kind === "relu" ? `${dead} / ${units}` : "–", ends];
    });
    this.spread.replaceChildren(table([t("layer"), "", t("smallest"), t("sevenths", { i: 3 }), t("sevenths", { i: 4 }), t("largest"), t("dead"), t("saturated")], rows));
    this.warnings.replaceChildren(...found.map((text) => h("li", {}, text)));
  }

  drawChanges(look) {
    const rows = (look?.parameters ?? []).map(({ name, values, gradients, updates }) => {
      const middle = (edges) => {
        if (!edges) return "–";
        const text = `${few(edges[1])} … ${few(edges[6])}`;
        return h("span", { class: "spread-cell" }, spreadBar(edges, Math.max(-edges[0], edges[7]), "--biases", text), text);
      };
      const size = (edges) => Math.max(Math.abs(edges[1]), Math.abs(edges[6]));
      return [name, middle(values), middle(gradients), middle(updates), updates && size(values) ? few(size(updates) / size(values)) : "–"];
    });
    this.changes.replaceChildren(table([t("parameter"), t("values"), t("gradients"), t("updates"), t("ratio")], rows));
  }

  async lookAtSample() {
    if (this.about.picture) this.pictures.fetch([this.sample]);
    const found = await inside(this.about.id, "test", this.sample, this.saved.at);
    if (!found) return;
    this.answer.replaceChildren(h("p", { class: "note" }, chancesTitle(found, this.about)), chances(found));
    found.layers.forEach((layer, i) => layerMaps(this.layers.children[i].querySelector("canvas"), layer));
    this.drawSample();
  }

  drawSample() {
    const picture = this.pictures.get(this.sample);
    if (!picture) return;
    drawGrid(this.picture, this.about, [{ picture }], 1, 1);
    this.picture.setAttribute("aria-label", t("it_is", { truth: picture.label }));
  }
}
