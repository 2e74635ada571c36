//! Losses: the error of a prediction as one number.
//!
//! Targets are class numbers `[N]` or rows of the prediction's shape (one-hot rows or values); both forms give
//! the same loss, bit for bit.

pub mod binary_cross_entropy;
pub mod cross_entropy;
pub mod cross_entropy_of_probabilities;
pub mod half_squared_error;
pub mod hinge;
pub mod mean_squared_error;

// What the files of losses take by `use super::*`.
use graph::{Float, Graph, NodeId, ShapeError};

use crate::{registry, settings};

registry! {
    /// A loss chosen by name.
    pub enum Loss: dyn BuildLoss<T: Float> {
        cross_entropy::CrossEntropy,
        cross_entropy_of_probabilities::CrossEntropyOfProbabilities,
        binary_cross_entropy::BinaryCrossEntropy,
        mean_squared_error::MeanSquaredError,
        half_squared_error::HalfSquaredError,
        hinge::Hinge,
    }
}

impl Default for Loss {
    fn default() -> Self {
        cross_entropy::CrossEntropy {}.into()
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

    /// The meaning of the numbers of the prediction.
    fn prediction(&self) -> Prediction {
        Prediction::Scores
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
        let (shape, target_shape) = (g.shape(prediction).clone(), g.shape(target).clone());
        let is_number = target_shape.is_batched() && target_shape.dims().is_empty();
        let rows = match (shape.is_batched(), shape.dims()) {
            _ if shape == target_shape && shape.rank() == 2 => target,
            // With one feature there are no classes to count: the number is the value itself.
            (true, &[1]) if is_number => g.reshape(target, [1])?,
            (true, &[classes]) if is_number => g.one_hot(target, classes)?,
            (true, &[_]) => return Err(ShapeError::broadcast("target", &shape, &target_shape)),
            _ => {
                let rule = "expected a prediction [N, features]";
                return Err(ShapeError::new("target", rule, &shape));
            }
        };
        self.as_dyn().build(g, prediction, rows)
    }

    /// The meaning of the numbers of a prediction trained with this loss.
    pub fn prediction(&self) -> Prediction {
        self.as_dyn::<f32>().prediction()
    }

    /// Whether it is a cross-entropy, which is counted in nats: those are the losses that are taken of probabilities.
    pub fn is_in_nats(&self) -> bool {
        self.prediction() != Prediction::Scores
    }
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
    /// Logits of independent classes.
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
                Some(wide().map(|logit| 1.0 / (1.0 + (-logit).exp())).collect())
            }
            Self::Probabilities => Some(wide().collect()),
            Self::Scores => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use graph::{Compile, Program, RunArgs, Shape, Tensor, Tensors};

    use super::binary_cross_entropy::BinaryCrossEntropy;
    use super::cross_entropy::CrossEntropy;
    use super::cross_entropy_of_probabilities::CrossEntropyOfProbabilities;
    use super::half_squared_error::HalfSquaredError;
    use super::hinge::Hinge;
    use super::mean_squared_error::MeanSquaredError;
    use super::*;

    /// Loss and gradient of the prediction for one batch, with the target in both forms.
    fn loss_of(loss: &Loss, rows: &[&[f64]], labels: &[usize]) -> (f64, Vec<f64>) {
        let (n, classes) = (rows.len(), rows[0].len());
        let prediction = Tensor::new([n, classes], rows.concat());
        let mut one_hot = vec![0.0; n * classes];
        labels.iter().enumerate().for_each(|(row, label)| one_hot[row * classes + label] = 1.0);
        let numbers: Vec<f64> = labels.iter().map(|&label| label as f64).collect();
        let [one_hot, label] = [
            (Tensor::new([n, classes], one_hot), Shape::batch([classes])),
            (Tensor::new([n], numbers), Shape::batch([])),
        ]
        .map(|(target, shape)| {
            let mut g = Graph::new();
            let x = g.input("prediction", Shape::batch([classes]));
            let t = g.input("target", shape);
            let y = loss.build(&mut g, x, t).unwrap();
            let options = Compile { batch: n, loss: Some(y), keep_all: true, ..Compile::default() };
            let mut program = Program::new(g, &options).unwrap();
            let inputs = &Tensors(&[&prediction, &target]);
            program.run(&RunArgs { inputs, ..RunArgs::default() });
            (program.scalar(y), program.gradient(x).unwrap().into_values())
        });
        assert_eq!(one_hot, label, "both forms of {} agree", loss.name());
        one_hot
    }

    fn loss(kind: impl Into<Loss>, rows: &[&[f64]], labels: &[usize]) -> f64 {
        loss_of(&kind.into(), rows, labels).0
    }

    fn by_name(name: &str) -> Loss {
        toml::from_str(&format!("kind = '{name}'")).unwrap()
    }

    fn close(found: f64, wanted: f64, tolerance: f64) {
        assert!((found - wanted).abs() <= tolerance, "{found} is not {wanted}");
    }

    const RIGHT: &[f64] = &[0.1, 0.05, 0.6, 0.0, 0.05, 0.1, 0.0, 0.1, 0.0, 0.0];
    const WRONG: &[f64] = &[0.1, 0.05, 0.1, 0.0, 0.05, 0.1, 0.0, 0.6, 0.0, 0.0];
    const CAT: &[f64] = &[3.2, 5.1, -1.7];

    #[test]
    fn g1_half_squared_error_of_the_right_answer() {
        close(loss(HalfSquaredError {}, &[RIGHT], &[2]), 0.0975, 1e-15);
    }

    #[test]
    fn g2_half_squared_error_of_the_wrong_answer() {
        close(loss(HalfSquaredError {}, &[WRONG], &[2]), 0.5975, 1e-15);
    }

