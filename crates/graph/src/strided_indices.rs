//! Iteration over the elements of one shape with the matching elements of a smaller one.

use crate::{Shape, ShapeError};

/// Axes a broadcast or reduced value may have behind the batch axis.
pub(crate) const MAX_AXES: usize = 6;

/// Indices into a small value, in the order of the elements of a large one. Each axis of the large value has a
/// stride in the small one: 0 where that repeats (broadcasting) or sums (a reduction).
#[derive(Clone, Debug)]
pub(crate) struct StridedIndices {
    dims: [usize; MAX_AXES],
    strides: [usize; MAX_AXES],
    counters: [usize; MAX_AXES],
    n_axes: usize,
    at: usize,
}

impl StridedIndices {
    /// Along `large`, where the axis `i` of the small value is `small(i)` elements long.
    fn new(large: &[usize], small: impl Fn(usize) -> usize) -> Self {
        let (mut dims, mut strides) = ([1; MAX_AXES], [0; MAX_AXES]);
        let mut stride = 1;
        for axis in (0..large.len()).rev() {
            dims[axis] = large[axis];
            strides[axis] = if small(axis) == 1 { 0 } else { stride };
            stride *= small(axis);
        }
        Self { dims, strides, counters: [0; MAX_AXES], n_axes: large.len(), at: 0 }
    }

    /// Along `large`, for a value that is broadcast to it: its axes count from the last.
    pub(crate) fn broadcast(large: &[usize], small: &[usize]) -> Self {
        let missing = large.len() - small.len();
        Self::new(large, |axis| axis.checked_sub(missing).map_or(1, |axis| small[axis]))
    }

    /// Along `large`, for the value that is left when `axes` are reduced.
    pub(crate) fn reduce(large: &[usize], axes: &[usize]) -> Self {
        Self::new(large, |axis| if axes.contains(&axis) { 1 } else { large[axis] })
    }

    /// Along `dims`, where the index of the other value grows by `strides` from element to element of each axis.
    pub(crate) fn permute(dims: &[usize], strides: &[usize]) -> Self {
        let mut indices = Self::new(dims, |_| 1);
        indices.strides[..strides.len()].copy_from_slice(strides);
        indices
    }

    /// Along a value of `dims` with its axes in another order: where each element was.
    pub(crate) fn transpose(dims: &[usize], axes: impl Iterator<Item = usize>) -> Self {
        let (mut to, mut strides) = ([1; MAX_AXES], [0; MAX_AXES]);
        for (i, axis) in axes.enumerate() {
            to[i] = dims[axis];
            strides[i] = dims[axis + 1..].iter().product();
        }
        Self::permute(&to[..dims.len()], &strides[..dims.len()])
    }

    /// The index for this element of the large value; moves on to the next.
    #[inline(always)]
    pub(crate) fn advance(&mut self) -> usize {
        let at = self.at;
        for axis in (0..self.n_axes).rev() {
            self.counters[axis] += 1;
            self.at += self.strides[axis];
            if self.counters[axis] < self.dims[axis] {
                break;
            }
            self.at -= self.strides[axis] * self.counters[axis];
            self.counters[axis] = 0;
        }
        at
    }
}

/// Where the elements of a value of `dims`, of six axes at most, stand once axis `i` is what was axis `axes[i]`: for each
/// element then, in row-major order, its place before.
///
/// ```
/// assert!(gradus_graph::transposed_elements(&[2, 3], &[1, 0]).eq([0, 3, 1, 4, 2, 5]));
/// ```
///
/// # Panics
///
/// If there are more axes.
pub fn transposed_elements(dims: &[usize], axes: &[usize]) -> impl Iterator<Item = usize> + use<> {
    let mut indices = StridedIndices::transpose(dims, axes.iter().copied());
    (0..dims.iter().product()).map(move |_| indices.advance())
}

