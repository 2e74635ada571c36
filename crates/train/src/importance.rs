//! Which columns of a table a model relies on: permutation importance, and partial dependence on one column.
//!
//! Both change cells of rows with known targets and ask the model again. They say what the model does with a column, not what
//! the column does in the world; of two columns that tell the same, each may look as if it did not matter.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use data::columns::{Cells, ColumnKind, Table};
use data::{DataFault, Dataset, Features, FittedColumn, FittedTarget, FittedTransforms, Targets};
use graph::Pool;
use kernels::random::{Stream, shuffle};
use nn::losses::Prediction;
use runs::metrics::accuracy::ACCURACY;
use runs::metrics::r_squared::R_SQUARED;
use runs::metrics::root_mean_squared_error::ROOT_MEAN_SQUARED_ERROR;
use runs::{Evaluator, Predictor, RowPrediction, SavedModel};
use serde::Serialize;

use crate::TrainError;
use crate::cross_validation::ScoreSummary;

/// Metrics beside the loss that are measured again.
const METRICS: [&str; 3] = [ACCURACY.name, ROOT_MEAN_SQUARED_ERROR.name, R_SQUARED.name];
/// Categories whose predictions are computed.
const MOST_CATEGORIES: usize = 50;

/// How often each column is permuted, and by which seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PermutationImportance {
    /// Permutations of each column, at least one.
    pub repeats: u32,
    /// The seed of all permutations.
    pub seed: u64,
}

/// How much worse a model becomes without what each column says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ImportanceReport {
    /// Rows that were measured.
    pub rows: usize,
    /// The loss and the metrics with all columns as they are.
    pub measured: Vec<MetricNumber>,
    /// The columns, the one whose permutation adds most to the loss first.
    pub columns: Vec<ColumnImportance>,
}

/// A metric and its value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MetricNumber {
    /// The name of the metric, or `loss`.
    pub metric: &'static str,
    /// Its value.
    pub value: f64,
}

/// What the permutation of a column changes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColumnImportance {
    /// The name of the column, of an array with the number of the element.
    pub column: String,
    /// The change of each metric, in the order of [`ImportanceReport::measured`].
    pub changes: Vec<MetricChange>,
}

/// The change of a metric: the value with the column permuted minus the value as it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MetricChange {
    /// The name of the metric, or `loss`.
    pub metric: &'static str,
    /// Over the permutations.
    #[serde(flatten)]
    pub change: ScoreSummary,
}

impl PermutationImportance {
    /// Measures a model on rows with their targets, then with the cells of one column after the other permuted among the rows.
    ///
    /// The cells are those of the table, before the transforms: what transforms make of a column moves together. Memory is
    /// three times that of the features of all rows. The result does not depend on the number of threads.
    ///
    /// Source: Breiman (2001), "Random forests"; for any model Fisher, Rudin and Dominici (2019), "All models are wrong, but
    /// many are useful".
    ///
    /// # Errors
    ///
    /// If the table does not have the columns of the model and its target, or the model takes a single array of several axes,
    /// such as a picture.
    pub fn run(
        self,
        model: &SavedModel,
        table: &Table,
        pool: &Pool,
    ) -> Result<ImportanceReport, TrainError> {
        let inputs = inputs(&model.transforms).map_err(|fault| fault.of(table.name()))?;
        let plain = EncodedRows::new(model, table)?;
        let mut evaluator =
            Evaluator::new(&model.experiment, &plain.dataset(plain.features.clone())?)?;
        let mut measure = |features: Vec<f32>| -> Result<Vec<MetricNumber>, TrainError> {
            let set = plain.dataset(features)?;
            let evaluation = evaluator.evaluate(Some(pool), &set, model);
            let metrics =
                evaluation.measure_some(set.targets(), |metric| METRICS.contains(&metric.name));
            let loss = MetricNumber { metric: "loss", value: evaluation.metrics.loss() };
            let defined = metrics.into_iter().filter_map(|measured| {
                Some(MetricNumber { metric: measured.metric.name, value: measured.value.ok()? })
            });
            Ok(std::iter::once(loss).chain(defined).collect())
        };
        let measured = measure(plain.features.clone())?;
        let mut columns = Vec::new();
        for (number, (column, range)) in inputs.into_iter().enumerate() {
            let mut changed = vec![Vec::new(); measured.len()];
            for repeat in 0..self.repeats {
                let stream = (number as u64) << 32 | u64::from(repeat);
                let order = permutation(table.len(), &mut Stream::new(self.seed, stream));
                let found = measure(plain.permuted(&range, &order))?;
                for (values, number) in changed.iter_mut().zip(&measured) {
                    // A metric that is not defined for some predictions is not for the mean.
                    let value = found.iter().find(|other| other.metric == number.metric);
                    values.push(value.map_or(f64::NAN, |found| found.value - number.value));
                }
            }
            let changes = measured.iter().zip(changed);
            let changes = changes.map(|(number, values)| MetricChange {
                metric: number.metric,
                change: ScoreSummary::of(values),
            });
            columns.push(ColumnImportance { column, changes: changes.collect() });
        }
        let loss_added = |column: &ColumnImportance| column.changes[0].change.mean;
        columns.sort_by(|a, b| loss_added(b).total_cmp(&loss_added(a)));
        Ok(ImportanceReport { rows: table.len(), measured, columns })
    }
}

