//! The latest rows are the test set, those before them the validation set: a network is measured on what comes after what
//! it was trained on.

use data::columns::Cells;
use nn::registry::require;

use super::*;

settings! {
    /// Rows are ordered by a column of dates or numbers, rows of the same time as they stand. `data.test` and
    /// `data.validation` say how many.
    pub struct ByTime {
        /// The column. It stays a feature, unless `kinds` says that it is an identifier.
        column: String = String::new(), |name, column: &String| {
            require(!column.is_empty(), name, "none", "the name of a column")
        };
    }
}

impl SplitRows for ByTime {
    fn split(&self, rows: &mut RowParts<'_>) -> Result<(), ExperimentError> {
        let column = &self.column;
        let mut times: Vec<(f64, usize)> = Vec::with_capacity(rows.samples());
        rows.read_column(column, |range, cells| {
            let Cells::Numbers(numbers) = cells else {
                let what = "expected dates or numbers, found something else; `kinds` says what a column is";
                return Err(rows.fault(format!("column `{column}`: {what}")));
            };
            for (row, &time) in range.zip(numbers).filter(|(row, _)| rows.part(*row).is_some()) {
                if !time.is_finite() {
                    let what = "a missing cell, expected a time; leave the row out or fill the cell";
                    return Err(rows.fault(format!("column `{column}`, row {}: found {what}", row + 1)));
                }
                times.push((time, row));
            }
            Ok(())
        })?;
        let (test, validation) = (rows.test_size(), rows.validation_size());
        let most = times.len().saturating_sub(1);
        for (part, found, most) in
            [(Part::Test, test, most), (Part::Validation, validation, most.saturating_sub(test))]
        {
            if found > most {
                return Err(PartsError::TooLarge { part, found, most, samples: times.len() }.into());
            }
        }
        times.sort_unstable_by(|(a, i), (b, j)| a.total_cmp(b).then(i.cmp(j)));
        let (earlier, latest) = times.split_at(times.len() - test);
        latest.iter().for_each(|&(_, row)| rows.set(row, Part::Test));
        let before = &earlier[earlier.len() - validation..];
        before.iter().for_each(|&(_, row)| rows.set(row, Part::Validation));
        Ok(())
    }
}
