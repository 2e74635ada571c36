// Shows the page that the address names, with the navigation bar above it.

import { decode } from "./address.js";
import { createElement } from "./dom.js";
import { languageSwitch } from "./languages.js";
import * as allPages from "./pages/all.js";
import { aboutRun, listRuns } from "./server.js";
import { language, translate } from "./text.js";

const PAGES = Object.values(allPages).sort((a, b) => a.position - b.position);

/** What is kept between two pages. The run and step shown are also in the address. */
const state = { close: () => {}, id: null, step: null, visit: 0, links: [] };

// A cookie carries the token from here on: it must not be copied from the address bar.
if (location.search.includes("token=")) history.replaceState(null, "", location.pathname + location.hash);

function parseAddress() {
  const [, name, id, step] = location.hash.split("/");
  return {
    page: PAGES.find((page) => page.name === name),
    id: id ? decode(id) : null,
    step: step ? Number(step) || 0 : null,
  };
}

/** The address of a page for the current run and step. */
function address(page) {
  const parts = ["#", page.name];
  if (page.needsRun && state.id) {
    parts.push(encodeURIComponent(state.id));
    if (state.step !== null) parts.push(state.step);
  }
  return parts.join("/");
}

/** Records that `page` shows another step of the run; null is the latest. */
function stepChanged(page, step) {
  state.step = step;
  history.replaceState(null, "", address(page));
  for (const [other, link] of state.links) link.setAttribute("href", address(other));
}

async function visit() {
  const number = ++state.visit;
  state.close();
  state.close = () => {};
  const { page, id, step } = parseAddress();
  if (!page) {
    const listed = await listRuns();
    const running = listed?.live ?? listed?.runs.find((run) => run.state === "running")?.id;
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
  const main = createElement("main");
  document.body.replaceChildren(bar(page), main);
  const close = page.needsRun ? await openRun(page, main) : await page.open(main, {});
  // The visitor may have gone to another page meanwhile.
  if (number === state.visit) state.close = close;
  else close();
}

/** Opens a page of a run, or shows why it cannot be opened. */
async function openRun(page, main) {
  const { id, step } = state;
  const { about, problem } = await aboutRun(id);
  if (about) return page.open(main, { about, step, stepChanged: (other) => stepChanged(page, other) });
  main.append(
    createElement(
      "div",
      { class: "page" },
      createElement("h1", {}, translate("page.run_not_found", { id })),
      createElement("p", { class: "lead" }, problem),
      createElement("p", {}, createElement("a", { href: "#/runs" }, translate("page.choose_run"))),
    ),
  );
  return () => {};
}

/** The run to show if the address names none: the latest that can be shown. */
async function firstRun() {
  const listed = await listRuns();
  return listed?.live ?? listed?.runs.find((run) => run.state !== "not_a_run" && run.state !== "newer")?.id;
}

function bar(current) {
  state.links = PAGES.map((page) => {
    const attributes = { href: address(page), "aria-current": page === current ? "page" : null };
    return [page, createElement("a", attributes, page.title())];
  });
  const logo = ["grad", createElement("i", {}, "u"), "s"];
  return createElement(
    "header",
    { class: "bar" },
    createElement("a", { class: "logo", href: "#/", "aria-label": "gradus" }, ...logo),
    createElement("nav", { "aria-label": translate("page.all") }, ...state.links.map(([, link]) => link)),
    languageSwitch(visit),
  );
}

addEventListener("hashchange", visit);
visit();
