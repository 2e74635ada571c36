// All that pages ask of the server.
//
// A report, which is one file and has no server, has another module in this one's place: `report/server.js`.

const path = (id, rest) => `/api/runs/${encodeURIComponent(id)}${rest}`;

/** All runs, and which of them goes on in the server's own process. */
export async function list() {
  const response = await fetch("/api/runs");
  return response.ok ? response.json() : { live: null, runs: [] };
}

/** A run but for its events: `{ about }`, or `{ why }` it cannot be shown. */
export async function about(id) {
  const response = await fetch(path(id, ""));
  return response.ok ? { about: await response.json() } : { why: await response.text() };
}

/**
 * Listens to the events of a run, while the page is seen: a browser has six connections to a server for all its pages, and
 * what nobody looks at is not to cost anything.
 *
 * `history` and `lines` are called with lines of its log, the first of which is the
 * number of steps that were left out; `problem` with what is wrong; `end` when nothing more will come; `isLost` with
 * whether the connection is. Returns what ends it. A page that is seen again gets the whole history again.
 */
export function listen(id, { history, lines, problem, end, isLost }) {
  let source = null;
  const open = () => {
    source = new EventSource(path(id, "/events"));
    source.addEventListener("history", (message) => history(message.data));
    source.addEventListener("lines", (message) => lines(message.data));
    source.addEventListener("problem", (message) => { stop(); problem(message.data); });
    source.addEventListener("end", () => { stop(); end(); });
    source.onopen = () => isLost(false);
    source.onerror = (event) => isLost(event.target.readyState !== EventSource.OPEN);
  };
  const close = () => {
    source?.close();
    source = null;
  };
  const follow = () => {
    if (document.hidden) close();
    else if (!source) open();
  };
  const stop = () => {
    document.removeEventListener("visibilitychange", follow);
    close();
  };
  document.addEventListener("visibilitychange", follow);
  follow();
  return stop;
}

/** Labels and pixels of some samples; nothing if they cannot be had. */
export async function pictures(id, set, samples) {
  const response = await fetch(path(id, `/pictures?set=${set}&samples=${samples.join(",")}`));
  return response.ok ? response.arrayBuffer() : null;
}

/** What is asked of a network, `name` with a `query`, and of the bytes of `body` if there are any. */
export async function ask(id, name, query, body = null) {
  const wanted = Object.entries(query).filter(([, value]) => value !== null);
  const request = body === null ? {} : { method: "POST", body };
  const response = await fetch(path(id, `/${name}?${new URLSearchParams(wanted)}`), request);
  return response.ok ? response.arrayBuffer() : null;
}

/** Asks something of a run. Returns why it will not be heard, or nothing. */
export async function command(id, order) {
  const response = await fetch(path(id, "/commands"), { method: "POST", body: JSON.stringify(order) });
  return response.ok ? null : response.text();
}
