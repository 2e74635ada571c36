//! Largest element along axes.
//!
//! Shapes: `x [..]` → `y` without the axes searched. The batch axis is not searched.
//! Gradient: all of `dL/dy` goes to the first element, in row-major order, that equals the largest. A tie is a
//! kink. If an element is NaN, so is the result, and no element has a gradient.
//! Source: the gradient of the branch that was taken.

use kernels::{inlined, vectorize};

use crate::op::{
    Attributes, BackwardPass, Choices, ElementFormula, FormulaOperand, ForwardPass, Op,
    ResultElement, Saved,
};
use crate::reduction::Reduction;
use crate::{Float, Graph, NodeId, Shape, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds the largest element of `x` along `axes`, counted from 0 with the batch axis.
    ///
    /// # Errors
    ///
    /// If `x` has no such axis or no elements along the axes, or if one is the batch.
    pub fn max(&mut self, x: NodeId, axes: &[usize]) -> Result<NodeId, ShapeError> {
        let op = ExtremeOp::<false>::new("max", self.operand("max", x)?, axes)?;
        self.push(op, &[x])
    }
}

/// The larger of two values; NaN if one of them is.
#[inline(always)]
pub(super) fn larger<T: Float>(a: T, b: T) -> T {
    #[expect(clippy::eq_op, reason = "only NaN differs from itself")]
    let a_is_nan = a != a;
    if a > b || a_is_nan { a } else { b }
}

/// The smaller of two values; NaN if one of them is.
#[inline(always)]
pub(super) fn smaller<T: Float>(a: T, b: T) -> T {
    #[expect(clippy::eq_op, reason = "only NaN differs from itself")]
    let a_is_nan = a != a;
    if a < b || a_is_nan { a } else { b }
}

/// The largest element or, if `IS_MIN`, the smallest.
pub(super) struct ExtremeOp<const IS_MIN: bool>(Reduction);

impl<const IS_MIN: bool> ExtremeOp<IS_MIN> {
    pub(super) fn new(op: &'static str, x: &Shape, axes: &[usize]) -> Result<Self, ShapeError> {
        let reduction = Reduction::new(op, x, axes)?;
        let refuse = |rule| Err(ShapeError::new(op, rule, x));
        if reduction.over_batch {
            return refuse("axis 0 is the batch, which is not searched");
        }
        if reduction.count(x, 1) == 0 {
            return refuse(match IS_MIN {
                true => "there is no element to be the smallest",
                false => "there is no element to be the largest",
            });
        }
        Ok(Self(reduction))
    }
}

