//! Convolutions with many channels, by Winograd's algorithm: see [`kernels::winograd`].
//!
//! The image is cut into patches of 8 × 8 pixels, one for each square of results. At each of the 64 points the
//! values of all patches, `[patch, ci, lanes]`, meet those of the filters, `[ci, co]`, in one product. Patches
//! are taken a few at a time, so that their values stay in the second-level cache.

use kernels::product::{Adjacent, Destination, Extent, Left, Right, product};
use kernels::transpose;
use kernels::winograd::{OUTSIDE, POINTS, Plus, Square, Transform, winograd};

use crate::Float;
use crate::convolution::Geometry;
use crate::op::Tile;

/// Values of images and products that a group of patches may have: half of a second-level cache of 2 MiB.
const GROUP_VALUES: usize = 1 << 18;
/// Patches of a group at most.
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
        lanes: usize,
        starts: &'a mut [usize; POINTS * POINTS],
    ) -> Square<'a> {
        let inside = |at: isize, size: usize| usize::try_from(at).ok().filter(|&at| at < size);
        for (i, start) in starts[..side * side].iter_mut().enumerate() {
            let row = inside(corner[0] + (i / side) as isize, self.size[0]);
            let column = inside(corner[1] + (i % side) as isize, self.size[1]);
            *start = row.zip(column).map_or(OUTSIDE, |(row, column)| {
                (row * self.size[1] + column) * self.channels * lanes
            });
        }
        Square { side, starts: &starts[..side * side] }
    }
}

/// A convolution of stride 1 with square filters: sizes, and how it is cut into patches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Winograd {
    from: Plane,
    to: Plane,
    /// Side of the filters.
    filter: usize,
    /// Rows and columns of zeros in front of the plane; below 0, rows and columns that are left out.
    pad: [isize; 2],
}

impl Winograd {
    /// If it is worth it for this convolution, and lanes are whole vectors, or one, as the algorithm needs them.
    pub(crate) fn with_lanes(g: &Geometry, lanes: usize) -> Option<Self> {
        Self::of(g).filter(|_| lanes == 1 || lanes.is_multiple_of(LINE))
    }

    /// If it is worth it for this convolution.
    pub(crate) fn of(g: &Geometry) -> Option<Self> {
        let [rows, columns] = [g.axis(0), g.axis(1)];
        let is_square = rows.kernel == columns.kernel && [3, 5].contains(&rows.kernel);
        let is_dense = rows.stride == 1 && columns.stride == 1;
        let is_large = rows.output.min(columns.output) >= LARGE;
        let has_many = g.ci >= MANY && g.co >= MANY;
        (is_square && is_dense && is_large && has_many).then_some(Self {
            from: Plane { size: [rows.input, columns.input], channels: g.ci },
            to: Plane { size: [rows.output, columns.output], channels: g.co },
            filter: rows.kernel,
            pad: [rows.pad as isize, columns.pad as isize],
        })
    }

    /// The convolution of the gradient of the result with the turned filters: the gradient of the image.
    pub(crate) fn backward(self) -> Self {
        let pad = self.pad.map(|pad| self.filter as isize - 1 - pad);
        Self { from: self.to, to: self.from, pad, ..self }
    }

    /// Results of a patch along each axis.
    fn side(&self) -> usize {
        POINTS + 1 - self.filter
    }

    /// Values at one point of one patch: of the image, and of what the filters make of it.
    fn patch_lens(&self, lanes: usize) -> [usize; 2] {
        [self.from.channels * lanes, self.to.channels * lanes]
    }

    fn patches(&self) -> [usize; 2] {
        self.to.size.map(|size| size.div_ceil(self.side()))
    }

    /// Elements that [`forward`](Self::forward) or [`weight`](Self::weight) need for a tile of up to `lanes`.
    pub(crate) fn scratch(&self, lanes: usize) -> usize {
        let [from, to] = self.patch_lens(lanes);
        let points = POINTS * POINTS;
        let gradient = self.side() * self.side() * to;
        let group = GROUP_VALUES.max(points * (from + to)) + 4 * points * LINE;
        points * apart(self.from.channels * self.to.channels) + group + gradient
    }

