//! The parts of a table: which rows are in which, and what transforms make of them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use data::columns::{Table, TableDescription, TableDifference, TableSource};
use data::{
    DataFault, Dataset, FeatureWriter, FittedTarget, FittedTransforms, Targets, TransformPlan,
};
use events::Part;

use super::ExperimentError;
use super::part_rows::PartRows;
use super::parts::Parts;
use super::sources::TableSplit;
use super::splits::{RowParts, RowSplit, block_rows};
use super::validation::PartSize;

const PARTS: [Part; 3] = [Part::Train, Part::Validation, Part::Test];

/// What an experiment says about the parts of a table.
pub(super) struct TableParts<'a> {
    /// Those of a model, instead of fitting any.
    pub(super) fitted: Option<Arc<FittedTransforms>>,
    pub(super) transforms: Option<&'a TransformPlan>,
    pub(super) class_names: &'a [String],
    pub(super) split: Option<&'a RowSplit>,
    pub(super) test: Option<PartSize>,
    pub(super) validation: Option<PartSize>,
    pub(super) limit: Option<usize>,
    pub(super) seed: u64,
}

/// Divides tables into parts, fits the transforms to the training part, and applies them to all.
pub(super) fn prepare(data: &TableParts<'_>, tables: TableSplit) -> Result<Parts, ExperimentError> {
    prepare_to(data, tables, FeatureWriter::default)
}

/// As [`prepare`], with a writer for the features of each part.
fn prepare_to(
    data: &TableParts<'_>,
    tables: TableSplit,
    writer: impl Fn() -> FeatureWriter,
) -> Result<Parts, ExperimentError> {
    let TableSplit { train, test } = tables;
    let description = train.description();
    if description.rows == 0 {
        let fault = DataFault::Columns("has no rows, expected at least two".to_owned());
        return Err(fault.of(&description.name).into());
    }
    let mut notes = description.warnings();
    if let Some(test) = &test {
        check_target(description, test.description(), &test.differences)?;
        let findings =
            test.description().findings.iter().filter(|finding| finding.about == "classes");
        notes.extend(
            findings.map(|finding| format!("{}: {}", test.description().name, finding.found)),
        );
    }
    let rows = parts_of_rows(data, &*train, test.is_some())?;
    let part_of = |row: usize| rows.get(row).copied().flatten();
    let fitted = match &data.fitted {
        Some(fitted) => Arc::clone(fitted),
        None => {
            let plan = data.transforms.cloned().unwrap_or_default();
            let fitted = plan.fit(&*train, &|row| part_of(row) == Some(Part::Train))?;
            Arc::new(match data.class_names {
                [] => fitted,
                names => fitted.with_class_names(names.to_vec())?,
            })
        }
    };
    let mut sets = PARTS.map(|_| EncodedSet::new(writer()));
    encode(&*train, &fitted, &mut sets, &part_of)?;
    if let Some(test) = &test {
        encode(test, &fitted, &mut sets, &|_| Some(Part::Test))?;
    }
    notes.extend(fitted.notes().iter().cloned());
    for (part, set) in PARTS.iter().zip(&sets) {
        notes.extend(set.unseen.iter().map(|((column, category), rows)| {
            format!("column `{column}`: {rows} rows of the {part} set have `{category}`, which the training set does not have")
        }));
    }
    let [train_set, validation, test_set] = sets;
    let name = |part: &str, of: &TableDescription| format!("{}, {part} set", of.name);
    let test_name = test.as_ref().map_or(description, |test| test.description());
    let n_test = test_set.rows;
    let validation =
        (validation.rows > 0).then(|| validation.dataset(name("validation", description), &fitted));
    let mut part_rows = PartRows::default();
    for part in PARTS {
        let set = Part::Train;
        part_rows.add(part, set, (0..rows.len()).filter(|&row| part_of(row) == Some(part)));
    }
    if test.is_some() {
        part_rows.add(Part::Test, Part::Test, 0..n_test);
    }
    let parts = Parts::with_rows(
        train_set.dataset(name("training", description), &fitted)?,
        validation.transpose()?,
        test_set.dataset(name("test", test_name), &fitted)?,
        part_rows,
    )?;
    Ok(parts.of_tables(fitted, notes))
}

