//! What the ops that reduce over axes have in common.

use kernels::{inlined, vectorize};

use crate::op::{BackwardPass, ForwardPass};
use crate::strided_indices::{MAX_AXES, StridedIndices};
use crate::{Float, Shape, ShapeError};

/// Axes to reduce over.
#[derive(Clone, Debug)]
pub(crate) struct Reduction {
    /// Whether the batch axis is one of them.
    over_batch: bool,
    /// The others, counted behind the batch axis.
    axes: Vec<usize>,
}

impl Reduction {
    pub(crate) fn new(op: &'static str, x: &Shape, axes: &[usize]) -> Result<Self, ShapeError> {
        let refuse = |rule| Err(ShapeError::Rule { op, rule, found: x.clone() });
        if let Some(axis) = axes.iter().find(|&&axis| axis >= x.rank()) {
            return refuse(format!("there is no axis {axis}"));
        }
        if x.dims().len() > MAX_AXES {
            return refuse(format!("expected at most {MAX_AXES} axes"));
        }
        let batch = usize::from(x.is_batched());
        let axes_behind = axes.iter().filter_map(|&axis| axis.checked_sub(batch)).collect();
        Ok(Self { over_batch: x.is_batched() && axes.contains(&0), axes: axes_behind })
    }

    pub(crate) fn over_batch(&self) -> bool {
        self.over_batch
    }

    pub(crate) fn shape(&self, x: &Shape) -> Shape {
        let left = x.dims().iter().enumerate().filter(|(axis, _)| !self.axes.contains(axis));
        let dims: Vec<usize> = left.map(|(_, &size)| size).collect();
        if self.over_batch { Shape::from(&dims[..]) } else { x.with_dims(dims) }
    }

    /// How many elements become one.
    pub(crate) fn count(&self, x: &Shape, batch: usize) -> usize {
        // A product that overflows is refused when the graph is compiled.
        let dims = self.axes.iter().map(|&axis| x.dims()[axis]);
        dims.chain(self.over_batch.then_some(batch)).fold(1, usize::saturating_mul)
    }

    pub(crate) fn indices(&self, x: &Shape) -> StridedIndices {
        StridedIndices::reduce(x.dims(), &self.axes)
    }

    /// Lanes of the sums before the batch is summed over.
    pub(crate) fn scratch(&self, x: &Shape, width: usize) -> usize {
        if self.over_batch { self.shape(x).len() * width } else { 0 }
    }

    /// `y = scale · Σ x`; over the batch, the tile's part of it.
    pub(crate) fn sum<T: Float>(&self, pass: ForwardPass<'_, T>, scale: T) {
        let (x, y, shape) = (pass.x[0], pass.y, &pass.shapes[0]);
        let width = pass.tile.row_len(shape);
        let rows = pass.scratch.split_at_mut(self.scratch(shape, width)).0;
        let mut indices = self.indices(shape);
        vectorize(inlined!(|| {
            let to = if self.over_batch { &mut *rows } else { &mut *y };
            to.fill(T::ZERO);
            for x in x.chunks_exact(width) {
                let to = &mut to[indices.advance() * width..][..width];
                to.iter_mut().zip(x).for_each(|(to, &x)| *to += x);
            }
            if !self.over_batch {
                to.iter_mut().for_each(|y| *y *= scale);
            }
        }));
        if self.over_batch {
            for (y, row) in y.iter_mut().zip(rows.chunks_exact(width)) {
                *y = scale * kernels::sum(&row[..pass.tile.valid]);
            }
        }
    }

    /// `dx += scale · dy`, for each element that was summed. Lanes behind the last sample stay 0.
    pub(crate) fn broadcast_grad<T: Float>(&self, pass: BackwardPass<'_, T>, scale: T) {
        let (dx, dy, shape) = (pass.dx, pass.dy, &pass.shapes[0]);
        let width = pass.tile.row_len(shape);
        let mut indices = self.indices(shape);
        vectorize(inlined!(|| {
            for dx in dx.chunks_exact_mut(width) {
                let at = indices.advance();
                if self.over_batch {
                    let dy = scale * dy[at];
                    dx[..pass.tile.valid].iter_mut().for_each(|dx| *dx += dy);
                } else {
                    let dy = &dy[at * width..][..width];
                    dx.iter_mut().zip(dy).for_each(|(dx, &dy)| *dx += scale * dy);
                }
            }
        }));
    }
}
