// A run as reported by the events of its log: the same lines for a live run and for a finished one.

import { countUpTo } from "./search.js";
import { listen } from "./server.js";

/** Steps kept at most: a chart has no more columns. Beyond them every second one is dropped. */
const MAX_STEPS = 4000;

/** The fewest steps that a horizontal axis has during a run. */
const MIN_AXIS_STEPS = 1000;

/** The smallest of 1, 2, 5, 10, 20, … that is at least `steps`. */
export function roundUp(steps) {
  const power = 10 ** Math.floor(Math.log10(Math.max(steps, MIN_AXIS_STEPS)));
  return [1, 2, 5, 10].map((factor) => factor * power).find((round) => round >= steps);
}

export class Run {
  /** Listens to a run, or reads only its history unless `follow`; `changed` is called after each message. */
  constructor(about, changed, follow = true) {
    this.about = about;
    this.changed = changed;
    this.hasCrashed = about.state === "crashed";
    this.clear();
    this.close = listen(about.id, {
      history: (data) => {
        this.clear();
        this.add(data);
        if (!follow) this.close();
      },
      lines: (data) => {
        // A run that writes again has not crashed.
        this.hasCrashed = false;
        this.add(data);
      },
      problem: (reason) => this.set({ problem: reason }),
      end: () => this.set({ isLost: false }),
      isLost: (isLost) => this.set({ isLost }),
    });
  }

  set(values) {
    Object.assign(this, values);
    this.changed();
  }

  clear() {
    Object.assign(this, { started: null, finished: null, isPaused: false, isLost: false, problem: null });
    Object.assign(this, {
      skippedSteps: 0,
      steps: [],
      evaluations: [],
      validations: [],
      snapshots: [],
      learningRates: [],
      processes: [],
      others: [],
    });
  }

  /** Adds lines of the log, preceded by a line with the number of steps that were left out. */
  add(data) {
    const [skipped, ...lines] = data.split("\n");
    this.skippedSteps += Number(skipped);
    for (const line of lines) if (line !== "") this.addEvent(JSON.parse(line));
    if (this.steps.length > MAX_STEPS) this.steps = this.steps.filter((_, i) => i % 2 === 1);
    this.changed();
  }

  addEvent(event) {
    switch (event.event) {
      case "run_started":
        // A run may start several times; it continues from the last start.
        Object.assign(this, { started: event, finished: null, isPaused: false });
        break;
      case "step_finished":
        this.steps.push(event);
        break;
      case "evaluation_finished":
        if (event.part === "test") this.evaluations.push(event);
        if (event.part === "validation") this.validations.push(event);
        break;
      case "snapshot":
        this.snapshots.push(event);
        break;
      case "learning_rate_set":
        this.learningRates.push(event);
        break;
      case "processes_measured":
        this.processes.push(event);
        break;
      case "paused":
        this.isPaused = true;
        break;
      case "unpaused":
        this.isPaused = false;
        break;
      case "run_finished":
        Object.assign(this, { finished: event, isPaused: false });
        break;
      default:
        // A newer version may write other events: they are kept.
        this.others.push(event);
    }
  }

  /** The evaluations by which the run chooses: on the validation set or, without one, on the test set. */
  get selecting() {
    return this.validations.length > 0 ? this.validations : this.evaluations;
  }

  /** The metrics without a panel of their own. */
  get otherMetrics() {
    return (this.started?.metrics ?? []).filter(({ name }) => name !== "loss" && name !== "accuracy");
  }

  /** The kinds of the events of a newer version, each with its number. */
  get otherKinds() {
    const counts = new Map();
    for (const { event } of this.others) counts.set(event, (counts.get(event) ?? 0) + 1);
    return [...counts].map(([kind, count]) => `${kind} (${count})`).join(", ");
  }

  /** The last step so far. */
  get step() {
    const steps = [this.steps, this.evaluations, this.snapshots].map((events) => events.at(-1)?.step ?? 0);
    return Math.max(...steps, this.finished?.steps ?? 0);
  }

  /** The last step on horizontal axes: that of the run, or a round number while that is far away. */
  get end() {
    if (this.finished) return Math.max(1, this.finished.steps);
    return Math.max(1, Math.min(this.started?.steps_planned ?? Infinity, roundUp(1.25 * this.step)));
  }

  get state() {
    if (!this.finished && this.hasCrashed) return "crashed";
    if (!this.finished) return this.isPaused ? "paused" : "running";
    const states = { interrupted: "stopped", not_finite: "not_finite", stopped_early: "stopped_early" };
    return states[this.finished.reason.kind] ?? "finished";
  }

  /** Training samples per second at a step, over the last snapshots before it. */
  speedAt(step) {
    const snapshots = this.snapshots.slice(0, countUpTo(this.snapshots, step));
    const last = snapshots.at(-1);
    const first = snapshots.at(-9) ?? snapshots[0];
    if (!last || last.step === first.step) return NaN;
    return ((last.step - first.step) * this.started.batch) / (last.train_secs - first.train_secs);
  }
}
