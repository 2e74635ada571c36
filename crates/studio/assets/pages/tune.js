// The page of sweeps: a list of them, or the trials of one with a picture of the metric over each range.

import { decode } from "../address.js";
import { createElement, createTable, tableFrame } from "../dom.js";
import { formatDuration, formatInteger, formatMetric } from "../format.js";
import { aboutSweep, listSweeps, sweepPicture } from "../server.js";
import { translate } from "../text.js";

/** Milliseconds between two updates. */
const INTERVAL_MS = 3000;

export default {
  name: "tune",
  position: 7,
  title: () => translate("page.tune"),
  async open(main) {
    const id = decode(location.hash.split("/")[2] ?? "");
    const page = createElement("div", { class: "page" });
    main.append(page);
    let drawn = null;
    const show = async () => {
      const found = id === "" ? await listSweeps() : await aboutSweep(id);
      const text = JSON.stringify(found);
      // What is shown stays if the server has ended.
      if (text === drawn || (found === null && drawn !== null)) return;
      drawn = text;
      page.replaceChildren(...(id === "" ? list(found ?? []) : trials(id, found)));
    };
    await show();
    const timer = setInterval(() => {
      if (!document.hidden) show();
    }, INTERVAL_MS);
    return () => clearInterval(timer);
  },
};

const link = (page, id, text = id) => createElement("a", { href: `#/${page}/${encodeURIComponent(id)}` }, text);
const table = (head, rows) => tableFrame("sweep", createTable(head, rows));
const metricText = (metric) => (metric === null ? translate("tune.not_finite") : formatMetric(metric));

/** The content of the page that lists all sweeps. */
function list(sweeps) {
  const title = createElement("h1", {}, translate("page.tune"));
  if (sweeps.length === 0) {
    const command = createElement("code", {}, "gradus tune FILE.toml");
    return [title, createElement("p", {}, translate("tune.none"), " ", command)];
  }
  const head = ["tune.sweep", "tune.trained", "tune.metric", "tune.best", "tune.ranges"].map((key) => translate(key));
  const rows = sweeps.map(({ id, problem, select, trained, planned, metric, best_trial: best, settings }) => {
    if (problem) return [id, createElement("div", { class: "problem" }, problem), "–", "–", "–"];
    const value = best === null ? "–" : `${metricText(metric)} (${translate("tune.trial", { n: best })})`;
    return [link("tune", id), `${trained} / ${planned}`, select, value, settings.join(", ")];
  });
  return [title, table(head, rows)];
}

/** The content of the page of a sweep. */
function trials(id, sweep) {
  const title = createElement("h1", {}, id);
  if (sweep === null) return [title, createElement("p", {}, translate("tune.not_found"))];
  const { settings, rungs, trained, planned } = sweep;
  const hasRungs = rungs > 1;
  const head = [
    translate("tune.rank"),
    translate("tune.run"),
    ...(hasRungs ? [translate("tune.rung")] : []),
    ...settings,
    sweep.select,
    translate("tune.best_step"),
    translate("common.epoch"),
    translate("metric.duration"),
  ];
  const rows = sweep.trials.map((trial, i) => [
    String(i + 1),
    link("train", trial.run, translate("tune.trial", { n: trial.trial })),
    ...(hasRungs ? [String(trial.rung)] : []),
    ...trial.values.map((value) => value ?? "–"),
    metricText(trial.metric),
    formatInteger(trial.best_step),
    trial.epochs.toFixed(2),
    formatDuration(trial.seconds),
  ]);
  const text = translate("tune.progress", { trained: formatInteger(trained), planned: formatInteger(planned) });
  const alt = translate("tune.picture", { metric: sweep.select });
  return [
    title,
    createElement("p", { class: "lead" }, text),
    table(head, rows),
    createElement("img", { class: "sweep", src: sweepPicture(id, trained), alt }),
  ];
}
