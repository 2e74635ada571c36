// The table of the layers of a network.

import { createTable } from "./dom.js";
import { formatInteger } from "./format.js";
import { translate } from "./text.js";

export function layerTable(layers) {
  const head = ["common.layer", "common.output_shape", "common.parameters", "common.multiply_adds"];
  const rows = layers.map(({ path, kind, output, parameters, multiply_adds }) => {
    return [path, kind, output, formatInteger(parameters), formatInteger(multiply_adds)];
  });
  const total = (name) => formatInteger(layers.reduce((sum, layer) => sum + layer[name], 0));
  rows.push(["", translate("common.total"), "", total("parameters"), total("multiply_adds")]);
  return createTable(["", ...head.map((key) => translate(key))], rows);
}
