// Questions to the endpoints of the server: functions that compute, of which few run at a time.

import { authorized } from "./secret.js";
import { translate } from "./text.js";

/** Milliseconds before a question is asked again if the server names none. */
const AGAIN_MS = 1000;

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/**
 * Asks the endpoint `name` until it has answered: `{ answer }`, or `{ problem }` if there is no answer. `told` is called with a
 * text while the question waits or is worked on, `isLeft` says that nobody waits for the answer any more.
 */
export async function ask(name, request, { told = () => {}, isLeft = () => false } = {}) {
  const body = JSON.stringify(request);
  while (!isLeft()) {
    const request = authorized({ method: "POST", body });
    const response = await fetch(`/api/engine/${name}`, request).catch(() => null);
    if (!response) return { problem: translate("engine.no_server") };
    if (response.status === 200) return { answer: await response.json() };
    if (response.status === 202) told(stageText(await response.json()));
    else if (response.status === 429 || response.status === 503) told(translate("engine.busy"));
    else return { problem: (await response.text()).trim() };
    await sleep(1000 * Number(response.headers.get("retry-after")) || AGAIN_MS);
  }
  return { problem: "" };
}

function stageText({ state, before, seconds }) {
  if (state === "waiting") return translate("engine.waiting", { n: before });
  return translate("engine.running", { seconds: Math.round(seconds) });
}

/**
 * The questions of a part of a page whose settings change faster than they are answered: one is asked at a time, and after
 * its answer the newest of those that came meanwhile. `show` is called with each `{ answer }` or `{ problem }`.
 */
export class Asker {
  constructor(name, show, told) {
    Object.assign(this, { name, show, told });
    this.isAsking = false;
    this.next = null;
    this.isClosed = false;
  }

  close() {
    this.isClosed = true;
  }

  /** Resolves when nothing is left to ask. */
  async ask(request) {
    this.next = request;
    if (this.isAsking) return;
    this.isAsking = true;
    while (this.next && !this.isClosed) {
      const asked = this.next;
      this.next = null;
      const isLeft = () => this.isClosed || this.next !== null;
      const found = await ask(this.name, asked, { told: this.told, isLeft });
      if (!this.isClosed && !(this.next && found.problem === "")) this.show(found, asked);
    }
    this.isAsking = false;
  }
}
