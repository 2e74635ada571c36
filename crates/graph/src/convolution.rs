//! The geometry of a convolution: which taps of the kernel meet which pixels, and their addresses.

use std::ops::Range;

use kernels::gemm::PARTIAL_SUMS;
use kernels::{MAX_LANES, inlined, vectorize};

use crate::Float;
use crate::window::WindowAxis;

/// Positions that one product of the backward pass to the weight sums over at most.
const MAX_POSITIONS: usize = 64;
/// Elements that fit the first-level cache beside what they are multiplied with: 20 KiB of 32 bits.
const CACHED_ELEMENTS: usize = 5 * 1024;

/// Sizes of a convolution whose shapes were checked.
#[derive(Clone, Copy)]
pub(crate) struct Geometry {
    pub(crate) rows: WindowAxis,
    pub(crate) columns: WindowAxis,
    pub(crate) ci: usize,
    pub(crate) co: usize,
}

/// Adjacent positions along an axis, or inputs of a phase, that meet the same taps of the kernel.
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

    pub(crate) fn segments(self) -> impl Iterator<Item = Segment> {
        segments(self.output, move |position| self.taps(position))
    }

    /// The phases that have an input: a stride may be larger than the image.
    fn phases(self) -> impl Iterator<Item = Phase> {
        (0..self.stride.min(self.input)).map(move |first| {
            let from_first_tap = first + self.pad[0];
            let first_tap = from_first_tap % self.stride;
            Phase {
                axis: self,
                first,
                first_tap,
                n_taps: self.kernel.saturating_sub(first_tap).div_ceil(self.stride),
                first_position: from_first_tap / self.stride,
            }
        })
    }

    /// All inputs, each as its phase and its number in it.
    pub(crate) fn inputs(self) -> impl Iterator<Item = (Phase, usize)> {
        self.phases().flat_map(|phase| (0..phase.n_inputs()).map(move |at| (phase, at)))
    }

    /// All inputs, as segments of each phase.
    pub(crate) fn input_segments(self) -> impl Iterator<Item = (Phase, Segment)> {
        self.phases().flat_map(|phase| {
            segments(phase.n_inputs(), move |at| phase.taps(at))
                .map(move |segment| (phase, segment))
        })
    }
}

/// Every `stride`-th input of an axis: they all meet the same taps of the kernel, every `stride`-th too.
#[derive(Clone, Copy)]
pub(crate) struct Phase {
    axis: WindowAxis,
    /// The first input.
    first: usize,
    first_tap: usize,
    n_taps: usize,
    /// The output position that the first tap of the first input belongs to.
    first_position: usize,
}

impl Phase {
    fn n_inputs(&self) -> usize {
        (self.axis.input - self.first).div_ceil(self.axis.stride)
    }

    /// The number of an input along the axis.
    pub(crate) fn input(&self, at: usize) -> usize {
        self.first + at * self.axis.stride
    }

    /// The number of a tap in the kernel.
    pub(crate) fn kernel_tap(&self, tap: usize) -> usize {
        self.first_tap + tap * self.axis.stride
    }

    /// Where its taps end in a row of the kernel in which the taps of each phase lie side by side.
    pub(crate) fn taps_end(&self) -> usize {
        let WindowAxis { kernel, stride, .. } = self.axis;
        let before = kernel / stride * self.first_tap + (kernel % stride).min(self.first_tap);
        before + self.n_taps
    }

    /// The output position that an input's first tap belongs to; tap `u` belongs to that minus `u`.
    pub(crate) fn position(&self, at: usize) -> usize {
        at + self.first_position
    }

    /// Those of its taps that meet an input at an output position.
    pub(crate) fn taps(&self, at: usize) -> Range<usize> {
        let position = self.position(at);
        let end = (position + 1).min(self.n_taps);
        (position + 1).saturating_sub(self.axis.output).min(end)..end
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
            self.positions_at_once(width) * self.gradient_channels() * width
        }
    }

    /// Channels of a position's gradient as the backward pass to the weight reads it: whole vectors, unless it is thin.
    pub(crate) fn gradient_channels(&self) -> usize {
        if self.is_thin() { self.co } else { self.co.next_multiple_of(MAX_LANES) }
    }

    /// Rows of positions that the backward pass to the weight sums over at once: those that fit the first-level cache.
    fn rows_at_once(&self, width: usize) -> usize {
        let position = self.gradient_channels() * width;
        let positions = (CACHED_ELEMENTS / position.max(1)).min(MAX_POSITIONS);
        (positions / self.columns.output).clamp(1, self.rows.output)
    }

    fn positions_at_once(&self, width: usize) -> usize {
        (self.rows_at_once(width) * self.columns.output).min(MAX_POSITIONS)
    }

    /// Calls `call` with the first of some positions, its row and column, and with their segments of the inner index: the pixel
    /// under the first tap, from that of the first position on, and `gradient_len` elements for each position.
    pub(crate) fn for_positions(
        &self,
        width: usize,
        gradient_len: usize,
        mut call: impl FnMut([usize; 2], &[[usize; 2]]),
    ) {
        let n_columns = self.columns.output;
        let mut segments = [[0; 2]; MAX_POSITIONS];
        let at_once = &mut segments[..self.positions_at_once(width)];
        for (i, segment) in at_once.iter_mut().enumerate() {
            let position = [i / n_columns, i % n_columns];
            *segment = [self.pixel_under(position, 0, width), i * gradient_len];
        }
        let rows_at_once = self.rows_at_once(width);
        for row in (0..self.rows.output).step_by(rows_at_once) {
            let n_positions = rows_at_once.min(self.rows.output - row) * n_columns;
            for column in (0..n_positions).step_by(MAX_POSITIONS) {
                let count = (n_positions - column).min(MAX_POSITIONS);
                call([row, column], &segments[..count]);
            }
        }
    }

    /// The index of a position.
    pub(crate) fn position(&self, [row, column]: [usize; 2]) -> usize {
        row * self.columns.output + column
    }

    /// Where in the padded image the pixel begins that is under the first tap of a row of the kernel.
    pub(crate) fn pixel_under(&self, [row, column]: [usize; 2], tap: usize, width: usize) -> usize {
        let row = (row * self.rows.stride + tap) * self.padded_width();
        (row + column * self.columns.stride) * self.ci * width
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
