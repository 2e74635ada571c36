// The way into every page: which one the address names, and the bar above it.

import { h } from "./dom.js";
import { languageSwitch } from "./languages.js";
import draw from "./pages/draw.js";
import network from "./pages/network.js";
import runs from "./pages/runs.js";
import train from "./pages/train.js";
import { about, list } from "./server.js";
import { language, t } from "./text.js";

/** In the order of the bar. */
const PAGES = [train, network, draw, runs];

/** All that is remembered between two pages. What one looks at stands in the address. */
const state = { leave: () => {}, id: null, visit: 0 };

// The token has done its work: a cookie carries it from here on, and nobody is to copy it from the address.
if (location.search.includes("token=")) history.replaceState(null, "", location.pathname + location.hash);

function place() {
  const [, name, id] = location.hash.split("/");
  return { page: PAGES.find((page) => page.name === name), id: id ? decodeURIComponent(id) : null };
}

async function visit() {
  const number = ++state.visit;
  state.leave();
  state.leave = () => {};
  const { page, id } = place();
  if (!page) {
    const { live, runs } = await list();
    const running = live ?? runs.find((run) => run.state === "running")?.id;
    location.replace(running ? `#/train/${encodeURIComponent(running)}` : "#/runs");
    return;
  }
  if (page.needsRun && !id) {
    const other = state.id ?? (await firstRun());
    location.replace(other ? `#/${page.name}/${encodeURIComponent(other)}` : "#/runs");
    return;
  }
  if (page.needsRun) state.id = id;
  document.documentElement.lang = language();
  const main = h("main");
  document.body.replaceChildren(bar(page), main);
  const leave = page.needsRun ? await openRun(page, main, id) : await page.open(main, {});
  // Someone who goes on before it is there leaves it at once.
  if (number === state.visit) state.leave = leave;
  else leave();
}

/** Opens a page of a run, or says that there is none. */
async function openRun(page, main, id) {
  const found = await about(id);
  if (found.about) return page.open(main, found);
  main.append(h("div", { class: "page" }, h("h1", {}, t("no_run", { id })), h("p", { class: "lead" }, found.why), h("p", {}, h("a", { href: "#/runs" }, t("choose")))));
  return () => {};
}

/** The run that pages show if none is named: the latest that can be shown. */
async function firstRun() {
  const { live, runs } = await list();
  return live ?? runs.find((run) => run.state !== "foreign" && run.state !== "newer")?.id;
}

function bar(current) {
  const address = (page) => (page.needsRun && state.id ? `#/${page.name}/${encodeURIComponent(state.id)}` : `#/${page.name}`);
  const link = (page) => h("a", { href: address(page), "aria-current": page === current ? "page" : null }, page.title());
  return h("header", { class: "bar" },
    h("a", { class: "mark", href: "#/", "aria-label": "gradus" }, "grad", h("i", {}, "u"), "s"),
    h("nav", { "aria-label": t("pages") }, ...PAGES.map(link)),
    languageSwitch(visit));
}

addEventListener("hashchange", visit);
visit();