/// Calls `each` with the blocks of the table of a part, and with the rows of each block that are in it, until it breaks.
pub(super) fn read_part(
    data: &TableParts<'_>,
    tables: TableSplit,
    part: Part,
    each: &mut dyn FnMut(&Table, &[usize]) -> ControlFlow<()>,
) -> Result<(), ExperimentError> {
    let TableSplit { train, test } = tables;
    let rows = parts_of_rows(data, &*train, test.is_some())?;
    let mut read = |table: &dyn TableSource, is_of_part: &dyn Fn(usize) -> bool| {
        let mut first = 0;
        for block in table.blocks(block_rows(table.description()))? {
            let block = block?;
            let chosen = (0..block.len()).filter(|row| is_of_part(first + row));
            if each(&block, &chosen.collect::<Vec<_>>()).is_break() {
                break;
            }
            first += block.len();
        }
        Ok(())
    };
    match &test {
        Some(test) if part == Part::Test => read(test, &|_| true),
        _ => read(&*train, &|row| rows.get(row).copied().flatten() == Some(part)),
    }
}

/// The part of each row of the training table; none of rows without a target, and of those beyond the limit.
fn parts_of_rows(
    data: &TableParts<'_>,
    train: &dyn TableSource,
    has_test: bool,
) -> Result<Vec<Option<Part>>, ExperimentError> {
    let mut rows = RowParts::new(train, data.test, data.validation, data.seed)?;
    match data.split {
        Some(_) if has_test => {
            let what = "found a test table as well; expected one of both".to_owned();
            return Err(rows.fault(what));
        }
        Some(split) => split.as_dyn().split(&mut rows)?,
        None if has_test => {}
        None => rows.draw(Part::Test)?,
    }
    rows.finish(data.limit)
}

/// An error with both lists if the test table has classes that the training table does not have, or no such target.
fn check_target(
    train: &TableDescription,
    test: &TableDescription,
    differences: &[TableDifference],
) -> Result<(), ExperimentError> {
    let about = train.target.as_ref().map(|target| format!("column `{target}`"));
    let is_fatal = |difference: &TableDifference| {
        Some(&difference.about) == about.as_ref() || difference.about == "columns"
    };
    let is_missing = |name: &String| test.column(name).is_none();
    let used = train.columns.iter().filter(|column| column.kind.is_feature());
    let misses = used.map(|column| &column.name).any(is_missing);
    let differences: Vec<_> = differences
        .iter()
        .filter(|difference| is_fatal(difference) && (difference.about != "columns" || misses))
        .cloned()
        .collect();
    match differences.is_empty() {
        true => Ok(()),
        false => Err(ExperimentError::Tables {
            train: train.name.clone(),
            test: test.name.clone(),
            differences,
        }),
    }
}

/// What becomes of the rows of a part.
struct EncodedSet {
    rows: usize,
    features: FeatureWriter,
    targets: Option<Targets>,
    /// Rows of each category that the training part does not have.
    unseen: BTreeMap<(String, String), usize>,
}

/// Adds each row of a table to the set of its part.
fn encode(
    table: &dyn TableSource,
    fitted: &FittedTransforms,
    sets: &mut [EncodedSet; 3],
    part: &dyn Fn(usize) -> Option<Part>,
) -> Result<(), ExperimentError> {
    let mut first = 0;
    for block in table.blocks(block_rows(table.description()))? {
        let block = block?.beginning_at(first);
        for (of, set) in PARTS.into_iter().zip(&mut *sets) {
            let rows = (0..block.len()).filter(|row| part(first + row) == Some(of));
            set.add(&block, &rows.collect::<Vec<_>>(), fitted)?;
        }
        first += block.len();
    }
    Ok(())
}

