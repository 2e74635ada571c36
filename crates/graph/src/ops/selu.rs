//! Scaled exponential linear unit, `y = λ x` where `x > 0`, else `λ α · (eˣ − 1)`. With its two constants, layers of
//! weights of mean 0 and variance `1 / fan_in` carry mean 0 and variance 1 on.
//!
//! Shapes: `x [..]` → `y [..]` (any rank, elementwise).
//! Gradient: `dL/dx = dL/dy · λ` where `x > 0`, else `dL/dy · λ α eˣ`, which is `dL/dy · (y + λ α)`; so too at the kink.
//! Source: Klambauer, Unterthiner, Mayr, Hochreiter (NeurIPS 2017), "Self-normalizing neural networks".

use super::elu;
use crate::{Float, Graph, NodeId};

/// `λ`, from the paper's appendix.
const LAMBDA: f64 = 1.050_700_987_355_480_5;
/// `α`, likewise.
const ALPHA: f64 = 1.673_263_242_354_377_2;

impl<T: Float> Graph<T> {
    /// Adds the scaled exponential linear unit of `x`, elementwise. See the [module docs](self).
    pub fn selu(&mut self, x: NodeId) -> NodeId {
        self.push_unary(elu::scaled("selu", LAMBDA, ALPHA), x)
    }
}

#[cfg(test)]
mod tests {
    use super::{ALPHA, LAMBDA};
    use crate::testing::{both_precisions, check_unary, forward_f32, gradient_f32};

    #[test]
    fn matches_reference_and_finite_differences() {
        let reference = |v: f64| LAMBDA * if v > 0.0 { v } else { ALPHA * v.exp_m1() };
        check_unary(both_precisions!(|g, x| Ok(g.selu(x[0]))), reference, -3.0..3.0);
    }

    #[test]
    fn a_standard_normal_value_keeps_mean_and_variance() {
        // The integrals of y and y² under the normal density, by the midpoint rule.
        let n = 400_000;
        let step = 24.0 / f64::from(n);
        let mut moments = [0.0; 2];
        for i in 0..n {
            let x = -12.0 + (f64::from(i) + 0.5) * step;
            let y = LAMBDA * if x > 0.0 { x } else { ALPHA * x.exp_m1() };
            let share = (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt() * step;
            moments[0] += y * share;
            moments[1] += y * y * share;
        }
        assert!(moments[0].abs() < 1e-9 && (moments[1] - 1.0).abs() < 1e-9, "{moments:?}");
    }

    #[test]
    fn limits_are_reached_and_nan_passes_through() {
        let (left, right) = ((-LAMBDA * ALPHA) as f32, LAMBDA as f32);
        let x = [f32::NEG_INFINITY, -1e4, 0.0, 1.0, f32::INFINITY];
        assert_eq!(forward_f32(|g, x| g.selu(x), &x), [left, left, 0.0, right, f32::INFINITY]);
        assert_eq!(gradient_f32(|g, x| g.selu(x), &x), [0.0, 0.0, -left, right, right]);
        assert!(forward_f32(|g, x| g.selu(x), &[f32::NAN])[0].is_nan());
    }
}
