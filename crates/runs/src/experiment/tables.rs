//! The parts of a table: which rows are in which, and what transforms make of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use data::columns::{Cells, MISSING, Table, TableDescription, TableDifference, TableSource};
use data::{DataFault, Dataset, Features, FittedTarget, FittedTransforms, Targets, TransformPlan};
use events::Part;

use super::ExperimentError;
use super::part_rows::PartRows;
use super::parts::{Parts, PartsError};
use super::sources::TableSplit;
use super::validation::{PartSize, RowPurpose, drawn};

/// Test rows that are drawn where there is no test table, unless `data.test` says otherwise.
const TEST: PartSize = PartSize::Fraction(0.2);
/// Cells of a block.
const BLOCK_CELLS: usize = 1 << 20;
const PARTS: [Part; 3] = [Part::Train, Part::Validation, Part::Test];

/// What an experiment says about the parts of a table.
pub(super) struct TableParts<'a> {
    /// Those of a model, instead of fitting any.
    pub(super) fitted: Option<Arc<FittedTransforms>>,
    pub(super) transforms: Option<&'a TransformPlan>,
    pub(super) class_names: &'a [String],
    pub(super) test: Option<PartSize>,
    pub(super) validation: Option<PartSize>,
    pub(super) limit: Option<usize>,
    pub(super) seed: u64,
}

/// Divides tables into parts, fits the transforms to the training part, and applies them to all.
pub(super) fn prepare(data: &TableParts<'_>, tables: TableSplit) -> Result<Parts, ExperimentError> {
    let TableSplit { train, test } = tables;
    let description = train.description();
    let mut notes = description.warnings();
    if let Some(test) = &test {
        check_target(description, test.description(), &test.differences)?;
        let findings =
            test.description().findings.iter().filter(|finding| finding.about == "classes");
        notes.extend(
            findings.map(|finding| format!("{}: {}", test.description().name, finding.found)),
        );
    }
    let rows = RowParts::choose(data, &*train, test.is_none())?;
    let fitted = match &data.fitted {
        Some(fitted) => Arc::clone(fitted),
        None => {
            let plan = data.transforms.cloned().unwrap_or_default();
            let fitted = plan.fit(&*train, &|row| rows.part(row) == Some(Part::Train))?;
            Arc::new(match data.class_names {
                [] => fitted,
                names => fitted.with_class_names(names.to_vec())?,
            })
        }
    };
    let mut sets = PARTS.map(|_| EncodedSet::default());
    encode(&*train, &fitted, &mut sets, &|row| rows.part(row))?;
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
        part_rows.add(part, set, (0..rows.0.len()).filter(|&row| rows.part(row) == Some(part)));
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

/// The part of each row of the training table; none of rows without a target, and of those beyond the limit.
struct RowParts(Vec<Option<Part>>);

impl RowParts {
    fn part(&self, row: usize) -> Option<Part> {
        self.0.get(row).copied().flatten()
    }

    /// Draws test rows, if the training table has to give them, and validation rows, and keeps the first of the others.
    fn choose(
        data: &TableParts<'_>,
        train: &dyn TableSource,
        draws_test: bool,
    ) -> Result<Self, ExperimentError> {
        let classes = row_classes(train)?;
        let mut parts: Vec<_> = classes.iter().map(|class| class.map(|_| Part::Train)).collect();
        let test = draws_test.then_some((Part::Test, data.test.unwrap_or(TEST), RowPurpose::Test));
        let validation =
            data.validation.map(|size| (Part::Validation, size, RowPurpose::Validation));
        let samples = parts.iter().flatten().count();
        for (part, size, purpose) in test.into_iter().chain(validation) {
            let left = |row: &usize| parts[*row] == Some(Part::Train);
            let left: Vec<usize> = (0..parts.len()).filter(left).collect();
            let values: Vec<u32> = left.iter().filter_map(|&row| classes[row]).collect();
            let targets = Targets::Labels { values, classes: usize::MAX };
            let found = size.samples_of(samples);
            let chosen = drawn(&targets, found, data.seed, purpose);
            if chosen.len() < found {
                let (most, samples) = (chosen.len(), left.len());
                return Err(PartsError::TooLarge { part, found, most, samples }.into());
            }
            chosen.into_iter().for_each(|i| parts[left[i]] = Some(part));
        }
        let limit = data.limit.unwrap_or(usize::MAX);
        let training = parts.iter_mut().filter(|part| **part == Some(Part::Train));
        training.skip(limit).for_each(|part| *part = None);
        Ok(Self(parts))
    }
}

/// The class of each row, 0 for all of a regression; none where the target is missing.
fn row_classes(table: &dyn TableSource) -> Result<Vec<Option<u32>>, ExperimentError> {
    let description = table.description();
    let Some(target) = &description.target else {
        let what = "has no column that is predicted; name one with `target`".to_owned();
        return Err(DataFault::Columns(what).of(&description.name).into());
    };
    let mut classes = Vec::with_capacity(description.rows);
    for block in table.blocks(block_rows(description))? {
        let block = block?;
        match block.column(target).map(|column| &column.cells) {
            Some(Cells::Categories { codes, .. }) => {
                classes
                    .extend(codes.iter().map(|&code| Some(code).filter(|&code| code != MISSING)));
            }
            Some(Cells::Numbers(numbers)) => {
                classes.extend(numbers.iter().map(|number| number.is_finite().then_some(0)));
            }
            _ => classes.resize(classes.len() + block.len(), Some(0)),
        }
    }
    Ok(classes)
}

fn block_rows(description: &TableDescription) -> usize {
    let width = description.columns.iter().map(|column| column.shape.iter().product::<usize>());
    (BLOCK_CELLS / width.sum::<usize>().max(1)).clamp(1, 4096)
}

/// What becomes of the rows of a part.
#[derive(Default)]
struct EncodedSet {
    rows: usize,
    features: Option<Features>,
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
        match &mut self.features {
            Some(all) => all.append(features),
            None => self.features = Some(features),
        }
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
        let features = self.features.unwrap_or(Features::F32(Vec::new()));
        Ok(fitted.dataset(name, features, self.targets.unwrap_or_else(none))?)
    }
}
