//! Fitted transforms as one value, which is saved and read.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::column::FittedColumn;
use super::messages::has_repeated;
use super::target::FittedTarget;
use crate::columns::{CellNotation, ColumnKind};
use crate::transforms::MOST_FEATURES;
use crate::{DataError, DataFault};

/// The longest text that is read.
const MOST_BYTES: usize = 64 << 20;

/// What was fitted to the rows of a training part: makes features of the rows of any table with the same columns.
///
/// It is a value of `serde`; what is read is checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "SavedTransforms", into = "SavedTransforms")]
pub struct FittedTransforms {
    saved: SavedTransforms,
    features: Vec<String>,
    sample_shape: Vec<usize>,
}

/// What is saved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SavedTransforms {
    /// Names, kinds, shapes and categories of the columns, in 16 hexadecimal digits.
    pub(super) fingerprint: String,
    /// Rows of the training part.
    pub(super) rows: usize,
    /// What a reader of the results should know.
    pub(super) notes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) target: Option<FittedTarget>,
    pub(super) columns: Vec<FittedColumn>,
    /// All columns of the table, those that are not used among them; none in models that do not say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) table: Vec<WrittenColumn>,
}

/// A column of the table that transforms were fitted to, whether it is used or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenColumn {
    pub(crate) name: String,
    /// How its cells were written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) notation: Option<CellNotation>,
}

impl FittedTransforms {
    /// The columns that become features, in the order of these.
    pub fn columns(&self) -> &[FittedColumn] {
        &self.saved.columns
    }

    /// All columns of the table that the transforms were fitted to, in order.
    pub(crate) fn table(&self) -> Vec<WrittenColumn> {
        if !self.saved.table.is_empty() {
            return self.saved.table.clone();
        }
        let features = self.columns().iter().map(|column| column.name.as_str());
        let names = features.chain(self.target().map(FittedTarget::column));
        names.map(|name| WrittenColumn { name: name.to_owned(), notation: None }).collect()
    }

    /// Whether features are columns of a table, and not only elements of arrays.
    pub fn has_table_columns(&self) -> bool {
        self.columns().iter().any(|column| column.kind != ColumnKind::Array)
    }

    /// The column that is predicted, if one is.
    pub fn target(&self) -> Option<&FittedTarget> {
        self.saved.target.as_ref()
    }

    /// The names of the features: `age`, `age is missing`, `job=clerk`, `born year`, `pixels[7]`.
    pub fn features(&self) -> &[String] {
        &self.features
    }

    /// Which features are those of each column: a column's are consecutive, and depend on nothing but its cell.
    pub fn feature_ranges(&self) -> impl Iterator<Item = Range<usize>> {
        self.columns().iter().scan(0, |first, column| {
            let width =
                column.output().map_or(0, |values| values.open.len() + values.finished.len());
            let range = *first..*first + width;
            *first = range.end;
            Some(range)
        })
    }

    /// Number of features.
    pub fn width(&self) -> usize {
        self.features.len()
    }

    /// The axes of the features of a row: those of the array that is the only column, else one.
    pub fn sample_shape(&self) -> &[usize] {
        &self.sample_shape
    }

    /// Rows of the training part.
    pub fn rows(&self) -> usize {
        self.saved.rows
    }

    /// What a reader of the results should know: which statistics are of a sample of the rows.
    pub fn notes(&self) -> &[String] {
        &self.saved.notes
    }

    /// Names, kinds, shapes and categories of the columns and the target, in 16 hexadecimal digits: the same for two models
    /// that take the same columns.
    pub fn fingerprint(&self) -> &str {
        &self.saved.fingerprint
    }

    /// As TOML: [`FittedTransforms::from_toml`] reads the same value.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("tables of numbers and texts")
    }

    /// Reads what [`FittedTransforms::to_toml`] wrote.
    ///
    /// # Errors
    ///
    /// [`DataFault::Announced`] if the text is longer than 64 MB, [`DataFault::Columns`] if it is something else, or its
    /// numbers do not go together.
    pub fn from_toml(text: &str) -> Result<Self, DataError> {
        let what = "transforms";
        if text.len() > MOST_BYTES {
            let what = what.to_owned();
            let (found, limit_bytes) = (text.len() as u64, MOST_BYTES as u64);
            return Err(DataFault::Announced { what: what.clone(), found, limit_bytes }.of(what));
        }
        toml::from_str(text).map_err(|error| {
            DataFault::Columns(format!("{}; write them again with the model", error.message()))
                .of(what)
        })
    }
}

impl SavedTransforms {
    /// What is to be saved of something of this name, with its fingerprint.
    pub(super) fn finished(mut self, name: &str) -> Result<FittedTransforms, DataError> {
        self.fingerprint = self.computed_fingerprint();
        self.try_into().map_err(|what: String| DataFault::Columns(what).of(name))
    }

    /// A fingerprint of what a table must have.
    pub(super) fn computed_fingerprint(&self) -> String {
        // FNV-1a, which stays the same on every machine.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut add = |text: &str| {
            // The end of a text is a byte that no text has.
            for byte in text.bytes().chain([0xff]) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
            }
        };
        for column in &self.columns {
            add(&column.name);
            add(&format!("{:?}{:?}", column.kind, column.shape));
            add(&column.categories.len().to_string());
            column.categories.iter().for_each(|category| add(category));
        }
        if let Some(target) = &self.target {
            add(target.column());
            target.labels().iter().for_each(|label| add(label));
        }
        format!("{hash:016x}")
    }
}

impl TryFrom<SavedTransforms> for FittedTransforms {
    type Error = String;

    fn try_from(saved: SavedTransforms) -> Result<Self, String> {
        let (mut features, mut shapes) = (Vec::new(), Vec::new());
        for column in &saved.columns {
            if has_repeated(&column.categories) {
                return Err(format!("column `{}`: found two categories of one name", column.name));
            }
            let mut output = column.output()?;
            features.append(&mut output.open);
            shapes.push(output.shape);
            if features.len() > MOST_FEATURES {
                return Err(format!("found more than {MOST_FEATURES} features"));
            }
        }
        let target = saved.target.iter().map(|target| target.column().to_owned());
        let names: Vec<String> =
            saved.columns.iter().map(|column| column.name.clone()).chain(target).collect();
        if has_repeated(&names) {
            return Err("found two columns of one name".to_owned());
        }
        let of_table: Vec<String> = saved.table.iter().map(|column| column.name.clone()).collect();
        if has_repeated(&of_table)
            || !(of_table.is_empty() || names.iter().all(|name| of_table.contains(name)))
        {
            return Err("the columns of the table are not those that are used".to_owned());
        }
        saved.target.iter().try_for_each(FittedTarget::check)?;
        let expected = saved.computed_fingerprint();
        if saved.fingerprint != expected {
            return Err("the fingerprint is not that of the columns".to_owned());
        }
        let sample_shape = match &mut shapes[..] {
            [shape] if !shape.is_empty() => std::mem::take(shape),
            _ => vec![features.len()],
        };
        Ok(Self { saved, features, sample_shape })
    }
}

impl From<FittedTransforms> for SavedTransforms {
    fn from(fitted: FittedTransforms) -> Self {
        fitted.saved
    }
}
