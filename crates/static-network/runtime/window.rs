//! The windows that a convolution or a pool slides along an axis of an image.

use core::ops::Range;

/// One axis of an image with its windows.
#[derive(Clone, Copy)]
pub(crate) struct Axis {
    /// Pixels.
    pub(crate) input: usize,
    /// Windows.
    pub(crate) output: usize,
    /// Pixels of a window.
    pub(crate) kernel: usize,
    /// Pixels from a window to the next.
    pub(crate) stride: usize,
    /// Pixels outside before the first.
    pub(crate) pad: usize,
}

impl Axis {
    /// Which pixels of a window lie inside the image.
    #[inline(always)]
    pub(crate) fn taps(self, window: usize) -> Range<usize> {
        let start = window * self.stride;
        let end = (self.input + self.pad).saturating_sub(start).min(self.kernel);
        self.pad.saturating_sub(start).min(end)..end
    }

    /// The pixel under a tap that lies inside.
    #[inline(always)]
    pub(crate) fn pixel(self, window: usize, tap: usize) -> usize {
        window * self.stride + tap - self.pad
    }
}
