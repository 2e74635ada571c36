//! What the elementwise ops of two operands have in common: broadcasting, forward and backward.

use kernels::{add_row_sums, inlined, vectorize};

use crate::op::{
    BackwardPass, Choices, ElementFormula, ForwardPass, Linearity, Op, ResultElement, Saved,
};
use crate::strided_indices::{StridedIndices, broadcast_shape};
use crate::{Float, Shape, ShapeError};

/// The op `y = value(a, b)`. The functions are written as [`inlined!`].
pub(crate) struct BinaryOp<V, A, B> {
    name: &'static str,
    /// Of `a` and `b`.
    formula: &'static str,
    linearity: Linearity,
    /// What the gradient of each operand reads.
    saved: [Saved; 2],
    /// Whether this is the sum, whose gradients are `dy`.
    is_sum: bool,
    /// Whether it has a kink where its operands are equal.
    has_kink: bool,
    value: V,
    /// The gradient of `a`, from `dy`, `a` and `b`. If nothing is saved, it is `dy`.
    da: A,
    db: B,
}

impl<V, A, B> BinaryOp<V, A, B> {
    /// `formula` is that of `a` and `b`, as `gradus explain` reads it.
    pub(crate) fn new(
        name: &'static str,
        formula: &'static str,
        linearity: Linearity,
        saved: [Saved; 2],
        functions: (V, A, B),
    ) -> Self {
        let (value, da, db) = functions;
        Self { name, formula, linearity, saved, is_sum: false, has_kink: false, value, da, db }
    }

    pub(crate) fn into_sum(self) -> Self {
        Self { is_sum: true, ..self }
    }

    pub(crate) fn with_kink(self) -> Self {
        Self { has_kink: true, ..self }
    }
}

impl<T, V, A, B> Op<T> for BinaryOp<V, A, B>
where
    T: Float,
    V: Fn(T, T) -> T + Send + Sync + 'static,
    A: Fn(T, T, T) -> T + Send + Sync + 'static,
    B: Fn(T, T, T) -> T + Send + Sync + 'static,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn infer_shape(&self, operands: &[Shape]) -> Result<Shape, ShapeError> {
        broadcast_shape(self.name, &operands[0], &operands[1])
    }

    fn saved(&self, operand: usize) -> Saved {
        self.saved[operand]
    }

    fn in_place(&self) -> bool {
        self.saved == [Saved::NOTHING; 2]
    }

    fn sets_gradient(&self, _operand: usize) -> bool {
        true
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        let (a, b, y, value) = (pass.x[0], pass.x[1], pass.y, &self.value);
        let [a_shape, b_shape] = pass.shapes else { unreachable!("two operands") };
        let width = pass.tile.row_len(pass.y_shape);
        let is_in_place = a.is_empty();
        vectorize(inlined!(|| {
            if a_shape == b_shape {
                return if is_in_place {
                    y.iter_mut().zip(b).for_each(|(y, &b)| *y = value(*y, b));
                } else {
                    y.iter_mut().zip(a).zip(b).for_each(|((y, &a), &b)| *y = value(a, b));
                };
            }
            let mut a_indices = StridedIndices::broadcast(pass.y_shape.dims(), a_shape.dims());
            let mut b_indices = StridedIndices::broadcast(pass.y_shape.dims(), b_shape.dims());
            for y in y.chunks_exact_mut(width) {
                let b = OperandRow::of(b, b_shape, b_indices.advance(), width);
                if is_in_place {
                    let nothing = OperandRow::One(T::ZERO);
                    for_each(y.iter_mut(), nothing, b, inlined!(|y, _, b| *y = value(*y, b)));
                } else {
                    let a = OperandRow::of(a, a_shape, a_indices.advance(), width);
                    for_each(y.iter_mut(), a, b, inlined!(|y, a, b| *y = value(a, b)));
                }
            }
        }));
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        let (shape, y_shape) = (&pass.shapes[pass.operand], pass.y_shape);
        if pass.dy.is_empty() && !y_shape.is_empty() {
            // In place the gradient of `a` is that of the result.
            return;
        }
        // Without broadcasting each element is written once; else several are added to one.
        let sets = !pass.adds && shape == y_shape;
        if !pass.adds && !sets {
            pass.dx.fill(T::ZERO);
        }
        let is_shared = y_shape.is_batched() && !shape.is_batched();
        if self.is_sum && is_shared && shape.len() == y_shape.len() {
            // A bias at one position: the rows of `dy` are those to be summed.
            add_row_sums(pass.dy, pass.tile.width, pass.dx);
        } else if pass.operand == 0 {
            backward(pass, sets, inlined!(|dy, a, b| (self.da)(dy, a, b)));
        } else {
            backward(pass, sets, inlined!(|dy, a, b| (self.db)(dy, a, b)));
        }
    }

    fn linearity(&self) -> Linearity {
        self.linearity
    }

    fn formula(&self, of: ResultElement<'_>) -> Option<ElementFormula> {
        Some(ElementFormula::elementwise(self.formula, &["a", "b"], of))
    }

    /// The gradients of a broadcast operand are summed in rows, and those over the samples at the end.
    fn backward_scratch(&self, operand: usize, operands: &[Shape], width: usize) -> usize {
        let is_broadcast =
            !operands[operand].is_batched() && operands.iter().any(Shape::is_batched);
        if is_broadcast { operands[operand].len() * width } else { 0 }
    }

    fn choices(&self, pass: &ForwardPass<'_, T>, choices: &mut Choices) {
        if !self.has_kink {
            return;
        }
        let [a_shape, b_shape] = pass.shapes else { unreachable!("two operands") };
        let width = pass.tile.row_len(pass.y_shape);
        let mut a_indices = StridedIndices::broadcast(pass.y_shape.dims(), a_shape.dims());
        let mut b_indices = StridedIndices::broadcast(pass.y_shape.dims(), b_shape.dims());
        for _ in 0..pass.y_shape.len() {
            let a = OperandRow::of(pass.x[0], a_shape, a_indices.advance(), width);
            let b = OperandRow::of(pass.x[1], b_shape, b_indices.advance(), width);
            for_each(0..width, a, b, |_, a, b| choices.add(u64::from(a > b)));
        }
    }
}

