//! Power, `y = aᵇ`, element by element, with broadcasting.
//!
//! Shapes: `a`, `b` → sizes agree or are 1, from the last axis on. The domain is `a ≥ 0`, and `a < 0` where
//! `b` is a whole number; elsewhere the result is NaN. `a⁰` is 1, that of 0 too.
//! Gradient: `dL/da = dL/dy · b · aᵇ⁻¹`, which is 0 for `b = 0` and ∞ at `a = 0` for `b < 1`.
//! `dL/db = dL/dy · aᵇ · ln a`, which is defined as 0 at `a = 0` and is NaN for `a < 0`, where only whole
//! numbers are in the domain. Both are summed over what the operand was broadcast to.
//! Source: the power rule; broadcasting as in NumPy.

use kernels::inlined;

use crate::binary::BinaryOp;
use crate::op::{Linearity, Saved};
use crate::{Float, Graph, NodeId, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds `a` to the power `b`, element by element. See the [module docs](self).
    ///
    /// # Errors
    ///
    /// If sizes neither agree nor are 1.
    pub fn pow(&mut self, a: NodeId, b: NodeId) -> Result<NodeId, ShapeError> {
        // Without their conditions, both gradients at 0 would be 0 · ∞.
        let functions = (
            inlined!(|a: T, b| a.powf(b)),
            inlined!(|dy: T, a: T, b: T| {
                if b == T::ZERO { T::ZERO } else { dy * b * a.powf(b - T::ONE) }
            }),
            inlined!(|dy: T, a: T, b: T| {
                if a == T::ZERO { T::ZERO } else { dy * a.powf(b) * a.ln() }
            }),
        );
        self.push(
            BinaryOp::new("pow", "a ^ b", Linearity::Nonlinear, [Saved::BOTH; 2], functions),
            &[a, b],
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{both_precisions, check_binary, check_unary, forward_f32, gradient_f32};
    use crate::{Compile, Float, Graph, NodeId, Program, RunArgs};

    fn to_the<T: Float>(exponent: f64) -> impl Fn(&mut Graph<T>, NodeId) -> NodeId {
        move |g, x| {
            let exponent = g.scalar(exponent);
            g.pow(x, exponent).unwrap()
        }
    }

    #[test]
    fn matches_reference_and_finite_differences() {
        let ranges = [0.5..2.0, -2.0..3.0];
        check_binary(both_precisions!(|g, x| g.pow(x[0], x[1])), f64::powf, ranges);
    }

    #[test]
    fn a_negative_base_has_whole_powers_and_their_gradients() {
        check_unary(both_precisions!(|g, x| Ok(to_the(3.0)(g, x[0]))), |v| v * v * v, -2.0..2.0);
        assert!(forward_f32(to_the(0.5), &[-1.0])[0].is_nan());
    }

    #[test]
    fn powers_of_zero_are_those_of_the_docs() {
        for (exponent, value, slope) in [
            (0.0, 1.0, 0.0),
            (0.5, 0.0, f32::INFINITY),
            (1.0, 0.0, 1.0),
            (2.0, 0.0, 0.0),
            (-1.0, f32::INFINITY, f32::NEG_INFINITY),
        ] {
            assert_eq!(forward_f32(to_the(exponent), &[0.0]), [value], "0 to the {exponent}");
            assert_eq!(gradient_f32(to_the(exponent), &[0.0]), [slope], "0 to the {exponent}");
        }
        let exponent_of_zero = |g: &mut Graph<f32>, x| {
            let zero = g.scalar(0.0);
            g.pow(zero, x).unwrap()
        };
        assert_eq!(gradient_f32(exponent_of_zero, &[0.0, 2.0]), [0.0, 0.0]);
    }

    #[test]
    fn g12_chain_rule_of_the_square_of_a_sum() {
        let mut g = Graph::<f64>::new();
        let (x, y) = (g.parameter("x", []), g.parameter("y", []));
        let two = g.scalar(2.0);
        let sum = g.add(x, y).unwrap();
        let z = g.pow(sum, two).unwrap();
        let options = Compile { loss: Some(z), ..Compile::default() };
        let mut program = Program::new(g, &options).unwrap();
        program.run(&RunArgs { parameters: &[3.0, 4.0], ..RunArgs::default() });
        assert_eq!((program.scalar(z), program.gradients()), (49.0, &[14.0, 14.0][..]));
    }
}
