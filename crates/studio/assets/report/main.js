// A report: the six panels of one run in a file of its own, and its results as tables.

import { h, table } from "../dom.js";
import { duration, few, percent, speed, whole } from "../format.js";
import { languageSwitch } from "../languages.js";
import train from "../pages/train.js";
import { about as open } from "../server.js";
import { language, t } from "../text.js";

const { about } = await open();
let leave = () => {};

async function show() {
  leave();
  document.documentElement.lang = language();
  const main = h("main");
  document.body.replaceChildren(h("header", { class: "bar" }, h("span", { class: "mark" }, "grad", h("i", {}, "u"), "s"), languageSwitch(show)), main);
  leave = await train.open(main, { about });
  main.append(results());
}

function results() {
  const result = about.result;
  const rows = [
    [t("reason"), result ? t(about.state) : t("cut")],
    ...(result ? [
      [t("step"), whole(result.steps)], [t("epoch"), few(result.epochs)], [t("test_accuracy"), percent(result.test_accuracy ?? NaN)], [t("best_accuracy"), percent(result.best_test_accuracy ?? NaN)],
      [t("test_loss"), few(result.test_loss, 4)], [t("training_loss"), few(result.train_loss, 4)], [t("samples"), speed(result.samples_per_second)], [t("wall"), duration(result.wall_seconds)],
      [t("seed"), result.seed], [t("threads"), result.threads], [t("digest"), result.weights_digest],
    ] : []),
  ];
  const layers = about.layers.map((layer) => [layer.number, layer.kind, layer.output, whole(layer.parameters), whole(layer.multiply_adds)]);
  return h("section", { class: "page", id: "results" },
    h("h2", {}, t("results")), h("div", { class: "runs" }, table([t("result"), t("value")], rows)),
    h("h2", {}, t("layers")), h("div", { class: "runs" }, table(["", t("layer"), t("output"), t("parameters"), t("multiply_adds")], layers)),
    h("h2", {}, t("settings")), h("div", { class: "runs" }, table([t("setting"), t("value")], about.settings)));
}

show();
