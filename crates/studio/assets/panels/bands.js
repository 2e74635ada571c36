// Nested bands of numbers over the steps: what the panels of weights and of biases have in common.

import { Chart } from "../chart.js";
import { h, table } from "../dom.js";
import { few, whole } from "../format.js";
import { countUpTo } from "../search.js";
import { t } from "../text.js";

/** `pooled` names the spread of all layers in an event, `parts` the parameters that belong to it. */
export function bands({ pooled, parts, rgb, title }) {
  return ({ about, redraw }) => {
    const chart = new Chart({ yLabel: () => t("value_axis") });
    const names = about.parameters.filter((name) => parts.includes(name.split(".").at(-1)));
    const choice = h("select", { "aria-label": t("layer"), change: redraw },
      h("option", { value: "" }, t("all_layers")), ...names.map((name) => h("option", { value: name }, name)));
    const edgesOf = (look) => choice.value === "" ? look[pooled] : look.parameters.find(({ name }) => name === choice.value)?.values ?? null;
    const read = ({ run, step }) => {
      const looks = run.looks.slice(0, countUpTo(run.looks, step)).filter((look) => edgesOf(look) !== null);
      return { x: looks.map((look) => look.step), edges: looks.map(edgesOf) };
    };
    const summary = ({ edges }) => edges.length === 0 ? "" : t("range", { label: title(), from: few(edges.at(-1)[0]), to: few(edges.at(-1)[7]) });
    return {
      element: chart.element,
      notes: [h("span", { class: "note", title: t("bands") }, choice)],
      draw(view) {
        const columns = read(view);
        chart.draw({ bands: [{ label: title(), rgb, ...columns }], end: view.run.end, at: view.isLatest ? null : view.step, summary: summary(columns) });
      },
      table(view) {
        const { x, edges } = read(view);
        const head = [t("step"), t("smallest"), ...[1, 2, 3, 4, 5, 6].map((i) => t("sevenths", { i })), t("largest")];
        return table(head, x.map((step, i) => [whole(step), ...edges[i].map((edge) => few(edge))]).reverse());
      },
    };
  };
}
