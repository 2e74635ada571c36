// The requests of the pages to the server.
//
// A report is a single file without a server: there, `report/server.js` replaces this module.

import { splitOnce } from "./address.js";
import { authorized } from "./secret.js";
import { translate } from "./text.js";

const path = (id, rest) => `/api/runs/${encodeURIComponent(id)}${rest}`;

/** How often a request is sent again while the server is busy, a second apart. */
const ATTEMPTS = 10;

/** The answer to a request; null if it is refused, or if the server has ended. */
async function answer(path, request = {}) {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const response = await fetch(path, authorized(request)).catch(() => null);
    if (response?.status !== 429 && response?.status !== 503) return response?.ok ? response : null;
    await new Promise((resolve) => setTimeout(resolve, 1000 * (response.headers.get("retry-after") ?? 1)));
  }
  return null;
}

/** All runs, and the id of the one that the server's own process trains; null if they are not available. */
export async function listRuns() {
  return (await answer("/api/runs"))?.json() ?? null;
}

/** Why a request is refused, or that there was no response. */
const problemOf = async (response) => (response ? (await response.text()).trim() : translate("engine.no_server"));

/**
 * Sends a file to train on: `{ run }`, the id of the run that begins, or `{ problem }`.
 */
export async function sendData(file) {
  const request = authorized({ method: "POST", body: file });
  const response = await fetch(`/api/data?name=${encodeURIComponent(file.name)}`, request).catch(() => null);
  return response?.ok ? response.json() : { problem: await problemOf(response) };
}

/** Continues a run that was stopped or killed. Returns why it is not continued, or null. */
export async function resumeRun(id) {
  const request = authorized({ method: "POST" });
  const response = await fetch(path(id, "/resume"), request).catch(() => null);
  return response?.ok ? null : problemOf(response);
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
  const response = await fetch(path(id, ""), authorized());
  return response.ok ? { about: await response.json() } : { problem: await response.text() };
}

/** Milliseconds before a connection that was lost is opened again. */
const AGAIN_MS = 1000;

/** All that the page listens to, and its one connection: a browser opens at most six to a server for all its pages. */
const listeners = new Set();
let source = null;
let isQueued = false;

/**
 * Listens to the events of a run while the page is visible: a hidden page should cost nothing.
 *
 * `history` and `lines` are called with lines of the log, preceded by a line with the number of steps left
 * out; `problem` with an error; `end` when no more events will come; `isLost` with whether the connection is
 * lost. Returns a function that stops listening. A page that becomes visible again receives the whole history
 * again.
 */
export function listen(id, called) {
  const listener = { id, called, position: null };
  if (listeners.size === 0) document.addEventListener("visibilitychange", visibilityChanged);
  listeners.add(listener);
  connect();
  return () => {
    // While others listen, the connection stays as it is.
    if (listeners.delete(listener) && listeners.size === 0) connect();
  };
}

function visibilityChanged() {
  for (const listener of listeners) listener.position = null;
  connect();
}

/** Opens the connection for those who listen now, once for all who come or go at the same time. */
function connect() {
  if (isQueued) return;
  isQueued = true;
  queueMicrotask(() => {
    isQueued = false;
    source?.close();
    source = null;
    if (listeners.size === 0) document.removeEventListener("visibilitychange", visibilityChanged);
    if (!document.hidden && listeners.size > 0) open([...listeners]);
  });
}

async function open(asked) {
  const aborter = new AbortController();
  const opened = { close: () => aborter.abort() };
  source = opened;
  const isOpen = () => source === opened;
  const waiting = () => asked.filter((listener) => listeners.has(listener));
  const tell = (isLost) => waiting().forEach(({ called }) => called.isLost(isLost));
  const runs = JSON.stringify(asked.map(({ id, position }) => [id, position]));
  try {
    // Not an `EventSource`, which cannot send the token: with the cookie alone the owner would wait behind all viewers.
    const request = authorized({ signal: aborter.signal });
    const response = await fetch(`/api/events?runs=${encodeURIComponent(runs)}`, request);
    if (isOpen() && response.ok) {
      tell(false);
      await readEvents(response.body, (event) => isOpen() && received(asked, event));
    }
  } catch {
    // It was closed here, or is lost.
  }
  if (!isOpen() || waiting().length === 0) return;
  tell(true);
  setTimeout(() => isOpen() && connect(), AGAIN_MS);
}

/** Hands an event to those who listen to its run, whose number it begins with. */
function received(asked, { kind, data, id }) {
  const [number, text] = splitOnce(data, "\n");
  const listener = asked[Number(number)];
  if (!listeners.has(listener)) return;
  if (kind === "history" || kind === "lines") {
    listener.position = Number(id);
    listener.called[kind](text);
    return;
  }
  listeners.delete(listener);
  if (listeners.size === 0) connect();
  if (kind === "problem") listener.called.problem(text);
  else listener.called.end();
}

/** Calls `received` with each event of a stream, which end with empty lines. */
async function readEvents(body, received) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  // A long event comes in many pieces: each is looked at once.
  let pieces = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const before = pieces.at(-1)?.slice(-1) ?? "";
    pieces.push(value);
    if (!(before + value).includes("\n\n")) continue;
    const events = pieces.join("").split("\n\n");
    pieces = [events.pop()];
    for (const event of events) {
      const fields = event.split("\n").map((line) => splitOnce(line, ":").map((text) => text.replace(/^ /, "")));
      const all = (name) => fields.filter(([found]) => found === name).map(([, text = ""]) => text);
      const [kind] = all("event");
      if (kind) received({ kind, data: all("data").join("\n"), id: all("id")[0] });
    }
  }
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
  const request = authorized({ method: "POST", body: JSON.stringify(command) });
  const response = await fetch(path(id, "/commands"), request);
  return response.ok ? null : response.text();
}