/// What a model predicts on average if a column has one value in all rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PartialDependence {
    /// The name of the column.
    pub column: String,
    /// Its kind.
    pub kind: ColumnKind,
    /// Rows over which the predictions are averaged.
    pub rows: usize,
    /// Rows in which the cell is missing.
    pub missing: usize,
    /// The target.
    pub target: String,
    /// Whether the means are of probabilities.
    pub has_probabilities: bool,
    /// The names of the classes; empty for values.
    pub classes: Vec<String>,
    /// The values of the column: of numbers in ascending order, of categories the most frequent first.
    pub points: Vec<DependencePoint>,
}

/// A value of a column and what is predicted with it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DependencePoint {
    /// The value.
    pub value: ColumnValue,
    /// The mean prediction for each class, or of each value in the unit of the target.
    pub means: Vec<f64>,
}

/// A value of a column.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ColumnValue {
    /// A number, or the seconds of a date since 1970.
    Number(f64),
    /// A category.
    Category(String),
}

impl PartialDependence {
    /// Asks a model about rows in which a column has one value after the other: of a number at most `points` of its quantiles
    /// in the rows, of a category each, of more than 50 the most frequent ones.
    ///
    /// Source: Friedman (2001), "Greedy function approximation: a gradient boosting machine".
    ///
    /// # Errors
    ///
    /// If the model does not take the column, or it is an array, or the table does not have the columns of the model.
    ///
    /// # Panics
    ///
    /// If the table has no rows.
    pub fn of(
        model: &SavedModel,
        table: &Table,
        column: &str,
        points: usize,
        pool: &Arc<Pool>,
    ) -> Result<Self, TrainError> {
        let transforms = &*model.transforms;
        let mut columns = transforms.columns().iter().zip(transforms.feature_ranges());
        let fault = |what: String| DataFault::Columns(what).of(table.name());
        let Some((fitted, range)) = columns.find(|(fitted, _)| fitted.name == column) else {
            let names = transforms.columns().iter().map(|column| format!("`{}`", column.name));
            let names = names.collect::<Vec<_>>().join(", ");
            return Err(fault(format!(
                "expected a column that the model takes ({names}), found `{column}`"
            ))
            .into());
        };
        if fitted.kind == ColumnKind::Array {
            let what = "expected a column of numbers, dates or categories, found arrays";
            return Err(fault(format!("column `{column}`: {what}")).into());
        }
        let rows = EncodedRows::new(model, table)?;
        let cells = &table.column(column).expect("its rows were encoded").cells;
        let values = values(fitted, table.len(), cells, points);
        if values.is_empty() {
            let what =
                format!("column `{column}`: expected a value in one of the {} rows", table.len());
            return Err(fault(what).into());
        }
        let mut predictor = Predictor::new(model.clone(), table.len())?.with_pool(Arc::clone(pool));
        let mut found = Vec::new();
        for value in values {
            let cell = match value.clone() {
                ColumnValue::Number(number) => Cells::Numbers(vec![number]),
                ColumnValue::Category(name) => Cells::Texts(vec![Some(name)]),
            };
            // What the row becomes in other columns does not count.
            let row = table.select(&[0]).with_cells(column, cell);
            let features = rows.with_features_of(&row, &range)?;
            let predictions = predictor.predict_samples(&features).expect("a batch of all rows");
            found.push(DependencePoint { value, means: mean(&predictions) });
        }
        let classes = transforms.target().map_or(0, |target| target.classes().len());
        let meaning = model.experiment.train.loss.prediction();
        Ok(Self {
            column: column.to_owned(),
            kind: fitted.kind,
            rows: table.len(),
            missing: cells.missing(),
            target: transforms.target().map_or("", FittedTarget::column).to_owned(),
            has_probabilities: classes > 0 && meaning != Prediction::Scores,
            classes: (0..classes).map(|class| transforms.class_name(class)).collect(),
            points: found,
        })
    }
}

