//! The predictions of a model for a part of its data, beside the targets.

use ::studio::{Call, Endpoint, EndpointError};
use data::{Dataset, FittedTarget, FittedTransforms, Targets};
use events::Part;
use graph::Pool;
use runs::measure::WorstMistakes;
use runs::{Evaluation, Evaluator};
use serde::{Deserialize, Serialize};

use super::endpoint;

/// Samples that are measured: the first ones of a larger part.
const MAX_SAMPLES: usize = 10_000;
/// The most samples that are sent one by one.
const MAX_SENT: usize = 2_000;
/// The most classes of a confusion matrix.
const MAX_CLASSES: usize = 50;
/// Mistakes that are listed.
const MAX_MISTAKES: usize = 50;

pub(super) fn endpoints() -> Vec<Box<dyn Endpoint>> {
    vec![endpoint("predictions", answer)]
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PredictionsRequest {
    run: String,
    /// The step of the model; null for the latest.
    step: Option<u64>,
    part: Part,
}

#[derive(Debug, Serialize)]
struct PredictionsAnswer {
    step: u64,
    /// Samples of the part.
    samples: usize,
    /// The first of them, which are measured.
    measured: usize,
    /// Names, units and values, null where they are undefined.
    metrics: Vec<(&'static str, &'static str, Option<f64>)>,
    predicted: PredictedTargets,
    mistakes: WorstMistakes,
}

#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum PredictedTargets {
    Classes {
        names: Vec<String>,
        /// `confusion[l][p]`: samples with label `l` and prediction `p`; empty for more than [`MAX_CLASSES`].
        confusion: Vec<Vec<usize>>,
    },
    /// By the probability of the second one.
    TwoClasses {
        names: Vec<String>,
        labels: Vec<u32>,
        probabilities: Vec<f32>,
    },
    Values {
        outputs: Vec<OutputValues>,
    },
}

/// An output in the unit of its target.
#[derive(Debug, Serialize)]
struct OutputValues {
    name: String,
    targets: Vec<f64>,
    predictions: Vec<f64>,
}

fn answer(call: &Call<'_>) -> Result<PredictionsAnswer, EndpointError> {
    let request: PredictionsRequest = call.parse()?;
    let run = call.run(&request.run)?;
    let (step, model) = run.model(request.step)?;
    let data = run.data()?;
    let not_found = |why: String| EndpointError::NotFound(why);
    let part = data.get(request.part).filter(|set| !set.is_empty());
    let part = part.ok_or_else(|| not_found(format!("no {} set", request.part)))?;
    let set = part.first(MAX_SAMPLES);
    let mut evaluator = Evaluator::new(&model.experiment, &set)
        .map_err(|error| not_found(diagnostics::chain(&error)))?;
    let pool = Pool::new(call.threads());
    let evaluation = evaluator.evaluate(Some(&pool), &set, &model);
    let measured = evaluation.measure(set.targets()).into_iter();
    let metrics =
        measured.map(|each| (each.metric.name, each.metric.unit, each.value.ok())).collect();
    let mut mistakes = WorstMistakes::new(&model.transforms, set.targets(), &evaluation);
    mistakes.truncate(MAX_MISTAKES);
    let predicted = predicted(&model.transforms, &set, &evaluation);
    Ok(PredictionsAnswer {
        step,
        samples: part.len(),
        measured: set.len(),
        metrics,
        predicted,
        mistakes,
    })
}

fn predicted(
    transforms: &FittedTransforms,
    set: &Dataset,
    evaluation: &Evaluation,
) -> PredictedTargets {
    let Targets::Values { values, width } = set.targets() else {
        return predicted_classes(transforms, set, evaluation);
    };
    let every = set.len().div_ceil(MAX_SENT).max(1);
    let outputs = (0..*width).map(|output| {
        let column = |all: &[f32]| {
            let rows = all.chunks_exact(*width).step_by(every);
            rows.map(|row| transforms.in_unit(output, row[output])).collect()
        };
        let name = transforms.target().map_or("", FittedTarget::column);
        OutputValues {
            name: if *width == 1 { name.to_owned() } else { format!("{name}[{output}]") },
            targets: column(values),
            predictions: column(evaluation.predictions.values()),
        }
    });
    PredictedTargets::Values { outputs: outputs.collect() }
}

fn predicted_classes(
    transforms: &FittedTransforms,
    set: &Dataset,
    evaluation: &Evaluation,
) -> PredictedTargets {
    let predictions = evaluation.class_predictions(set.targets()).expect("classes");
    let names = (0..predictions.classes()).map(|class| transforms.class_name(class)).collect();
    match predictions.probabilities() {
        Ok(probabilities) if predictions.classes() == 2 => PredictedTargets::TwoClasses {
            names,
            labels: predictions.labels().to_vec(),
            probabilities: (0..set.len()).map(|i| probabilities.of(i, 1) as f32).collect(),
        },
        _ => {
            let is_readable = predictions.classes() <= MAX_CLASSES;
            let confusion = if is_readable { predictions.confusion() } else { Vec::new() };
            PredictedTargets::Classes { names, confusion }
        }
    }
}
