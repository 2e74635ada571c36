//! Softmax, `y_i = e^{x_i} / Σ_j e^{x_j}`: scores become probabilities.
//!
//! Shapes: `x [.., classes]` → `y [.., classes]`, over the last axis, which is not the batch.
//! Gradient: `dL/dx_i = y_i · (dL/dy_i − Σ_j dL/dy_j · y_j)`.
//! Source: Bridle (1990), "Probabilistic interpretation of feedforward classification network outputs,
//! with relationships to statistical pattern recognition".

use kernels::{inlined, vectorize};

use crate::op::{
    BackwardPass, ElementFormula, FormulaOperand, ForwardPass, Op, ResultElement, Saved,
};
use crate::{Float, Graph, NodeId, Shape, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds the softmax of `x` over its last axis. See the [module docs](self).
    ///
    /// For a loss see [`log_softmax`](Self::log_softmax), which is finite where a probability is rounded to 0.
    ///
    /// # Errors
    ///
    /// If `x` has no axis behind the batch.
    pub fn softmax(&mut self, x: NodeId) -> Result<NodeId, ShapeError> {
        self.push(SoftmaxOp::<false>, &[x])
    }
}

pub(super) struct SoftmaxOp<const IS_LOG: bool>;

impl<T: Float, const IS_LOG: bool> Op<T> for SoftmaxOp<IS_LOG> {
    fn name(&self) -> &'static str {
        if IS_LOG { "log_softmax" } else { "softmax" }
    }

    fn infer_shape(&self, operands: &[Shape]) -> Result<Shape, ShapeError> {
        let x = &operands[0];
        if x.dims().is_empty() {
            let name = Op::<T>::name(self);
            return Err(ShapeError::new(name, "expected scores [.., classes]", x));
        }
        Ok(x.clone())
    }

    fn saved(&self, _operand: usize) -> Saved {
        Saved::RESULT
    }

    fn formula(&self, of: ResultElement<'_>) -> Option<ElementFormula> {
        let classes = of.y_shape.dims().last().copied().unwrap_or(1).max(1);
        let first = of.index / classes * classes;
        let text = if IS_LOG {
            "a - max(x) - ln(sum(exp(x - max(x))))"
        } else {
            "exp(a - max(x)) / sum(exp(x - max(x)))"
        };
        let of_all = FormulaOperand::vector("x", 0, (first..first + classes).collect());
        Some(ElementFormula::new(text, vec![FormulaOperand::number("a", 0, of.index), of_all]))
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        let width = pass.tile.row_len(pass.y_shape);
        let group = group_len(pass.y_shape, width);
        let (maxima, sums) = pass.scratch[..2 * width].split_at_mut(width);
        vectorize(inlined!(|| {
            for (x, y) in pass.x[0].chunks_exact(group).zip(pass.y.chunks_exact_mut(group)) {
                maxima.copy_from_slice(&x[..width]);
                for x in x.chunks_exact(width).skip(1) {
                    maxima
                        .iter_mut()
                        .zip(x)
                        .for_each(|(maximum, &x)| *maximum = maximum.maximum(x).written());
                }
                sums.fill(T::ZERO);
                for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
                    let rows = y.iter_mut().zip(x).zip(&mut *sums).zip(&*maxima);
                    for (((y, &x), sum), &maximum) in rows {
                        // The exponent is never positive, so nothing overflows.
                        let power = (x - maximum).exp();
                        *sum += power;
                        if !IS_LOG {
                            *y = power;
                        }
                    }
                }
                // The largest score adds e⁰ = 1 to its sum: no division by zero, and a finite logarithm.
                if IS_LOG {
                    sums.iter_mut().for_each(|sum| *sum = sum.ln());
                }
                for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
                    let rows = y.iter_mut().zip(x).zip(&*sums).zip(&*maxima);
                    for (((y, &x), &sum), &maximum) in rows {
                        // The maximum first: next to large scores the logarithm would be rounded away.
                        *y = if IS_LOG { x - maximum - sum } else { *y / sum };
                    }
                }
            }
        }));
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        let (dx, dy, y) = (pass.dx, pass.dy, pass.y);
        let width = pass.tile.row_len(pass.y_shape);
        let group = group_len(pass.y_shape, width);
        let sums = &mut pass.scratch[..width];
        vectorize(inlined!(|| {
            let groups = dy.chunks_exact(group).zip(y.chunks_exact(group));
            for (dx, (dy, y)) in dx.chunks_exact_mut(group).zip(groups) {
                sums.fill(T::ZERO);
                for (dy, y) in dy.chunks_exact(width).zip(y.chunks_exact(width)) {
                    let rows = sums.iter_mut().zip(dy).zip(y);
                    rows.for_each(|((sum, &dy), &y)| *sum += if IS_LOG { dy } else { dy * y });
                }
                let rows = dy.chunks_exact(width).zip(y.chunks_exact(width));
                for (dx, (dy, y)) in dx.chunks_exact_mut(width).zip(rows) {
                    for (((dx, &dy), &y), &sum) in dx.iter_mut().zip(dy).zip(y).zip(&*sums) {
                        *dx += if IS_LOG { dy - y.exp() * sum } else { y * (dy - sum) };
                    }
                }
            }
        }));
    }

    fn forward_scratch(&self, _operands: &[Shape], width: usize) -> usize {
        2 * width
    }

    fn backward_scratch(&self, _operand: usize, _operands: &[Shape], width: usize) -> usize {
        width
    }
}

