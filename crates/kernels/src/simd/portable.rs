//! Vectors for any machine: arrays, for which the compiler uses the vectors that the target has.

use std::ops::{Add, Mul};

use super::{Portable, Vector};

/// Multiplies and adds in two steps: without hardware for it, a fused step would be a slow call into a library.
#[derive(Clone, Copy)]
pub(crate) struct Array<T, const L: usize>([T; L]);

impl<T, const L: usize> Vector for Array<T, L>
where
    T: Copy + Default + PartialEq + Add<Output = T> + Mul<Output = T>,
{
    type Set = Portable;
    type Scalar = T;
    const LANES: usize = L;
    const ROWS: usize = 6;

    #[inline(always)]
    fn splat(_: Portable, value: T) -> Self {
        Self([value; L])
    }
    #[inline(always)]
    unsafe fn load(_: Portable, from: *const T, count: usize) -> Self {
        let mut values = [T::default(); L];
        // SAFETY: the caller's promise.
        let from = unsafe { std::slice::from_raw_parts(from, count) };
        values[..count].copy_from_slice(from);
        Self(values)
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut T, count: usize) {
        // SAFETY: the caller's promise.
        let to = unsafe { std::slice::from_raw_parts_mut(to, count) };
        to.copy_from_slice(&self.0[..count]);
    }
    #[inline(always)]
    fn add(self, term: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] + term.0[i]))
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] * factor.0[i] + term.0[i]))
    }
    #[inline(always)]
    fn nonzeros(self) -> u32 {
        let bit = |(i, lane): (usize, &T)| u32::from(*lane != T::default()) << i;
        self.0.iter().enumerate().map(bit).sum()
    }
}
