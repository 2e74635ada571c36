//! What the elementwise ops of two operands have in common: broadcasting, forward and backward.

use kernels::{add_row_sums, vectorize};

use crate::op::{BackwardPass, ForwardPass};
use crate::walk::Walk;
use crate::{Float, Shape};

/// A row of an operand: one value for each lane, or one for all.
#[derive(Clone, Copy)]
enum Row<'a, T> {
    Lanes(&'a [T]),
    One(T),
}

impl<'a, T: Float> Row<'a, T> {
    /// Row `at` of an operand; a value that was not saved reads as 0.
    #[inline(always)]
    fn of(values: &'a [T], shape: &Shape, at: usize, width: usize) -> Self {
        match values {
            [] => Self::One(T::ZERO),
            _ if shape.is_batched() => Self::Lanes(&values[at * width..][..width]),
            _ => Self::One(values[at]),
        }
    }
}

/// `y = f(a, b)`, element by element, with broadcasting.
///
/// An op that says [`in_place`](crate::op::Op::in_place) may find `a` in `y`.
#[inline(always)]
pub(crate) fn forward<T: Float>(pass: ForwardPass<'_, T>, f: impl Fn(T, T) -> T) {
    let (a, b, y) = (pass.x[0], pass.x[1], pass.y);
    let [a_shape, b_shape] = pass.shapes else { unreachable!("two operands") };
    let width = pass.tile.lanes(pass.y_shape);
    let is_in_place = a.is_empty();
    vectorize(
        #[inline(always)]
        || {
            if a_shape == b_shape && !is_in_place {
                return y.iter_mut().zip(a).zip(b).for_each(|((y, &a), &b)| *y = f(a, b));
            }
            let mut a_walk = Walk::broadcast(pass.y_shape.sizes(), a_shape.sizes());
            let mut b_walk = Walk::broadcast(pass.y_shape.sizes(), b_shape.sizes());
            for y in y.chunks_exact_mut(width) {
                let b = Row::of(b, b_shape, b_walk.next(), width);
                if is_in_place {
                    match b {
                        Row::One(b) => y.iter_mut().for_each(|y| *y = f(*y, b)),
                        Row::Lanes(b) => y.iter_mut().zip(b).for_each(|(y, &b)| *y = f(*y, b)),
                    }
                    continue;
                }
                match (Row::of(a, a_shape, a_walk.next(), width), b) {
                    (Row::Lanes(a), Row::Lanes(b)) => {
                        y.iter_mut().zip(a).zip(b).for_each(|((y, &a), &b)| *y = f(a, b))
                    }
                    (Row::Lanes(a), Row::One(b)) => {
                        y.iter_mut().zip(a).for_each(|(y, &a)| *y = f(a, b))
                    }
                    (Row::One(a), Row::Lanes(b)) => {
                        y.iter_mut().zip(b).for_each(|(y, &b)| *y = f(a, b))
                    }
                    (Row::One(a), Row::One(b)) => y.fill(f(a, b)),
                }
            }
        },
    );
}

/// `dx += f(dy, a, b)`, summed over everything that the operand was broadcast to. What was not saved
/// reads as 0.
#[inline(always)]
pub(crate) fn backward<T: Float>(pass: BackwardPass<'_, T>, f: impl Fn(T, T, T) -> T) {
    let (a, b, dx, dy) = (pass.x[0], pass.x[1], pass.dx, pass.dy);
    let [a_shape, b_shape] = pass.shapes else { unreachable!("two operands") };
    let shape = &pass.shapes[pass.operand];
    let width = pass.tile.lanes(pass.y_shape);
    // The lanes of a shared operand are gathered in scratch rows and summed at the end.
    let gathers = pass.y_shape.is_batched() && !shape.is_batched();
    let scratch = pass.scratch.split_at_mut(if gathers { shape.len() * width } else { 0 }).0;
    let is_saved = !(a.is_empty() && b.is_empty());
    vectorize(
        #[inline(always)]
        || {
            scratch.fill(T::ZERO);
            let is_suffix = pass.y_shape.sizes().ends_with(shape.sizes());
            if gathers && is_suffix && !is_saved {
                // The gradient of a bias: whole positions at a time.
                for dy in dy.chunks_exact(scratch.len().max(1)) {
                    scratch.iter_mut().zip(dy).for_each(|(to, &dy)| *to += f(dy, T::ZERO, T::ZERO));
                }
                return;
            }
            let to = if gathers { &mut *scratch } else { &mut *dx };
            let mut to_walk = Walk::broadcast(pass.y_shape.sizes(), shape.sizes());
            let mut a_walk = Walk::broadcast(pass.y_shape.sizes(), a_shape.sizes());
            let mut b_walk = Walk::broadcast(pass.y_shape.sizes(), b_shape.sizes());
            for dy in dy.chunks_exact(width) {
                let a = Row::of(a, a_shape, a_walk.next(), width);
                let b = Row::of(b, b_shape, b_walk.next(), width);
                let to = &mut to[to_walk.next() * width..][..width];
                let to = to.iter_mut().zip(dy);
                match (a, b) {
                    (Row::Lanes(a), Row::Lanes(b)) => {
                        to.zip(a.iter().zip(b))
                            .for_each(|((to, &dy), (&a, &b))| *to += f(dy, a, b));
                    }
                    (Row::Lanes(a), Row::One(b)) => {
                        to.zip(a).for_each(|((to, &dy), &a)| *to += f(dy, a, b));
                    }
                    (Row::One(a), Row::Lanes(b)) => {
                        to.zip(b).for_each(|((to, &dy), &b)| *to += f(dy, a, b));
                    }
                    (Row::One(a), Row::One(b)) => to.for_each(|(to, &dy)| *to += f(dy, a, b)),
                }
            }
        },
    );
    if gathers {
        // The lanes behind the last sample have a gradient of 0.
        add_row_sums(scratch, width, dx);
    }
}

/// The scratch space of [`backward`].
pub(crate) fn backward_scratch(operand: usize, operands: &[Shape], width: usize) -> usize {
    let gathers = !operands[operand].is_batched() && operands.iter().any(Shape::is_batched);
    if gathers { operands[operand].len() * width } else { 0 }
}
