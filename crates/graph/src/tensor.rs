//! Values as they are handed in and out: sizes and row-major numbers.

use crate::Float;

/// Numbers with a shape, the last axis running fastest.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor<T> {
    sizes: Vec<usize>,
    values: Vec<T>,
}

impl<T: Float> Tensor<T> {
    /// A tensor of `sizes` from its row-major values.
    ///
    /// # Panics
    ///
    /// If the number of values is not the product of the sizes.
    pub fn new(sizes: impl AsRef<[usize]>, values: impl Into<Vec<T>>) -> Self {
        let (sizes, values) = (sizes.as_ref().to_vec(), values.into());
        let expected: usize = sizes.iter().product();
        assert_eq!(values.len(), expected, "{} values for the sizes {sizes:?}", values.len());
        Self { sizes, values }
    }

    /// A tensor with every element equal to `value`.
    pub fn full(sizes: impl AsRef<[usize]>, value: T) -> Self {
        let len = sizes.as_ref().iter().product();
        Self::new(sizes, vec![value; len])
    }

    /// The sizes of the axes.
    pub fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// The row-major values.
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// The row-major values, to be changed.
    pub fn values_mut(&mut self) -> &mut [T] {
        &mut self.values
    }

    /// The row-major values, given away.
    pub fn into_values(self) -> Vec<T> {
        self.values
    }

    /// `f` of each element.
    #[must_use]
    pub fn map(&self, f: impl FnMut(T) -> T) -> Self {
        Self { sizes: self.sizes.clone(), values: self.values.iter().copied().map(f).collect() }
    }
}
