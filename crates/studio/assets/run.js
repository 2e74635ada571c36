// A run as its events tell it: the lines of its log, the same live and afterwards.

import { countUpTo } from "./search.js";
import { listen } from "./server.js";

/** Steps kept at most. A chart has no more columns, and beyond them every second one is dropped. */
const MOST_STEPS = 4000;

/** The steps that a horizontal axis has at least while a run goes on. */
const FEWEST = 1000;

/** The smallest of 1, 2, 5, 10, 20, … that is not below a number of steps. */
function roundUp(steps) {
  const power = 10 ** Math.floor(Math.log10(Math.max(steps, FEWEST)));
  return [1, 2, 5, 10].map((factor) => factor * power).find((round) => round >= steps);
}

export class Run {
  /** Listens to a run, or hears its history only; `changed` is called after each message. */
  constructor(about, changed, goesOn = true) {
    this.about = about;
    this.changed = changed;
    this.clear();
    this.close = listen(about.id, {
      history: (data) => { this.clear(); this.take(data); if (!goesOn) this.close(); },
      lines: (data) => this.take(data),
      problem: (why) => { this.problem = why; changed(); },
      end: () => { this.isLost = false; changed(); },
      isLost: (isLost) => { this.isLost = isLost; changed(); },
    });
  }

  clear() {
    Object.assign(this, {
      started: null, finished: null, isPaused: false, isLost: false, problem: null, leftOut: 0,
      steps: [], evaluations: [], looks: [], rates: [], last: null,
    });
  }

  take(data) {
    const [leftOut, ...lines] = data.split("\n");
    this.leftOut += Number(leftOut);
    for (const line of lines) if (line !== "") this.note(JSON.parse(line));
    if (this.steps.length > MOST_STEPS) this.steps = this.steps.filter((_, i) => i % 2 === 1);
    this.changed();
  }

  note(event) {
    switch (event.event) {
      case "run_started": this.started = event; break;
      case "step_finished": this.steps.push(event); this.last = event; break;
      case "evaluation_finished": this.evaluations.push(event); break;
      case "measured": this.looks.push(event); break;
      case "learning_rate_set": this.rates.push(event); break;
      case "paused": this.isPaused = true; break;
      case "resumed": this.isPaused = false; break;
      case "run_finished": this.finished = event; this.isPaused = false; break;
      // A newer version may know more. What we know is shown.
    }
  }

  /** The step that it has reached. */
  get step() {
    const ends = [this.steps, this.evaluations, this.looks].map((events) => events.at(-1)?.step ?? 0);
    return Math.max(...ends, this.finished?.steps ?? 0);
  }

  /** The step at which the horizontal axes end: that of the run, or a round one while that is far away. */
  get end() {
    if (this.finished) return Math.max(1, this.finished.steps);
    return Math.max(1, Math.min(this.started?.steps_planned ?? Infinity, roundUp(1.25 * this.step)));
  }

  get state() {
    if (this.finished) {
      const reason = this.finished.reason;
      return reason === "interrupted" ? "stopped" : typeof reason === "object" ? "not_finite" : "finished";
    }
    return this.isPaused ? "paused" : "running";
  }

  /** Training samples in a second, at a step: over the last looks before it. */
  speedAt(step) {
    const looks = this.looks.slice(0, countUpTo(this.looks, step));
    const to = looks.at(-1);
    const from = looks.at(-9) ?? looks[0];
    if (!to || to.step === from.step) return NaN;
    return ((to.step - from.step) * this.started.batch) / (to.train_secs - from.train_secs);
  }
}
