// What a network says of a sample, and what it has learned, as the server tells it: a line of JSON, then numbers.

import { ask } from "./server.js";

/** Splits an answer into what stands in its first line and the numbers behind it. */
function numbers(buffer) {
  if (!buffer) return null;
  const bytes = new Uint8Array(buffer);
  const end = bytes.indexOf(10);
  const about = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end)));
  return { about, values: new Float32Array(buffer.slice(end + 1)) };
}

/** The layers of an answer: `{ shape, values }` each. */
function split(found) {
  if (!found) return null;
  let start = 0;
  const layers = found.about.layers.map((shape) => {
    const length = shape.reduce((product, size) => product * size, 1);
    start += length;
    return { shape, values: found.values.subarray(start - length, start) };
  });
  const { step, probabilities } = found.about;
  return { step, probabilities, scores: layers.at(-1)?.values ?? [], layers };
}

/** What the network says of a sample of a set. */
export async function inside(id, set, sample, step) {
  return split(numbers(await ask(id, "inside", { set, sample, step })));
}

/** What the network says of some bytes. */
export async function insideOf(id, bytes, step) {
  return split(numbers(await ask(id, "inside", { step }, bytes)));
}

/** The numbers of a parameter: `{ step, shape, values }`. */
export async function parameter(id, name, step) {
  const found = numbers(await ask(id, "parameter", { name, step }));
  return found && { ...found.about, values: found.values };
}

/** How the layers behave. */
export async function behaviour(id, step) {
  const found = await ask(id, "behaviour", { step });
  return found && JSON.parse(new TextDecoder().decode(found));
}