/// What can be permuted, with its features: the columns or, of a model that takes a single list of numbers, its elements.
fn inputs(transforms: &FittedTransforms) -> Result<Vec<(String, Range<usize>)>, DataFault> {
    let columns = transforms.columns().iter();
    if let [FittedColumn { name, kind: ColumnKind::Array, shape, .. }] = transforms.columns() {
        return match shape[..] {
            [elements] if elements == transforms.width() => {
                Ok((0..elements).map(|i| (format!("{name}[{i}]"), i..i + 1)).collect())
            }
            _ => Err(DataFault::Columns(format!(
                "expected a model that takes columns or a list of numbers, found arrays of shape {shape:?}"
            ))),
        };
    }
    let names = columns.map(|column| column.name.clone());
    Ok(names.zip(transforms.feature_ranges()).collect())
}

/// Rows as a model takes them.
struct EncodedRows<'a> {
    transforms: &'a FittedTransforms,
    name: &'a str,
    features: Vec<f32>,
    targets: Targets,
}

impl<'a> EncodedRows<'a> {
    fn new(model: &'a SavedModel, table: &'a Table) -> Result<Self, TrainError> {
        let transforms = &*model.transforms;
        let rows: Vec<usize> = (0..table.len()).collect();
        let (features, _) = transforms.encode_rows(table, &rows)?;
        let target = transforms.target().ok_or_else(|| {
            DataFault::Columns("expected a model with a target, found none".to_owned())
                .of(table.name())
        })?;
        let targets = target.encode(table, rows)?;
        Ok(Self { transforms, name: table.name(), features: features.into_reals(), targets })
    }

    fn dataset(&self, features: Vec<f32>) -> Result<Dataset, TrainError> {
        Ok(self.transforms.dataset(self.name, Features::F32(features), self.targets.clone())?)
    }

    /// The features, in which row `i` has those of row `order[i]` in a range.
    fn permuted(&self, range: &Range<usize>, order: &[usize]) -> Vec<f32> {
        let width = self.transforms.width();
        let mut features = self.features.clone();
        for (row, &from) in features.chunks_exact_mut(width).zip(order) {
            row[range.clone()].copy_from_slice(&self.features[from * width..][range.clone()]);
        }
        features
    }

    /// The features, in which all rows have those of one row in a range.
    fn with_features_of(&self, row: &Table, range: &Range<usize>) -> Result<Vec<f32>, TrainError> {
        let encoded = self.transforms.encode_rows(row, &[0])?.0.into_reals();
        let mut features = self.features.clone();
        for row in features.chunks_exact_mut(self.transforms.width()) {
            row[range.clone()].copy_from_slice(&encoded[range.clone()]);
        }
        Ok(features)
    }
}

/// A random order of `n` rows.
fn permutation(n: usize, random: &mut Stream) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    shuffle(&mut order, |bound| random.below(bound));
    order
}