    /// The patches, a few at a time: the number of the first of them, and the first pixel of each one's results.
    fn for_groups(&self, lanes: usize, mut group: impl FnMut(usize, &[[usize; 2]])) {
        let [from, to] = self.patch_lens(lanes);
        // Two patches fill a block of the product where each is one vector.
        let most = (GROUP_VALUES / (POINTS * POINTS * (from + to))).clamp(1, MOST);
        let most = if most > 1 { most / 2 * 2 } else { 1 };
        let [rows, columns] = self.patches();
        let mut corners = [[0; 2]; MOST];
        for first in (0..rows * columns).step_by(most) {
            let count = most.min(rows * columns - first);
            for (corner, patch) in corners.iter_mut().zip(first..first + count) {
                *corner = [patch / columns * self.side(), patch % columns * self.side()];
            }
            group(first, &corners[..count]);
        }
    }

    /// The values of a group's patches of `x`, `[point, patch, ci, lanes]`.
    fn image<T: Float>(&self, x: &[T], corners: &[[usize; 2]], lanes: usize, values: &mut [T]) {
        let [len, _] = self.patch_lens(lanes);
        let mut starts = [0; POINTS * POINTS];
        for (patch, corner) in corners.iter().enumerate() {
            let corner = [0, 1].map(|axis| corner[axis] as isize - self.pad[axis]);
            let from = self.from.square(POINTS, corner, lanes, &mut starts);
            let points = every(corners.len() * len);
            let to = (&mut values[patch * len..], Square { side: POINTS, starts: &points });
            winograd(Transform::Image, len, (x, from), to, Plus::Nothing);
        }
    }

    /// `y = x ∗ weight`, where `tap(row, column)` is where the filters of a tap, `[ci, co]`, begin in `weight`.
    pub(crate) fn forward<T: Float>(
        &self,
        x: &[T],
        weight: &[T],
        tap: impl Fn(usize, usize) -> usize,
        y: &mut [T],
        plus: Plus<'_, T>,
        (lanes, scratch): (usize, &mut [T]),
    ) {
        let (ci, co) = (self.from.channels, self.to.channels);
        let [from_len, to_len] = self.patch_lens(lanes);
        let (filters, rest) = scratch.split_at_mut(POINTS * POINTS * apart(ci * co));
        let mut taps = [0; POINTS * POINTS];
        let n_taps = self.filter * self.filter;
        for (i, start) in taps[..n_taps].iter_mut().enumerate() {
            *start = tap(i / self.filter, i % self.filter);
        }
        let points = every(ci * co);
        let from = (weight, Square { side: self.filter, starts: &taps[..n_taps] });
        let to = (&mut *filters, Square { side: POINTS, starts: &points });
        winograd(Transform::Filter, ci * co, from, to, Plus::Nothing);
        self.for_groups(lanes, |_, corners| {
            let n = corners.len();
            let (images, results) = rest.split_at_mut(POINTS * POINTS * apart(n * from_len));
            self.image(x, corners, lanes, images);
            let values =
                images.chunks_exact(apart(n * from_len)).zip(filters.chunks_exact(apart(ci * co)));
            for ((image, filter), values) in values.zip(results.chunks_exact_mut(apart(n * to_len)))
            {
                if lanes > 1 {
                    // [co, lane] = Σ_ci filter[ci, co] · image[ci, lane], for each patch
                    product(
                        Extent {
                            rows: co,
                            columns: lanes,
                            runs: &[[0, 0]],
                            run_length: ci,
                            repeats: n,
                        },
                        Left { values: filter, adjacent: Adjacent::Rows, stride: co },
                        Right { values: image, inner_stride: lanes, repeat_stride: from_len },
                        Destination {
                            repeat_stride: to_len,
                            ..Destination::rows(values, lanes, false)
                        },
                    );
                } else {
                    // One sample: patches are the rows, and the lanes lie along the channels.
                    product(
                        Extent {
                            rows: n,
                            columns: co,
                            runs: &[[0, 0]],
                            run_length: ci,
                            repeats: 1,
                        },
                        Left { values: image, adjacent: Adjacent::Steps, stride: ci },
                        Right { values: filter, inner_stride: co, repeat_stride: 0 },
                        Destination::rows(values, co, false),
                    );
                }
            }
            let points = every(n * to_len);
            let mut starts = [0; POINTS * POINTS];
            for (patch, corner) in corners.iter().enumerate() {
                let corner = corner.map(|at| at as isize);
                let to = self.to.square(self.side(), corner, lanes, &mut starts);
                let from = Square { side: POINTS, starts: &points };
                let from = (&results[patch * to_len..], from);
                winograd(Transform::Result, to_len, from, (&mut *y, to), plus);
            }
        });
    }

