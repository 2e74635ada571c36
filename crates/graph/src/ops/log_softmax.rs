//! Logarithm of softmax, `y_i = x_i − ln Σ_j e^{x_j}`.
//!
//! Shapes: `x [.., classes]` → `y [.., classes]`, over the last axis, which is not the batch.
//! Gradient: `dL/dx_i = dL/dy_i − e^{y_i} · Σ_j dL/dy_j`.
//! Source: Blanchard, Higham, Higham (2021), "Accurately computing the log-sum-exp and softmax functions".

use super::softmax::SoftmaxOp;
use crate::{Float, Graph, NodeId, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds the logarithm of the [`softmax`](Self::softmax) of `x` over its last axis, finite even where the
    /// probability is rounded to 0.
    ///
    /// # Errors
    ///
    /// If `x` has no axis behind the batch.
    pub fn log_softmax(&mut self, x: NodeId) -> Result<NodeId, ShapeError> {
        self.push(SoftmaxOp::<true>, &[x])
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::softmax::tests::by_definition;
    use crate::testing::{
        OpCase, both_precisions, check_op, forward_f32, gradient_f32, refusal, uniform,
    };
    use crate::{Graph, NodeId, Tensor};

    fn log_softmax(g: &mut Graph<f32>, x: NodeId) -> NodeId {
        g.log_softmax(x).unwrap()
    }

    #[test]
    fn matches_reference_and_finite_differences() {
        for shape in ["N 10", "N 2 3 5", "N 2", "4 5", "3"] {
            check_op(OpCase {
                build: both_precisions!(|g, x| g.log_softmax(x[0])),
                reference: |x| by_definition(&x[0]).map(f64::ln),
                inputs: &[uniform(shape, -3.0..3.0)],
            });
        }
    }

    #[test]
    fn one_class_is_certain_no_class_is_nothing_and_scores_far_from_zero_are_finite() {
        assert_eq!(forward_f32(log_softmax, &[1e30]), [0.0]);
        assert_eq!(gradient_f32(log_softmax, &[1e30]), [0.0]);
        assert_eq!(forward_f32(log_softmax, &[]), []);
        assert_eq!(forward_f32(log_softmax, &[1e4, -1e4]), [0.0, -2e4]);
        assert_eq!(gradient_f32(log_softmax, &[1e4, -1e4]), [-1.0, 1.0]);
        let ln_4 = 4f32.ln();
        assert_eq!(forward_f32(log_softmax, &[-1e4; 4]), [-ln_4; 4]);
    }

    #[test]
    fn g17_loss_of_the_cat_image() {
        let loss = -forward_f32(log_softmax, &[3.2, 5.1, -1.7])[0];
        assert!((loss - 2.0404).abs() < 5e-5, "{loss}");
    }

    #[test]
    fn g18_gradient_of_the_cat_image_is_probability_minus_target() {
        let loss = |g: &mut Graph<f32>, x| {
            let target = g.constant(Tensor::new([3], [-1.0, 0.0, 0.0]));
            let y = g.log_softmax(x).unwrap();
            g.mul(y, target).unwrap()
        };
        let slope = gradient_f32(loss, &[3.2, 5.1, -1.7]);
        let want = [-0.870017, 0.869050, 0.000968];
        assert!(slope.iter().zip(want).all(|(s, want)| (s - want).abs() < 1e-6), "{slope:?}");
    }

    #[test]
    fn g19_large_scores_do_not_overflow() {
        let y = forward_f32(log_softmax, &[1010.0, 1000.0, 990.0]);
        let want = [-4.54e-5, -10.00005, -20.00005];
        assert!(y.iter().zip(want).all(|(y, want)| (y / want - 1.0).abs() < 1e-3), "{y:?}");
    }

    #[test]
    fn a_value_without_classes_is_refused() {
        let error = refusal(&[""], |g, x| g.log_softmax(x[0]));
        assert_eq!(error, "log_softmax: expected scores [.., classes], found []");
    }
}
