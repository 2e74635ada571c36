// All panels of a run, a line each. Their `key` is their position.

export { default as accuracy } from "./accuracy.js";
export { default as batch } from "./batch.js";
export { default as biases } from "./biases.js";
export { default as loss } from "./loss.js";
export { default as testSamples } from "./test_samples.js";
export { default as weights } from "./weights.js";
