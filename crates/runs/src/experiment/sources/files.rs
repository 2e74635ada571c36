//! Tables and pictures of one's own, in files of any format that [`data::open`] knows.

use std::collections::BTreeMap;
use std::path::PathBuf;

use data::columns::{ColumnKind, Encoding, TableOptions, Target};
use data::{open, open_test};
use nn::registry::require;

use super::*;

settings! {
    /// A file or a folder: a table as text, NumPy arrays, IDX images, or a folder of pictures with a folder for each class, or
    /// its ZIP archive.
    /// What is not said is found; `gradus data FILE` shows it.
    pub struct DataFiles {
        /// Training data.
        train: PathBuf = PathBuf::new(), |name, path: &PathBuf| {
            require(path.as_os_str() != "", name, "none", "the path of a file or a folder")
        };
        /// Test data with the same columns; without it some rows of the training data are drawn: `data.test`.
        #[serde(skip_serializing_if = "Option::is_none")]
        test: Option<PathBuf> = None;
        /// The column that is predicted; the last one if not given.
        target: Target = Target::Last;
        /// What columns are used as, where that is not what is found.
        kinds: BTreeMap<String, ColumnKind> = BTreeMap::new();
        /// Whether rows with mistakes are left out.
        skip_bad_rows: bool = false;
        /// How the characters of a text are stored.
        #[serde(skip_serializing_if = "Option::is_none")]
        encoding: Option<Encoding> = None;
        /// The sign between two cells of a text, an ASCII character.
        #[serde(skip_serializing_if = "Option::is_none")]
        delimiter: Option<char> = None;
        /// Whether cells of a text may be in quotation marks.
        #[serde(skip_serializing_if = "Option::is_none")]
        quotes: Option<bool> = None;
        /// The sign before a fraction: `.` or `,`.
        #[serde(skip_serializing_if = "Option::is_none")]
        decimal: Option<char> = None;
        /// Whether the other of both may separate thousands.
        #[serde(skip_serializing_if = "Option::is_none")]
        thousands: Option<bool> = None;
        /// Whether the first row of a text has the names of the columns.
        #[serde(skip_serializing_if = "Option::is_none")]
        header: Option<bool> = None;
        /// Rows of a text that are left out before the header or the first row of data.
        #[serde(skip_serializing_if = "Option::is_none")]
        skip_rows: Option<usize> = None;
        /// The arrays of an NPZ that are used; all if none is named.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        arrays: Vec<String> = Vec::new();
        /// Rows and columns of all pictures of a folder; those of most of them if not given.
        #[serde(skip_serializing_if = "Option::is_none")]
        size: Option<[usize; 2]> = None;
        /// 1 for grey pictures, 3 for colours; 1 if all are grey.
        #[serde(skip_serializing_if = "Option::is_none")]
        channels: Option<usize> = None;
        /// Whether rows and columns of each IDX image are exchanged.
        transpose: bool = false;
    }
}

impl DataFiles {
    /// What is said about both files.
    pub fn options(&self) -> TableOptions {
        TableOptions {
            target: self.target.clone(),
            kinds: self.kinds.clone(),
            skip_bad_rows: self.skip_bad_rows,
            encoding: self.encoding,
            delimiter: self.delimiter,
            quotes: self.quotes,
            decimal: self.decimal,
            thousands: self.thousands,
            header: self.header,
            skip_rows: self.skip_rows,
            arrays: self.arrays.clone(),
            size: self.size,
            channels: self.channels,
            transpose: self.transpose,
        }
    }
}

impl ReadSource for DataFiles {
    fn files(&self) -> Vec<PathBuf> {
        [&self.train].into_iter().chain(&self.test).cloned().collect()
    }

    fn read(&self, _: Digits<'_>) -> Result<SourceData, ExperimentError> {
        let options = self.options();
        let train = open(&self.train, &options)?;
        let test = self.test.as_ref().map(|test| open_test(test, &options, train.description()));
        Ok(SourceData::Tables(TableSplit { test: test.transpose()?, train }))
    }
}
