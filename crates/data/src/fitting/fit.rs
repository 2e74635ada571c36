//! Fits the transforms of all columns to the rows of the training part.

use std::sync::Arc;

use super::column::FittedColumn;
use super::fitted::{SavedTransforms, WrittenColumn};
use super::messages::{LEAVE_OUT, mistake};
use super::rows::BoundColumn;
use super::target::FittedTarget;
use super::{FittedTransforms, TransformPlan};
use crate::columns::{
    Cells, ColumnDescription, ColumnKind, MISSING, Table, TableDescription, TableSource,
};
use crate::mistakes::RowMistakes;
use crate::statistics::RunningMoments;
use crate::transforms::{
    CellValues, ColumnTransform, ColumnValues, FitRows, FittedTransform, Fitting, MOST_FEATURES,
};
use crate::{DataError, DataFault, Features};

/// Numbers of all columns that are kept for medians and quartiles: 64 MB.
const KEPT_NUMBERS: usize = 8 << 20;
/// Cells of a block.
const BLOCK_CELLS: usize = 1 << 20;

impl TransformPlan {
    /// Fits the transforms of all columns of a source to the rows of the training part, those for whose index (from 0)
    /// `is_training` is true. What other rows have changes nothing.
    ///
    /// The source is read as often as the longest list has transforms that need to be fitted: twice by default. Medians and
    /// quartiles are exact while the training part has at most 8,388,608 numbers, and those of a random sample of so many
    /// otherwise; [`FittedTransforms::notes`] says which.
    ///
    /// # Errors
    ///
    /// [`DataFault::Columns`] if a transform does not go with its column, the training part has no row, there is no feature, or
    /// the target is constant; [`DataFault::Rows`] if targets of the training part are missing; and those of
    /// [`TableSource::blocks`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use gradus_data::{DataError, TransformPlan, columns::{TableOptions, TableSource}, readers::csv::CsvFile};
    /// let text = "age,job,paid\n20,clerk,no\n,cook,yes\n40,clerk,yes\n";
    /// let file = CsvFile::from_bytes("staff.csv", text.as_bytes(), &TableOptions::default())?;
    /// let fitted = TransformPlan::default().fit(&file, &|_| true)?;
    /// assert_eq!(fitted.features(), ["age", "age is missing", "job=clerk", "job=cook"]);
    /// assert_eq!(fitted.target().unwrap().classes(), ["no", "yes"]);
    ///
    /// let mut row = [0.0; 4];
    /// fitted.encode(&file.read()?, [1], &mut row)?;
    /// assert_eq!(row, [0.0, 1.0, 0.0, 1.0]);
    /// # Ok::<(), DataError>(())
    /// ```
    pub fn fit(
        &self,
        source: &dyn TableSource,
        is_training: &dyn Fn(usize) -> bool,
    ) -> Result<FittedTransforms, DataError> {
        self.fit_within(source, is_training, KEPT_NUMBERS)
    }

