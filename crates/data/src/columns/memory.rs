//! A table in memory as a source.

use super::cells::{Cells, Column, MISSING, Table};
use super::decide::ColumnUse;
use super::kind::{ColumnDescription, ColumnKind, TableDescription, keep_a_feature};
use super::options::TableOptions;
use super::profile::{NumberProfile, TextProfile};
use super::source::{TableBlocks, TableSource, row_blocks};
use super::written::WrittenNumbers;
use crate::DataError;
use crate::mistakes::RowMistakes;

/// Different values that are counted in a column.
const VALUES: usize = 1 << 16;

/// A table in memory whose columns have kinds: what programs pass, and what is made.
#[derive(Clone, Debug)]
pub struct MemoryTable {
    table: Table,
    description: TableDescription,
    mistakes: RowMistakes,
}

impl MemoryTable {
    /// Decides what the columns of a table are used as. Texts become numbers, dates or categories where they are such.
    ///
    /// # Errors
    ///
    /// [`DataFault::Columns`](crate::DataFault::Columns) if the options name a column that the table does not have.
    ///
    /// # Examples
    ///
    /// ```
    /// # use gradus_data::columns::{Cells, Column, ColumnKind, MemoryTable, Table, TableOptions, TableSource};
    /// # use gradus_data::DataError;
    /// let x = Column { name: "x".into(), cells: Cells::Numbers(vec![0.5, 1.5, 2.5, 3.5]) };
    /// let y = Column { name: "y".into(), cells: Cells::Numbers(vec![0.0, 1.0, 1.0, 0.0]) };
    /// let table = MemoryTable::new(Table::new("four", 4, vec![x, y])?, &TableOptions::default())?;
    /// assert_eq!(table.description().target().unwrap().kind, ColumnKind::WholeCategory);
    /// # Ok::<(), DataError>(())
    /// ```
    pub fn new(table: Table, options: &TableOptions) -> Result<Self, DataError> {
        let names: Vec<String> = table.columns().iter().map(|column| column.name.clone()).collect();
        let target = options.target_among(&names).map_err(|fault| fault.of(table.name()))?;
        let (name, rows) = (table.name().to_owned(), table.len());
        let mut descriptions = Vec::new();
        let mut columns = Vec::new();
        for (i, Column { name, cells }) in table.into_columns().into_iter().enumerate() {
            let column_use = if Some(i) == target { ColumnUse::Target } else { ColumnUse::Feature };
            let (description, cells) = decide(&name, cells, column_use, options);
            descriptions.push(description);
            columns.push(Column { name, cells });
        }
        let is_number = |column: &Column| matches!(column.cells, Cells::Numbers(_));
        let numbers: Vec<bool> = columns.iter().map(is_number).collect();
        keep_a_feature(descriptions.iter_mut().collect(), target, &numbers);
        let description = TableDescription {
            name: name.clone(),
            rows,
            columns: descriptions,
            target: target.map(|target| names[target].clone()),
            findings: Vec::new(),
        };
        let table = Table::new(name, rows, columns)?;
        Ok(Self { table, description, mistakes: RowMistakes::default() })
    }

    /// The table, with the cells as its columns are used.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The same source with what is known of how it was read.
    #[cfg(feature = "files")]
    #[must_use]
    pub(crate) fn with_findings(mut self, findings: Vec<super::kind::Finding>) -> Self {
        self.description.findings = findings;
        self
    }
}

