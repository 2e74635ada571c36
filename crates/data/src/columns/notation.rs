//! How the cells of a column are written, where one cell cannot tell.

use serde::{Deserialize, Serialize};

use super::date::DateFormat;
use super::number::NumberNotation;

/// How the cells of a column are written, where one cell cannot tell: `2.000` is two or two thousand, and `03/04/2024` is in
/// March or in April.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CellNotation {
    /// Numbers in a text.
    Number(NumberNotation),
    /// Dates in a text.
    Date(DateFormat),
    /// Pictures of any size, which are scaled to that of the column.
    ScaledPictures,
}