    /// As [`TransformPlan::fit`], keeping at most so many numbers of all columns.
    pub(super) fn fit_within(
        &self,
        source: &dyn TableSource,
        is_training: &dyn Fn(usize) -> bool,
        kept: usize,
    ) -> Result<FittedTransforms, DataError> {
        let description = source.description();
        let fault = |what: String| DataFault::Columns(what).of(&description.name);
        self.check(description).map_err(fault)?;
        let is_target =
            |column: &ColumnDescription| Some(&column.name) == description.target.as_ref();
        let features = description.columns.iter().filter(|column| !is_target(column));
        let mut columns: Vec<_> =
            features.filter_map(|column| Some(ColumnFit::new(column, self.of(column)?))).collect();
        let elements: usize =
            columns.iter().map(|fit| fit.column.shape.iter().product::<usize>()).sum();
        if columns.is_empty() || elements > MOST_FEATURES {
            let found = if columns.is_empty() { "none" } else { "more" };
            let expected = format!("expected 1 to {MOST_FEATURES} features, found {found}");
            let is_array = |fit: &ColumnFit<'_>| fit.column.kind == ColumnKind::Array;
            let advice = match columns.iter().any(is_array) {
                true => {
                    "begin the transforms of pictures with { kind = \"resize\", size = [64, 64] }"
                }
                false => "set kinds in `kinds`",
            };
            return Err(fault(format!("{expected}; {advice}")));
        }
        let mut target = TargetFit::new(description);
        let block_rows = (BLOCK_CELLS / elements.max(1)).clamp(1, 4096);
        let mut rows = 0;
        let mut is_first = true;
        loop {
            columns.iter_mut().try_for_each(ColumnFit::advance).map_err(fault)?;
            if !is_first && columns.iter().all(|fit| fit.needs.is_none()) {
                break;
            }
            let looked_at: usize = columns.iter().map(ColumnFit::numbers_looked_at).sum();
            let limit = (kept / looked_at.max(1)).max(1);
            let mut start = 0;
            for block in source.blocks(block_rows)? {
                let block = block?;
                let training: Vec<_> =
                    (0..block.len()).filter(|row| is_training(start + row)).collect();
                for fit in &mut columns {
                    fit.add(&block, &training, limit).map_err(|fault| fault.of(block.name()))?;
                }
                if let (true, Some(target)) = (is_first, &mut target) {
                    target.add(&block, &training, start);
                }
                rows += if is_first { training.len() } else { 0 };
                start += block.len();
            }
            if rows == 0 {
                return Err(fault(
                    "has no rows in the training part; give it at least one".to_owned(),
                ));
            }
            columns.iter_mut().try_for_each(ColumnFit::finish_pass).map_err(fault)?;
            is_first = false;
        }
        let target = target.map(|target| target.finish(self.standardize_target)).transpose();
        let target = target.map_err(|fault| fault.of(&description.name))?;
        let notes = columns.iter_mut().filter_map(|fit| fit.note.take()).collect();
        let columns = columns.into_iter().map(|fit| fit.column).collect();
        let written = |column: &ColumnDescription| WrittenColumn {
            name: column.name.clone(),
            notation: column.notation,
        };
        let table = description.columns.iter().map(written).collect();
        let fingerprint = String::new();
        let saved = SavedTransforms { fingerprint, rows, notes, target, columns, table };
        saved.finished(&description.name)
    }
}

/// A column while its transforms are fitted.
struct ColumnFit<'a> {
    column: FittedColumn,
    list: &'a [ColumnTransform],
    values: ColumnValues,
    needs: Option<ColumnNeeds>,
    cell: CellValues,
    note: Option<String>,
}

/// What a column needs the next pass for.
enum ColumnNeeds {
    /// Its categories.
    Categories(SeenCategories),
    /// Whether its numbers are bytes, and nothing else.
    Cells,
    /// Its next transform.
    Transform(Box<dyn FitRows>),
}

/// Which categories rows have.
#[derive(Default)]
struct SeenCategories {
    categories: Arc<[String]>,
    seen: Vec<bool>,
    has_missing: bool,
}

impl SeenCategories {
    fn add(&mut self, cells: &Cells, rows: &[usize]) {
        let Cells::Categories { codes, categories } = cells else { return };
        self.categories = categories.clone();
        self.seen.resize(categories.len(), false);
        for &row in rows {
            match codes[row] {
                MISSING => self.has_missing = true,
                code => self.seen[code as usize] = true,
            }
        }
    }

    fn names(&self) -> Vec<String> {
        let seen = self.categories.iter().zip(&self.seen).filter(|(_, seen)| **seen);
        seen.map(|(category, _)| category.clone()).collect()
    }
}

impl<'a> ColumnFit<'a> {
    fn new(column: &ColumnDescription, list: &'a [ColumnTransform]) -> Self {
        let column = FittedColumn::new(column);
        let needs = match column.kind {
            ColumnKind::Array => Some(ColumnNeeds::Cells),
            kind if kind.has_categories() => {
                Some(ColumnNeeds::Categories(SeenCategories::default()))
            }
            _ => None,
        };
        let values = column.input();
        Self { column, list, values, needs, cell: CellValues::default(), note: None }
    }

    /// Fits what does not need rows, up to the first transform that does.
    fn advance(&mut self) -> Result<(), String> {
        while self.needs.is_none() && self.column.transforms.len() < self.list.len() {
            let settings = self.list[self.column.transforms.len()].settings();
            settings.check_shape(&self.values.shape).map_err(|what| {
                let (column, name) = (&self.column.name, settings.name());
                format!("transforms of column `{column}`: {name}: {what}")
            })?;
            match settings.fit(&self.values) {
                Fitting::Done(fitted) => self.push(fitted)?,
                Fitting::NeedsRows(rows) => self.needs = Some(ColumnNeeds::Transform(rows)),
            }
        }
        Ok(())
    }

    fn push(&mut self, fitted: FittedTransform) -> Result<(), String> {
        let output = fitted.fitted().output(self.values.clone());
        self.values = output.ok_or_else(|| {
            let column = &self.column.name;
            format!("transforms of column `{column}`: expected at most {MOST_FEATURES} features, found more")
        })?;
        self.values.is_bytes &= fitted.fitted().keeps_bytes();
        self.column.transforms.push(fitted);
        Ok(())
    }

