// A report: the panels of one run in a file of its own, with its results as tables.

import { createElement, createTable, tableFrame } from "../dom.js";
import { formatDuration, formatInteger, formatNumber, formatRate } from "../format.js";
import { languageSwitch } from "../languages.js";
import { layerTable } from "../layers.js";
import { metricName, metricText, selectionNote } from "../metrics.js";
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

/** The last values, the best and the training value of a metric, as far as there are any. */
function metricRows(metric, { train, validation, test, best }) {
  const name = metricName(metric.name);
  const values = [
    [translate("metric.validation", { name }), validation?.[metric.name]],
    [translate("metric.test", { name }), test[metric.name]],
    [translate("metric.best", { name }), best[metric.name]?.value],
    [translate("metric.test_at_best", { name }), best[metric.name]?.test],
    [translate("metric.training", { name }), train[metric.name]],
  ];
  return values.filter(([, value]) => value !== undefined).map(([title, value]) => [title, metricText(metric, value)]);
}

function results() {
  const { layers, result, settings, state } = about;
  const rows = [[translate("runs.state"), translate(`state.${state}`)]];
  if (result) {
    rows.push(
      [translate("common.step"), formatInteger(result.steps)],
      [translate("common.epoch"), formatNumber(result.epochs)],
      ...(about.metrics ?? []).flatMap((metric) => metricRows(metric, result)),
      [translate("metric.samples_per_second"), formatRate(result.samples_per_second)],
      [translate("metric.duration"), formatDuration(result.wall_seconds)],
      [translate("common.seed"), result.seed],
      [translate("common.threads"), result.threads],
      [translate("common.digest"), result.weights_digest],
    );
  }
  const section = (title, table) => [
    createElement("h2", {}, translate(title)),
    tableFrame(null, table),
  ];
  return createElement(
    "section",
    { class: "page", id: "results" },
    ...section("report.results", createTable([translate("report.result"), translate("common.value")], rows)),
    createElement("p", { class: "note" }, (result && selectionNote(about)) ?? ""),
    ...section("common.layers", layerTable(layers)),
    ...section("report.settings", createTable([translate("common.setting"), translate("common.value")], settings)),
  );
}

show();
