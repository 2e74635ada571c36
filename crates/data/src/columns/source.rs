//! Data that can be read in blocks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::cells::Table;
use super::kind::{ColumnKind, TableDescription};
use crate::mistakes::RowMistakes;
use crate::{DataError, DataFault};

/// Data as named columns, read in blocks as often as it is used.
pub trait TableSource {
    /// What is known about it.
    fn description(&self) -> &TableDescription;

    /// What could not be read.
    fn mistakes(&self) -> &RowMistakes;

    /// Reads the rows from the first one, so many at a time. All blocks but the last have `rows` rows.
    ///
    /// # Errors
    ///
    /// [`DataFault::Rows`] if there are mistakes and bad rows are not to be left out; and whatever an input can raise.
    fn blocks(
        &self,
        rows: usize,
    ) -> Result<Box<dyn Iterator<Item = Result<Table, DataError>> + '_>, DataError>;

    /// Reads all rows into memory.
    ///
    /// # Errors
    ///
    /// Those of [`TableSource::blocks`], and [`DataFault::Columns`] if there are no rows.
    fn read(&self) -> Result<Table, DataError> {
        const BLOCK: usize = 4096;
        let mut blocks = self.blocks(BLOCK)?;
        let Some(first) = blocks.next() else {
            return Err(DataFault::Columns("has no rows".to_owned()).of(&self.description().name));
        };
        let mut table = first?;
        for block in blocks {
            table.append(block?);
        }
        Ok(table)
    }
}

/// The column that is predicted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The last one.
    #[default]
    Last,
    /// The one of this name.
    Named(String),
    /// None: there are features only.
    Absent,
}

/// What a user says about data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TableOptions {
    /// The column that is predicted.
    pub target: Target,
    /// What columns are used as, where that is not what is found.
    pub kinds: BTreeMap<String, ColumnKind>,
    /// Whether rows with mistakes are left out, and counted.
    pub skip_bad_rows: bool,
}

impl TableOptions {
    /// The index of the target among the names of all columns.
    ///
    /// # Errors
    ///
    /// What the options name and the table does not have.
    pub(crate) fn target_among(&self, names: &[String]) -> Result<Option<usize>, DataFault> {
        let index = |name: &String| {
            names.iter().position(|other| other == name).ok_or_else(|| {
                let known: Vec<_> = names.iter().take(20).map(String::as_str).collect();
                let rest = if names.len() > known.len() { ", …" } else { "" };
                let known = known.join(", ");
                DataFault::Columns(format!("has no column `{name}`; its columns are {known}{rest}"))
            })
        };
        self.kinds.keys().try_for_each(|name| index(name).map(drop))?;
        match &self.target {
            Target::Last => Ok(names.len().checked_sub(1)),
            Target::Named(name) => index(name).map(Some),
            Target::Absent => Ok(None),
        }
    }
}
