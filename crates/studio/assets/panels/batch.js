// The batch of the last step.

import { formatInteger } from "../format.js";
import { latest } from "../search.js";
import { translate } from "../text.js";
import { imageGrid } from "./grid.js";

export function batch({ rows, columns }) {
  return ({ about, redraw, images, openSample }) =>
    imageGrid({
      about,
      redraw,
      images: images.train,
      columns,
      rows,
      cells({ run, step }) {
        const snapshot = latest(run.snapshots, step);
        return (snapshot?.batch ?? []).map((sample, i) => ({ sample, prediction: snapshot.predictions[i] }));
      },
      note({ run }, shown) {
        const batch = run.started?.batch ?? 0;
        const n = shown.length;
        if (n === 0) return translate("panel.no_batch");
        if (n >= batch) return translate("panel.whole_batch", { n });
        return translate("panel.part_of_batch", { n, batch: formatInteger(batch) });
      },
      open: (sample, prediction) => openSample("train", sample, prediction),
    });
}
