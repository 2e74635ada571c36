//! Gaussian error linear unit, `y = x · Φ(x)`, with the probability `Φ` of the standard normal distribution.
//!
//! Shapes: `x [..]` → `y [..]` (any rank, elementwise).
//! Gradient: `dL/dx = dL/dy · (Φ(x) + x · φ(x))` with the density `φ`. Of [the other form](GeluForm::Tanh), which is
//! `y = x · s` with `s = sigmoid(2u)`: `dL/dx = dL/dy · (s + x · s · (1 − s) · 2u')`.
//! Source: Hendrycks, Gimpel (2016), "Gaussian error linear units (GELUs)", both forms.

use kernels::inlined;

use super::silu::SATURATED;
use crate::elementwise::Elementwise;
use crate::op::{Attributes, Saved};
use crate::{Float, Graph, NodeId};

/// How [`Graph::gelu`] is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GeluForm {
    /// By the normal distribution itself.
    #[default]
    Exact,
    /// `½ x · (1 + tanh(u))` with `u = √(2/π) · (x + 0.044715 x³)`, as in GPT-2: at most 5e-4 off.
    Tanh,
}

/// From here on `Φ` is 0 or 1 and `φ` 0 in both precisions.
const LIMIT: f64 = 40.0;
/// `√(8/π)`: `2u = SCALE · (x + CUBIC · x³)`.
const SCALE: f64 = 1.595_769_121_605_730_8;
const CUBIC: f64 = 0.044_715;
const TANH_FORMULA: &str = "x / (1 + exp(-1.5957691216057308 * (x + 0.044715 * x ^ 3)))";

impl<T: Float> Graph<T> {
    /// Adds `x · Φ(x)`, elementwise. See the [module docs](self).
    pub fn gelu(&mut self, x: NodeId, form: GeluForm) -> NodeId {
        match form {
            GeluForm::Exact => {
                let limit = T::from_f64(LIMIT);
                let (value, slope) = (
                    inlined!(move |x: T| x.maximum(-limit) * x.normal()[0]),
                    inlined!(move |x: T| {
                        let [probability, density] = x.normal();
                        probability + x.maximum(-limit).minimum(limit) * density
                    }),
                );
                let op = Elementwise::new("gelu", "gelu(x)", Saved::FIRST, value, slope);
                let attributes = Attributes::default().with_form("form", "exact");
                self.push_unary(op.with_attributes(attributes), x)
            }
            GeluForm::Tanh => {
                let [limit, scale, cubic] = [SATURATED, SCALE, CUBIC].map(T::from_f64);
                let three = T::from_f64(3.0);
                // `½ (1 + tanh(u)) = sigmoid(2u)`, which loses no digits where it is close to 0.
                let (value, slope) = (
                    inlined!(move |x: T| {
                        x.maximum(-limit) * (scale * (x + cubic * x * x * x)).sigmoid()
                    }),
                    inlined!(move |x: T| {
                        let x = x.maximum(-limit).minimum(limit);
                        let s = (scale * (x + cubic * x * x * x)).sigmoid();
                        let du = scale * (T::ONE + three * cubic * x * x);
                        s + x * s * (T::ONE - s) * du
                    }),
                );
                let op = Elementwise::new("gelu", TANH_FORMULA, Saved::FIRST, value, slope);
                let attributes = Attributes::default().with_form("form", "tanh");
                self.push_unary(op.with_attributes(attributes), x)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::GeluForm::{self, Exact, Tanh};
    use crate::testing::{both_precisions, check_unary, forward_f32, gradient_f32};
    use crate::{Compile, Graph, Program, RunArgs};

    fn reference(form: GeluForm) -> impl Fn(f64) -> f64 {
        move |x| match form {
            Exact => 0.5 * x * libm::erfc(-x / 2f64.sqrt()),
            Tanh => {
                let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3));
                0.5 * x * (1.0 + u.tanh())
            }
        }
    }

    #[test]
    fn matches_reference_and_finite_differences() {
        for form in [Exact, Tanh] {
            check_unary(
                both_precisions!(|g, x| Ok(g.gelu(x[0], form))),
                reference(form),
                -4.0..4.0,
            );
        }
    }

    #[test]
    fn single_precision_keeps_its_digits_in_the_tail() {
        let x: Vec<f32> = (0..240).map(|i| (i - 120) as f32 / 10.0).collect();
        let found = forward_f32(|g, x| g.gelu(x, Exact), &x);
        for (&x, found) in x.iter().zip(found) {
            let want = reference(Exact)(f64::from(x));
            let error = (f64::from(found) - want).abs();
            assert!(error <= 1e-6 * want.abs(), "gelu({x}) = {found}, expected {want}");
        }
    }

    #[test]
    fn limits_are_reached_and_nan_passes_through() {
        let x = [f32::NEG_INFINITY, -1e4, 0.0, 1e4, f32::INFINITY];
        for form in [Exact, Tanh] {
            let y = forward_f32(|g, x| g.gelu(x, form), &x);
            assert_eq!(y, [0.0, 0.0, 0.0, 1e4, f32::INFINITY], "{form:?}");
            let slope = gradient_f32(|g, x| g.gelu(x, form), &x);
            assert_eq!(slope, [0.0, 0.0, 0.5, 1.0, 1.0], "{form:?}");
            assert!(forward_f32(|g, x| g.gelu(x, form), &[f32::NAN])[0].is_nan());
            assert!(gradient_f32(|g, x| g.gelu(x, form), &[f32::NAN])[0].is_nan());
        }
    }

    #[test]
    fn limits_are_reached_in_double_precision_too() {
        for form in [Exact, Tanh] {
            for (x, want) in [(-1e300, [0.0, 0.0]), (1e300, [1e300, 1.0])] {
                let mut g = Graph::<f64>::new();
                let parameter = g.parameter("x", []);
                let y = g.gelu(parameter, form);
                let options = Compile { loss: Some(y), ..Compile::default() };
                let mut program = Program::new(g, &options).unwrap();
                program.run(&RunArgs { parameters: &[x], ..RunArgs::default() });
                assert_eq!([program.scalar(y), program.gradients()[0]], want, "{form:?} {x}");
            }
        }
    }
}
