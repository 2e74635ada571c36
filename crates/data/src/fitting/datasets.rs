//! Datasets as tables: their numbers are one array column.

use std::ops::Range;

use super::column::FittedColumn;
use super::fitted::SavedTransforms;
use super::target::FittedTarget;
use super::{FittedTransforms, TransformPlan};
use crate::columns::{
    Cells, Column, ColumnDescription, ColumnKind, Table, TableBlocks, TableDescription,
    TableSource, row_blocks,
};
use crate::mistakes::RowMistakes;
use crate::statistics::RunningMoments;
use crate::transforms::divide::FittedDivide;
use crate::{DataError, DataFault, Dataset, FeatureStorage, FeatureWriter, Features, Targets};

/// The column that the numbers of a dataset are.
const FEATURES: &str = "features";
/// The column that its targets are.
const TARGET: &str = "target";
/// Numbers of a block.
const BLOCK_NUMBERS: usize = 1 << 20;

impl TransformPlan {
    /// Fits the transforms to all samples of a dataset as a program passes it. Its numbers are an array column, `features`;
    /// its divisor does not count. The classes of its target are called by their numbers.
    ///
    /// # Errors
    ///
    /// As [`TransformPlan::fit`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use gradus_data::{DataError, Dataset, Features, Targets, TransformPlan};
    /// let plan: TransformPlan = toml::from_str("arrays = [{ kind = 'standardize' }]")?;
    /// let targets = Targets::Labels { values: vec![0, 1], classes: 2 };
    /// let set = Dataset::new("two", [2], Features::F32(vec![1.0, 5.0, 3.0, 9.0]), targets)?;
    /// let encoded = plan.fit_dataset(&set)?.encode_dataset(set)?;
    /// assert_eq!(encoded.features(), Some(&Features::F32(vec![-1.0, -1.0, 1.0, 1.0])));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn fit_dataset(&self, dataset: &Dataset) -> Result<FittedTransforms, DataError> {
        let fitted = self.fit(&DatasetTable::new(dataset), &|_| true)?;
        let target = Some(target_of(dataset.targets(), self.standardize_target));
        let saved = SavedTransforms { target, table: Vec::new(), ..fitted.into() };
        saved.finished(dataset.name())
    }
}

impl FittedTransforms {
    /// Those of a dataset that is used as it is: its numbers are an array column, `features`, divided by its divisor.
    ///
    /// # Errors
    ///
    /// [`DataFault::Columns`] if a sample has too many numbers.
    pub fn of_dataset(dataset: &Dataset) -> Result<Self, DataError> {
        let by = f64::from(dataset.divisor());
        let column = FittedColumn {
            transforms: if by == 1.0 { Vec::new() } else { vec![FittedDivide { by }.into()] },
            ..FittedColumn::new(&features_column(dataset))
        };
        let saved = SavedTransforms {
            fingerprint: String::new(),
            rows: dataset.len(),
            notes: Vec::new(),
            target: Some(target_of(dataset.targets(), false)),
            columns: vec![column],
            table: Vec::new(),
        };
        saved.finished(dataset.name())
    }

    /// A dataset of the same columns, as a network takes it. Its numbers stay where they are if all that is done to them is a
    /// division; bytes may stay bytes: see [`FittedTransforms::divisor`].
    ///
    /// # Errors
    ///
    /// As [`FittedTransforms::encode`].
    pub fn encode_dataset(&self, dataset: Dataset) -> Result<Dataset, DataError> {
        let dataset = match self.target() {
            Some(target) => dataset.map_targets(|targets| target.encode_targets(targets)),
            None => dataset,
        };
        if self.stores_rows() {
            return Ok(dataset.divided_by(self.divisor().unwrap_or(1.0)));
        }
        let table = DatasetTable::new(&dataset);
        if self.divisor().is_some() {
            let mut features = FeatureWriter::default();
            for block in table.blocks((BLOCK_NUMBERS / dataset.sample_len()).max(1))? {
                let block = block?;
                let stored = self.stored_features(&block, 0..block.len())?;
                stored.iter().try_for_each(|stored| features.extend(stored))?;
            }
            return self.dataset(dataset.name(), features.finish()?, dataset.targets().clone());
        }
        let mut features = vec![0.0; dataset.len() * self.width()];
        let mut rest = &mut features[..];
        for block in table.blocks((BLOCK_NUMBERS / dataset.sample_len()).max(1))? {
            let block = block?;
            let (to, more) = rest.split_at_mut(block.len() * self.width());
            self.encode(&block, 0..block.len(), to)?;
            rest = more;
        }
        self.dataset(dataset.name(), Features::F32(features), dataset.targets().clone())
    }

    /// Features that these transforms have made, with their targets, as a dataset. Numbers of an array that are to be divided
    /// by [`divisor`](Self::divisor) are those before.
    ///
    /// # Errors
    ///
    /// As [`Dataset::new`].
    pub fn dataset(
        &self,
        name: impl Into<String>,
        features: impl Into<FeatureStorage>,
        targets: Targets,
    ) -> Result<Dataset, DataError> {
        let set = Dataset::new(name, self.sample_shape(), features, targets)?;
        Ok(set.divided_by(self.divisor().unwrap_or(1.0)))
    }

