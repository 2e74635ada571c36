//! The rows of a table by the numbers of their samples.

use std::borrow::Cow;
use std::ops::ControlFlow;

use data::columns::{Cells, Column, ColumnKind, Table, date_text};
use data::{FittedColumn, FittedTarget, FittedTransforms};

/// The rows of some samples before any transform: the features that can be written as text.
///
/// # Examples
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use gradus_runs::{SavedModel, TableRows};
///
/// let model = SavedModel::read("runs/iris-1")?;
/// let mut rows = TableRows::new(vec![0, 7]);
/// let mut add = |block: &_, chosen: &[_]| rows.add(block, chosen);
/// let digits = || -> Result<_, std::io::Error> { Err(std::io::ErrorKind::NotFound.into()) };
/// model.experiment.data.read_part(events::Part::Test, digits, &mut add)?;
/// let names = rows.columns(&model.transforms);
/// let cells = rows.cells(7, &model.transforms).ok_or("no sample 7")?;
/// assert_eq!(names.len(), cells.len());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct TableRows {
    /// Ascending.
    samples: Vec<usize>,
    /// How many samples there were before.
    first: usize,
    table: Option<Table>,
}

impl TableRows {
    /// Of samples with these numbers.
    pub fn new(mut samples: Vec<usize>) -> Self {
        samples.sort_unstable();
        samples.dedup();
        Self { samples, first: 0, table: None }
    }

    /// Takes what it needs of the rows of a block that are the next samples; breaks when it needs no more.
    pub fn add(&mut self, block: &Table, rows: &[usize]) -> ControlFlow<()> {
        let next = (self.first..).zip(rows);
        let is_needed = |sample: &usize| self.samples.binary_search(sample).is_ok();
        let needed = next.filter(|(sample, _)| is_needed(sample)).map(|(_, &row)| row);
        let needed = block.select(&needed.collect::<Vec<_>>());
        match &mut self.table {
            Some(table) => table.append(needed),
            None => self.table = Some(needed),
        }
        self.first += rows.len();
        match self.samples.last().is_none_or(|&last| last < self.first) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    /// The names of the columns, without the target of the transforms.
    pub fn columns(&self, transforms: &FittedTransforms) -> Vec<&str> {
        self.written(transforms).map(|column| &*column.name).collect()
    }

    /// The cells of a sample in these columns, empty where they are missing; none of a sample that was not added.
    pub fn cells(&self, sample: usize, transforms: &FittedTransforms) -> Option<Vec<String>> {
        let row = self.row(sample)?;
        Some(self.written(transforms).map(|column| text(column, row, transforms)).collect())
    }

    /// The cell of a sample in a column, the target too; none if there is no such sample or column.
    pub fn cell(&self, sample: usize, name: &str, transforms: &FittedTransforms) -> Option<String> {
        let column = self.table.as_ref()?.column(name)?;
        Some(text(column, self.row(sample)?, transforms))
    }

    fn row(&self, sample: usize) -> Option<usize> {
        self.samples.binary_search(&sample).ok().filter(|_| sample < self.first)
    }

    fn written(&self, transforms: &FittedTransforms) -> impl Iterator<Item = &Column> {
        let target = transforms.target().map(FittedTarget::column);
        let is_written = move |column: &&Column| {
            !matches!(column.cells, Cells::Arrays { .. }) && Some(&*column.name) != target
        };
        self.table.iter().flat_map(Table::columns).filter(is_written)
    }
}

fn text(column: &Column, row: usize, transforms: &FittedTransforms) -> String {
    let is_date =
        |fitted: &FittedColumn| fitted.kind == ColumnKind::Date && fitted.name == column.name;
    match &column.cells {
        Cells::Numbers(seconds)
            if seconds[row].is_finite() && transforms.columns().iter().any(is_date) =>
        {
            date_text(seconds[row])
        }
        cells => cells.text(row).map_or(String::new(), Cow::into_owned),
    }
}

#[cfg(test)]
mod tests {
    use data::TransformPlan;
    use data::columns::{TableOptions, TableSource as _};
    use data::readers::csv::CsvFile;

    use super::*;

    #[test]
    fn rows_are_found_by_the_numbers_of_their_samples_over_blocks() {
        let text =
            "day,job,paid\n2024-01-02,clerk,no\n2024-01-03,,yes\n,cook,yes\n2024-01-05,cook,no\n";
        let file = CsvFile::from_bytes("staff.csv", text.as_bytes(), &TableOptions::default());
        let file = file.unwrap();
        let transforms = TransformPlan::default().fit(&file, &|_| true).unwrap();
        let mut rows = TableRows::new(vec![2, 0, 2]);
        // The second row of the table is in another part, so that its fourth is sample 2.
        for (i, block) in file.blocks(2).unwrap().enumerate() {
            let chosen: &[usize] = if i == 0 { &[0] } else { &[0, 1] };
            let flow = rows.add(&block.unwrap(), chosen);
            assert_eq!(flow.is_break(), i == 1);
        }
        assert_eq!(rows.columns(&transforms), ["day", "job"]);
        let cells = |sample| rows.cells(sample, &transforms);
        assert_eq!(cells(0).unwrap(), ["2024-01-02", "clerk"]);
        assert_eq!(cells(2).unwrap(), ["2024-01-05", "cook"]);
        assert_eq!((cells(1), cells(3)), (None, None));
        assert_eq!(rows.cell(2, "paid", &transforms).as_deref(), Some("no"));
        assert_eq!(rows.cell(2, "pay", &transforms), None);
    }

    #[test]
    fn samples_that_were_not_reached_have_no_cells() {
        let text = "x,y\n1,2\n3,4\n";
        let file = CsvFile::from_bytes("x.csv", text.as_bytes(), &TableOptions::default()).unwrap();
        let transforms = TransformPlan::default().fit(&file, &|_| true).unwrap();
        let mut rows = TableRows::new(vec![0, 9]);
        assert!(rows.columns(&transforms).is_empty());
        assert!(rows.add(&file.read().unwrap(), &[1]).is_continue());
        assert_eq!(rows.cells(0, &transforms).unwrap(), ["3"]);
        assert_eq!(rows.cells(9, &transforms), None);
    }
}
