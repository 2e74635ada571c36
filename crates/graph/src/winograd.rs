//! Convolutions with many channels, by Winograd's algorithm: see [`kernels::winograd`].
//!
//! The image is cut into patches of 8 × 8 pixels, one for each square of results. At each of the 64 points the
//! values of all patches, `[patch, ci, width]`, are multiplied with those of the filters, `[ci, co]`, in one
//! product. Patches are taken a few at a time, so that their values stay in the second-level cache.

use kernels::gemm::{GemmSize, Layout, MatrixA, MatrixB, MatrixC, gemm};
use kernels::winograd::{Epilogue, OUTSIDE, POINTS, Square, Transform, winograd};
use kernels::{Isa, MAX_LANES, transpose};

use crate::Float;
use crate::convolution::Geometry;
use crate::op::{BackwardPass, Tile};

/// Values of images and products that a group of patches may have: half of a second-level cache of 2 MiB.
const GROUP_VALUES: usize = 1 << 18;
const MOST: usize = 32;
/// Channels from which the transforms cost less than they save.
const MANY: usize = 12;
/// Pixels along each axis of the result, likewise.
const LARGE: usize = 6;

/// A plane of pixels, each with some channels, and what of it a patch sees.
#[derive(Clone, Copy, Debug)]
struct Plane {
    size: [usize; 2],
    channels: usize,
}

impl Plane {
    /// Where the rows of a square of pixels begin, the first at `corner`, which may lie outside.
    fn square<'a>(
        &self,
        side: usize,
        corner: [isize; 2],
        width: usize,
        starts: &'a mut [usize; POINTS * POINTS],
    ) -> Square<'a> {
        let inside = |at: isize, size: usize| usize::try_from(at).ok().filter(|&at| at < size);
        for (i, start) in starts[..side * side].iter_mut().enumerate() {
            let row = inside(corner[0] + (i / side) as isize, self.size[0]);
            let column = inside(corner[1] + (i % side) as isize, self.size[1]);
            *start = row.zip(column).map_or(OUTSIDE, |(row, column)| {
                (row * self.size[1] + column) * self.channels * width
            });
        }
        Square { side, starts: &starts[..side * side] }
    }
}

/// A convolution of stride 1 with square filters: sizes, and how it is cut into patches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WinogradConv {
    from: Plane,
    to: Plane,
    filter: usize,
    /// Rows and columns of zeros in front of the plane; below 0, rows and columns that are left out.
    pad: [isize; 2],
}

impl WinogradConv {
    /// If it is worth it, and the tile is one sample or whole vectors wide, as the algorithm needs it.
    pub(crate) fn with_width(g: &Geometry, width: usize) -> Option<Self> {
        Self::of(g).filter(|_| width == 1 || width.is_multiple_of(Isa::current().lanes()))
    }

    pub(crate) fn of(g: &Geometry) -> Option<Self> {
        let Geometry { rows, columns, ci, co } = *g;
        let is_square = rows.kernel == columns.kernel && [3, 5].contains(&rows.kernel);
        let is_dense = rows.stride == 1 && columns.stride == 1;
        let is_large = rows.output.min(columns.output) >= LARGE;
        let has_many = ci >= MANY && co >= MANY;
        (is_square && is_dense && is_large && has_many).then_some(Self {
            from: Plane { size: [rows.input, columns.input], channels: ci },
            to: Plane { size: [rows.output, columns.output], channels: co },
            filter: rows.kernel,
            pad: [rows, columns].map(|axis| axis.pad[0] as isize),
        })
    }

    /// The convolution of the gradient of the result with the filters rotated by 180°: the gradient of the image.
    pub(crate) fn backward(self) -> Self {
        let pad = self.pad.map(|pad| self.filter as isize - 1 - pad);
        Self { from: self.to, to: self.from, pad, ..self }
    }

    fn side(&self) -> usize {
        POINTS + 1 - self.filter
    }

    /// Values at one point of one patch: of the image, and of what the filters make of it.
    fn patch_lens(&self, width: usize) -> [usize; 2] {
        [self.from.channels * width, self.to.channels * width]
    }

    /// Elements that [`forward`](Self::forward) or [`backward_weight`](Self::backward_weight) need for a tile of up
    /// to `width`.
    pub(crate) fn scratch(&self, width: usize) -> usize {
        let [from, to] = self.patch_lens(width);
        let points = POINTS * POINTS;
        let gradient = self.side() * self.side() * to;
        let group = GROUP_VALUES.max(points * (from + to)) + 4 * points * MAX_LANES;
        points * apart(self.from.channels * self.to.channels) + group + gradient
    }

