// The panels of a run, in the order of their description.
//
// `description.json` says what each panel shows; reports draw pictures from it as well (`src/picture/`). Its titles,
// labels and axes are keys of messages, its colours names of the style sheet. `other_title` is for losses that are not
// in nats and for samples that are not images, `group` the key of the keyboard that shows the panel with others, and
// `range` a rule of `axes.js`.

import { translate } from "../text.js";
import { bands } from "./bands.js";
import { batch } from "./batch.js";
import { curves } from "./curves.js";
import description from "./description.json" with { type: "json" };
import { testSamples } from "./test_samples.js";

/** What builds a panel of each kind. */
const KINDS = { curves, bands, grid: (panel) => (panel.set === "train" ? batch : testSamples)(panel) };

export const panels = description.panels.map((described, i) => {
  const isUsual = (about) => (described.kind === "curves" ? about.is_loss_in_nats : about.image_shape);
  const title = (about) =>
    translate(described.other_title && !isUsual(about) ? described.other_title : described.title);
  const panel = { ...described, key: String(i + 1), title };
  return { ...panel, build: KINDS[panel.kind](panel) };
});
