//! Which rows of the data are in which part.

use std::fmt;

use events::Part;

const PARTS: [Part; 3] = [Part::Train, Part::Validation, Part::Test];

/// Where the samples of each part come from: the part of each row of the sets as they were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartRows([Vec<Option<Part>>; PARTS.len()]);

impl PartRows {
    /// Adds rows of a set as it was read to a part.
    pub(super) fn add(&mut self, part: Part, set: Part, rows: impl Iterator<Item = usize>) {
        let parts = &mut self.0[set as usize];
        for row in rows {
            if parts.len() <= row {
                parts.resize(row + 1, None);
            }
            parts[row] = Some(part);
        }
    }
}

/// A table: the part, the set that was read (`train`, `test`, or `validation` where a program passed one), and the first and
/// the last of consecutive rows of that set, counted from 0.
impl fmt::Display for PartRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "part,set,first,last")?;
        for part in PARTS {
            for (set, parts) in PARTS.into_iter().zip(&self.0) {
                let mut first = 0;
                for rows in parts.chunk_by(|a, b| a == b) {
                    let last = first + rows.len() - 1;
                    if rows[0] == Some(part) {
                        writeln!(f, "{part},{set},{first},{last}")?;
                    }
                    first = last + 1;
                }
            }
        }
        Ok(())
    }
}
