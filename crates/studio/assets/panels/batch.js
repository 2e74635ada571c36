// The batch of the last step, as the network saw it.

import { formatInteger } from "../format.js";
import { latest } from "../search.js";
import { translate } from "../text.js";
import { sampleList } from "./samples.js";

export function batch({ rows, columns }) {
  return ({ about, redraw, images, openSample }) =>
    sampleList({
      about,
      set: "train",
      redraw,
      images: images.train,
      columns,
      rows,
      cells({ run, step }) {
        const snapshot = latest(run.snapshots, step);
        const augmentedIn = about.is_augmented ? snapshot?.step : null;
        return (snapshot?.batch ?? []).map((sample, i) => {
          return { sample, prediction: snapshot.predictions[i], step: augmentedIn };
        });
      },
      note({ run }, shown) {
        const batch = run.started?.batch ?? 0;
        const n = shown.length;
        if (n === 0) return translate("panel.no_batch");
        const isWhole = n >= batch;
        const text = translate(isWhole ? "panel.whole_batch" : "panel.part_of_batch", { n, batch: formatInteger(batch) });
        return about.is_augmented ? translate("panel.as_augmented", { text }) : text;
      },
      async open(sample, prediction) {
        // The sample itself, which a batch that is augmented has not shown.
        await images.train.fetch([sample]);
        openSample("train", sample, prediction);
      },
    });
}
