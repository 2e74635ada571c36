//! What columns are used as, and what is known about data before it is used.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::notation::CellNotation;

/// What a column is used as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    /// A quantity.
    Number,
    /// Whole numbers that are names, such as 0 to 9 for digits.
    WholeCategory,
    /// One of a few texts.
    Category,
    /// A day, perhaps with a time.
    Date,
    /// One value in all rows: nothing can be learnt from it.
    Constant,
    /// Another value in each row, such as a number of a customer: not used.
    Identifier,
    /// A picture or another array.
    Array,
}

impl ColumnKind {
    /// Whether rows of one value are a class of their own.
    pub fn has_categories(self) -> bool {
        matches!(self, Self::WholeCategory | Self::Category)
    }

    /// Whether a column of this kind says something about a target.
    pub fn is_feature(self) -> bool {
        !matches!(self, Self::Constant | Self::Identifier)
    }
}

impl fmt::Display for ColumnKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Number => "number",
            Self::WholeCategory => "whole number as category",
            Self::Category => "category",
            Self::Date => "date",
            Self::Constant => "constant",
            Self::Identifier => "identifier",
            Self::Array => "array",
        })
    }
}

/// What is known about a column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnDescription {
    /// Its name.
    pub name: String,
    /// What it is used as.
    pub kind: ColumnKind,
    /// Why.
    pub reason: String,
    /// Cells without a value.
    pub missing: usize,
    /// How many different values there are; none if they are too many to be counted.
    pub distinct: Option<usize>,
    /// The categories in the order of their codes, each with its number of rows; empty for other kinds.
    pub categories: Vec<(String, usize)>,
    /// The axes of an array; empty for other kinds.
    pub shape: Vec<usize>,
    /// Whether the column has many different whole numbers, each in several rows and far from the others, so that each of
    /// them may mean something of its own.
    #[serde(default)]
    pub has_frequent_values: bool,
    /// How its cells are written, where one cell cannot tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notation: Option<CellNotation>,
}

/// What is known about data before it is used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableDescription {
    /// The file, the folder or the program that the data comes from.
    pub name: String,
    /// Number of rows.
    pub rows: usize,
    /// The columns, in order.
    pub columns: Vec<ColumnDescription>,
    /// The column that is predicted, if one is.
    pub target: Option<String>,
    /// How the data was read.
    pub findings: Vec<Finding>,
}

impl TableDescription {
    /// The column of a name.
    pub fn column(&self, name: &str) -> Option<&ColumnDescription> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The column that is predicted.
    pub fn target(&self) -> Option<&ColumnDescription> {
        self.column(self.target.as_ref()?)
    }
}

/// Something that was found out about how data is written, and not told by the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is about: `delimiter`.
    pub about: String,
    /// What was found: `semicolon`.
    pub found: String,
    /// The setting that changes it: `delimiter = ","`. Empty if nothing does.
    pub change: String,
}

impl Finding {
    /// A finding.
    pub fn new(
        about: impl Into<String>,
        found: impl Into<String>,
        change: impl Into<String>,
    ) -> Self {
        Self { about: about.into(), found: found.into(), change: change.into() }
    }
}

/// Makes a column of numbers that counts the rows a feature if there is no other.
pub(crate) fn keep_a_feature(
    mut columns: Vec<&mut ColumnDescription>,
    target: Option<usize>,
    is_number: &[bool],
) {
    let others = (0..columns.len()).filter(|&i| Some(i) != target);
    if others.clone().any(|i| columns[i].kind.is_feature()) {
        return;
    }
    let is_identifier = |&i: &usize| is_number[i] && columns[i].kind == ColumnKind::Identifier;
    if let Some(i) = others.clone().find(is_identifier) {
        columns[i].kind = ColumnKind::Number;
        columns[i].reason += ", but is the only feature";
    }
}
