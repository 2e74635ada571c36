//! Quotient of two values, `y = a / b`, element by element, with broadcasting.
//!
//! Shapes: `a`, `b` → sizes agree or are 1, from the last axis on. `a / 0` is ±∞, and `0 / 0` NaN.
//! Gradient: `dL/da = dL/dy / b`, `dL/db = −dL/dy · a / b²`, summed over what the operand was broadcast to.
//! Source: the quotient rule; broadcasting as in NumPy.

use kernels::inlined;

use crate::binary::BinaryOp;
use crate::op::{Linearity, Saved};
use crate::{Float, Graph, NodeId, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds `a / b`, element by element. See the [module docs](self).
    ///
    /// # Errors
    ///
    /// If sizes neither agree nor are 1.
    pub fn div(&mut self, a: NodeId, b: NodeId) -> Result<NodeId, ShapeError> {
        let functions = (
            inlined!(|a: T, b| a / b),
            inlined!(|dy: T, _, b| dy / b),
            // Divided twice, since `b²` leaves the range of numbers long before the quotient does.
            inlined!(|dy: T, a, b| -dy * (a / b / b)),
        );
        self.push(
            BinaryOp::new(
                "div",
                "a / b",
                Linearity::Nonlinear,
                [Saved::SECOND, Saved::BOTH],
                functions,
            ),
            &[a, b],
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{both_precisions, check_binary, forward_f32, gradient_f32};

    #[test]
    fn matches_reference_and_finite_differences() {
        for divisor in [0.5..2.0, -2.0..-0.5] {
            let ranges = [-2.0..2.0, divisor];
            check_binary(both_precisions!(|g, x| g.div(x[0], x[1])), |a, b| a / b, ranges);
        }
    }

    #[test]
    fn a_divisor_of_zero_gives_infinity_and_zero_by_zero_nan() {
        let reciprocal = |g: &mut crate::Graph<f32>, x| {
            let one = g.scalar(1.0);
            g.div(one, x).unwrap()
        };
        let (up, down) = (f32::INFINITY, f32::NEG_INFINITY);
        assert_eq!(forward_f32(reciprocal, &[0.0, -0.0, up]), [up, down, 0.0]);
        assert!(forward_f32(|g, x| g.div(x, x).unwrap(), &[0.0])[0].is_nan());
    }

    #[test]
    fn the_gradient_of_a_tiny_divisor_is_as_large_as_it_is() {
        let ratio = |g: &mut crate::Graph<f32>, x| {
            let tiny = g.scalar(1e-25);
            g.div(tiny, x).unwrap()
        };
        let slope = gradient_f32(ratio, &[1e-25])[0];
        assert!((slope / -1e25 - 1.0).abs() < 1e-6, "{slope}");
    }
}
