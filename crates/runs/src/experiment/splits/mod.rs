//! How rows of a table become parts, where they are not drawn: chosen by name. This list is the whole registry.

pub mod column;
pub mod fold;
pub mod time;

use std::ops::Range;

use data::columns::{Cells, MISSING, Table, TableDescription, TableSource};
use data::{DataFault, Targets};
use events::Part;
// What the files of splits take by `use super::*`.
use nn::settings;

use super::ExperimentError;
use super::parts::PartsError;
use super::validation::{PartSize, RowPurpose, drawn};

/// Cells of a block.
const BLOCK_CELLS: usize = 1 << 20;
/// Test rows unless `data.test` says otherwise.
const TEST: PartSize = PartSize::Fraction(0.2);

nn::registry! {
    /// Which rows of a table are in which part.
    pub enum RowSplit: dyn SplitRows {
        column::ByColumn,
        time::ByTime,
        fold::Fold,
    }
}

/// How rows become parts.
pub trait SplitRows {
    /// The column that names the parts, and is not a feature.
    fn part_column(&self) -> Option<&str> {
        None
    }

    /// Moves rows to the test set, and perhaps to the validation set.
    ///
    /// # Errors
    ///
    /// If the table does not have the column, or what is in it is of no use.
    fn split(&self, rows: &mut RowParts<'_>) -> Result<(), ExperimentError>;
}

/// The rows of a table while they become parts. At the beginning all that have a target are training rows.
pub struct RowParts<'a> {
    table: &'a dyn TableSource,
    /// The class of each row, 0 for all of a regression; [`MISSING`] where the target is.
    classes: Vec<u32>,
    parts: Vec<Option<Part>>,
    samples: usize,
    test: PartSize,
    validation: Option<PartSize>,
    seed: u64,
}

impl<'a> RowParts<'a> {
    pub(super) fn new(
        table: &'a dyn TableSource,
        test: Option<PartSize>,
        validation: Option<PartSize>,
        seed: u64,
    ) -> Result<Self, ExperimentError> {
        let classes = row_classes(table)?;
        let has_target = |&class: &u32| (class != MISSING).then_some(Part::Train);
        let parts: Vec<_> = classes.iter().map(has_target).collect();
        let samples = parts.iter().flatten().count();
        let test = test.unwrap_or(TEST);
        Ok(Self { table, classes, parts, samples, test, validation, seed })
    }

    /// How many rows have a target.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// How many rows `data.test` asks for; a fifth if it does not.
    pub fn test_size(&self) -> usize {
        self.test.samples_of(self.samples)
    }

    /// How many rows `data.validation` asks for.
    pub fn validation_size(&self) -> usize {
        self.validation.map_or(0, |size| size.samples_of(self.samples))
    }

    /// The seed of the data.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The part of a row; none if it has no target.
    pub fn part(&self, row: usize) -> Option<Part> {
        self.parts.get(row).copied().flatten()
    }

    /// Moves a row to a part, if it has a target.
    pub fn set(&mut self, row: usize, part: Part) {
        if let Some(Some(old)) = self.parts.get_mut(row) {
            *old = part;
        }
    }

    /// The classes of the rows that are training rows so far, for a regression one for all.
    pub fn training_targets(&self) -> Targets {
        let left = self.classes.iter().zip(&self.parts);
        let left = left.filter(|(_, part)| **part == Some(Part::Train));
        Targets::Labels { values: left.map(|(&class, _)| class).collect(), classes: usize::MAX }
    }

    /// Moves some of the rows that are training rows so far to a part: their places among those, ascending.
    pub fn set_training(&mut self, chosen: impl IntoIterator<Item = usize>, part: Part) {
        let mut chosen = chosen.into_iter().peekable();
        let left = self.parts.iter_mut().filter(|part| **part == Some(Part::Train)).enumerate();
        left.filter(|(i, _)| chosen.next_if_eq(i).is_some()).for_each(|(_, of)| *of = Some(part));
    }

    /// Calls `each` with the cells of a column, of some rows at a time.
    ///
    /// # Errors
    ///
    /// If the table does not have the column, or it is the target; and those of reading and of `each`.
    pub fn read_column(
        &self,
        name: &str,
        mut each: impl FnMut(Range<usize>, &Cells) -> Result<(), ExperimentError>,
    ) -> Result<(), ExperimentError> {
        let description = self.table.description();
        if description.target.as_deref() == Some(name) {
            return Err(self.fault(format!("`{name}` is the target; name another with `target`")));
        }
        let mut first = 0;
        for block in self.table.blocks(block_rows(description))? {
            let block: Table = block?;
            let Some(column) = block.column(name) else {
                let names = block.columns().iter().map(|column| format!("`{}`", column.name));
                let names = names.collect::<Vec<_>>().join(", ");
                return Err(
                    self.fault(format!("expected one of the columns {names}, found `{name}`"))
                );
            };
            each(first..first + block.len(), &column.cells)?;
            first += block.len();
        }
        Ok(())
    }

    /// An error about `data.split` in the table.
    pub fn fault(&self, what: String) -> ExperimentError {
        DataFault::Columns(format!("data.split: {what}")).of(&self.table.description().name).into()
    }

    /// Draws the rows of a part.
    pub(super) fn draw(&mut self, part: Part) -> Result<(), ExperimentError> {
        let (found, purpose) = match part {
            Part::Test => (self.test_size(), RowPurpose::Test),
            _ => (self.validation_size(), RowPurpose::Validation),
        };
        let targets = self.training_targets();
        let chosen = drawn(&targets, found, self.seed, purpose);
        if chosen.len() < found {
            let samples = self.parts.iter().filter(|part| **part == Some(Part::Train)).count();
            return Err(PartsError::TooLarge { part, found, most: chosen.len(), samples }.into());
        }
        self.set_training(chosen, part);
        Ok(())
    }

    /// Draws the validation rows that are asked for, if a split has not chosen any; of the training rows that are left the
    /// first `limit` stay.
    pub(super) fn finish(
        mut self,
        limit: Option<usize>,
    ) -> Result<Vec<Option<Part>>, ExperimentError> {
        if self.validation.is_some() && !self.parts.contains(&Some(Part::Validation)) {
            self.draw(Part::Validation)?;
        }
        let training = self.parts.iter_mut().filter(|part| **part == Some(Part::Train));
        training.skip(limit.unwrap_or(usize::MAX)).for_each(|part| *part = None);
        Ok(self.parts)
    }
}

fn row_classes(table: &dyn TableSource) -> Result<Vec<u32>, ExperimentError> {
    let description = table.description();
    let Some(target) = &description.target else {
        let what = "has no column that is predicted; name one with `target`".to_owned();
        return Err(DataFault::Columns(what).of(&description.name).into());
    };
    let mut classes = Vec::with_capacity(description.rows);
    for block in table.blocks(block_rows(description))? {
        let block = block?;
        match block.column(target).map(|column| &column.cells) {
            Some(Cells::Categories { codes, .. }) => classes.extend_from_slice(codes),
            Some(Cells::Numbers(numbers)) => {
                let class = |number: &f64| if number.is_finite() { 0 } else { MISSING };
                classes.extend(numbers.iter().map(class));
            }
            _ => classes.resize(classes.len() + block.len(), 0),
        }
    }
    Ok(classes)
}

/// Rows of a block.
pub(super) fn block_rows(description: &TableDescription) -> usize {
    let width = description.columns.iter().map(|column| column.shape.iter().product::<usize>());
    (BLOCK_CELLS / width.sum::<usize>().max(1)).clamp(1, 4096)
}
