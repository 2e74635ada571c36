//! Which rows of the data are in which part.

use std::fmt::Write as _;

use events::Part;

/// Where the samples of each part come from: the numbers of the rows of the sets as they were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartRows(Vec<RowRange>);

/// Consecutive rows of a set as it was read, in one part.
#[derive(Clone, Debug, PartialEq, Eq)]
struct RowRange {
    part: Part,
    /// The set as it was read.
    set: Part,
    first: usize,
    last: usize,
}

impl PartRows {
    /// Adds the rows of a set, which ascend, to a part.
    pub(super) fn add(&mut self, part: Part, set: Part, rows: impl Iterator<Item = usize>) {
        let begin = self.0.len();
        for row in rows {
            match self.0[begin..].last_mut() {
                Some(range) if range.last + 1 == row => range.last = row,
                _ => self.0.push(RowRange { part, set, first: row, last: row }),
            }
        }
    }

    /// A table: the part, the set that was read (`train`, `test`, or `validation` where a program passed one), and the
    /// first and the last of consecutive rows of that set, counted from 0.
    pub fn to_csv(&self) -> String {
        let mut text = "part,set,first,last\n".to_owned();
        for RowRange { part, set, first, last } in &self.0 {
            let _ = writeln!(text, "{part},{set},{first},{last}");
        }
        text
    }
}
