//! The samples that a model is most wrong about.

use data::{FittedTransforms, Targets};
use serde::Serialize;

use crate::evaluate::Evaluation;
use crate::metrics::accuracy::class_scores;

/// The mistakes of an evaluation, the worst first.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum WorstMistakes {
    /// Misclassified samples, lowest probability of the label first, or lowest score where there are no probabilities.
    Classes(Vec<Misclassified>),
    /// Values, largest error first.
    Values(Vec<ValueError>),
}

/// A sample whose predicted class is not its label.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Misclassified {
    /// Its number in the part.
    pub sample: usize,
    /// Its class.
    pub label: usize,
    /// The predicted class.
    pub predicted: usize,
    /// The score of the predicted class.
    pub predicted_score: f64,
    /// The score of its class.
    pub label_score: f64,
    /// The probability of the predicted class, if the loss defines probabilities.
    pub predicted_probability: Option<f64>,
    /// The probability of its class, likewise.
    pub label_probability: Option<f64>,
}

/// The error of a predicted value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ValueError {
    /// The number of its sample in the part.
    pub sample: usize,
    /// The number of the value among those of the sample.
    pub output: usize,
    /// The target in its unit.
    pub target: f64,
    /// The prediction in the same unit.
    pub prediction: f64,
    /// Prediction minus target.
    pub error: f64,
}

impl WorstMistakes {
    /// Every mistake of an evaluation of these targets, by a model with these transforms.
    pub fn new(transforms: &FittedTransforms, targets: &Targets, evaluation: &Evaluation) -> Self {
        match targets {
            Targets::Labels { values, .. } => Self::Classes(misclassified(values, evaluation)),
            Targets::Values { values, width } => {
                Self::Values(errors(transforms, values, *width, evaluation))
            }
        }
    }

    /// Misclassified samples; none for values.
    pub fn misclassified(&self) -> Option<usize> {
        match self {
            Self::Classes(mistakes) => Some(mistakes.len()),
            Self::Values(_) => None,
        }
    }

    /// The number of the sample of each.
    pub fn samples(&self) -> Vec<usize> {
        match self {
            Self::Classes(mistakes) => mistakes.iter().map(|mistake| mistake.sample).collect(),
            Self::Values(errors) => errors.iter().map(|error| error.sample).collect(),
        }
    }

    /// Keeps the worst `n`.
    pub fn truncate(&mut self, n: usize) {
        match self {
            Self::Classes(mistakes) => mistakes.truncate(n),
            Self::Values(errors) => errors.truncate(n),
        }
    }
}

fn misclassified(labels: &[u32], evaluation: &Evaluation) -> Vec<Misclassified> {
    let mut mistakes = Vec::new();
    let predicted = evaluation.rows().zip(evaluation.classes());
    for (sample, ((row, predicted), &label)) in predicted.zip(labels).enumerate() {
        let label = label as usize;
        if predicted == label {
            continue;
        }
        let (scores, probabilities) = (class_scores(row), evaluation.meaning.probabilities(row));
        let probability = |class: usize| probabilities.as_ref().map(|each| each[class]);
        mistakes.push(Misclassified {
            sample,
            label,
            predicted,
            predicted_score: scores[predicted].into(),
            label_score: scores[label].into(),
            predicted_probability: probability(predicted),
            label_probability: probability(label),
        });
    }
    let confidence = |mistake: &Misclassified| {
        let confidence = mistake.label_probability.unwrap_or(mistake.label_score);
        // NaN is the worst of all.
        if confidence.is_nan() { f64::NEG_INFINITY } else { confidence }
    };
    mistakes.sort_by(|a, b| confidence(a).total_cmp(&confidence(b)));
    mistakes
}

fn errors(
    transforms: &FittedTransforms,
    targets: &[f32],
    width: usize,
    evaluation: &Evaluation,
) -> Vec<ValueError> {
    let pairs = evaluation.predictions.values().iter().zip(targets).enumerate();
    let error = |(i, (&prediction, &target)): (usize, (&f32, &f32))| {
        let (sample, output) = (i / width, i % width);
        let [prediction, target] =
            [prediction, target].map(|value| transforms.in_unit(output, value));
        ValueError { sample, output, target, prediction, error: prediction - target }
    };
    let mut errors: Vec<ValueError> = pairs.map(error).collect();
    // NaN without a sign is above all numbers in this order.
    errors.sort_by(|a, b| b.error.abs().total_cmp(&a.error.abs()));
    errors
}
