//! A column with its fitted transforms.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::plan::{MOST_TRANSFORMS, content};
use crate::columns::{ColumnDescription, ColumnKind};
use crate::transforms::{CellContent, CellValues, ColumnValues, FittedTransform};

/// The most features of a table.
pub(super) const MOST_FEATURES: usize = 1 << 20;

/// A column with its fitted transforms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedColumn {
    /// The name of the column.
    pub name: String,
    /// What it is used as.
    pub kind: ColumnKind,
    /// The axes of an array; empty for other kinds.
    pub shape: Vec<usize>,
    /// The categories of the training part, in the order of their codes; empty for other kinds.
    pub categories: Vec<String>,
    /// Its transforms, in order.
    pub transforms: Vec<FittedTransform>,
}

impl FittedColumn {
    /// A column without transforms, whose categories are not known yet.
    pub(super) fn new(column: &ColumnDescription) -> Self {
        Self {
            name: column.name.clone(),
            kind: column.kind,
            shape: column.shape.clone(),
            categories: Vec::new(),
            transforms: Vec::new(),
        }
    }

    /// Transforms a cell.
    pub(super) fn apply(&self, cell: &mut CellValues) {
        self.transforms.iter().for_each(|transform| transform.fitted().apply(cell));
    }

    /// The code of each category of the training part.
    pub(super) fn codes(&self) -> HashMap<&str, f64> {
        self.categories.iter().map(String::as_str).zip((0_u32..).map(f64::from)).collect()
    }

    /// The cells that it takes.
    pub(crate) fn expected_cells(&self) -> String {
        match self.kind {
            ColumnKind::WholeCategory | ColumnKind::Category => "categories".to_owned(),
            ColumnKind::Array => format!("arrays of shape {:?}", self.shape),
            ColumnKind::Date => "dates".to_owned(),
            _ => "numbers".to_owned(),
        }
    }

    /// What becomes of missing cells, in messages; none if they are refused.
    pub(crate) fn missing_become(&self) -> Option<&'static str> {
        let imputes = |transform: &FittedTransform| match transform {
            FittedTransform::Impute(fitted) => !fitted.values.is_empty(),
            _ => false,
        };
        match self.kind.has_categories() {
            _ if self.transforms.iter().any(imputes) => Some("imputed as in training"),
            true => Some("as no category"),
            false => None,
        }
    }

    /// What its first transform gets.
    pub(super) fn input(&self) -> ColumnValues {
        let elements: usize = self.shape.iter().product();
        let open = match self.kind {
            ColumnKind::Array => (0..elements).map(|i| format!("{}[{i}]", self.name)).collect(),
            _ => vec![self.name.clone()],
        };
        ColumnValues {
            content: content(self.kind),
            open,
            finished: Vec::new(),
            categories: self.categories.iter().map(|category| format!("={category}")).collect(),
            has_missing: false,
            is_bytes: false,
        }
    }

    /// The names of its features, or what is wrong with it.
    pub(super) fn features(&self) -> Result<Vec<String>, String> {
        let about = |what: String| format!("column `{}`: {what}", self.name);
        let elements = self.shape.iter().try_fold(1_usize, |n, &axis| n.checked_mul(axis));
        if elements.is_none_or(|n| n > MOST_FEATURES) || self.transforms.len() > MOST_TRANSFORMS {
            let n = self.transforms.len();
            let expected =
                format!("at most {MOST_FEATURES} elements and {MOST_TRANSFORMS} transforms");
            return Err(about(format!(
                "found shape {:?} and {n} transforms, expected {expected}",
                self.shape
            )));
        }
        if !self.kind.is_feature() {
            return Err(about(format!("found the kind {}, expected a feature", self.kind)));
        }
        let mut values = self.input();
        for (i, transform) in self.transforms.iter().enumerate() {
            values = transform.fitted().output(values).ok_or_else(|| {
                about(format!(
                    "transform {} was fitted to another column, or its numbers are wrong",
                    i + 1
                ))
            })?;
        }
        if values.content == CellContent::Category {
            return Err(about("its transforms return categories, expected numbers".to_owned()));
        }
        values.open.append(&mut values.finished);
        Ok(values.open)
    }
}
