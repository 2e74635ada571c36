// The distribution of the weights.

import { translate } from "../text.js";
import { bands } from "./bands.js";

const title = () => translate("panel.weights");
const build = bands({ pooled: "weights", roles: ["weight"], rgb: "--weights", title });

export default { name: "weights", key: "4", group: "8", title, build };
