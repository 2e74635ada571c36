//! Values as they are passed in and out: a shape and row-major numbers.

use crate::Float;
use crate::strided_indices::transposed_elements;

/// Numbers with a shape, the last axis running fastest.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor<T> {
    shape: Vec<usize>,
    values: Vec<T>,
}

impl<T: Float> Tensor<T> {
    /// A tensor of `shape` from its row-major values.
    ///
    /// # Panics
    ///
    /// If the number of values is not the product of the sizes of its axes.
    pub fn new(shape: impl AsRef<[usize]>, values: impl Into<Vec<T>>) -> Self {
        let (shape, values) = (shape.as_ref().to_vec(), values.into());
        let expected: usize = shape.iter().product();
        assert_eq!(values.len(), expected, "{} values for the shape {shape:?}", values.len());
        Self { shape, values }
    }

    /// A tensor with every element equal to `value`.
    pub fn full(shape: impl AsRef<[usize]>, value: T) -> Self {
        let len = shape.as_ref().iter().product();
        Self::new(shape, vec![value; len])
    }

    /// The size of each axis.
    pub fn shape(&self) -> &[usize] {
        &self.shape
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

    /// The same numbers with the axes in another order: axis `i` is what was axis `axes[i]`.
    ///
    /// # Panics
    ///
    /// If it has more than six axes.
    #[must_use]
    pub fn transposed(&self, axes: &[usize]) -> Self {
        let elements = transposed_elements(&self.shape, axes);
        let values: Vec<T> = elements.map(|at| self.values[at]).collect();
        Self::new(axes.iter().map(|&axis| self.shape[axis]).collect::<Vec<_>>(), values)
    }

    /// `f` of each element.
    #[must_use]
    pub fn map(&self, f: impl FnMut(T) -> T) -> Self {
        Self { shape: self.shape.clone(), values: self.values.iter().copied().map(f).collect() }
    }
}