    /// How many numbers of a row the next pass fits a transform to.
    fn numbers_looked_at(&self) -> usize {
        match self.needs {
            Some(ColumnNeeds::Transform(_)) => self.values.open.len(),
            _ => 0,
        }
    }

    fn add(&mut self, block: &Table, rows: &[usize], limit: usize) -> Result<(), DataFault> {
        let Some(needs) = &mut self.needs else { return Ok(()) };
        let bound = BoundColumn::new(&self.column, block)?;
        match needs {
            ColumnNeeds::Categories(seen) => seen.add(bound.cells(), rows),
            ColumnNeeds::Cells => {
                self.values.is_bytes =
                    matches!(bound.cells(), Cells::Arrays { values: Features::U8(_), .. });
            }
            ColumnNeeds::Transform(transform) => {
                for &row in rows {
                    bound.load(row, &mut self.cell);
                    transform.add(&self.cell.open, limit);
                }
            }
        }
        Ok(())
    }

    fn finish_pass(&mut self) -> Result<(), String> {
        match self.needs.take() {
            Some(ColumnNeeds::Categories(seen)) => {
                self.column.categories = seen.names();
                self.values = ColumnValues { has_missing: seen.has_missing, ..self.column.input() };
            }
            Some(ColumnNeeds::Transform(transform)) => {
                let name = self.list[self.column.transforms.len()].settings().name();
                let (fitted, sampled) = transform.finish();
                self.push(fitted)?;
                if let Some((kept, of)) = sampled {
                    let column = &self.column.name;
                    self.note = Some(format!(
                        "column `{column}`: {name} was fitted to a random sample of {kept} of {of} values"
                    ));
                }
            }
            Some(ColumnNeeds::Cells) | None => {}
        }
        Ok(())
    }
}

/// The target while it is looked at.
struct TargetFit {
    column: String,
    kind: ColumnKind,
    seen: SeenCategories,
    moments: RunningMoments,
    mistakes: RowMistakes,
}

impl TargetFit {
    fn new(description: &TableDescription) -> Option<Self> {
        let ColumnDescription { name, kind, .. } = description.target()?;
        Some(Self {
            column: name.clone(),
            kind: *kind,
            seen: SeenCategories::default(),
            moments: RunningMoments::default(),
            mistakes: RowMistakes::default(),
        })
    }

    fn add(&mut self, block: &Table, rows: &[usize], start: usize) {
        let Some(column) = block.column(&self.column) else { return };
        self.seen.add(&column.cells, rows);
        let is_known = |row: usize| match &column.cells {
            Cells::Numbers(numbers) => numbers[row].is_finite(),
            Cells::Categories { codes, .. } => codes[row] != MISSING,
            Cells::Texts(_) | Cells::Arrays { .. } => true,
        };
        for &row in rows {
            if !is_known(row) {
                let mistake = mistake(start + row, &self.column, "a missing cell", "a target");
                self.mistakes.add(mistake);
            } else if let Cells::Numbers(numbers) = &column.cells {
                self.moments.add(numbers[row]);
            }
        }
    }

    fn finish(self, standardize: bool) -> Result<FittedTarget, DataFault> {
        if !self.mistakes.is_empty() {
            return Err(DataFault::Rows(self.mistakes.with_advice(LEAVE_OUT)));
        }
        let Self { column, kind, .. } = self;
        let names = self.seen.names();
        match kind {
            ColumnKind::WholeCategory | ColumnKind::Category if names.len() < 2 => {
                let n = names.len();
                let found = format!("found {n} class in the training part, expected two or more");
                Err(DataFault::Columns(format!(
                    "target `{column}`: {found}; put rows of all classes into it"
                )))
            }
            ColumnKind::WholeCategory | ColumnKind::Category => {
                Ok(FittedTarget::Classes { column, names, labels: Vec::new() })
            }
            ColumnKind::Number | ColumnKind::Date => {
                let (center, scale) =
                    if standardize { self.moments.center_and_scale() } else { (0.0, 1.0) };
                Ok(FittedTarget::Numbers { column, centers: vec![center], scales: vec![scale] })
            }
            ColumnKind::Constant | ColumnKind::Identifier | ColumnKind::Array => {
                let expected = "expected a number, a date or categories";
                Err(DataFault::Columns(format!(
                    "target `{column}`: found the kind {kind}, {expected}; name another target"
                )))
            }
        }
    }
}
