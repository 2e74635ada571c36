//! What the elementwise ops of two operands have in common: broadcasting, forward and backward.

use kernels::{add_row_sums, inlined, vectorize};

use crate::op::{BackwardPass, ForwardPass, Op, Saved};
use crate::strided_indices::{StridedIndices, broadcast_shape};
use crate::{Float, Shape, ShapeError};

/// The function `y = value(a, b)` of an elementwise op of two operands. The methods must be
/// `#[inline(always)]`.
pub(crate) trait BinaryFunction: std::fmt::Debug + Send + Sync + 'static {
    const NAME: &'static str;
    /// What the gradient of each operand reads.
    const SAVED: [Saved; 2];
    /// Whether the op may write its result over `a`, and the gradient of `a` over that of the result.
    const IN_PLACE: bool = false;

    fn value<T: Float>(a: T, b: T) -> T;

    /// The gradient of `a`.
    fn da<T: Float>(dy: T, a: T, b: T) -> T;

    /// The gradient of `b`.
    fn db<T: Float>(dy: T, a: T, b: T) -> T;
}

/// The op of a function of two operands.
#[derive(Debug)]
pub(crate) struct BinaryOp<F>(pub(crate) F);

impl<T: Float, F: BinaryFunction> Op<T> for BinaryOp<F> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn infer_shape(&self, operands: &[Shape]) -> Result<Shape, ShapeError> {
        broadcast_shape(F::NAME, &operands[0], &operands[1])
    }

    fn saved(&self, operand: usize) -> Saved {
        F::SAVED[operand]
    }

    fn in_place(&self) -> bool {
        F::IN_PLACE
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        forward(pass, inlined!(|a, b| F::value(a, b)));
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        if pass.operand == 0 {
            backward(pass, inlined!(|dy, a, b| F::da(dy, a, b)));
        } else {
            backward(pass, inlined!(|dy, a, b| F::db(dy, a, b)));
        }
    }

    fn backward_scratch(&self, operand: usize, operands: &[Shape], width: usize) -> usize {
        backward_scratch(operand, operands, width)
    }
}

/// A row of an operand: one value for each sample, or one for all.
#[derive(Clone, Copy)]
enum OperandRow<'a, T> {
    Samples(&'a [T]),
    One(T),
}

impl<'a, T: Float> OperandRow<'a, T> {
    /// OperandRow `at` of an operand; a value that was not saved reads as 0.
    #[inline(always)]
    fn of(values: &'a [T], shape: &Shape, at: usize, width: usize) -> Self {
        match values {
            [] => Self::One(T::ZERO),
            _ if shape.is_batched() => Self::Samples(&values[at * width..][..width]),
            _ => Self::One(values[at]),
        }
    }
}

/// `y = f(a, b)`, element by element, with broadcasting.
///
/// An op that works [`in_place`](crate::op::Op::in_place) may find `a` in `y`.
#[inline(always)]
pub(crate) fn forward<T: Float>(pass: ForwardPass<'_, T>, f: impl Fn(T, T) -> T) {
    let (a, b, y) = (pass.x[0], pass.x[1], pass.y);
    let [a_shape, b_shape] = pass.shapes else { unreachable!("two operands") };
    let width = pass.tile.row_len(pass.y_shape);
    let is_in_place = a.is_empty();
    vectorize(inlined!(|| {
        if a_shape == b_shape && !is_in_place {
            return y.iter_mut().zip(a).zip(b).for_each(|((y, &a), &b)| *y = f(a, b));
        }
        let mut a_indices = StridedIndices::broadcast(pass.y_shape.dims(), a_shape.dims());
        let mut b_indices = StridedIndices::broadcast(pass.y_shape.dims(), b_shape.dims());
        for y in y.chunks_exact_mut(width) {
            let b = OperandRow::of(b, b_shape, b_indices.advance(), width);
            if is_in_place {
                match b {
                    OperandRow::One(b) => y.iter_mut().for_each(|y| *y = f(*y, b)),
                    OperandRow::Samples(b) => y.iter_mut().zip(b).for_each(|(y, &b)| *y = f(*y, b)),
                }
                continue;
            }
            match (OperandRow::of(a, a_shape, a_indices.advance(), width), b) {
                (OperandRow::Samples(a), OperandRow::Samples(b)) => {
                    y.iter_mut().zip(a).zip(b).for_each(|((y, &a), &b)| *y = f(a, b))
                }
                (OperandRow::Samples(a), OperandRow::One(b)) => {
                    y.iter_mut().zip(a).for_each(|(y, &a)| *y = f(a, b))
                }
                (OperandRow::One(a), OperandRow::Samples(b)) => {
                    y.iter_mut().zip(b).for_each(|(y, &b)| *y = f(a, b))
                }
                (OperandRow::One(a), OperandRow::One(b)) => y.fill(f(a, b)),
            }
        }
    }));
}

