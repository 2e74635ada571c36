//! The places of the elements of one value in another one with other axes.

/// For each axis of a large value, its size and how far the place in the small one moves.
#[derive(Debug, PartialEq)]
pub(crate) struct Strides {
    dims: Vec<usize>,
    strides: Vec<usize>,
}

impl Strides {
    /// Of a value that is broadcast to `dims`.
    pub(crate) fn broadcast(dims: &[usize], small: &[usize]) -> Self {
        let missing = dims.len() - small.len();
        let size = |axis: usize| axis.checked_sub(missing).map_or(1, |axis| small[axis]);
        Self::new(dims, size)
    }

    /// Of what is left of a value of `dims` when `axes` are reduced.
    pub(crate) fn reduce(dims: &[usize], axes: &[usize]) -> Self {
        Self::new(dims, |axis| if axes.contains(&axis) { 1 } else { dims[axis] })
    }

    /// Of a value of `dims` in the result that has its axes in the order `axes`.
    pub(crate) fn transpose(dims: &[usize], axes: &[usize]) -> Self {
        let stride = |&axis: &usize| dims[axis + 1..].iter().product();
        let to = axes.iter().map(|&axis| dims[axis]).collect();
        Self { dims: to, strides: axes.iter().map(stride).collect() }
    }

    fn new(dims: &[usize], small: impl Fn(usize) -> usize) -> Self {
        let mut strides = vec![0; dims.len()];
        let mut stride = 1;
        for axis in (0..dims.len()).rev() {
            strides[axis] = if small(axis) == 1 { 0 } else { stride };
            stride *= small(axis);
        }
        Self { dims: dims.to_vec(), strides }
    }

    /// The place of each element.
    pub(crate) fn places(&self) -> impl Iterator<Item = usize> {
        (0..self.dims.iter().product()).map(|mut element| {
            let mut place = 0;
            for (size, stride) in self.dims.iter().zip(&self.strides).rev() {
                place += element % size * stride;
                element /= size;
            }
            place
        })
    }

    /// As written crates have it.
    pub(crate) fn source(&self) -> String {
        format!("[{:?}, {:?}]", self.dims, self.strides)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_rows_repeated_reduced_and_transposed() {
        let places = |strides: Strides| strides.places().collect::<Vec<_>>();
        assert_eq!(places(Strides::broadcast(&[2, 3], &[3])), [0, 1, 2, 0, 1, 2]);
        assert_eq!(places(Strides::broadcast(&[2, 3], &[2, 1])), [0, 0, 0, 1, 1, 1]);
        assert_eq!(places(Strides::reduce(&[2, 3], &[0])), [0, 1, 2, 0, 1, 2]);
        assert_eq!(places(Strides::transpose(&[2, 3], &[1, 0])), [0, 3, 1, 4, 2, 5]);
        assert_eq!(Strides::reduce(&[2, 3], &[1]).source(), "[[2, 3], [1, 0]]");
    }
}