/// The values of a column at which a model is asked: of numbers some that occur, with about as many rows between two.
fn values(column: &FittedColumn, rows: usize, cells: &Cells, points: usize) -> Vec<ColumnValue> {
    match cells {
        Cells::Numbers(numbers) if !column.kind.has_categories() => {
            let mut sorted: Vec<f64> = numbers.iter().copied().filter(|x| x.is_finite()).collect();
            sorted.sort_unstable_by(f64::total_cmp);
            let Some(last) = sorted.len().checked_sub(1) else { return Vec::new() };
            let steps = points.max(2) - 1;
            let mut quantiles: Vec<f64> =
                (0..=steps).map(|i| sorted[(i * last + steps / 2) / steps]).collect();
            quantiles.dedup();
            quantiles.into_iter().map(ColumnValue::Number).collect()
        }
        _ => {
            let mut counts: HashMap<String, usize> = HashMap::new();
            for name in (0..rows).filter_map(|row| cells.text(row)) {
                *counts.entry(name.into_owned()).or_default() += 1;
            }
            let mut names = column.categories.clone();
            // The order of training is kept among equals.
            names.sort_by_key(|name| Reverse(counts.get(name).copied().unwrap_or(0)));
            names.truncate(MOST_CATEGORIES);
            names.into_iter().map(ColumnValue::Category).collect()
        }
    }
}

/// The mean over rows of each score or value.
fn mean(predictions: &[RowPrediction]) -> Vec<f64> {
    let mut sums: Vec<f64> = Vec::new();
    for prediction in predictions {
        let row: Vec<f64> = match prediction {
            RowPrediction::Class { scores, .. } => scores.clone(),
            RowPrediction::Values(values) => values.iter().copied().map(f64::from).collect(),
        };
        sums.resize(row.len(), 0.0);
        sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
    }
    sums.into_iter().map(|sum| sum / predictions.len() as f64).collect()
}

#[cfg(test)]
mod tests {
    use data::TransformPlan;
    use data::columns::TableOptions;
    use data::columns::TableSource as _;
    use data::readers::csv::CsvFile;
    use nn::losses::mean_squared_error::MeanSquaredError;
    use nn::optim::adam::Adam;
    use nn::{Loss, Network};
    use runs::{Experiment, Parts};

    use super::*;
    use crate::Trainer;

    /// `y = 100 + 2 size + 5 kind`, a column that says nothing, and a linear model of it.
    fn trained() -> (SavedModel, Table) {
        let row = |i: usize| {
            let (size, noise, kind) = (i * 37 % 101, i * 53 % 89, i * 7 % 3);
            let y = 100 + 2 * size + 5 * kind;
            format!("{size}.5,{},{noise}.5,{y}.5\n", ["a", "b", "c"][kind])
        };
        let text = "size,kind,noise,y\n".to_owned() + &(0..120).map(row).collect::<String>();
        let file = CsvFile::from_bytes("t.csv", text.as_bytes(), &TableOptions::default()).unwrap();
        let fitted = TransformPlan::default().fit(&file, &|_| true).unwrap();
        let table = file.read().unwrap();
        let rows: Vec<usize> = (0..table.len()).collect();
        let (features, _) = fitted.encode_rows(&table, &rows).unwrap();
        let targets = fitted.target().unwrap().encode(&table, rows).unwrap();
        let set = fitted.dataset("t", features, targets).unwrap();
        let network = Network::builder([fitted.width()]).linear(1).build().unwrap();
        let experiment = Experiment::builder(network)
            .memory()
            .loss(Loss::from(MeanSquaredError {}))
            .optimizer(Adam::default())
            .learning_rate(0.03)
            .batch(120)
            .steps(600)
            .build()
            .unwrap();
        let parts = Parts::new(set.clone(), None, set).unwrap().with_transforms(fitted).unwrap();
        let mut trainer = Trainer::new(experiment, parts, Arc::new(Pool::new(1))).unwrap();
        while trainer.steps_done() < 600 {
            trainer.step().unwrap();
        }
        (trainer.saved().clone(), table)
    }

    fn summary(report: &ImportanceReport, column: &str, metric: &str) -> ScoreSummary {
        let column = report.columns.iter().find(|found| found.column == column).unwrap();
        column.changes.iter().find(|change| change.metric == metric).unwrap().change
    }

