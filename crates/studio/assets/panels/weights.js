// Panel 4: how the weights are spread.

import { t } from "../text.js";
import { bands } from "./bands.js";

const title = () => t("weights");

export default { name: "weights", key: "4", title, build: bands({ pooled: "weights", parts: ["weight"], rgb: "--weights", title }) };