    /// What the numbers of an array are divided by last, if all that is done to them before keeps bytes: then they are stored
    /// as they are before the division, bytes as bytes.
    pub fn divisor(&self) -> Option<f32> {
        let [column] = self.columns() else { return None };
        column.stored().map(|(_, divisor)| divisor)
    }

    /// Whether all that is done to a row is to divide the numbers of an array by [`divisor`](Self::divisor).
    pub fn stores_rows(&self) -> bool {
        let [column] = self.columns() else { return false };
        column.stored().is_some_and(|(transforms, _)| transforms.is_empty())
    }

    /// The name of a class of the target; its number if there is none.
    pub fn class_name(&self, class: usize) -> String {
        let names = self.target().map_or(&[][..], FittedTarget::classes);
        names.get(class).cloned().unwrap_or_else(|| class.to_string())
    }

    /// A value as a network is trained on it, in the unit of the target; `output` is its number in a row.
    ///
    /// # Panics
    ///
    /// If the target has no such number.
    pub fn in_unit(&self, output: usize, value: f32) -> f64 {
        match self.target() {
            Some(target) if !target.scales().is_empty() => target.value(output, value),
            _ => f64::from(value),
        }
    }

    /// The name of the class of a sample; none if the dataset has no such sample, or values instead of classes.
    pub fn label(&self, set: &Dataset, sample: usize) -> Option<String> {
        let Targets::Labels { values, .. } = set.targets() else { return None };
        values.get(sample).map(|&class| self.class_name(class as usize))
    }

    /// The same with other names for the classes of the target, in order.
    ///
    /// # Errors
    ///
    /// [`DataFault::Columns`] if there are not as many classes.
    pub fn with_class_names(self, names: Vec<String>) -> Result<Self, DataError> {
        let (n, mut saved) = (names.len(), SavedTransforms::from(self));
        match &mut saved.target {
            Some(FittedTarget::Classes { names: old, labels, .. }) if old.len() == n => {
                let old = std::mem::replace(old, names);
                if labels.is_empty() {
                    *labels = old;
                }
            }
            target => {
                let found = target.as_ref().map_or(0, |target| target.classes().len());
                let what = format!("found {n} names for {found} classes, expected one for each");
                return Err(DataFault::Columns(what).of("class_names"));
            }
        }
        saved.finished("class_names")
    }
}

/// The target of a dataset.
fn target_of(targets: &Targets, standardize: bool) -> FittedTarget {
    let column = TARGET.to_owned();
    match targets {
        Targets::Labels { classes, .. } => {
            let names = (0..*classes).map(|class| class.to_string()).collect();
            FittedTarget::Classes { column, names, labels: Vec::new() }
        }
        Targets::Values { width, .. } if !standardize => {
            FittedTarget::Numbers { column, centers: vec![0.0; *width], scales: vec![1.0; *width] }
        }
        Targets::Values { values, width } => {
            let mut moments = vec![RunningMoments::default(); *width];
            for row in values.chunks_exact(*width) {
                let finite = moments.iter_mut().zip(row).filter(|(_, value)| value.is_finite());
                finite.for_each(|(moments, &value)| moments.add(value.into()));
            }
            let (centers, scales) = moments.iter().map(RunningMoments::center_and_scale).unzip();
            FittedTarget::Numbers { column, centers, scales }
        }
    }
}

fn features_column(dataset: &Dataset) -> ColumnDescription {
    ColumnDescription {
        name: FEATURES.to_owned(),
        kind: ColumnKind::Array,
        reason: "samples of one shape".to_owned(),
        missing: 0,
        distinct: None,
        categories: Vec::new(),
        shape: dataset.sample_shape().to_vec(),
        has_frequent_values: false,
        notation: None,
    }
}

/// The numbers of a dataset as a table, without a copy of all of them.
struct DatasetTable<'a> {
    dataset: &'a Dataset,
    description: TableDescription,
    mistakes: RowMistakes,
}

impl<'a> DatasetTable<'a> {
    fn new(dataset: &'a Dataset) -> Self {
        let description = TableDescription {
            name: dataset.name().to_owned(),
            rows: dataset.len(),
            columns: vec![features_column(dataset)],
            target: None,
            findings: Vec::new(),
        };
        Self { dataset, description, mistakes: RowMistakes::default() }
    }

    fn block(&self, rows: Range<usize>) -> Result<Table, DataError> {
        let values = self.dataset.numbers(rows.clone());
        let cells = Cells::Arrays { shape: self.dataset.sample_shape().to_vec(), values };
        let column = Column { name: FEATURES.to_owned(), cells };
        Table::new(self.dataset.name(), rows.len(), vec![column])
    }
}

impl TableSource for DatasetTable<'_> {
    fn description(&self) -> &TableDescription {
        &self.description
    }

    fn mistakes(&self) -> &RowMistakes {
        &self.mistakes
    }

    fn blocks(&self, rows: usize) -> Result<TableBlocks<'_>, DataError> {
        Ok(Box::new(row_blocks(self.dataset.len(), rows).map(|rows| self.block(rows))))
    }
}
