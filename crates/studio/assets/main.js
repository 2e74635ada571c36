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
const state = { leave: () => {}, id: null, step: null, visit: 0, links: [] };

// The token has done its work: a cookie carries it from here on, and nobody is to copy it from the address.
if (location.search.includes("token=")) history.replaceState(null, "", location.pathname + location.hash);

function place() {
  const [, name, id, step] = location.hash.split("/");
  return { page: PAGES.find((page) => page.name === name), id: id ? decodeURIComponent(id) : null, step: step ? Number(step) || 0 : null };
}

/** The address of a page for the run, and the step of it, that one looks at. */
function address(page) {
  const parts = page.needsRun && state.id ? [encodeURIComponent(state.id), ...(state.step === null ? [] : [state.step])] : [];
  return ["#", page.name, ...parts].join("/");
}

/** Notes that `page` shows the run as it was at a step, or as it is. */
function wentTo(page, step) {
  state.step = step;
  history.replaceState(null, "", address(page));
  for (const [other, link] of state.links) link.setAttribute("href", address(other));
}

async function visit() {
  const number = ++state.visit;
  state.leave();
  state.leave = () => {};
  const { page, id, step } = place();
  if (!page) {
    const { live, runs } = await list();
    const running = live ?? runs.find((run) => run.state === "running")?.id;
    location.replace(running ? `#/train/${encodeURIComponent(running)}` : "#/runs");
    return;
  }
  if (page.needsRun && !id) {
    state.id ??= await firstRun();
    location.replace(state.id ? address(page) : "#/runs");
    return;
  }
  if (page.needsRun) Object.assign(state, { id, step });
  document.documentElement.lang = language();
  const main = h("main");
  document.body.replaceChildren(bar(page), main);
  const leave = page.needsRun ? await openRun(page, main) : await page.open(main, {});
  // Someone who goes on before it is there leaves it at once.
  if (number === state.visit) state.leave = leave;
  else leave();
}

/** Opens a page of a run, or says that there is none. */
async function openRun(page, main) {
  const { id, step } = state;
  const found = await about(id);
  if (found.about) return page.open(main, { about: found.about, step, wentTo: (step) => wentTo(page, step) });
  main.append(h("div", { class: "page" }, h("h1", {}, t("no_run", { id })), h("p", { class: "lead" }, found.why), h("p", {}, h("a", { href: "#/runs" }, t("choose")))));
  return () => {};
}

/** The run that pages show if none is named: the latest that can be shown. */
async function firstRun() {
  const { live, runs } = await list();
  return live ?? runs.find((run) => run.state !== "foreign" && run.state !== "newer")?.id;
}

function bar(current) {
  state.links = PAGES.map((page) => [page, h("a", { href: address(page), "aria-current": page === current ? "page" : null }, page.title())]);
  return h("header", { class: "bar" },
    h("a", { class: "mark", href: "#/", "aria-label": "gradus" }, "grad", h("i", {}, "u"), "s"),
    h("nav", { "aria-label": t("pages") }, ...state.links.map(([, link]) => link)),
    languageSwitch(visit));
}

addEventListener("hashchange", visit);
visit();
