//! Memory that begins at a cache line.

use std::ops::{Deref, DerefMut};

use kernels::{Float, MAX_LANES};

/// The width of a tile is a multiple of this: a vector of the widest instruction set.
pub(super) const ROW_ALIGNMENT: usize = MAX_LANES;
const ALIGNMENT: usize = 64;
const _: () = assert!(ROW_ALIGNMENT * size_of::<f32>() == ALIGNMENT);

#[derive(Debug, Default)]
pub(super) struct Buffer<T> {
    values: Vec<T>,
    start: usize,
}

impl<T: Float> Buffer<T> {
    pub(super) fn new(len: usize) -> Self {
        let values = vec![T::ZERO; len + ALIGNMENT / size_of::<T>()];
        // `align_offset` may decline (`usize::MAX`); unaligned memory works, only slower.
        let start = values.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT / size_of::<T>());
        let mut buffer = Self { values, start };
        buffer.values.truncate(start + len);
        buffer
    }
}

impl<T> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.values[self.start..]
    }
}

impl<T> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.values[self.start..]
    }
}
