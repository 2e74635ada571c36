// Panel 5: how the biases are spread.

import { t } from "../text.js";
import { bands } from "./bands.js";

const title = () => t("biases");

export default { name: "biases", key: "5", title, build: bands({ pooled: "biases", parts: ["bias", "offset"], rgb: "--biases", title }) };