/// The element of a value of the dims `small` that is broadcast to element `at` of `large`.
pub(crate) fn broadcast_element(large: &[usize], small: &[usize], mut at: usize) -> usize {
    let (mut element, mut stride) = (0, 1);
    let sizes = small.iter().rev().chain(std::iter::repeat(&1));
    for (&size, &own) in large.iter().rev().zip(sizes) {
        element += if own == 1 { 0 } else { at % size * stride };
        at /= size;
        stride *= own;
    }
    element
}

/// The shape of two values broadcast together: dims agree or one of them is 1, from the last axis on.
pub(crate) fn broadcast_shape(
    op: &'static str,
    left: &Shape,
    right: &Shape,
) -> Result<Shape, ShapeError> {
    let n_axes = left.dims().len().max(right.dims().len());
    let padded =
        |shape: &Shape| [vec![1; n_axes - shape.dims().len()], shape.dims().to_vec()].concat();
    let both = |sizes| match sizes {
        (a, b) if a == b => Some(a),
        (1, size) | (size, 1) => Some(size),
        _ => None,
    };
    let dims: Option<Vec<usize>> = padded(left).into_iter().zip(padded(right)).map(both).collect();
    match dims {
        Some(dims) if n_axes <= MAX_AXES => {
            Ok((if left.is_batched() { left } else { right }).with_dims(dims))
        }
        _ => Err(ShapeError::broadcast(op, left, right)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(mut indices: StridedIndices, count: usize) -> Vec<usize> {
        (0..count).map(|_| indices.advance()).collect()
    }

    #[test]
    fn an_element_of_a_broadcast_value_is_that_of_its_indices() {
        for (large, small) in [(&[2, 3][..], &[3][..]), (&[2, 3, 4], &[2, 1, 4]), (&[5], &[])] {
            let len = large.iter().product();
            let one_by_one = (0..len).map(|at| broadcast_element(large, small, at));
            let indices = steps(StridedIndices::broadcast(large, small), len);
            assert_eq!(one_by_one.collect::<Vec<_>>(), indices, "{large:?} {small:?}");
        }
    }

    #[test]
    fn a_broadcast_value_repeats() {
        assert_eq!(steps(StridedIndices::broadcast(&[2, 3], &[3]), 6), [0, 1, 2, 0, 1, 2]);
        assert_eq!(steps(StridedIndices::broadcast(&[2, 3], &[2, 1]), 6), [0, 0, 0, 1, 1, 1]);
        assert_eq!(steps(StridedIndices::broadcast(&[2, 2], &[]), 4), [0; 4]);
        assert_eq!(
            steps(StridedIndices::broadcast(&[2, 2, 2], &[2, 1, 2]), 8),
            [0, 1, 0, 1, 2, 3, 2, 3]
        );
    }

    #[test]
    fn a_reduced_value_sums_into_one_element() {
        assert_eq!(steps(StridedIndices::reduce(&[2, 3], &[0]), 6), [0, 1, 2, 0, 1, 2]);
        assert_eq!(steps(StridedIndices::reduce(&[2, 3], &[1]), 6), [0, 0, 0, 1, 1, 1]);
        assert_eq!(steps(StridedIndices::reduce(&[2, 3], &[0, 1]), 6), [0; 6]);
    }

    #[test]
    fn a_permuted_value_is_read_in_the_order_of_the_other() {
        assert_eq!(steps(StridedIndices::permute(&[3, 2], &[1, 3]), 6), [0, 3, 1, 4, 2, 5]);
        assert_eq!(steps(StridedIndices::permute(&[], &[]), 1), [0]);
    }

    #[test]
    fn shapes_that_cannot_meet_are_refused_with_both_of_them() {
        let error = broadcast_shape("add", &Shape::batch([4, 3]), &Shape::from([2])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "add: cannot broadcast [N, 4, 3] with [2]: sizes must agree or be 1, from the last axis on",
        );
        assert_eq!(
            broadcast_shape("add", &Shape::from([3]), &Shape::batch([4, 1])),
            Ok(Shape::batch([4, 3]))
        );
    }
}
