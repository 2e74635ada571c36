// The distribution of the weights.

import { bands } from "./bands.js";
import { describe } from "./describe.js";

const panel = describe("weights");

export default { ...panel, build: bands(panel) };