/// `dx += f(dy, a, b)`, summed over everything that the operand was broadcast to. What was not saved
/// reads as 0.
#[inline(always)]
pub(crate) fn backward<T: Float>(pass: BackwardPass<'_, T>, f: impl Fn(T, T, T) -> T) {
    let (a, b, dx, dy) = (pass.x[0], pass.x[1], pass.dx, pass.dy);
    let [a_shape, b_shape] = pass.shapes else { unreachable!("two operands") };
    let shape = &pass.shapes[pass.operand];
    let width = pass.tile.row_len(pass.y_shape);
    // The gradients of a broadcast operand are summed in scratch rows, and those over the samples at the end.
    let is_broadcast = pass.y_shape.is_batched() && !shape.is_batched();
    let scratch = pass.scratch.split_at_mut(if is_broadcast { shape.len() * width } else { 0 }).0;
    let is_saved = !(a.is_empty() && b.is_empty());
    vectorize(inlined!(|| {
        scratch.fill(T::ZERO);
        let is_suffix = pass.y_shape.dims().ends_with(shape.dims());
        if is_broadcast && is_suffix && !is_saved {
            // The gradient of a bias: whole positions at a time.
            for dy in dy.chunks_exact(scratch.len().max(1)) {
                scratch.iter_mut().zip(dy).for_each(|(to, &dy)| *to += f(dy, T::ZERO, T::ZERO));
            }
            return;
        }
        let to = if is_broadcast { &mut *scratch } else { &mut *dx };
        let mut to_indices = StridedIndices::broadcast(pass.y_shape.dims(), shape.dims());
        let mut a_indices = StridedIndices::broadcast(pass.y_shape.dims(), a_shape.dims());
        let mut b_indices = StridedIndices::broadcast(pass.y_shape.dims(), b_shape.dims());
        for dy in dy.chunks_exact(width) {
            let a = OperandRow::of(a, a_shape, a_indices.advance(), width);
            let b = OperandRow::of(b, b_shape, b_indices.advance(), width);
            let to = &mut to[to_indices.advance() * width..][..width];
            let to = to.iter_mut().zip(dy);
            match (a, b) {
                (OperandRow::Samples(a), OperandRow::Samples(b)) => {
                    to.zip(a.iter().zip(b)).for_each(|((to, &dy), (&a, &b))| *to += f(dy, a, b));
                }
                (OperandRow::Samples(a), OperandRow::One(b)) => {
                    to.zip(a).for_each(|((to, &dy), &a)| *to += f(dy, a, b));
                }
                (OperandRow::One(a), OperandRow::Samples(b)) => {
                    to.zip(b).for_each(|((to, &dy), &b)| *to += f(dy, a, b));
                }
                (OperandRow::One(a), OperandRow::One(b)) => {
                    to.for_each(|(to, &dy)| *to += f(dy, a, b))
                }
            }
        }
    }));
    if is_broadcast {
        // The columns after the last sample have a gradient of 0.
        add_row_sums(scratch, width, dx);
    }
}

/// The scratch space of [`backward`].
pub(crate) fn backward_scratch(operand: usize, operands: &[Shape], width: usize) -> usize {
    let is_broadcast = !operands[operand].is_batched() && operands.iter().any(Shape::is_batched);
    if is_broadcast { operands[operand].len() * width } else { 0 }
}