impl<T: Float, const IS_MIN: bool> Op<T> for ExtremeOp<IS_MIN> {
    fn name(&self) -> &'static str {
        if IS_MIN { "min" } else { "max" }
    }

    fn attributes(&self, operands: &[Shape]) -> Attributes {
        self.0.attributes(&operands[0])
    }

    fn infer_shape(&self, operands: &[Shape]) -> Result<Shape, ShapeError> {
        Ok(self.0.shape(&operands[0]))
    }

    fn saved(&self, _operand: usize) -> Saved {
        Saved::FIRST.and(Saved::RESULT)
    }

    fn formula(&self, of: ResultElement<'_>) -> Option<ElementFormula> {
        let mut indices = self.0.indices(&of.shapes[0]);
        let mut elements: Vec<usize> = (0..of.shapes[0].len()).collect();
        elements.retain(|_| indices.advance() == of.index);
        let text = if IS_MIN { "min(x)" } else { "max(x)" };
        Some(ElementFormula::new(text, vec![FormulaOperand::vector("x", 0, elements)]))
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        let (x, y, shape) = (pass.x[0], pass.y, &pass.shapes[0]);
        let width = pass.tile.row_len(shape);
        let mut indices = self.0.indices(shape);
        vectorize(inlined!(|| {
            let last = if IS_MIN { f64::INFINITY } else { f64::NEG_INFINITY };
            y.fill(T::from_f64(last));
            for x in x.chunks_exact(width) {
                let y = &mut y[indices.advance() * width..][..width];
                for (y, &x) in y.iter_mut().zip(x) {
                    *y = (if IS_MIN { smaller(*y, x) } else { larger(*y, x) }).written();
                }
            }
        }));
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        let (x, y, dx, shape) = (pass.x[0], pass.y, pass.dx, &pass.shapes[0]);
        let width = pass.tile.row_len(shape);
        // What is left of the gradient, until the first of the largest has it.
        let left = &mut pass.scratch[..y.len()];
        left.copy_from_slice(pass.dy);
        let mut indices = self.0.indices(shape);
        vectorize(inlined!(|| {
            for (dx, x) in dx.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
                let at = indices.advance() * width;
                let at = at..at + width;
                let left = left[at.clone()].iter_mut();
                for ((dx, left), (x, y)) in dx.iter_mut().zip(left).zip(x.iter().zip(&y[at])) {
                    *dx += if x == y { *left } else { T::ZERO };
                    *left = (if x == y { T::ZERO } else { *left }).written();
                }
            }
        }));
    }

    fn backward_scratch(&self, _operand: usize, operands: &[Shape], width: usize) -> usize {
        self.0.shape(&operands[0]).len() * width
    }

    fn choices(&self, pass: &ForwardPass<'_, T>, choices: &mut Choices) {
        let width = pass.tile.row_len(pass.y_shape);
        let mut indices = self.0.indices(&pass.shapes[0]);
        for x in pass.x[0].chunks_exact(width) {
            let y = &pass.y[indices.advance() * width..][..width];
            x.iter().zip(y).for_each(|(x, y)| choices.add(u64::from(x == y)));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{
        OpCase, both_precisions, check_op, forward_f32, gradient_f32, reduce, refusal, uniform,
    };
    use crate::{Graph, NodeId, Shape};

    fn largest(g: &mut Graph<f32>, x: NodeId) -> NodeId {
        g.max(x, &[0]).unwrap()
    }

    #[test]
    fn matches_reference_and_finite_differences() {
        for (x, axes) in [
            ("N 5", &[1][..]),
            ("N 1", &[1]),
            ("N 2 3 5", &[2]),
            ("N 2 3 5", &[1, 3]),
            ("N 2 3", &[]),
            ("2 3", &[0]),
            ("2 3", &[0, 1]),
        ] {
            check_op(OpCase {
                build: both_precisions!(|g, v| g.max(v[0], axes)),
                reference: |v| reduce(&v[0], axes, |g| g.iter().copied().fold(f64::MIN, f64::max)),
                inputs: &[uniform(x, -2.0..2.0)],
            });
        }
    }

    #[test]
    fn the_first_of_several_winners_gets_the_gradient() {
        assert_eq!(gradient_f32(largest, &[1.0, 3.0, 3.0, 2.0]), [0.0, 1.0, 0.0, 0.0]);
        assert_eq!(gradient_f32(largest, &[-0.0, 0.0]), [1.0, 0.0]);
    }

    #[test]
    fn infinity_wins_and_nan_passes_through() {
        let (up, down) = (f32::INFINITY, f32::NEG_INFINITY);
        assert_eq!(forward_f32(largest, &[1.0, up, 2.0]), [up]);
        assert_eq!(forward_f32(largest, &[down, down]), [down]);
        for place in 0..3 {
            let mut x = [1.0, 2.0, 3.0];
            x[place] = f32::NAN;
            assert!(forward_f32(largest, &x)[0].is_nan(), "{x:?}");
            assert_eq!(gradient_f32(largest, &x), [0.0; 3]);
        }
    }

    #[test]
    fn the_batch_and_axes_that_are_not_there_or_empty_are_refused() {
        for (axes, want) in [
            ([0], "max: axis 0 is the batch, which is not searched, found [N, 3, 0]"),
            ([2], "max: there is no element to be the largest, found [N, 3, 0]"),
            ([3], "max: there is no axis 3, found [N, 3, 0]"),
        ] {
            assert_eq!(refusal(&["N 3 0"], |g, x| g.max(x[0], &axes)), want);
        }
        let mut g = Graph::<f32>::new();
        let x = g.input("x", Shape::batch([3, 0]));
        assert!(g.max(x, &[1]).is_ok());
    }
}
