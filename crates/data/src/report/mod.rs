//! What data is, before it is used: ranges, classes, duplicates, and what spoils results.

mod distributions;
mod leak;
mod ranges;
#[cfg(test)]
mod tests;
mod warnings;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde::Serialize;

pub use self::distributions::{ColumnDistribution, DistributionCounts, TableDistributions};
use self::leak::Sample;
pub use self::ranges::ColumnRange;
use crate::columns::{Cells, Table, TableDescription, TableSource};
use crate::{DataError, Features};

/// Rows whose contents are remembered to find them again: 16 MB.
const REMEMBERED: usize = 1_000_000;
/// Cells of a block.
const BLOCK_CELLS: usize = 1 << 20;

/// What data is.
#[derive(Clone, Debug, Serialize)]
pub struct TableReport {
    /// What is known of it and of its columns.
    #[serde(flatten)]
    pub description: TableDescription,
    /// The range of each column's numbers; none for other columns.
    pub ranges: Vec<Option<ColumnRange>>,
    /// Rows that could be read.
    pub read: usize,
    /// Rows and cells that could not be read, and were left out.
    pub mistakes: usize,
    /// Rows that are the same as one before, among the first million.
    pub duplicates: usize,
    /// What spoils results, and what to do.
    pub warnings: Vec<String>,
}

impl TableReport {
    /// Reads all rows of a source once.
    ///
    /// # Errors
    ///
    /// Those of [`TableSource::blocks`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use gradus_data::{DataError, TableReport, columns::TableOptions, readers::csv::CsvFile};
    /// let text = "x,unit,y\n1.5,cm,a\n2.5,cm,b\n3.5,cm,a\n3.5,cm,a\n";
    /// let file = CsvFile::from_bytes("t.csv", text.as_bytes(), &TableOptions::default())?;
    /// let report = TableReport::of(&file)?;
    /// assert_eq!(report.duplicates, 1);
    /// assert!(report.warnings.iter().any(|warning| warning.contains("`unit` is constant")));
    /// # Ok::<(), DataError>(())
    /// ```
    pub fn of(source: &dyn TableSource) -> Result<Self, DataError> {
        let description = source.description().clone();
        let mut ranges = vec![ColumnRange::default(); description.columns.len()];
        let mut sample = Sample::new(&description);
        let (mut seen, mut duplicates, mut read) = (HashSet::new(), 0, 0);
        for block in source.blocks(block_rows(&description))? {
            let block = block?;
            for (range, column) in ranges.iter_mut().zip(block.columns()) {
                range.add(&column.cells);
            }
            for row in 0..block.len() {
                if seen.len() < REMEMBERED && !seen.insert(hash(&block, row)) {
                    duplicates += 1;
                }
            }
            sample.add(&block, read);
            read += block.len();
        }
        let ranges: Vec<_> = ranges.into_iter().map(ColumnRange::known).collect();
        let mistakes = source.mistakes().count;
        let mut report =
            Self { description, ranges, read, mistakes, duplicates, warnings: Vec::new() };
        report.warnings = warnings::of(&report, &sample);
        Ok(report)
    }
}

/// Rows of a block.
fn block_rows(description: &TableDescription) -> usize {
    let cells = |shape: &[usize]| shape.iter().product::<usize>();
    let width: usize = description.columns.iter().map(|column| cells(&column.shape)).sum();
    (BLOCK_CELLS / width.max(1)).clamp(1, 4096)
}

/// A number of 64 bits for the contents of a row.
fn hash(table: &Table, row: usize) -> u64 {
    let mut hasher = DefaultHasher::new();
    for column in table.columns() {
        match &column.cells {
            Cells::Numbers(numbers) => numbers[row].to_bits().hash(&mut hasher),
            Cells::Categories { codes, .. } => codes[row].hash(&mut hasher),
            Cells::Texts(texts) => texts[row].hash(&mut hasher),
            Cells::Arrays { shape, values } => {
                let len = shape.iter().product::<usize>();
                match values {
                    Features::U8(values) => hasher.write(&values[row * len..][..len]),
                    Features::F32(values) => {
                        let values = &values[row * len..][..len];
                        values.iter().for_each(|value| value.to_bits().hash(&mut hasher));
                    }
                }
            }
        }
    }
    hasher.finish()
}
