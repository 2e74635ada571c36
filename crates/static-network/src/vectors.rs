//! Samples and what Gradus predicts for them in portable arithmetic, which a crate tests itself with.

use data::columns::ColumnKind;
use data::transforms::FittedTransform;
use data::{FittedColumn, FittedTransforms, RowBuffer};
use graph::op::Tile;
use graph::{Compile, Program, RunArgs};
use kernels::Isa;
use kernels::random::Stream;
use nn::{Model, ModelInputs, ModelSource, NetworkError};
use runs::SavedModel;

/// Samples of a crate's tests.
const SAMPLES: usize = 8;

/// A sample with its predictions.
#[derive(Clone, Debug, PartialEq)]
pub struct TestVector {
    /// The row before its transforms.
    pub row: Vec<f32>,
    /// The features of the network.
    pub features: Vec<f32>,
    /// What the last layer gives.
    pub outputs: Vec<f32>,
    /// The same in the unit of the target.
    pub in_unit: Vec<f32>,
}

/// Runs `compute` in portable arithmetic, in which nothing is fused and which is the same on every machine. All of the
/// process computes so for the time.
fn in_portable_arithmetic<R>(compute: impl FnOnce() -> R) -> R {
    let before = Isa::current();
    Isa::force(Isa::Portable).expect("every machine has it");
    let result = compute();
    Isa::force(before).expect("it was in use before");
    result
}

/// Draws samples and predicts them.
///
/// # Errors
///
/// If the network does not fit in itself.
pub(crate) fn test_vectors(saved: &SavedModel) -> Result<Vec<TestVector>, NetworkError> {
    let mut random = Stream::new(0, 0x7665_6374);
    let rows: Vec<Vec<f32>> = (0..SAMPLES).map(|_| row(&saved.transforms, &mut random)).collect();
    predict_rows(saved, &rows)
}

/// The predictions of a model for rows before their transforms, one by one, in portable arithmetic: the process uses that
/// for the time.
///
/// # Errors
///
/// If the network does not fit in itself.
pub fn predict_rows(
    saved: &SavedModel,
    rows: &[Vec<f32>],
) -> Result<Vec<TestVector>, NetworkError> {
    let model = saved.model()?;
    let prediction = model.prediction;
    let options = Compile { batch: 1, keep: vec![prediction], ..Compile::default() };
    in_portable_arithmetic(|| {
        let mut program = Program::new(model.graph.clone(), &options)?;
        let mut buffer = RowBuffer::default();
        let vectors = rows.iter().map(|row| {
            let features = features(saved, &model, row, &mut buffer);
            let source = SingleSample(&features);
            let (model, running_statistics) = (&model, &saved.running_statistics[..]);
            let inputs = ModelInputs { model, source, running_statistics };
            let parameters = &saved.parameters[..];
            program.run(&RunArgs { parameters, inputs: &inputs, ..RunArgs::default() });
            let outputs = program.value(prediction).expect("it is kept").into_values();
            let value = |(i, &output)| saved.transforms.in_unit(i, output) as f32;
            let in_unit = outputs.iter().enumerate().map(value).collect();
            TestVector { row: row.clone(), features, outputs, in_unit }
        });
        Ok(vectors.collect())
    })
}

/// The features of a row.
fn features(
    saved: &SavedModel,
    model: &Model<f32>,
    row: &[f32],
    buffer: &mut RowBuffer,
) -> Vec<f32> {
    let transforms = &saved.transforms;
    let n_features = model.graph.shape(model.input).len();
    let mut features = vec![0.0; n_features];
    if transforms.stores_rows() {
        let divisor = transforms.divisor().unwrap_or(1.0);
        features.iter_mut().zip(row).for_each(|(feature, value)| *feature = value / divisor);
    } else {
        transforms.encode_numbers(row, buffer, &mut features);
    }
    // Words are numbers of rows of a table.
    let words = model.graph.nodes().find_map(|(_, node)| {
        let is_words = node.op_name() == "embedding" && node.operands()[0] == model.input;
        is_words.then(|| model.graph.shape(node.operands()[1]).dims()[0])
    });
    if let Some(count) = words {
        let word = |x: f32| (x.abs() * 1000.0).floor() % count as f32;
        features.iter_mut().for_each(|feature| *feature = word(*feature));
    }
    features
}

/// A row of plausible numbers.
fn row(transforms: &FittedTransforms, random: &mut Stream) -> Vec<f32> {
    let columns = transforms.columns().iter();
    columns
        .flat_map(|column| {
            let n_numbers = column.shape.iter().product::<usize>();
            (0..n_numbers).map(|i| cell(column, i, random)).collect::<Vec<f32>>()
        })
        .collect()
}

/// A number of a cell: a category, perhaps an unknown one, a date of this century, a number about where those of training
/// are, or a missing one where that is imputed.
fn cell(column: &FittedColumn, i: usize, random: &mut Stream) -> f32 {
    let imputes = column.transforms.iter().any(
        |transform| matches!(transform, FittedTransform::Impute(fitted) if !fitted.values.is_empty()),
    );
    if imputes && random.below(6) == 0 {
        return f32::NAN;
    }
    let normal = random.normal();
    let around = |centers: &[f64], scales: &[f64]| {
        let scale = scales.get(i).copied().filter(|scale| scale.is_finite()).unwrap_or(1.0);
        (centers.get(i).copied().unwrap_or(0.0) + scale * normal) as f32
    };
    match column.kind {
        ColumnKind::WholeCategory | ColumnKind::Category => {
            random.below(column.categories.len() as u64 + 1) as f32 - 1.0
        }
        ColumnKind::Date => (random.below(36_500) * 86_400 + random.below(86_400)) as f32,
        _ => {
            let known = column.transforms.iter().find_map(|transform| match transform {
                FittedTransform::Standardize(fitted) => {
                    Some(around(&fitted.means, &fitted.deviations))
                }
                FittedTransform::RobustScale(fitted) => {
                    Some(around(&fitted.medians, &fitted.scales))
                }
                FittedTransform::Divide(fitted) => {
                    Some((random.uniform() * fitted.by).round() as f32)
                }
                _ => None,
            });
            known.unwrap_or(normal as f32)
        }
    }
}

/// A sample without a target.
struct SingleSample<'a>(&'a [f32]);

impl ModelSource<f32> for SingleSample<'_> {
    fn load_samples(&self, tile: Tile, out: &mut [f32]) {
        for (row, &feature) in out.chunks_exact_mut(tile.width).zip(self.0) {
            row.fill(feature);
        }
    }

    fn load_targets(&self, _: Tile, _: &mut [f32]) {
        unreachable!("a prediction needs no target");
    }
}
