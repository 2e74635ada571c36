// The requests of the pages to the server.
//
// A report is a single file without a server: there, `report/server.js` replaces this module.

import { translate } from "./text.js";

const path = (id, rest) => `/api/runs/${encodeURIComponent(id)}${rest}`;

/** How often a request is sent again while the server is busy, a second apart. */
const ATTEMPTS = 10;

/** The answer to a request; null if it is refused, or if the server has ended. */
async function answer(path, request = {}) {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const response = await fetch(path, request).catch(() => null);
    if (response?.status !== 429 && response?.status !== 503) return response?.ok ? response : null;
    await new Promise((resolve) => setTimeout(resolve, 1000 * response.headers.get("retry-after")));
  }
  return null;
}

/** All runs, and the id of the one that the server's own process trains; null if they are not available. */
export async function listRuns() {
  return (await answer("/api/runs"))?.json() ?? null;
}

/**
 * Sends a file to train on: `{ run }`, the id of the run that begins, or `{ problem }`.
 */
export async function sendData(file) {
  const request = { method: "POST", body: file };
  const response = await fetch(`/api/data?name=${encodeURIComponent(file.name)}`, request).catch(() => null);
  if (response?.ok) return response.json();
  return { problem: response ? (await response.text()).trim() : translate("engine.no_server") };
}

/** All sweeps; null if they are not available. */
export async function listSweeps() {
  return (await answer("/api/sweeps"))?.json() ?? null;
}

const sweepPath = (id, rest) => `/api/sweeps/${encodeURIComponent(id)}${rest}`;

/** A sweep with its trials; null if there is none. */
export async function aboutSweep(id) {
  return (await answer(sweepPath(id, "")))?.json() ?? null;
}

/** The address of the picture of a sweep with so many trials. */
export function sweepPicture(id, trained) {
  return sweepPath(id, `/picture?trained=${trained}`);
}

/** A run without its events: `{ about }`, or `{ problem }` if it cannot be shown. */
export async function aboutRun(id) {
  const response = await fetch(path(id, ""));
  return response.ok ? { about: await response.json() } : { problem: await response.text() };
}

/**
 * Listens to the events of a run while the page is visible: a browser opens at most six connections to a
 * server for all its pages, and a hidden page should cost nothing.
 *
 * `history` and `lines` are called with lines of the log, preceded by a line with the number of steps left
 * out; `problem` with an error; `end` when no more events will come; `isLost` with whether the connection is
 * lost. Returns a function that stops listening. A page that becomes visible again receives the whole history
 * again.
 */
export function listen(id, { history, lines, problem, end, isLost }) {
  let source = null;
  const open = () => {
    source = new EventSource(path(id, "/events"));
    source.addEventListener("history", (message) => history(message.data));
    source.addEventListener("lines", (message) => lines(message.data));
    source.addEventListener("problem", (message) => {
      stop();
      problem(message.data);
    });
    source.addEventListener("end", () => {
      stop();
      end();
    });
    source.onopen = () => isLost(false);
    source.onerror = (event) => isLost(event.target.readyState !== EventSource.OPEN);
  };
  const close = () => {
    source?.close();
    source = null;
  };
  const update = () => {
    if (document.hidden) close();
    else if (!source) open();
  };
  const stop = () => {
    document.removeEventListener("visibilitychange", update);
    close();
  };
  document.addEventListener("visibilitychange", update);
  update();
  return stop;
}

/** Labels and pixels of some samples, or of the first of the batch of a step as augmented; null if there are none. */
export async function fetchImages(id, set, samples, step) {
  const ofStep = step === null ? "" : `&step=${step}`;
  const request = `/images?set=${set}&samples=${samples.join(",")}${ofStep}`;
  return (await answer(path(id, request)))?.arrayBuffer() ?? null;
}

/**
 * The answer of a model to the request `name`, for the bytes of `body` if there are any; null if there is no
 * answer.
 */
export async function query(id, name, parameters, body = null) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null);
  const request = body === null ? {} : { method: "POST", body };
  return (await answer(path(id, `/${name}?${new URLSearchParams(given)}`), request))?.arrayBuffer() ?? null;
}

/** Sends a command to a run. Returns why it was refused, or null. */
export async function sendCommand(id, command) {
  const response = await fetch(path(id, "/commands"), { method: "POST", body: JSON.stringify(command) });
  return response.ok ? null : response.text();
}
