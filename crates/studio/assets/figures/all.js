// All kinds of figures, a line each. Lessons and pages show the same.

import { createElement } from "../dom.js";
import bars from "./bars.js";
import contours from "./contours.js";
import graph from "./graph.js";
import histograms from "./histograms.js";
import pictures from "./pictures.js";
import plot from "./plot.js";
import table from "./table.js";

const KINDS = { bars, contours, graph, histograms, pictures, plot, table };

/** A figure with its title. `context` is passed to its kind: `blank(name)` builds a box to be filled in. */
export function createFigure(figure, context = {}) {
  const title = figure.title ? createElement("figcaption", {}, figure.title) : null;
  return createElement("figure", { class: `figure figure-${figure.kind}` }, title, KINDS[figure.kind](figure, context));
}