fn decide(
    name: &str,
    cells: Cells,
    column_use: ColumnUse,
    options: &TableOptions,
) -> (ColumnDescription, Cells) {
    let forced = options.kinds.get(name).copied();
    let missing = cells.missing();
    match cells {
        Cells::Numbers(numbers) => {
            let mut profile = NumberProfile::new(VALUES);
            numbers.iter().for_each(|&number| profile.add(number));
            let description = profile.decide(name, column_use, forced);
            let cells = match description.kind {
                ColumnKind::WholeCategory => categories(&numbers, &description),
                _ => Cells::Numbers(numbers),
            };
            (description, cells)
        }
        Cells::Texts(texts) => {
            let mut profile = TextProfile::new(VALUES);
            let text = |text: &Option<String>| text.as_deref().unwrap_or("").trim().to_owned();
            let texts: Vec<String> = texts.iter().map(text).collect();
            (1..).zip(&texts).for_each(|(row, text)| profile.add(text, row));
            let decided = profile.decide(name, column_use, WrittenNumbers::IN_TEXTS, forced);
            let mut cells = decided.reading.empty();
            texts.iter().for_each(|text| decided.reading.push(text, &mut cells));
            (decided.description, cells)
        }
        Cells::Categories { codes, categories } => {
            let mut counts = vec![0; categories.len()];
            codes
                .iter()
                .filter(|&&code| code != MISSING)
                .for_each(|&code| counts[code as usize] += 1);
            let description = ColumnDescription {
                name: name.to_owned(),
                kind: ColumnKind::Category,
                reason: format!("{} categories", categories.len()),
                missing,
                distinct: Some(categories.len()),
                categories: categories.iter().cloned().zip(counts).collect(),
                shape: Vec::new(),
                has_frequent_values: false,
                notation: None,
            };
            (description, Cells::Categories { codes, categories })
        }
        Cells::Arrays { shape, values } => {
            let description = ColumnDescription {
                name: name.to_owned(),
                kind: ColumnKind::Array,
                reason: format!("arrays of shape {shape:?}"),
                missing,
                distinct: None,
                categories: Vec::new(),
                shape: shape.clone(),
                has_frequent_values: false,
                notation: None,
            };
            (description, Cells::Arrays { shape, values })
        }
    }
}

/// Numbers as the categories that were counted, in order.
fn categories(numbers: &[f64], description: &ColumnDescription) -> Cells {
    let names = description.categories.iter().map(|(name, _)| name);
    let sorted: Vec<f64> = names.clone().filter_map(|name| name.parse().ok()).collect();
    let code = |number: &f64| {
        let found = sorted.binary_search_by(|other| other.total_cmp(&(number + 0.0)));
        found.map_or(MISSING, |code| code as u32)
    };
    let codes = numbers.iter().map(code).collect();
    Cells::Categories { codes, categories: names.cloned().collect() }
}

impl TableSource for MemoryTable {
    fn description(&self) -> &TableDescription {
        &self.description
    }

    fn mistakes(&self) -> &RowMistakes {
        &self.mistakes
    }

    fn blocks(&self, rows: usize) -> Result<TableBlocks<'_>, DataError> {
        Ok(Box::new(row_blocks(self.table.len(), rows).map(|rows| Ok(self.table.rows(rows)))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_what_they_are_and_blocks_are_the_rows() {
        let texts = |texts: &[&str]| {
            let text = |text: &&str| (!text.is_empty()).then(|| text.to_string());
            Cells::Texts(texts.iter().map(text).collect())
        };
        let column = |name: &str, cells| Column { name: name.into(), cells };
        let columns = vec![
            column("x", texts(&["1.5", "", "2.5"])),
            column("day", texts(&["2024-01-01", "2024-01-03", "2024-01-02"])),
            column("y", texts(&["b", "a", "b"])),
        ];
        let table = Table::new("t", 3, columns).unwrap();
        let memory = MemoryTable::new(table, &TableOptions::default()).unwrap();
        let kinds: Vec<_> = memory.description().columns.iter().map(|column| column.kind).collect();
        assert_eq!(kinds, [ColumnKind::Number, ColumnKind::Date, ColumnKind::Category]);
        assert_eq!(memory.description().columns[0].missing, 1);
        let Cells::Categories { codes, .. } = &memory.table().columns()[2].cells else { panic!() };
        assert_eq!(codes, &[1, 0, 1]);
        let read = memory.blocks(2).unwrap().map(Result::unwrap).reduce(|mut all, block| {
            all.append(block);
            all
        });
        // Missing numbers are NaN, which equals nothing.
        assert_eq!(
            read.map(|table| table.columns()[1..].to_vec()).as_deref(),
            Some(&memory.table().columns()[1..])
        );
    }
}
