//! What the ops that reduce over axes have in common.

use crate::op::Attributes;
use crate::strided_indices::{MAX_AXES, StridedIndices};
use crate::{Shape, ShapeError};

/// Axes to reduce over.
pub(crate) struct Reduction {
    pub(crate) over_batch: bool,
    /// The others, counted behind the batch axis, which may be one too.
    axes: Vec<usize>,
}

impl Reduction {
    pub(crate) fn new(op: &'static str, x: &Shape, axes: &[usize]) -> Result<Self, ShapeError> {
        if let Some(axis) = axes.iter().find(|&&axis| axis >= x.rank()) {
            return Err(ShapeError::new(op, format!("there is no axis {axis}"), x));
        }
        if x.dims().len() > MAX_AXES {
            return Err(ShapeError::new(op, format!("expected at most {MAX_AXES} axes"), x));
        }
        let batch = usize::from(x.is_batched());
        let axes_behind = axes.iter().filter_map(|&axis| axis.checked_sub(batch)).collect();
        Ok(Self { over_batch: x.is_batched() && axes.contains(&0), axes: axes_behind })
    }

    pub(crate) fn shape(&self, x: &Shape) -> Shape {
        let left = x.dims().iter().enumerate().filter(|(axis, _)| !self.axes.contains(axis));
        let dims: Vec<usize> = left.map(|(_, &size)| size).collect();
        if self.over_batch { Shape::from(dims) } else { x.with_dims(dims) }
    }

    /// The axes, the batch axis counted.
    pub(crate) fn attributes(&self, x: &Shape) -> Attributes {
        let batch = usize::from(x.is_batched());
        let over_batch = self.over_batch.then_some(0).into_iter();
        let axes = over_batch.chain(self.axes.iter().map(|axis| axis + batch));
        Attributes::default().with_sizes("axes", axes.collect::<Vec<_>>())
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

    /// The same for blocks of `x`, the elements along its last axes as far as these are left, and the elements of a
    /// block: the channels of a pixel, say.
    pub(crate) fn blocks(&self, x: &Shape) -> (StridedIndices, usize) {
        let dims = x.dims();
        let left = (0..dims.len()).rev().take_while(|axis| !self.axes.contains(axis)).count();
        let (before, block) = dims.split_at(dims.len() - left);
        (StridedIndices::reduce(before, &self.axes), block.iter().product())
    }
}