#[derive(Clone, Copy)]
enum OperandRow<'a, T> {
    Samples(&'a [T]),
    One(T),
}

impl<'a, T: Float> OperandRow<'a, T> {
    /// Row `at` of an operand; a value that is not there reads as 0.
    #[inline(always)]
    fn of(values: &'a [T], shape: &Shape, at: usize, width: usize) -> Self {
        match values {
            [] => Self::One(T::ZERO),
            _ if shape.is_batched() => Self::Samples(&values[at * width..][..width]),
            _ => Self::One(values[at]),
        }
    }
}

#[inline(always)]
fn for_each<T: Float, Y>(
    row: impl Iterator<Item = Y>,
    a: OperandRow<'_, T>,
    b: OperandRow<'_, T>,
    mut f: impl FnMut(Y, T, T),
) {
    use OperandRow::{One, Samples};
    match (a, b) {
        (Samples(a), Samples(b)) => row.zip(a.iter().zip(b)).for_each(|(y, (&a, &b))| f(y, a, b)),
        (Samples(a), One(b)) => row.zip(a).for_each(|(y, &a)| f(y, a, b)),
        (One(a), Samples(b)) => row.zip(b).for_each(|(y, &b)| f(y, a, b)),
        (One(a), One(b)) => row.for_each(|y| f(y, a, b)),
    }
}

/// `dx += gradient(dy, a, b)`, summed over what the operand was broadcast to; or `dx = …`, if nothing was broadcast.
/// What was not saved reads as 0.
#[inline(always)]
fn backward<T: Float>(pass: BackwardPass<'_, T>, sets: bool, gradient: impl Fn(T, T, T) -> T) {
    let (a, b, dx, dy) = (pass.x[0], pass.x[1], pass.dx, pass.dy);
    let [a_shape, b_shape] = pass.shapes else { unreachable!("two operands") };
    let shape = &pass.shapes[pass.operand];
    let width = pass.tile.row_len(pass.y_shape);
    let is_broadcast = pass.y_shape.is_batched() && !shape.is_batched();
    let scratch = &mut pass.scratch[..if is_broadcast { shape.len() * width } else { 0 }];
    vectorize(inlined!(|| {
        if a_shape == b_shape {
            let [a, b] = [a, b].map(inlined!(|values| match values {
                [] => OperandRow::One(T::ZERO),
                _ => OperandRow::Samples(values),
            }));
            let all = dx.iter_mut().zip(dy);
            return if sets {
                for_each(all, a, b, inlined!(|(dx, &dy), a, b| *dx = gradient(dy, a, b)));
            } else {
                for_each(all, a, b, inlined!(|(dx, &dy), a, b| *dx += gradient(dy, a, b)));
            };
        }
        scratch.fill(T::ZERO);
        let is_suffix = pass.y_shape.dims().ends_with(shape.dims());
        if is_broadcast && is_suffix && a.is_empty() && b.is_empty() {
            // The gradient of a bias: whole positions at a time.
            for dy in dy.chunks_exact(scratch.len().max(1)) {
                let rows = scratch.iter_mut().zip(dy);
                rows.for_each(|(to, &dy)| *to += gradient(dy, T::ZERO, T::ZERO));
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
            let row = to[to_indices.advance() * width..][..width].iter_mut().zip(dy);
            if sets {
                for_each(row, a, b, inlined!(|(to, &dy), a, b| *to = gradient(dy, a, b)));
            } else {
                for_each(row, a, b, inlined!(|(to, &dy), a, b| *to += gradient(dy, a, b)));
            }
        }
    }));
    if is_broadcast {
        // The columns after the last sample have a gradient of 0.
        add_row_sums(scratch, width, dx);
    }
}
