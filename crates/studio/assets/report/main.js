// A report: the panels of one run in a file of its own, with its results as tables.

import { createElement, createTable } from "../dom.js";
import { formatDuration, formatInteger, formatNumber, formatPercent, formatRate } from "../format.js";
import { languageSwitch } from "../languages.js";
import { layerTable } from "../layers.js";
import train from "../pages/train.js";
import { aboutRun } from "../server.js";
import { language, translate } from "../text.js";

const { about } = await aboutRun();
let close = () => {};

async function show() {
  close();
  document.documentElement.lang = language();
  const main = createElement("main");
  const logo = createElement("span", { class: "logo" }, "grad", createElement("i", {}, "u"), "s");
  document.body.replaceChildren(createElement("header", { class: "bar" }, logo, languageSwitch(show)), main);
  close = await train.open(main, { about });
  main.append(results());
}

function results() {
  const { layers, result, settings, state } = about;
  const rows = [["runs.state", translate(`state.${state}`)]];
  if (result) {
    rows.push(
      ["common.step", formatInteger(result.steps)],
      ["common.epoch", formatNumber(result.epochs)],
      ["metric.test_accuracy", formatPercent(result.test_accuracy ?? NaN)],
      ["metric.best_accuracy", formatPercent(result.best_test_accuracy ?? NaN)],
      ["metric.test_loss", formatNumber(result.test_loss, 4)],
      ["metric.training_loss", formatNumber(result.train_loss, 4)],
      ["metric.samples_per_second", formatRate(result.samples_per_second)],
      ["metric.duration", formatDuration(result.wall_seconds)],
      ["common.seed", result.seed],
      ["common.threads", result.threads],
      ["common.digest", result.weights_digest],
    );
  }
  const section = (title, table) => [
    createElement("h2", {}, translate(title)),
    createElement("div", { class: "table" }, table),
  ];
  const named = rows.map(([key, value]) => [translate(key), value]);
  return createElement(
    "section",
    { class: "page", id: "results" },
    ...section("report.results", createTable([translate("report.result"), translate("common.value")], named)),
    ...section("common.layers", layerTable(layers)),
    ...section("report.settings", createTable([translate("common.setting"), translate("common.value")], settings)),
  );
}

show();