impl EncodedSet {
    fn new(features: FeatureWriter) -> Self {
        Self { rows: 0, features, targets: None, unseen: BTreeMap::new() }
    }

    fn add(
        &mut self,
        block: &Table,
        rows: &[usize],
        fitted: &FittedTransforms,
    ) -> Result<(), ExperimentError> {
        if rows.is_empty() {
            return Ok(());
        }
        self.rows += rows.len();
        let (features, unseen) = fitted.encode_rows(block, rows)?;
        for unseen in unseen {
            *self.unseen.entry((unseen.column, unseen.category)).or_default() += unseen.rows;
        }
        self.features.extend(&features)?;
        let target = fitted.target().expect("a table without a target is not trained on");
        let targets = target.encode(block, rows.iter().copied())?;
        match &mut self.targets {
            Some(all) => all.append(targets),
            None => self.targets = Some(targets),
        }
        Ok(())
    }

    fn dataset(self, name: String, fitted: &FittedTransforms) -> Result<Dataset, ExperimentError> {
        let none = || match fitted.target() {
            Some(FittedTarget::Classes { names, .. }) => {
                Targets::Labels { values: Vec::new(), classes: names.len() }
            }
            _ => Targets::Values { values: Vec::new(), width: 1 },
        };
        let features = self.features.finish()?;
        Ok(fitted.dataset(name, features, self.targets.unwrap_or_else(none))?)
    }
}

#[cfg(test)]
mod tests {
    use data::columns::{Cells, Column, MemoryTable, TableOptions};
    use graph::op::Tile;
    use nn::ModelSource as _;

    use super::*;
    use crate::{BatchSource, DataFingerprint};

    #[test]
    fn parts_in_files_are_those_in_memory() {
        let cells: [Vec<f64>; 2] =
            [3.0, 7.0].map(|by| (0..500).map(|i| f64::from(i % 41) / by).collect());
        let classes =
            Cells::Texts((0..500).map(|i| Some(["a", "b", "c"][i % 3].to_owned())).collect());
        let columns = || {
            let [x, y] = cells.clone().map(Cells::Numbers);
            let columns = [("x", x), ("y", y), ("class", classes.clone())];
            columns.map(|(name, cells)| Column { name: name.to_owned(), cells }).into()
        };
        let data = TableParts {
            transforms: None,
            class_names: &[],
            fitted: None,
            split: None,
            test: None,
            validation: Some(PartSize::Samples(50)),
            limit: None,
            seed: 3,
        };
        let parts = |writer: fn() -> FeatureWriter| {
            let table = Table::new("numbers", 500, columns()).unwrap();
            let train = Box::new(MemoryTable::new(table, &TableOptions::default()).unwrap());
            prepare_to(&data, TableSplit { train, test: None }, writer).unwrap()
        };
        let (memory, file) = (parts(FeatureWriter::default), parts(|| FeatureWriter::new(0)));
        assert_eq!(memory.rows(), file.rows());
        for part in PARTS {
            let [a, b] = [&memory, &file].map(|parts| parts.get(part).unwrap());
            assert!(a.features().is_some() && b.features().is_none() && a.len() == b.len());
            assert_eq!(a.targets(), b.targets());
            assert_eq!(DataFingerprint::of(part, a), DataFingerprint::of(part, b));
            let indices: Vec<u32> = (0..21).map(|i| i * 7 % a.len() as u32).collect();
            let [a, b] = [a, b].map(|dataset| {
                let source = BatchSource { dataset, indices: &indices, next: &[], augment: None };
                let tile = Tile { first: 2, valid: 19, width: 24, batch: 21 };
                let mut numbers = vec![-1.0_f32; 24 * dataset.sample_len()];
                source.load_samples(tile, &mut numbers);
                (numbers, source.samples())
            });
            assert_eq!(a, b);
        }
    }
}
