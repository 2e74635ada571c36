// The description of the panels, from which pictures of reports are drawn as well (`src/picture/`).
//
// Its titles, labels and axes are keys of messages, its colours names of the style sheet. `other_title` is for losses
// that are not in nats and for samples that are not images, `group` the key of the keyboard that shows the panel with
// others, and `range` a rule of `axes.js`.

import { translate } from "../text.js";
import description from "./description.json" with { type: "json" };

export { description };

/** The panel called `name` as described, with its key and its title. */
export function describe(name) {
  const i = description.panels.findIndex((panel) => panel.name === name);
  const panel = description.panels[i];
  const isUsual = (about) => (panel.kind === "curves" ? about.is_loss_in_nats : about.image_shape);
  const title = (about) => translate(panel.other_title && !isUsual(about) ? panel.other_title : panel.title);
  return { ...panel, key: String(i + 1), title };
}