    #[test]
    fn columns_that_matter_come_first_and_features_of_a_column_move_together() {
        let (model, table) = trained();
        let importance = PermutationImportance { repeats: 4, seed: 3 };
        let report = importance.run(&model, &table, &Pool::new(1)).unwrap();
        let names = report.columns.iter().map(|column| column.column.as_str());
        assert_eq!(names.collect::<Vec<_>>(), ["size", "kind", "noise"]);
        assert_eq!(
            report.measured.iter().map(|each| each.metric).collect::<Vec<_>>(),
            ["loss", "root_mean_squared_error", "r_squared"]
        );
        assert!(report.measured[2].value > 0.999, "{report:?}");
        // Squared differences of two of three categories at random: 25 · 4/3, of which the root is 5.8.
        let of_kind = summary(&report, "kind", "root_mean_squared_error");
        assert!((of_kind.mean - 5.8).abs() < 1.0 && of_kind.deviation > 0.0, "{of_kind:?}");
        assert!(summary(&report, "noise", "loss").mean.abs() < 1e-3);
        assert_eq!(importance.run(&model, &table, &Pool::new(3)).unwrap(), report);

        // The definition: the cells are permuted before the transforms.
        let measure = |table: &Table| {
            let set = EncodedRows::new(&model, table).unwrap();
            let set = set.dataset(set.features.clone()).unwrap();
            let mut evaluator = Evaluator::new(&model.experiment, &set).unwrap();
            evaluator.evaluate(None, &set, &model).metrics.loss()
        };
        for (number, column) in ["size", "kind", "noise"].into_iter().enumerate() {
            let changes = (0..4).map(|repeat| {
                let order = permutation(120, &mut Stream::new(3, (number as u64) << 32 | repeat));
                assert!(order.iter().copied().ne(0..120));
                let cells = table.select(&order).column(column).unwrap().cells.clone();
                measure(&table.clone().with_cells(column, cells)) - measure(&table)
            });
            assert_eq!(ScoreSummary::of(changes), summary(&report, column, "loss"), "{column}");
        }
    }

    #[test]
    fn the_dependence_of_a_linear_model_on_a_number_is_a_line_and_on_a_category_its_weights() {
        let (model, table) = trained();
        let pool = Arc::new(Pool::new(2));
        let of = |column, points| PartialDependence::of(&model, &table, column, points, &pool);
        let number = |point: &DependencePoint| match point.value {
            ColumnValue::Number(number) => number,
            ColumnValue::Category(_) => f64::NAN,
        };
        let size = of("size", 5).unwrap();
        let at: Vec<f64> = size.points.iter().map(number).collect();
        assert!(at.len() == 5 && at[0] == 0.5 && at[4] == 100.5 && at.is_sorted(), "{at:?}");
        for pair in size.points.windows(2) {
            let slope =
                (pair[1].means[0] - pair[0].means[0]) / (number(&pair[1]) - number(&pair[0]));
            assert!((slope - 2.0).abs() < 0.02, "{slope}");
        }
        let kind = of("kind", 5).unwrap();
        assert_eq!((kind.target.as_str(), kind.classes.len(), kind.rows), ("y", 0, 120));
        let of_name = |name: &str| {
            let value = ColumnValue::Category(name.to_owned());
            kind.points.iter().find(|point| point.value == value).unwrap().means[0]
        };
        assert!((of_name("b") - of_name("a") - 5.0).abs() < 0.1);
        assert!((of_name("c") - of_name("b") - 5.0).abs() < 0.1);
        // As by hand: the same category in all rows.
        let cells = Cells::Texts(vec![Some("b".to_owned()); 120]);
        let all_b = table.clone().with_cells("kind", cells);
        let features = EncodedRows::new(&model, &all_b).unwrap().features;
        let mut predictor = Predictor::new(model.clone(), 120).unwrap();
        let mean_of_b = mean(&predictor.predict_samples(&features).unwrap())[0];
        assert_eq!(of_name("b"), mean_of_b);

        let error = of("price", 5).unwrap_err().to_string();
        let expected = "t.csv: expected a column that the model takes (`size`, `kind`, `noise`), found `price`";
        assert_eq!(error, expected);
    }
}
