// Shows the page that the address names, with the navigation bar above it.

import { decode, splitOnce } from "./address.js";
import { createElement } from "./dom.js";
import { languageSwitch } from "./languages.js";
import { explainLink } from "./links.js";
import * as allPages from "./pages/all.js";
import { takeToken } from "./secret.js";
import { aboutRun, listRuns } from "./server.js";
import { language, translate } from "./text.js";

takeToken();

const PAGES = Object.values(allPages).sort((a, b) => a.position - b.position);

/** What is kept between two pages. The run and step shown are also in the address. */
const state = { shown: { close: () => {} }, id: null, step: null, visit: 0, links: [] };

/** The page, run and step in the address, and after `?` what only the page reads. A lesson's address is its state alone. */
function parseAddress() {
  const isLesson = location.hash.startsWith("#lesson=");
  const [path, query = ""] = isLesson ? ["#/lessons", location.hash.slice(1)] : splitOnce(location.hash, "?");
  const [, name, id, step] = path.split("/");
  return {
    page: PAGES.find((page) => page.name === name),
    id: id ? decode(id) : null,
    step: step ? Number(step) || 0 : null,
    query,
  };
}

/** The address of a page that reads `query`. */
function addressOf(page, query) {
  if (query.startsWith("lesson=")) return `#${query}`;
  return query === "" ? address(page) : `${address(page)}?${query}`;
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

/** Records that `page` shows another step of the run, null for the latest, or what only the page reads. */
function pageChanged(page, { step = state.step, query = parseAddress().query }) {
  state.step = step;
  history.replaceState(null, "", addressOf(page, query));
  for (const [other, link] of state.links) link.setAttribute("href", address(other));
}

async function visit() {
  const number = ++state.visit;
  const { page, id, step, query } = parseAddress();
  const { shown } = state;
  const isSame = shown.page === page && shown.id === id && shown.language === language();
  if (isSame && shown.moved) {
    // The page that is open can show what the address names.
    state.step = step;
    shown.moved({ step, query });
    return;
  }
  shown.close();
  state.shown = { close: () => {} };
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
  document.title = `${page.title()} · gradus`;
  const main = createElement("main");
  document.body.replaceChildren(bar(page), main);
  const queryChanged = (other) => pageChanged(page, { query: other });
  const opened = await (page.needsRun ? openRun(page, main, query) : page.open(main, { query, queryChanged }));
  const made = { page, id, language: language(), ...(typeof opened === "function" ? { close: opened } : opened) };
  // The visitor may have gone to another page meanwhile.
  if (number === state.visit) state.shown = made;
  else made.close();
}

/** Opens a page of a run, or shows why it cannot be opened. */
async function openRun(page, main, query) {
  const { id, step } = state;
  const { about, problem } = await aboutRun(id);
  const stepChanged = (other) => pageChanged(page, { step: other });
  const queryChanged = (other) => pageChanged(page, { query: other });
  const explained = (change, at) => explainLink(id, at, change);
  if (about) return page.open(main, { about, step, stepChanged, query, queryChanged, explained });
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
