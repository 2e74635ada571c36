// The distribution of the biases.

import { bands } from "./bands.js";
import { describe } from "./describe.js";

const panel = describe("biases");

export default { ...panel, build: bands(panel) };
