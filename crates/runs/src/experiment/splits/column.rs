//! A column names the part of each row.

use nn::registry::require;

use super::*;

settings! {
    /// Rows whose cell in the column is none of the three are a mistake. The column is not a feature.
    pub struct ByColumn {
        /// The column.
        column: String = String::new(), |name, column: &String| {
            require(!column.is_empty(), name, "none", "the name of a column")
        };
        /// What a row of the training set has there.
        train: String = "train".to_owned();
        /// What a row of the validation set has there.
        validation: String = "validation".to_owned();
        /// What a row of the test set has there.
        test: String = "test".to_owned();
    }
}

impl SplitRows for ByColumn {
    fn part_column(&self) -> Option<&str> {
        Some(&self.column)
    }

    fn split(&self, rows: &mut RowParts<'_>) -> Result<(), ExperimentError> {
        let Self { column, train, validation, test } = self;
        let mut parts = Vec::with_capacity(rows.samples());
        rows.read_column(column, |range, cells| {
            for (i, row) in range.enumerate() {
                let text = cells.text(i);
                let part = [(train, Part::Train), (validation, Part::Validation), (test, Part::Test)];
                let part = part.into_iter().find(|(name, _)| Some(name.as_str()) == text.as_deref());
                let Some((_, part)) = part else {
                    let found = text.map_or("a missing cell".to_owned(), |text| format!("`{text}`"));
                    let row = row + 1;
                    return Err(rows.fault(format!(
                        "column `{column}`, row {row}: found {found}, expected `{train}`, `{validation}` or `{test}`; \
                         the settings train, validation and test of data.split change these"
                    )));
                };
                parts.push(part);
            }
            Ok(())
        })?;
        parts.into_iter().enumerate().for_each(|(row, part)| rows.set(row, part));
        Ok(())
    }
}
