//! What is wrong with rows and columns, as it is said.

use std::collections::HashSet;

use crate::DataFault;
use crate::columns::Cells;
use crate::mistakes::CellMistake;

/// What to do about missing features.
pub(super) const IMPUTE_OR_LEAVE_OUT: &str =
    "put { kind = \"impute\" } first in the transforms of the column, or leave these rows out";
/// What to do about targets that are missing or of an unknown class.
pub(super) const LEAVE_OUT: &str =
    "leave these rows out, or put rows of every class into the training part";
/// What is found where nothing is.
pub(crate) const MISSING_CELL: &str = "a missing cell";
/// The most names in a message.
const LISTED: usize = 8;

/// A mistake in a cell of a row, counted from 0.
pub(super) fn mistake(row: usize, column: &str, found: &str, expected: &str) -> CellMistake {
    CellMistake {
        order: row as u64,
        place: format!("row {}", row + 1),
        column: Some(column.to_owned()),
        found: found.to_owned(),
        expected: expected.to_owned(),
    }
}

/// The fault of a table without a column, or with other cells in it.
pub(super) fn other_form(column: &str, found: Option<&Cells>, expected: &str) -> DataFault {
    let found = match found {
        None => {
            return DataFault::Columns(format!(
                "has no column `{column}`, expected {expected} of this name as in training; add it, or name it so"
            ));
        }
        Some(Cells::Numbers(_)) => "numbers or dates".to_owned(),
        Some(Cells::Categories { categories, .. }) => {
            format!("categories ({})", listed(categories))
        }
        Some(Cells::Texts(_)) => "texts".to_owned(),
        Some(Cells::Arrays { shape, .. }) => format!("arrays of shape {shape:?}"),
    };
    let advice = match expected {
        "numbers" => format!("mend its cells, or set kinds.{column} = \"number\""),
        "dates" => format!("mend its cells, or set kinds.{column} = \"date\""),
        "categories" => {
            format!("set kinds.{column} = \"category\" or \"whole_category\", as in training")
        }
        _ => "give all pictures the size and channels of training".to_owned(),
    };
    DataFault::Columns(format!("column `{column}`: found {found}, expected {expected}; {advice}"))
}

/// Whether two names are the same.
pub(super) fn has_repeated(names: &[String]) -> bool {
    let mut seen = HashSet::new();
    names.iter().any(|name| !seen.insert(name))
}

/// The first names of a list, with the number of the others.
pub(crate) fn listed(names: &[String]) -> String {
    let shown = names.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", ");
    let rest = names.len().saturating_sub(LISTED);
    if rest > 0 { format!("{shown} and {rest} more") } else { shown }
}