/// Elements that are normalised together, for all samples: one row for each class.
fn group_len(shape: &Shape, width: usize) -> usize {
    // Without classes there are no groups; their length must not be 0 all the same.
    shape.dims().last().map_or(1, |classes| classes * width).max(1)
}

#[cfg(test)]
pub(super) mod tests {
    use crate::testing::{
        OpCase, both_precisions, check_op, forward_f32, gradient_f32, reduce, refusal, uniform, zip,
    };
    use crate::{Graph, NodeId, Tensor};

    fn softmax(g: &mut Graph<f32>, x: NodeId) -> NodeId {
        g.softmax(x).unwrap()
    }

    pub(crate) fn by_definition(x: &Tensor<f64>) -> Tensor<f64> {
        let powers = x.map(f64::exp);
        let last = x.shape().len() - 1;
        let sums = reduce(&powers, &[last], |group| group.iter().sum());
        let sizes = [sums.shape(), &[1]].concat();
        zip(&powers, &Tensor::new(sizes, sums.into_values()), |power, sum| power / sum)
    }

    #[test]
    fn matches_reference_and_finite_differences() {
        for shape in ["N 10", "N 2 3 5", "N 2", "4 5", "3"] {
            check_op(OpCase {
                build: both_precisions!(|g, x| g.softmax(x[0])),
                reference: |x| by_definition(&x[0]),
                inputs: &[uniform(shape, -3.0..3.0)],
            });
        }
    }

    #[test]
    fn one_or_no_class_is_exact_scores_far_from_zero_are_finite_and_nan_spoils_all() {
        assert_eq!(forward_f32(softmax, &[1e30]), [1.0]);
        assert_eq!(gradient_f32(softmax, &[1e30]), [0.0]);
        assert_eq!(forward_f32(softmax, &[]), []);
        assert_eq!(forward_f32(softmax, &[1e4, -1e4, 1e4, -1e4]), [0.5, 0.0, 0.5, 0.0]);
        assert_eq!(forward_f32(softmax, &[-1e4; 4]), [0.25; 4]);
        assert_eq!(forward_f32(softmax, &[f32::NEG_INFINITY, 0.0]), [0.0, 1.0]);
        assert_eq!(gradient_f32(softmax, &[1e4, -1e4]), [0.0, 0.0]);
        for x in [[f32::NAN, 1.0, 2.0], [1.0, f32::NAN, 2.0], [1.0, 2.0, f32::NAN]] {
            assert!(forward_f32(softmax, &x).iter().all(|y| y.is_nan()), "{x:?}");
        }
    }

    #[test]
    fn g17_softmax_step_by_step() {
        let y = forward_f32(softmax, &[3.2, 5.1, -1.7]);
        let close = y.iter().zip([0.1300, 0.8690, 0.0010]).all(|(y, want)| (y - want).abs() < 5e-5);
        assert!(close, "{y:?}");
    }

    #[test]
    fn g19_large_scores_do_not_overflow() {
        let y = forward_f32(softmax, &[1010.0, 1000.0, 990.0]);
        let want = [0.999955, 4.54e-5, 2.06e-9];
        assert!(y.iter().zip(want).all(|(y, want)| (y / want - 1.0).abs() < 1e-3), "{y:?}");
    }

    #[test]
    fn a_value_without_classes_is_refused() {
        let error = refusal(&["N"], |g, x| g.softmax(x[0]));
        assert_eq!(error, "softmax: expected scores [.., classes], found [N]");
    }
}
