// All pages, a line each. Their `position` is that in the bar.

export { default as descent } from "./descent.js";
export { default as draw } from "./draw.js";
export { default as explain } from "./explain.js";
export { default as graph } from "./graph.js";
export { default as lessons } from "./lessons.js";
export { default as network } from "./network.js";
export { default as predictions } from "./predictions.js";
export { default as runs } from "./runs.js";
export { default as train } from "./train.js";
export { default as tune } from "./tune.js";