    /// `dweight[tap, ci, co] = Σ_position Σ_sample x[position + tap, ci] · dy[position, co]`: a convolution of
    /// the image whose filter is the gradient, and whose results are the filters.
    pub(crate) fn weight<T: Float>(
        &self,
        x: &[T],
        dy: &[T],
        tile: Tile,
        (dweight, adds): (&mut [T], bool),
        scratch: &mut [T],
    ) {
        let (ci, co) = (self.from.channels, self.to.channels);
        let Tile { width: lanes, valid, .. } = tile;
        let [from_len, to_len] = self.patch_lens(lanes);
        let turned_len = valid * co;
        let (sums, rest) = scratch.split_at_mut(POINTS * POINTS * apart(ci * co));
        let (turned, rest) = rest.split_at_mut(self.side() * self.side() * to_len);
        let mut starts = [0; POINTS * POINTS];
        self.for_groups(lanes, |first, corners| {
            let n = corners.len();
            let (images, gradients) = rest.split_at_mut(POINTS * POINTS * apart(n * from_len));
            self.image(x, corners, lanes, images);
            let points = every(n * turned_len);
            for (patch, corner) in corners.iter().enumerate() {
                let corner = corner.map(|at| at as isize);
                let pixels = self.to.square(self.side(), corner, lanes, &mut starts);
                let mut places = [OUTSIDE; POINTS * POINTS];
                let squares = turned.chunks_exact_mut(turned_len);
                for (i, (&start, turned)) in pixels.starts.iter().zip(squares).enumerate() {
                    if start != OUTSIDE {
                        transpose((&dy[start..], lanes), [co, valid], (turned, co));
                        places[i] = i * turned_len;
                    }
                }
                let places = Square { side: self.side(), starts: &places[..pixels.starts.len()] };
                let to = Square { side: POINTS, starts: &points };
                let to = (&mut gradients[patch * turned_len..], to);
                winograd(Transform::Filter, turned_len, (&*turned, places), to, Plus::Nothing);
            }
            let mut runs = [[0; 2]; MOST];
            for (patch, run) in runs[..n].iter_mut().enumerate() {
                *run = [patch * from_len, patch * turned_len];
            }
            let values = images
                .chunks_exact(apart(n * from_len))
                .zip(gradients.chunks_exact(apart(n * turned_len)));
            for ((image, gradient), values) in values.zip(sums.chunks_exact_mut(apart(ci * co))) {
                // [ci, co] = Σ_patch Σ_sample image[ci, sample] · gradient[sample, co]
                product(
                    Extent {
                        rows: ci,
                        columns: co,
                        runs: &runs[..n],
                        run_length: valid,
                        repeats: 1,
                    },
                    Left { values: image, adjacent: Adjacent::Steps, stride: lanes },
                    Right { values: gradient, inner_stride: co, repeat_stride: 0 },
                    Destination::rows(values, co, first > 0),
                );
            }
        });
        let points = every(ci * co);
        let n_taps = self.filter * self.filter;
        let from = (&*sums, Square { side: POINTS, starts: &points });
        let taps: [_; POINTS * POINTS] = std::array::from_fn(|tap| tap * ci * co);
        let to = (dweight, Square { side: self.filter, starts: &taps[..n_taps] });
        let plus = if adds { Plus::Old } else { Plus::Nothing };
        winograd(Transform::Result, ci * co, from, to, plus);
    }
}

/// Room for so many values at one point. A cache line more than they take, so that the values at all points of
/// one place, which are read or written together, lie in different sets of the first-level cache.
fn apart(len: usize) -> usize {
    len.next_multiple_of(LINE) + LINE
}

/// Elements of a cache line, at most.
const LINE: usize = 16;

/// Where the values at each point begin, with `len` values at each.
fn every(len: usize) -> [usize; POINTS * POINTS] {
    std::array::from_fn(|point| point * apart(len))
}
