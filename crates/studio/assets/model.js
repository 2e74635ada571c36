// Outputs and parameters of a model, as sent by the server: a line of JSON, then the numbers.

import { query } from "./server.js";

/** Splits an answer into the JSON of its first line and the numbers after it. */
function parseNumbers(buffer) {
  if (!buffer) return null;
  const bytes = new Uint8Array(buffer);
  const end = bytes.indexOf(10);
  const about = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end)));
  return { about, values: new Float32Array(buffer.slice(end + 1)) };
}

/** The activations in an answer, `{ shape, values }` for each layer, and the prediction. */
function parseActivations(buffer) {
  const found = parseNumbers(buffer);
  if (!found) return null;
  let start = 0;
  const layers = found.about.layers.map((shape) => {
    const length = shape.reduce((product, size) => product * size, 1);
    start += length;
    return { shape, values: found.values.subarray(start - length, start) };
  });
  const { step, scores, probabilities } = found.about;
  return { step, scores, probabilities, layers };
}

/** The activations of a model for a sample of a set. */
export async function activations(id, set, sample, step) {
  return parseActivations(await query(id, "activations", { set, sample, step }));
}

/** The activations of a model for the bytes of an image. */
export async function activationsOf(id, bytes, step) {
  return parseActivations(await query(id, "activations", { step }, bytes));
}

/** A parameter: `{ step, shape, values }`. */
export async function parameter(id, name, step) {
  const found = parseNumbers(await query(id, "parameter", { name, step }));
  return found && { ...found.about, values: found.values };
}

/** Positions of the boxes and edges of a network on a page with this width; null if it is too large for a drawing. */
export async function placedNetwork(id, width) {
  const found = await query(id, "flow", { width });
  return found && JSON.parse(new TextDecoder().decode(found));
}

/** Statistics of the activations of each layer. */
export async function activationStatistics(id, step) {
  const found = await query(id, "activation-statistics", { step });
  return found && JSON.parse(new TextDecoder().decode(found));
}
