// A run as its events report it.

import assert from "node:assert/strict";
import { test } from "node:test";

// A hidden page does not connect: events are added by hand.
globalThis.document = { hidden: true, addEventListener() {}, removeEventListener() {} };
const { Run, roundUp } = await import("../../assets/run.js");

/** A run with these events; `calls` counts the notifications. */
function runWith(events, skipped = 0) {
  const run = new Run({ id: "x" }, () => {});
  run.add([skipped, ...events.map((event) => JSON.stringify(event))].join("\n"));
  return run;
}

const started = { event: "run_started", steps_planned: 100, batch: 10 };
const finished = { event: "run_finished", reason: { kind: "completed" }, steps: 100 };
const step = (number) => ({ event: "step_finished", step: number });

test("the state follows the events", () => {
  const cases = [
    [[started], "running"],
    [[started, { event: "paused", step: 1 }], "paused"],
    [[started, { event: "paused", step: 1 }, { event: "unpaused", step: 1 }], "running"],
    [[started, finished], "finished"],
    [[started, { event: "paused", step: 1 }, { ...finished, reason: { kind: "interrupted" } }], "stopped"],
    [[started, { ...finished, reason: { kind: "target_reached" } }], "finished"],
    [[started, { ...finished, reason: { kind: "stopped_early" } }], "stopped_early"],
    [[started, { ...finished, reason: { kind: "not_finite", step: 3 } }], "not_finite"],
  ];
  for (const [events, state] of cases) assert.equal(runWith(events).state, state);
});

test("a run that has crashed is running again once it writes", async () => {
  let write, number;
  globalThis.document.hidden = false;
  globalThis.fetch = async (address) => {
    // One connection for all runs of the page, the newest last.
    number = JSON.parse(new URL(address, "http://localhost").searchParams.get("runs")).length - 1;
    const body = new ReadableStream({ start: (to) => (write = (text) => to.enqueue(new TextEncoder().encode(text))) });
    return { ok: true, body };
  };
  let changed = () => {};
  const run = new Run({ id: "x", state: "crashed" }, () => changed());
  await new Promise((resolve) => setTimeout(resolve));
  globalThis.document.hidden = true;
  assert.equal(run.state, "crashed");
  const event = `event: lines\nid: 9\ndata: ${number}\ndata: 0\ndata: ${JSON.stringify(step(1))}\n\n`;
  const isWritten = new Promise((resolve) => (changed = resolve));
  // In pieces, the break between two events too.
  write(`: keep-alive\n\n${event.slice(0, 40)}`);
  write(event.slice(40, -1));
  write("\n");
  await isWritten;
  assert.deepEqual([run.state, run.step], ["running", 1]);
});

test("a run that is started again is running, and keeps its earlier events", () => {
  const again = { ...started, steps_planned: 200 };
  const run = runWith([started, step(1), finished, again, step(101)]);
  assert.equal(run.state, "running");
  assert.equal(run.started.steps_planned, 200);
  assert.deepEqual(run.steps.map((event) => event.step), [1, 101]);
  run.add(`0\n${JSON.stringify({ ...finished, steps: 200 })}`);
  assert.deepEqual([run.state, run.step, run.end], ["finished", 200, 200]);
});

test("events of a newer version are kept", () => {
  const run = runWith([started, { event: "pruned", step: 5, share: 0.5 }, step(6)]);
  assert.deepEqual(run.others, [{ event: "pruned", step: 5, share: 0.5 }]);
  assert.equal(run.step, 6);
});

test("metrics without a panel are known, those of a newer version too", () => {
  const metrics = [{ name: "loss" }, { name: "accuracy" }, { name: "f1" }];
  assert.deepEqual(runWith([{ ...started, metrics }]).otherMetrics, [{ name: "f1" }]);
  assert.deepEqual(runWith([started]).otherMetrics, []);
});

test("evaluations are told apart by their part, and a run chooses by the validation set if it has one", () => {
  const evaluation = (part) => ({ event: "evaluation_finished", step: 1, part });
  const run = runWith(["validation", "test", "train"].map(evaluation));
  assert.deepEqual(run.evaluations, [evaluation("test")]);
  assert.deepEqual(run.validations, [evaluation("validation")]);
  assert.equal(run.selecting, run.validations);
  const without = runWith([evaluation("test")]);
  assert.equal(without.selecting, without.evaluations);
});

test("kinds of events of a newer version are counted", () => {
  const run = runWith([{ event: "pruned" }, { event: "quantized" }, { event: "pruned" }]);
  assert.equal(run.otherKinds, "pruned (2), quantized (1)");
  assert.equal(runWith([started]).otherKinds, "");
});

test("steps that were left out are counted, and an empty message adds nothing", () => {
  const run = runWith([step(10)], 9);
  run.add("3\n");
  assert.deepEqual([run.skippedSteps, run.steps.length], [12, 1]);
});

test("of very many steps every second one is kept, with the last", () => {
  const run = runWith(Array.from({ length: 4001 + 1 }, (_, i) => step(i + 1)));
  assert.equal(run.steps.length, 2001);
  assert.equal(run.steps.at(-1).step, 4002);
});

test("axes end at the planned step, or at a round one while that is far away", () => {
  assert.equal(runWith([{ ...started, steps_planned: 2000 }, step(1900)]).end, 2000);
  assert.equal(runWith([{ ...started, steps_planned: 1_000_000 }, step(1700)]).end, 5000);
  assert.equal(runWith([{ ...started, steps_planned: null }, step(10)]).end, 1000);
  assert.equal(runWith([]).end, 1000);
  assert.deepEqual([1, 1000, 1001, 2000.5, 9999].map(roundUp), [1000, 1000, 2000, 5000, 10000]);
});

test("the speed is that of the last snapshots before a step", () => {
  const snapshot = (at, seconds) => ({ event: "snapshot", step: at, train_secs: seconds });
  const run = runWith([started, snapshot(0, 0), snapshot(10, 1), snapshot(30, 2)]);
  assert.equal(run.speedAt(10), 100);
  assert.equal(run.speedAt(30), 150);
  assert.ok(Number.isNaN(run.speedAt(5)));
});

test("processes are measured now and then, and shown as shares", async () => {
  const process = { host: "a", threads: 1, shards: 3, seconds: 2, exchange_seconds: 0.5, messages: 12, bytes: 1.5e6 };
  const measured = { event: "processes_measured", step: 3, processes: [process, { ...process, host: "b", shards: 1 }] };
  assert.deepEqual(runWith([started, measured]).processes, [measured]);
  const { processRows } = await import("../../assets/processes.js");
  assert.deepEqual(processRows(measured), [
    ["0", "a", "1", "75.0 %", "25.0 %", "12", "1.5 MB"],
    ["1", "b", "1", "25.0 %", "25.0 %", "12", "1.5 MB"],
  ]);
});
