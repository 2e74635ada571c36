//! The geometry of a convolution: which taps of the kernel meet which pixels, and their addresses.

use std::ops::Range;

use kernels::gemm::PARTIAL_SUMS;
use kernels::{MAX_LANES, inlined, vectorize};

use crate::Float;
use crate::window::WindowAxis;

/// Sizes of a convolution whose shapes were checked.
#[derive(Clone, Copy)]
pub(crate) struct Geometry {
    pub(crate) rows: WindowAxis,
    pub(crate) columns: WindowAxis,
    pub(crate) ci: usize,
    pub(crate) co: usize,
}

/// Adjacent positions along an axis that meet the same taps of the kernel.
pub(crate) struct Segment {
    pub(crate) first: usize,
    pub(crate) count: usize,
    pub(crate) taps: Range<usize>,
}

fn segments(n: usize, taps_at: impl Fn(usize) -> Range<usize>) -> impl Iterator<Item = Segment> {
    let mut first = 0;
    std::iter::from_fn(move || {
        (first < n).then(|| {
            let taps = taps_at(first);
            let count = (first..n).take_while(|&at| taps_at(at) == taps).count();
            first += count;
            Segment { first: first - count, count, taps }
        })
    })
}

impl WindowAxis {
    /// The input under the first tap of a segment's first position.
    pub(crate) fn under(&self, segment: &Segment) -> usize {
        segment.first * self.stride + segment.taps.start - self.pad[0]
    }

    /// The phases that have an input: a stride may be larger than the image.
    pub(crate) fn phases(&self) -> Range<usize> {
        0..self.stride.min(self.input)
    }

    pub(crate) fn segments(self) -> impl Iterator<Item = Segment> {
        segments(self.output, move |position| self.taps(position))
    }

    /// Every `stride`-th input from `phase` on meets the same taps, from this one on every `stride`-th.
    pub(crate) fn first_tap(&self, phase: usize) -> usize {
        (phase + self.pad[0]) % self.stride
    }

    pub(crate) fn taps_of_phase(&self, phase: usize) -> usize {
        self.kernel.saturating_sub(self.first_tap(phase)).div_ceil(self.stride)
    }

    /// The output position that an input's first tap belongs to; tap `u` belongs to that minus `u`.
    pub(crate) fn position(&self, phase: usize, at: usize) -> usize {
        at + (phase + self.pad[0]) / self.stride
    }

    pub(crate) fn taps_at(&self, phase: usize, at: usize) -> Range<usize> {
        let position = self.position(phase, at);
        let end = (position + 1).min(self.taps_of_phase(phase));
        (position + 1).saturating_sub(self.output).min(end)..end
    }

    /// The inputs of a phase, as segments of `at` with input `phase + at · stride`.
    pub(crate) fn segments_of_phase(self, phase: usize) -> impl Iterator<Item = Segment> {
        let n = self.input.saturating_sub(phase).div_ceil(self.stride);
        segments(n, move |at| self.taps_at(phase, at))
    }
}

impl Geometry {
    pub(crate) fn is_padded(&self) -> bool {
        [self.rows.pad, self.columns.pad] != [[0; 2]; 2]
    }

    pub(crate) fn padded_width(&self) -> usize {
        self.columns.input + self.columns.pad.iter().sum::<usize>()
    }

    /// Elements of the padded image; none if there is no padding.
    pub(crate) fn padded_len(&self, width: usize) -> usize {
        let height = self.rows.input + self.rows.pad.iter().sum::<usize>();
        let factors = [height, self.padded_width(), self.ci, width];
        // Padding has no bound: a length that no memory holds is refused before anything is allocated.
        if self.is_padded() { factors.into_iter().fold(1, usize::saturating_mul) } else { 0 }
    }

    pub(crate) fn weight_len(&self) -> usize {
        self.rows.kernel * self.weight_row_len()
    }

    pub(crate) fn weight_row_len(&self) -> usize {
        self.columns.kernel * self.ci * self.co
    }

    /// Whether the output channels leave a quarter of one vector empty, or three in ten lanes of several.
    pub(crate) fn is_thin(&self) -> bool {
        let used = if self.co < MAX_LANES { 8 } else { 7 };
        10 * self.co < used * self.co.next_multiple_of(MAX_LANES)
    }

    /// Elements that the backward pass to the weight needs beside the padded image.
    pub(crate) fn weight_scratch(&self, width: usize) -> usize {
        if self.is_thin() {
            self.weight_len() * PARTIAL_SUMS
        } else {
            self.columns.output * self.co.next_multiple_of(MAX_LANES) * width
        }
    }

    /// The image with zeros around it, in `scratch`; the image itself if there is no padding.
    pub(crate) fn pad<'a, T: Float>(
        &self,
        x: &'a [T],
        width: usize,
        scratch: &'a mut [T],
    ) -> &'a [T] {
        if !self.is_padded() {
            return x;
        }
        let padded = &mut scratch[..self.padded_len(width)];
        let pixel = self.ci * width;
        let (row, padded_row) = (self.columns.input * pixel, self.padded_width() * pixel);
        let start = self.columns.pad[0] * pixel;
        vectorize(inlined!(|| {
            padded.fill(T::ZERO);
            let rows = padded.chunks_exact_mut(padded_row.max(1)).skip(self.rows.pad[0]);
            for (to, from) in rows.zip(x.chunks_exact(row.max(1))) {
                to[start..][..row].copy_from_slice(from);
            }
        }));
        padded
    }
}
