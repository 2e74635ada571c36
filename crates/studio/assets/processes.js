// The processes that train a run together: their share of a batch, how long each waits for the others, what it sends.

import { createElement, createTable, tableFrame } from "./dom.js";
import { formatInteger, formatNumber, formatPercent } from "./format.js";
import { translate } from "./text.js";

const COLUMNS = ["rank", "host", "threads", "share", "waiting", "messages", "sent"];

/** The rows of the table after `measured`, an event of the kind `processes_measured`. */
export function processRows({ processes }) {
  const shards = processes.reduce((sum, each) => sum + each.shards, 0);
  return processes.map((each, rank) => [
    String(rank),
    each.host,
    String(each.threads),
    formatPercent(each.shards / shards, 1),
    formatPercent(each.exchange_seconds / each.seconds, 1),
    formatInteger(each.messages),
    `${formatNumber(each.bytes / 1e6)} MB`,
  ]);
}

/** A section that shows them, hidden for a run of one process. */
export class ProcessTable {
  constructor() {
    this.shown = null;
    this.element = createElement("section", { class: "processes", hidden: true });
  }

  /** Shows what was measured last, if it is not shown yet. */
  draw(measured) {
    if (!measured || measured === this.shown) return;
    this.shown = measured;
    this.element.hidden = false;
    const head = COLUMNS.map((name) => translate(`processes.${name}`));
    this.element.replaceChildren(
      createElement("h2", {}, translate("processes.title")),
      tableFrame("processes", createTable(head, processRows(measured))),
      createElement("p", { class: "note" }, translate("processes.note")),
    );
  }
}
