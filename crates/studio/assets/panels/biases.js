// The distribution of the biases.

import { translate } from "../text.js";
import { bands } from "./bands.js";

const title = () => translate("panel.biases");
const build = bands({ pooled: "biases", roles: ["bias", "offset"], rgb: "--biases", title });

export default { name: "biases", key: "5", group: "8", title, build };