    /// The patches, a few at a time: the number of the first of them, and the first pixel of each one's results.
    fn for_groups(&self, width: usize, mut group: impl FnMut(usize, &[[isize; 2]])) {
        let [from, to] = self.patch_lens(width);
        // Two patches fill a block of the product where each is one vector.
        let most = (GROUP_VALUES / (POINTS * POINTS * (from + to))).clamp(1, MOST);
        let most = if most > 1 { most / 2 * 2 } else { 1 };
        let [rows, columns] = self.to.size.map(|size| size.div_ceil(self.side()));
        let mut corners = [[0; 2]; MOST];
        for first in (0..rows * columns).step_by(most) {
            let count = most.min(rows * columns - first);
            for (corner, patch) in corners.iter_mut().zip(first..first + count) {
                *corner = [patch / columns, patch % columns].map(|at| (at * self.side()) as isize);
            }
            group(first, &corners[..count]);
        }
    }

    /// The values of a group's patches of `x`, `[point, patch, ci, width]`.
    fn image<T: Float>(&self, x: &[T], corners: &[[isize; 2]], width: usize, values: &mut [T]) {
        let [len, _] = self.patch_lens(width);
        let mut starts = [0; POINTS * POINTS];
        let points = every(corners.len() * len);
        for (patch, corner) in corners.iter().enumerate() {
            let corner = [0, 1].map(|axis| corner[axis] - self.pad[axis]);
            let from = self.from.square(POINTS, corner, width, &mut starts);
            let to = (&mut values[patch * len..], all_points(&points));
            winograd(Transform::Input, len, (x, from), to, Epilogue::Overwrite);
        }
    }

    /// `y = x ∗ weight`, where `tap(row, column)` is where the filters of a tap, `[ci, co]`, begin in `weight`.
    pub(crate) fn forward<T: Float>(
        &self,
        x: &[T],
        weight: &[T],
        tap: impl Fn(usize, usize) -> usize,
        y: &mut [T],
        epilogue: Epilogue<'_, T>,
        (width, scratch): (usize, &mut [T]),
    ) {
        let (ci, co) = (self.from.channels, self.to.channels);
        let (filters, rest) = scratch.split_at_mut(POINTS * POINTS * apart(ci * co));
        // The values of the filters at each point, `[point, ci, co]`.
        let mut taps = [0; POINTS * POINTS];
        for (i, start) in taps[..self.filter * self.filter].iter_mut().enumerate() {
            *start = tap(i / self.filter, i % self.filter);
        }
        let points = every(ci * co);
        let (from, to) = ((weight, self.taps(&taps)), (&mut *filters, all_points(&points)));
        winograd(Transform::Filter, ci * co, from, to, Epilogue::Overwrite);
        let [from_len, to_len] = self.patch_lens(width);
        let (k_segments, segment_len) = (&[[0, 0]][..], ci);
        self.for_groups(width, |_, corners| {
            let n = corners.len();
            let (images, results) = rest.split_at_mut(POINTS * POINTS * apart(n * from_len));
            self.image(x, corners, width, images);
            let values = images.chunks_exact(apart(n * from_len));
            let values = values.zip(filters.chunks_exact(apart(ci * co)));
            let results_at = results.chunks_exact_mut(apart(n * to_len));
            for ((image, filter), result) in values.zip(results_at) {
                if width > 1 {
                    // [co, sample] = Σ_ci filter[ci, co] · image[ci, sample], for each patch
                    gemm(
                        GemmSize { m: co, n: width, k_segments, segment_len, batch_count: n },
                        MatrixA { values: filter, layout: Layout::ColumnMajor, lda: co },
                        MatrixB { values: image, ldb: width, batch_stride: from_len },
                        MatrixC { batch_stride: to_len, ..MatrixC::new(result, width, false) },
                    );
                } else {
                    // One sample: patches are the rows, and the vectors run along the channels.
                    gemm(
                        GemmSize { m: n, n: co, k_segments, segment_len, batch_count: 1 },
                        MatrixA { values: image, layout: Layout::RowMajor, lda: ci },
                        MatrixB { values: filter, ldb: co, batch_stride: 0 },
                        MatrixC::new(result, co, false),
                    );
                }
            }
            let points = every(n * to_len);
            let mut starts = [0; POINTS * POINTS];
            for (patch, &corner) in corners.iter().enumerate() {
                let to = self.to.square(self.side(), corner, width, &mut starts);
                let from = (&results[patch * to_len..], all_points(&points));
                winograd(Transform::Output, to_len, from, (&mut *y, to), epilogue);
            }
        });
    }

