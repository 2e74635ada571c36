//! Losses: the error of a prediction as one number.
//!
//! Targets are class numbers `[N]` or rows of the prediction's shape (one-hot rows or values); both forms give
//! the same loss, bit for bit. Where a loss has a binary form, one output tells two classes apart by its sign.

pub mod binary_cross_entropy;
pub mod cross_entropy;
pub mod cross_entropy_of_probabilities;
pub mod half_squared_error;
pub mod hinge;
pub mod huber;
pub mod mean_absolute_error;
pub mod mean_squared_error;
#[cfg(test)]
mod testing;

// What the files of losses take by `use super::*`.
use graph::{Float, Graph, NodeId, ShapeError, Tensor};

use crate::{registry, settings};

registry! {
    /// A loss chosen by name.
    pub enum Loss: dyn BuildLoss<T: Float> {
        cross_entropy::CrossEntropy,
        cross_entropy_of_probabilities::CrossEntropyOfProbabilities,
        binary_cross_entropy::BinaryCrossEntropy,
        mean_squared_error::MeanSquaredError,
        half_squared_error::HalfSquaredError,
        mean_absolute_error::MeanAbsoluteError,
        huber::Huber,
        hinge::Hinge,
    }
}

impl Default for Loss {
    fn default() -> Self {
        cross_entropy::CrossEntropy::default().into()
    }
}

/// How a loss becomes nodes of a graph.
pub trait BuildLoss<T: Float> {
    /// Adds the loss of a prediction `y` for a target `t`, both `[N, k]`: the mean over the batch.
    ///
    /// # Errors
    ///
    /// If the shapes do not fit.
    fn build(&self, g: &mut Graph<T>, y: NodeId, t: NodeId) -> Result<NodeId, ShapeError>;

    /// The same, where the loss of each sample is multiplied by a weight, `[N]`. None if the loss does not take weights.
    ///
    /// # Errors
    ///
    /// If the shapes do not fit.
    fn build_weighted(
        &self,
        _g: &mut Graph<T>,
        _y: NodeId,
        _t: NodeId,
        _weights: NodeId,
    ) -> Result<Option<NodeId>, ShapeError> {
        Ok(None)
    }

    /// The meaning of the numbers of the prediction.
    fn prediction(&self) -> Prediction {
        Prediction::Scores
    }

    /// Whether one output tells two classes apart, whose target is the number 0 or 1: above 0 it predicts class 1.
    fn has_binary_form(&self) -> bool {
        false
    }
}

impl Loss {
    /// Adds the loss of a prediction `[N, k]`, the mean over the batch.
    ///
    /// # Errors
    ///
    /// If the target is neither `[N]` nor of the prediction's shape.
    pub fn build<T: Float>(
        &self,
        g: &mut Graph<T>,
        prediction: NodeId,
        target: NodeId,
    ) -> Result<NodeId, ShapeError> {
        let rows = rows(g, prediction, target)?;
        self.as_dyn().build(g, prediction, rows)
    }

    /// As [`build`](Self::build), where the loss of each sample is multiplied by the weight of its class: the mean over the batch
    /// of the products. None if the loss does not take weights: `cross_entropy` and `binary_cross_entropy` do.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build), and if there are not as many weights as classes.
    pub fn build_weighted<T: Float>(
        &self,
        g: &mut Graph<T>,
        prediction: NodeId,
        target: NodeId,
        class_weights: &[f64],
    ) -> Result<Option<NodeId>, ShapeError> {
        let rows = rows(g, prediction, target)?;
        let weights = match (g.shape(prediction).len(), class_weights) {
            // The target is the number of one of two classes.
            (1, &[of_first, of_second]) => {
                let (first, difference) = (g.scalar(of_first), g.scalar(of_second - of_first));
                let number = g.reshape(rows, [])?;
                let added = g.mul(number, difference)?;
                g.add(added, first)?
            }
            _ => {
                let weights = class_weights.iter().map(|&weight| T::from_f64(weight));
                let weights = Tensor::new([class_weights.len()], weights.collect::<Vec<_>>());
                let weights = g.constant(weights);
                let of_label = g.mul(rows, weights)?;
                g.sum(of_label, &[1])?
            }
        };
        self.as_dyn().build_weighted(g, prediction, rows, weights)
    }

    /// The meaning of the numbers of a prediction trained with this loss.
    pub fn prediction(&self) -> Prediction {
        self.as_dyn::<f32>().prediction()
    }

    /// The classes that so many outputs tell apart: two by one output, if the loss has a binary form.
    pub fn classes(&self, outputs: usize) -> usize {
        if outputs == 1 && self.as_dyn::<f32>().has_binary_form() { 2 } else { outputs }
    }

    /// Whether it is a cross-entropy, which is counted in nats: those are the losses that define probabilities.
    pub fn is_in_nats(&self) -> bool {
        self.prediction() != Prediction::Scores
    }
}

/// The target as rows: as many numbers as the prediction has.
fn rows<T: Float>(
    g: &mut Graph<T>,
    prediction: NodeId,
    target: NodeId,
) -> Result<NodeId, ShapeError> {
    let (shape, target_shape) = (g.shape(prediction).clone(), g.shape(target).clone());
    let is_number = target_shape.is_batched() && target_shape.dims().is_empty();
    Ok(match (shape.is_batched(), shape.dims()) {
        _ if shape == target_shape && shape.rank() == 2 => target,
        // One output takes the number itself, a value or one of two classes.
        (true, &[1]) if is_number => g.reshape(target, [1])?,
        (true, &[classes]) if is_number => g.one_hot(target, classes)?,
        (true, &[_]) => return Err(ShapeError::broadcast("target", &shape, &target_shape)),
        _ => {
            let rule = "expected a prediction [N, features]";
            return Err(ShapeError::new("target", rule, &shape));
        }
    })
}

/// The meaning of the numbers of a prediction.
///
/// # Examples
///
/// ```
/// use gradus_nn::losses::{Loss, hinge::Hinge};
///
/// let equal = Loss::default().prediction().probabilities(&[3.0, 3.0]);
/// assert_eq!(equal, Some(vec![0.5, 0.5]));
/// assert_eq!(Loss::from(Hinge {}).prediction().probabilities(&[3.0, 3.0]), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prediction {
    /// Logits of exclusive classes.
    Logits,
    /// Logits of independent classes; a single one is that of the second of two exclusive classes.
    SeparateLogits,
    /// Probabilities of the classes.
    Probabilities,
    /// Scores of classes or other values, from which no probability follows.
    Scores,
}

impl Prediction {
    /// The probability of each class, from the prediction for one sample; none if it has no such meaning.
    pub fn probabilities(self, predicted: &[f32]) -> Option<Vec<f64>> {
        let wide = || predicted.iter().copied().map(f64::from);
        match self {
            Self::Logits => {
                let largest = wide().fold(f64::NEG_INFINITY, f64::max);
                // The exponents are at most 0, so nothing overflows, and one of them is 0, so the sum is not 0.
                let powers: Vec<f64> = wide().map(|logit| (logit - largest).exp()).collect();
                let sum: f64 = powers.iter().sum();
                Some(powers.into_iter().map(|power| power / sum).collect())
            }
            Self::SeparateLogits => {
                let sigmoid = |logit: f64| 1.0 / (1.0 + (-logit).exp());
                Some(match *predicted {
                    [logit] => [-logit, logit].map(|logit| sigmoid(f64::from(logit))).to_vec(),
                    _ => wide().map(sigmoid).collect(),
                })
            }
            Self::Probabilities => Some(wide().collect()),
            Self::Scores => None,
        }
    }
}