    #[test]
    fn g3_cross_entropy_of_the_right_answer() {
        close(loss(CrossEntropyOfProbabilities {}, &[RIGHT], &[2]), 0.510_825_457, 1e-9);
    }

    #[test]
    fn g4_cross_entropy_of_the_wrong_answer() {
        close(loss(CrossEntropyOfProbabilities {}, &[WRONG], &[2]), 2.302_584_093, 1e-9);
    }

    #[test]
    fn g5_batch_cross_entropy_is_the_mean_and_finite_where_a_probability_is_zero() {
        let kind = || CrossEntropyOfProbabilities {};
        let (a, b) = (loss(kind(), &[RIGHT], &[2]), loss(kind(), &[WRONG], &[2]));
        close(loss(kind(), &[RIGHT, WRONG], &[2, 2]), (a + b) / 2.0, 1e-15);
        close(loss(kind(), &[RIGHT], &[3]), 16.118, 1e-3);
    }

    #[test]
    fn g14_hinge_of_cat_car_and_frog() {
        let rows: [&[f64]; 3] = [CAT, &[1.3, 4.9, 2.0], &[2.2, 2.5, -3.1]];
        for (row, label, wanted) in [(rows[0], 0, 2.9), (rows[1], 1, 0.0), (rows[2], 2, 12.9)] {
            close(loss(Hinge {}, &[row], &[label]), wanted, 1e-12);
        }
        close(loss(Hinge {}, &rows, &[0, 1, 2]), 5.2667, 5e-5);
    }

    #[test]
    fn g15_hinge_is_zero_exactly_at_the_margin() {
        assert_eq!(loss(Hinge {}, &[&[3.0, 2.0, 1.0]], &[0]), 0.0);
    }

    #[test]
    fn g17_cross_entropy_of_the_cat() {
        close(loss(CrossEntropy {}, &[CAT], &[0]), 2.0404, 5e-5);
    }

    #[test]
    fn g18_gradient_of_softmax_and_cross_entropy_is_probability_minus_target() {
        let (_, gradient) = loss_of(&CrossEntropy {}.into(), &[CAT], &[0]);
        for (found, wanted) in gradient.iter().zip([-0.870_017, 0.869_050, 0.000_968]) {
            close(*found, wanted, 5e-7);
        }
    }

    #[test]
    fn g29_cross_entropy_of_equal_scores_is_the_logarithm_of_the_classes() {
        let scores: [&[f64]; 7] = [&[0.0; 10]; 7];
        let mean = loss(CrossEntropy {}, &scores, &[0, 1, 2, 3, 4, 5, 6]);
        close(100.0 * mean, 230.2585, 1e-4);
    }

    #[test]
    fn cross_entropy_from_scores_stays_finite_for_any_scores() {
        close(loss(CrossEntropy {}, &[&[1e4, -1e4]], &[1]), 2e4, 1e-9);
        close(loss(BinaryCrossEntropy {}, &[&[1e4, -1e4]], &[1]), 1e4, 1e-9);
    }

    #[test]
    fn mean_squared_error_is_the_plain_mean() {
        close(loss(MeanSquaredError {}, &[RIGHT, WRONG], &[2, 2]), (0.195 + 1.195) / 20.0, 1e-15);
    }

    #[test]
    fn binary_cross_entropy_is_that_of_the_sigmoid() {
        let sigmoid = |z: f64| 1.0 / (1.0 + (-z).exp());
        let wanted = -(sigmoid(0.3).ln() + (1.0 - sigmoid(-0.7)).ln()) / 2.0;
        close(loss(BinaryCrossEntropy {}, &[&[0.3, -0.7]], &[0]), wanted, 1e-15);
    }

    #[test]
    fn cross_entropies_are_in_nats_and_no_others() {
        for name in Loss::NAMES {
            assert_eq!(by_name(name).is_in_nats(), name.contains("cross_entropy"), "{name}");
        }
    }

    #[test]
    fn probabilities_are_those_that_the_loss_is_taken_of() {
        let predicted = [0.25_f32, 0.75, 2.0];
        for name in Loss::NAMES {
            let loss = by_name(name);
            let Some(found) = loss.prediction().probabilities(&predicted) else { continue };
            let wanted = match *name {
                "cross_entropy" => -found[1].ln(),
                "cross_entropy_of_probabilities" => -(found[1] + 1e-7).ln(),
                "binary_cross_entropy" => {
                    -((1.0 - found[0]).ln() + found[1].ln() + (1.0 - found[2]).ln()) / 3.0
                }
                other => panic!("{other} has no probabilities"),
            };
            let (taken, _) = loss_of(&loss, &[&predicted.map(f64::from)], &[1]);
            close(taken, wanted, 1e-12);
        }
        let far = Prediction::Logits.probabilities(&[1e30, -1e30, f32::MAX]);
        assert_eq!(far, Some(vec![0.0, 0.0, 1.0]), "nothing overflows");
        assert_eq!(Prediction::SeparateLogits.probabilities(&[-1e30, 1e30]), Some(vec![0.0, 1.0]));
        let sum = Prediction::Logits.probabilities(&[3.2, 5.1, -1.7]).unwrap().iter().sum();
        close(sum, 1.0, 1e-15);
    }

    #[test]
    fn targets_that_do_not_fit_are_refused_with_both_shapes() {
        for loss in Loss::NAMES.iter().map(|name| by_name(name)) {
            let mut g = Graph::<f32>::new();
            let (x, t) = (g.input("x", Shape::batch([10])), g.input("t", Shape::batch([9])));
            let error = loss.build(&mut g, x, t).unwrap_err().to_string();
            assert!(error.contains("[N, 10]") && error.contains("[N, 9]"), "{error}");
        }
    }
}