    /// `dweight[tap, ci, co] = Σ_position Σ_sample x[position + tap, ci] · dy[position, co]`: the image convolved with `dy`
    /// as its filter; the results are the filters.
    pub(crate) fn backward_weight<T: Float>(&self, pass: BackwardPass<'_, T>) {
        let (ci, co) = (self.from.channels, self.to.channels);
        let Tile { width, valid, .. } = pass.tile;
        let [from_len, to_len] = self.patch_lens(width);
        let transposed_len = valid * co;
        let (sums, rest) = pass.scratch.split_at_mut(POINTS * POINTS * apart(ci * co));
        let (transposed, rest) = rest.split_at_mut(self.side() * self.side() * to_len);
        let mut starts = [0; POINTS * POINTS];
        self.for_groups(width, |first, corners| {
            let n = corners.len();
            let (images, gradients) = rest.split_at_mut(POINTS * POINTS * apart(n * from_len));
            self.image(pass.x[0], corners, width, images);
            let points = every(n * transposed_len);
            for (patch, &corner) in corners.iter().enumerate() {
                let pixels = self.to.square(self.side(), corner, width, &mut starts);
                let mut starts_of = [OUTSIDE; POINTS * POINTS];
                let squares = transposed.chunks_exact_mut(transposed_len);
                for (i, (&start, transposed)) in pixels.starts.iter().zip(squares).enumerate() {
                    if start != OUTSIDE {
                        transpose((&pass.dy[start..], width), [co, valid], (transposed, co));
                        starts_of[i] = i * transposed_len;
                    }
                }
                let starts = &starts_of[..pixels.starts.len()];
                let from = (&*transposed, Square { starts, ..pixels });
                let to = (&mut gradients[patch * transposed_len..], all_points(&points));
                winograd(Transform::Filter, transposed_len, from, to, Epilogue::Overwrite);
            }
            let k_segments: [_; MOST] =
                std::array::from_fn(|patch| [patch * from_len, patch * transposed_len]);
            let (k_segments, segment_len) = (&k_segments[..n], valid);
            let images = images.chunks_exact(apart(n * from_len));
            let gradients = gradients.chunks_exact(apart(n * transposed_len));
            let sums = sums.chunks_exact_mut(apart(ci * co));
            for ((image, gradient), sums) in images.zip(gradients).zip(sums) {
                // [ci, co] = Σ_patch Σ_sample image[ci, sample] · gradient[sample, co]
                gemm(
                    GemmSize { m: ci, n: co, k_segments, segment_len, batch_count: 1 },
                    MatrixA { values: image, layout: Layout::RowMajor, lda: width },
                    MatrixB { values: gradient, ldb: co, batch_stride: 0 },
                    MatrixC::new(sums, co, first > 0),
                );
            }
        });
        let points = every(ci * co);
        let from = (&*sums, all_points(&points));
        let taps: [_; POINTS * POINTS] = std::array::from_fn(|tap| tap * ci * co);
        let to = (pass.dx, self.taps(&taps));
        let epilogue = if pass.adds { Epilogue::Accumulate } else { Epilogue::Overwrite };
        winograd(Transform::Output, ci * co, from, to, epilogue);
    }

    /// The taps of the filters, of which each begins where `starts` says.
    fn taps<'a>(&self, starts: &'a [usize]) -> Square<'a> {
        Square { side: self.filter, starts: &starts[..self.filter * self.filter] }
    }
}

fn all_points(starts: &[usize]) -> Square<'_> {
    Square { side: POINTS, starts }
}

/// The distance between the values at one point and the next. A cache line more than they take, so that the
/// values at all points for one element, which are read or written together, lie in different sets of the first-level cache.
fn apart(len: usize) -> usize {
    len.next_multiple_of(MAX_LANES) + MAX_LANES
}

/// Where the values at each point begin, with `len` values at each.
fn every(len: usize) -> [usize; POINTS * POINTS] {
    std::array::from_fn(|point| point * apart(len))
}
