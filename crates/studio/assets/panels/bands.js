// Quantiles of parameters over the steps as nested bands: shared by the panels of weights and biases.

import { Chart } from "../chart.js";
import { createElement, createTable } from "../dom.js";
import { formatInteger, formatNumber } from "../format.js";
import { countUpTo } from "../search.js";
import { translate } from "../text.js";

/**
 * `name` is the field of an event with the quantiles over all layers, `roles` the roles of the parameters
 * it includes.
 */
export function bands({ name: pooled, roles, color, title }) {
  return ({ about, redraw, explained }) => {
    const chart = new Chart({ yLabel: () => translate("axis.value") });
    const shown = about.parameters.filter(({ role }) => roles.includes(role));
    const choice = createElement(
      "select",
      { "aria-label": translate("common.layer"), change: redraw },
      createElement("option", { value: "" }, translate("panel.all_layers")),
      ...shown.map(({ path }) => createElement("option", { value: path }, path)),
    );
    const link = explained && shown.length > 0 ? createElement("a", {}, translate("explain.link")) : null;
    const showLink = ({ step }) => {
      const { path, shape } = shown.find((each) => each.path === choice.value) ?? shown[0];
      const of = `${path}[${shape.map(() => 0).join(", ")}]`;
      link.setAttribute("href", explained({ of, view: "update" }, step));
    };
    const edgesOf = (snapshot) => {
      if (choice.value === "") return snapshot[pooled];
      const isChosen = ({ layer, part }) => `${layer}.${part}` === choice.value;
      return snapshot.parameters.find(isChosen)?.values ?? null;
    };
    const columns = ({ run, step }) => {
      const earlier = run.snapshots.slice(0, countUpTo(run.snapshots, step));
      const snapshots = earlier.filter((snapshot) => edgesOf(snapshot) !== null);
      return { x: snapshots.map((snapshot) => snapshot.step), edges: snapshots.map(edgesOf) };
    };
    const summary = ({ edges }) => {
      if (edges.length === 0) return "";
      const [from, to] = [edges.at(-1)[0], edges.at(-1)[7]].map((edge) => formatNumber(edge));
      return translate("panel.range", { label: title(), from, to });
    };
    return {
      element: chart.element,
      notes: [createElement("span", { class: "note", title: translate("panel.bands") }, choice)],
      tools: [link],
      draw(view) {
        if (link) showLink(view);
        const { x, edges } = columns(view);
        const drawable = x.map((_, i) => i).filter((i) => edges[i].every(Number.isFinite));
        const shown = { x: drawable.map((i) => x[i]), edges: drawable.map((i) => edges[i]) };
        const at = view.isLatest ? null : view.step;
        const bands = [{ label: title(), color, ...shown }];
        chart.draw({ bands, end: view.run.end, at, summary: summary(shown) });
      },
      table(view) {
        const { x, edges } = columns(view);
        const quantiles = [1, 2, 3, 4, 5, 6].map((i) => translate("common.quantile", { i }));
        const ends = [translate("common.minimum"), translate("common.maximum")];
        const head = [translate("common.step"), ends[0], ...quantiles, ends[1]];
        const rows = x.map((step, i) => [formatInteger(step), ...edges[i].map((edge) => formatNumber(edge))]);
        return createTable(head, rows.reverse());
      },
    };
  };
}
