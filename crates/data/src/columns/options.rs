//! What a user says about data; what is not said is found.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::kind::ColumnKind;
use crate::DataFault;

/// How the characters of a text file are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// UTF-8, of which ASCII is a part.
    #[serde(rename = "utf-8")]
    Utf8,
    /// UTF-16 with the low byte first, as Windows calls "Unicode".
    #[serde(rename = "utf-16le")]
    Utf16Le,
    /// UTF-16 with the high byte first.
    #[serde(rename = "utf-16be")]
    Utf16Be,
    /// One byte a character, Western Europe; Latin-1 is a part of it.
    #[serde(rename = "windows-1252")]
    Windows1252,
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16Le => "UTF-16, low byte first",
            Self::Utf16Be => "UTF-16, high byte first",
            Self::Windows1252 => "Windows-1252 (Latin-1)",
        })
    }
}

/// The column that is predicted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "SaidTarget", into = "SaidTarget")]
pub enum Target {
    /// The last one.
    #[default]
    Last,
    /// The one of this name.
    Named(String),
    /// None: there are features only.
    Absent,
}

/// A target as it is written: a name, or `false` for none.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum SaidTarget {
    Name(String),
    Is(bool),
}

impl From<SaidTarget> for Target {
    fn from(said: SaidTarget) -> Self {
        match said {
            SaidTarget::Name(name) => Self::Named(name),
            SaidTarget::Is(true) => Self::Last,
            SaidTarget::Is(false) => Self::Absent,
        }
    }
}

impl From<Target> for SaidTarget {
    fn from(target: Target) -> Self {
        match target {
            Target::Last => Self::Is(true),
            Target::Named(name) => Self::Name(name),
            Target::Absent => Self::Is(false),
        }
    }
}

/// What a user says about data of any format. The settings of other formats mean nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TableOptions {
    /// The column that is predicted.
    pub target: Target,
    /// What columns are used as, where that is not what is found.
    pub kinds: BTreeMap<String, ColumnKind>,
    /// Whether rows with mistakes are left out, and counted.
    pub skip_bad_rows: bool,
    /// How the characters of a text are stored.
    pub encoding: Option<Encoding>,
    /// The sign between two cells of a text, an ASCII character.
    pub delimiter: Option<char>,
    /// Whether cells of a text may be in quotation marks (`"`).
    pub quotes: Option<bool>,
    /// The sign before a fraction: `.` or `,`.
    pub decimal: Option<char>,
    /// Whether the other of both may separate thousands.
    pub thousands: Option<bool>,
    /// Whether the first row of a text has the names of the columns.
    pub header: Option<bool>,
    /// Rows of a text that are left out before the header or the first row of data.
    pub skip_rows: Option<usize>,
    /// The arrays of an NPZ that are used; all if none is named.
    pub arrays: Vec<String>,
    /// Rows and columns of all pictures of a folder; those of most of them if it is not said.
    pub size: Option<[usize; 2]>,
    /// 1 for grey pictures, 3 for colours; 1 if all are grey.
    pub channels: Option<usize>,
    /// Whether rows and columns of each IDX image are exchanged.
    pub transpose: bool,
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
