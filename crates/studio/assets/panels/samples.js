// Samples of a part: as images, or as rows of a table.

import { imageGrid } from "./grid.js";
import { rowList } from "./rows.js";

export const sampleList = (options) => (options.about.has_rows ? rowList : imageGrid)(options);
