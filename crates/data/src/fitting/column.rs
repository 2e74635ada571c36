//! A column with its fitted transforms.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::plan::{MOST_TRANSFORMS, content};
use crate::columns::{ColumnDescription, ColumnKind};
use crate::transforms::divide::FittedDivide;
use crate::transforms::{
    CellContent, CellValues, ColumnValues, FittedTransform, MOST_FEATURES, elements,
};

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

    /// Rows, columns and channels of its pictures; none if it has something else.
    pub fn picture_shape(&self) -> Option<[usize; 3]> {
        match (self.kind, &self.shape[..]) {
            (ColumnKind::Array, &[rows, columns]) => Some([rows, columns, 1]),
            (ColumnKind::Array, &[rows, columns, channels @ (1 | 3)]) => {
                Some([rows, columns, channels])
            }
            _ => None,
        }
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

    /// Whether its pictures are brought to one size, so that they may have any.
    #[cfg(feature = "files")]
    pub(crate) fn resizes(&self) -> bool {
        self.transforms.iter().any(|transform| matches!(transform, FittedTransform::Resize(_)))
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
            shape: self.shape.clone(),
            finished: Vec::new(),
            categories: self.categories.iter().map(|category| format!("={category}")).collect(),
            has_missing: false,
            is_bytes: false,
        }
    }

    /// How the numbers of an array are stored: what these transforms make of them, to be divided by a number when they are
    /// used. None if more is done to them.
    pub(super) fn stored(&self) -> Option<(&[FittedTransform], f32)> {
        let (stored, by) = match self.transforms.split_last() {
            Some((FittedTransform::Divide(FittedDivide { by }), stored)) => (stored, *by),
            _ => (&self.transforms[..], 1.0),
        };
        // Of numbers that `f32` has, the quotient is the same in `f32` as rounded from `f64`.
        let is_exact = f64::from(by as f32) == by;
        let keep_bytes = stored.iter().all(|transform| transform.fitted().keeps_bytes());
        (self.kind == ColumnKind::Array && is_exact && keep_bytes).then_some((stored, by as f32))
    }

    /// Its features, with their names and the axes that they have; or what is wrong with it.
    pub(super) fn output(&self) -> Result<ColumnValues, String> {
        let about = |what: String| format!("column `{}`: {what}", self.name);
        let elements = elements(&self.shape);
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
        if !values.finished.is_empty() {
            values.shape.clear();
        }
        values.open.append(&mut values.finished);
        Ok(values)
    }
}
