//! Convolution of images, `y = x ∗ weight` (a cross-correlation, as in every network library).
//!
//! Shapes: `x [N, height, width, ci]`, `weight [kh, kw, ci, co]` → `y [N, oh, ow, co]`.
//! Gradient: `dL/dx` is the correlation of `dL/dy` with the weight seen from the input, `dL/dweight` that
//! of `x` with `dL/dy`, summed over the batch.
//! Source: LeCun et al. (1989), "Backpropagation applied to handwritten zip code recognition".
//!
//! No patch matrix is built: in the batch-innermost layout the pixels under a row of the kernel are
//! contiguous, so each product reads the image itself. Positions along a row of the image that
//! meet the same part of the kernel, which are all but those at the edges, are one call.

use std::ops::Range;

use kernels::gemm::{
    GemmNtSize, GemmSize, Layout, MatrixA, MatrixB, MatrixC, NtOperand, PARTIAL_SUMS, gemm, gemm_nt,
};
use kernels::winograd::Epilogue;
use kernels::{MAX_LANES, add_row_sums, transpose};

use crate::convolution::{Geometry, Segment};
use crate::op::{BackwardPass, ForwardPass, Op, Saved, Tile};
use crate::window::{Padding, Window};
use crate::winograd::WinogradConv;
use crate::{Float, Graph, NodeId, Shape, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds the convolution of `x` with `weight`.
    ///
    /// # Shapes
    ///
    /// | value    | shape              |                                                     |
    /// |----------|--------------------|-----------------------------------------------------|
    /// | `x`      | `[N, h, w, ci]`    | images, channels last                               |
    /// | `weight` | `[kh, kw, ci, co]` | one filter for each output channel                  |
    /// | `y`      | `[N, oh, ow, co]`  | `oh`, `ow` as the [`Padding`] says                  |
    ///
    /// # Cost
    ///
    /// `oh · ow · kh · kw · ci · co` multiply-adds a sample forward, twice that backward.
    ///
    /// # Errors
    ///
    /// [`ShapeError::Rank`] if an operand has other axes, [`ShapeError::AxisMismatch`] if the two `ci`
    /// differ, [`ShapeError::Rule`] if the kernel does not fit into the padded image.
    ///
    /// # Examples
    ///
    /// ```
    /// use gradus_graph::{Graph, Padding, Shape};
    ///
    /// let mut g = Graph::<f32>::new();
    /// let x = g.input("x", Shape::batch([28, 28, 6]));
    /// let weight = g.parameter("weight", [5, 5, 6, 12]);
    /// let y = g.conv2d(x, weight, [2, 2], Padding::Same)?;
    /// assert_eq!(g.shape(y), &Shape::batch([14, 14, 12]));
    /// # Ok::<(), gradus_graph::ShapeError>(())
    /// ```
    pub fn conv2d(
        &mut self,
        x: NodeId,
        weight: NodeId,
        stride: [usize; 2],
        padding: Padding,
    ) -> Result<NodeId, ShapeError> {
        self.push(Conv2dOp { stride, padding }, &[x, weight])
    }
}

#[derive(Debug)]
pub(crate) struct Conv2dOp {
    stride: [usize; 2],
    padding: Padding,
}

impl Conv2dOp {
    fn geometry(&self, operands: &[Shape]) -> Result<Geometry, ShapeError> {
        let [x, weight] = operands else { unreachable!("two operands") };
        let &[kh, kw, ci, co] = weight.dims() else { return Err(wrong_weight(weight)) };
        if weight.is_batched() {
            return Err(wrong_weight(weight));
        }
        let window = Window::new("conv2d", x, [kh, kw], self.stride, self.padding)?;
        if x.dims()[2] != ci {
            return Err(ShapeError::AxisMismatch {
                op: "conv2d",
                left: (x.clone(), 3),
                right: (weight.clone(), 2),
            });
        }
        Ok(Geometry { window, ci, co })
    }

    fn known_geometry(&self, operands: &[Shape]) -> Geometry {
        self.geometry(operands).expect("the shapes were checked when the graph was built")
    }

    /// `dx[pixel, ci] = Σ_tap Σ_co weight[tap, ci, co] · dy[position, co]`: each input pixel sums over
    /// the positions whose kernel covered it. With a stride, pixels of different phase meet different
    /// taps, each phase as in a convolution of stride 1.
    fn backward_image<T: Float>(g: &Geometry, dy: &[T], pass: ImageGradient<'_, T>) {
        let (rows, columns) = (g.axis(0), g.axis(1));
        let ImageGradient { weight, width, dx, adds } = pass;
        let (tap_len, position_len) = (g.ci * g.co, g.co * width);
        for phase_x in columns.phases() {
            // The taps of a phase lie side by side, the last first, as their positions do.
            let taps_before: usize = (0..columns.kernel)
                .filter(|tap| tap % columns.stride < columns.first_tap(phase_x))
                .count();
            let n_taps = columns.taps_of_phase(phase_x);
            for y in 0..rows.input {
                let (phase_y, at) = (y % rows.stride, y / rows.stride);
                let position_y = rows.position(phase_y, at);
                let end_y = (position_y + 1).min(rows.taps_of_phase(phase_y));
                let start_y = (position_y + 1).saturating_sub(rows.output).min(end_y);
                for segment in columns.segments_of_phase(phase_x) {
                    let Segment { first, count, taps } = segment;
                    let x = phase_x + first * columns.stride;
                    if taps.is_empty() || start_y == end_y {
                        if !adds {
                            for x in (x..columns.input).step_by(columns.stride).take(count) {
                                dx[(y * columns.input + x) * g.ci * width..][..g.ci * width]
                                    .fill(T::ZERO);
                            }
                        }
                        continue;
                    }
                    let position_x = columns.position(phase_x, first) + 1 - taps.end;
                    let segment_of = |tap: usize| {
                        let kernel_y = rows.first_tap(phase_y) + tap * rows.stride;
                        let tap_x = taps_before + n_taps - taps.end;
                        let position = (position_y - tap) * columns.output + position_x;
                        [(kernel_y * columns.kernel + tap_x) * tap_len, position * position_len]
                    };
                    for_segments(start_y..end_y, segment_of, |k_segments, part| {
                        gemm(
                            GemmSize {
                                m: g.ci,
                                n: width,
                                k_segments,
                                segment_len: taps.len() * g.co,
                                batch_count: count,
                            },
                            MatrixA { values: weight, layout: Layout::ColumnMajor, lda: g.ci },
                            MatrixB { values: dy, ldb: width, batch_stride: position_len },
                            MatrixC {
                                batch_stride: columns.stride.saturating_mul(g.ci * width),
                                ..MatrixC::new(
                                    &mut dx[(y * columns.input + x) * g.ci * width..],
                                    width,
                                    adds || !part.is_first,
                                )
                            },
                        );
                    });
                }
            }
        }
    }

    /// The weight as the backward pass reads it: in each row of the kernel the taps of one phase side by
    /// side, the last first, and of each tap `[co, ci]`.
    fn transpose_weight<T: Float>(g: &Geometry, weight: &[T], to: &mut [T]) {
        let (columns, tap_len) = (g.axis(1), g.ci * g.co);
        let row_len = columns.kernel * tap_len;
        let rows = to.chunks_exact_mut(row_len.max(1)).zip(weight.chunks_exact(row_len.max(1)));
        for (to, from) in rows {
            let mut to = to.chunks_exact_mut(tap_len.max(1));
            // A stride may be larger than the kernel.
            for phase in 0..columns.stride.min(columns.kernel) {
                for tap in (phase..columns.kernel).step_by(columns.stride).rev() {
                    let to = to.next().expect("as many taps there as here");
                    transpose((&from[tap * tap_len..], g.co), [g.ci, g.co], (to, g.ci));
                }
            }
        }
    }

    /// `dweight[tap, ci, co] = Σ_position Σ_sample x[position + tap, ci] · dy[position, co]`, one row of
    /// the image and one of the kernel at a time, so that both stay in the first-level cache.
    ///
    /// The vectors run along the channels, for which the gradient is transposed first.
    fn backward_weight<T: Float>(
        g: &Geometry,
        x: &[T],
        dy: &[T],
        tile: Tile,
        to: WeightGradient<'_, T>,
    ) {
        let (rows, columns) = (g.axis(0), g.axis(1));
        let (width, valid) = (tile.width, tile.valid);
        let image_row = g.padded_width() * g.ci * width;
        let channels = g.co.next_multiple_of(MAX_LANES);
        let transposed = &mut to.scratch[..columns.output * channels * valid];
        let mut k_segments = [[0; 2]; MAX_SEGMENTS];
        for y in 0..rows.output {
            let dy = &dy[y * columns.output * g.co * width..];
            let positions = dy.chunks_exact(g.co * width);
            for (dy, transposed) in positions.zip(transposed.chunks_exact_mut(channels * valid)) {
                transpose((dy, width), [g.co, valid], (transposed, channels));
            }
            for (tap, dweight) in to.dweight.chunks_exact_mut(g.weight_row_len()).enumerate() {
                let image = &x[(y * rows.stride + tap) * image_row..];
                for first in (0..columns.output).step_by(MAX_SEGMENTS) {
                    let count = MAX_SEGMENTS.min(columns.output - first);
                    for (segment, x) in k_segments.iter_mut().zip(first..first + count) {
                        *segment = [x * columns.stride * g.ci * width, x * channels * valid];
                    }
                    gemm(
                        GemmSize {
                            m: columns.kernel * g.ci,
                            n: g.co,
                            k_segments: &k_segments[..count],
                            segment_len: valid,
                            batch_count: 1,
                        },
                        MatrixA { values: image, layout: Layout::RowMajor, lda: width },
                        MatrixB { values: transposed, ldb: channels, batch_stride: 0 },
                        MatrixC::new(&mut *dweight, g.co, to.adds || y > 0 || first > 0),
                    );
                }
            }
        }
    }

    /// The same with vectors along the samples, in partial sums that are added up at the end: for so few
    /// channels that they would leave many lanes empty.
    fn backward_thin_weight<T: Float>(
        g: &Geometry,
        x: &[T],
        dy: &[T],
        tile: Tile,
        to: WeightGradient<'_, T>,
    ) {
        let (rows, columns, width) = (g.axis(0), g.axis(1), tile.width);
        let image_row = g.padded_width() * g.ci * width;
        let dy_row = columns.output * g.co * width;
        let sums = &mut to.scratch[..g.weight_len() * PARTIAL_SUMS];
        for y in 0..rows.output {
            let dy =
                NtOperand { values: &dy[y * dy_row..], ld: width, segment_stride: g.co * width };
            for (tap, sums) in sums.chunks_exact_mut(g.weight_row_len() * PARTIAL_SUMS).enumerate()
            {
                let image = NtOperand {
                    values: &x[(y * rows.stride + tap) * image_row..],
                    ld: width,
                    segment_stride: columns.stride.saturating_mul(g.ci * width),
                };
                let size = GemmNtSize {
                    m: columns.kernel * g.ci,
                    n: g.co,
                    segment_len: width,
                    segment_count: columns.output,
                };
                gemm_nt(size, image, dy, sums, y > 0);
            }
        }
        if !to.adds {
            to.dweight.fill(T::ZERO);
        }
        add_row_sums(sums, PARTIAL_SUMS, to.dweight);
    }
}

/// Positions that one [`gemm`] sums over at most.
const MAX_SEGMENTS: usize = 32;
/// Rows of the kernel that one [`gemm`] sums over at most.
const MAX_TAP_SEGMENTS: usize = 16;

/// Where the gradient of the weight goes.
struct WeightGradient<'a, T> {
    dweight: &'a mut [T],
    adds: bool,
    /// [`Geometry::weight_scratch`] elements.
    scratch: &'a mut [T],
}

/// What the backward pass to the image needs beside the gradient it starts from.
struct ImageGradient<'a, T> {
    /// As [`Conv2dOp::transpose_weight`] left it.
    weight: &'a [T],
    width: usize,
    dx: &'a mut [T],
    adds: bool,
}

/// Whether a call is the first or the last of those that one product takes.
#[derive(Clone, Copy)]
struct CallPosition {
    is_first: bool,
    is_last: bool,
}

/// Calls `call` with the segments of `taps`, a few at a time.
fn for_segments(
    taps: Range<usize>,
    segment_of: impl Fn(usize) -> [usize; 2],
    mut call: impl FnMut(&[[usize; 2]], CallPosition),
) {
    let mut segments = [[0; 2]; MAX_TAP_SEGMENTS];
    let start = taps.start;
    for first in taps.clone().step_by(MAX_TAP_SEGMENTS) {
        let count = MAX_TAP_SEGMENTS.min(taps.end - first);
        for (segment, tap) in segments.iter_mut().zip(first..first + count) {
            *segment = segment_of(tap);
        }
        let is_last = first + count == taps.end;
        call(&segments[..count], CallPosition { is_first: first == start, is_last });
    }
}

/// What the forward pass multiplies.
struct ForwardGemm<'a, T> {
    g: &'a Geometry,
    image: &'a [T],
    weight: &'a [T],
    bias: &'a [T],
    width: usize,
}

impl<T: Float> ForwardGemm<'_, T> {
    /// The results at the positions of one segment of a row, which all meet the same taps.
    fn positions(&self, row: usize, segment: &Segment, y: &mut [T]) {
        let Self { g, width, .. } = *self;
        let (rows, columns) = (g.axis(0), g.axis(1));
        let (taps_y, taps) = (rows.taps(row), &segment.taps);
        let y = &mut y[(row * columns.output + segment.first) * g.co * width..];
        if taps_y.is_empty() || taps.is_empty() {
            let rows = y[..segment.count * g.co * width].chunks_exact_mut(width);
            for (channel, row) in rows.enumerate() {
                row.fill(self.bias.get(channel % g.co).copied().unwrap_or(T::ZERO));
            }
            return;
        }
        let under = columns.under(segment);
        let segment_of = |tap: usize| {
            let pixel = (row * rows.stride + tap - rows.pad) * columns.input + under;
            let weight = (tap * columns.kernel + taps.start) * g.ci * g.co;
            [weight, pixel * g.ci * width]
        };
        let segment_len = taps.len() * g.ci;
        for_segments(taps_y, segment_of, |k_segments, part| {
            if width > 1 {
                let batch_count = segment.count;
                let size = GemmSize { m: g.co, n: width, k_segments, segment_len, batch_count };
                self.samples(size, part, y);
            } else {
                // The positions are the rows of A, which is the image.
                let mut swapped = [[0; 2]; MAX_TAP_SEGMENTS];
                for (to, &[weight, pixel]) in swapped.iter_mut().zip(k_segments) {
                    *to = [pixel, weight];
                }
                let k_segments = &swapped[..k_segments.len()];
                let (m, n) = (segment.count, g.co);
                self.one_sample(
                    GemmSize { m, n, k_segments, segment_len, batch_count: 1 },
                    part,
                    y,
                );
            }
        });
    }

    /// `y[co, sample] = Σ_k weight[k, co] · x[k, sample]`, for each position.
    fn samples(&self, size: GemmSize<'_>, part: CallPosition, y: &mut [T]) {
        let Self { g, width, .. } = *self;
        // A stride that has only one position is not used.
        let batch_stride = g.axis(1).stride.saturating_mul(g.ci * width);
        gemm(
            size,
            MatrixA { values: self.weight, layout: Layout::ColumnMajor, lda: g.co },
            MatrixB { values: self.image, ldb: width, batch_stride },
            MatrixC {
                values: y,
                ldc: width,
                batch_stride: g.co * width,
                accumulate: !part.is_first,
                bias: if part.is_last { self.bias } else { &[] },
            },
        );
    }

    /// `y[position, co] = Σ_k x[position, k] · weight[k, co]`: with one sample the vectors run along the
    /// channels.
    fn one_sample(&self, size: GemmSize<'_>, part: CallPosition, y: &mut [T]) {
        let (g, positions) = (self.g, size.m);
        let lda = g.axis(1).stride.saturating_mul(g.ci);
        gemm(
            size,
            MatrixA { values: self.image, layout: Layout::RowMajor, lda },
            MatrixB { values: self.weight, ldb: g.co, batch_stride: 0 },
            MatrixC::new(y, g.co, !part.is_first),
        );
        if part.is_last && !self.bias.is_empty() {
            for y in y.chunks_exact_mut(g.co).take(positions) {
                y.iter_mut().zip(self.bias).for_each(|(y, &bias)| *y += bias);
            }
        }
    }
}

impl<T: Float> Op<T> for Conv2dOp {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn infer_shape(&self, operands: &[Shape]) -> Result<Shape, ShapeError> {
        let geometry = self.geometry(operands)?;
        let [height, width] = geometry.window.output;
        Ok(Shape::batch([height, width, geometry.co]))
    }

    fn saved(&self, operand: usize) -> Saved {
        if operand == 0 { Saved::SECOND } else { Saved::FIRST }
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        let g = self.known_geometry(pass.shapes);
        let width = pass.tile.width;
        let (rows, columns) = (g.axis(0), g.axis(1));
        let (image, weight, y) = (pass.x[0], pass.x[1], pass.y);
        if let Some(winograd) = WinogradConv::with_width(&g, width) {
            let tap = |row, column| (row * columns.kernel + column) * g.ci * g.co;
            let epilogue = match pass.bias {
                [] => Epilogue::Overwrite,
                bias => Epilogue::Bias(bias, width),
            };
            winograd.forward(image, weight, tap, y, epilogue, (width, pass.scratch));
            return;
        }
        let to = ForwardGemm { g: &g, image, weight, bias: pass.bias, width };
        for row in 0..rows.output {
            for segment in columns.segments() {
                to.positions(row, &segment, y);
            }
        }
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        let g = self.known_geometry(pass.shapes);
        let width = pass.tile.width;
        if pass.operand == 0 {
            let (weight, rest) = pass.scratch.split_at_mut(g.weight_len());
            Self::transpose_weight(&g, pass.x[1], weight);
            if let Some(winograd) = WinogradConv::with_width(&g, width) {
                // Each row of the kernel is reversed already.
                let kernel = g.axis(0).kernel;
                let tap = |row, column| ((kernel - 1 - row) * kernel + column) * g.ci * g.co;
                let epilogue = if pass.adds { Epilogue::Accumulate } else { Epilogue::Overwrite };
                let scratch = (width, rest);
                winograd.backward().forward(pass.dy, weight, tap, pass.dx, epilogue, scratch);
                return;
            }
            let to = ImageGradient { weight, width, dx: pass.dx, adds: pass.adds };
            Self::backward_image(&g, pass.dy, to);
        } else if let Some(winograd) = WinogradConv::with_width(&g, width).filter(|_| width > 1) {
            let to = (pass.dx, pass.adds);
            winograd.weight(pass.x[0], pass.dy, pass.tile, to, pass.scratch);
        } else {
            let (scratch, rest) = pass.scratch.split_at_mut(g.weight_scratch(width));
            let to = WeightGradient { dweight: pass.dx, adds: pass.adds, scratch };
            let x = g.pad(pass.x[0], width, rest);
            if g.weight_len() == 0 {
                return;
            }
            if g.is_thin() {
                Self::backward_thin_weight(&g, x, pass.dy, pass.tile, to);
            } else {
                Self::backward_weight(&g, x, pass.dy, pass.tile, to);
            }
        }
    }

    fn forward_scratch(&self, operands: &[Shape], width: usize) -> usize {
        let winograd = WinogradConv::of(&self.known_geometry(operands));
        winograd.map_or(0, |winograd| winograd.scratch(width))
    }

    fn sets_gradient(&self, _operand: usize) -> bool {
        true
    }

    fn backward_scratch(&self, operand: usize, operands: &[Shape], width: usize) -> usize {
        let g = self.known_geometry(operands);
        let winograd = WinogradConv::of(&g).map_or(0, |winograd| winograd.scratch(width));
        if operand == 0 {
            g.weight_len() + winograd
        } else {
            winograd.max(g.weight_scratch(width).saturating_add(g.padded_len(width)))
        }
    }

    fn multiply_adds(&self, operands: &[Shape]) -> u64 {
        let [height, width] = self.known_geometry(operands).window.output;
        (height * width * operands[1].len()) as u64
    }
}

fn wrong_weight(weight: &Shape) -> ShapeError {
    ShapeError::Rank { op: "conv2d", expected: "a weight [kh, kw, ci, co]", found: weight.clone() }
}

#[cfg(test)]
mod tests {
    use crate::testing::{OpCase, both_precisions, check_op, indices, uniform};
    use crate::{Graph, Padding, Shape, Tensor};

    /// The convolution by its definition.
    fn reference(
        x: &Tensor<f64>,
        weight: &Tensor<f64>,
        stride: [usize; 2],
        pad: [usize; 4],
    ) -> Tensor<f64> {
        let (&[n, h, w, ci], &[kh, kw, _, co]) = (x.shape(), weight.shape()) else {
            panic!("ranks")
        };
        let out = |size: usize, pad: usize, kernel: usize, stride: usize| {
            (size + pad - kernel) / stride + 1
        };
        let sizes =
            [n, out(h, pad[0] + pad[1], kh, stride[0]), out(w, pad[2] + pad[3], kw, stride[1]), co];
        let cell = |index: Vec<usize>| {
            let mut sum = 0.0;
            for tap in indices(&[kh, kw, ci]) {
                let row =
                    (index[1] * stride[0] + tap[0]).checked_sub(pad[0]).filter(|&row| row < h);
                let column = (index[2] * stride[1] + tap[1])
                    .checked_sub(pad[2])
                    .filter(|&column| column < w);
                if let (Some(row), Some(column)) = (row, column) {
                    sum += x.values()[((index[0] * h + row) * w + column) * ci + tap[2]]
                        * weight.values()[((tap[0] * kw + tap[1]) * ci + tap[2]) * co + index[3]];
                }
            }
            sum
        };
        Tensor::new(sizes, indices(&sizes).map(cell).collect::<Vec<_>>())
    }

    #[test]
    fn matches_reference_and_finite_differences() {
        let explicit = |pad: [usize; 4]| Padding::Explicit {
            top: pad[0],
            bottom: pad[1],
            left: pad[2],
            right: pad[3],
        };
        for (x, weight, stride, padding, pad) in [
            ("N 5 5 2", "3 3 2 3", [1, 1], Padding::Valid, [0; 4]),
            ("N 6 7 1", "6 6 1 2", [1, 1], Padding::Same, [2, 3, 2, 3]),
            ("N 8 8 3", "5 5 3 2", [2, 2], Padding::Same, [1, 2, 1, 2]),
            ("N 6 6 2", "4 4 2 5", [2, 2], Padding::Same, [1, 1, 1, 1]),
            ("N 4 5 1", "3 2 1 1", [2, 1], explicit([1, 0, 2, 1]), [1, 0, 2, 1]),
            ("N 1 1 1", "1 1 1 1", [1, 1], Padding::Valid, [0; 4]),
            ("N 9 9 1", "9 9 1 1", [1, 1], Padding::Valid, [0; 4]),
            ("N 5 5 1", "2 2 1 1", [3, 3], Padding::Valid, [0; 4]),
            // So many output channels that they fill vectors, more positions than one call takes, and
            // more rows of the kernel.
            ("N 4 5 2", "3 2 2 13", [2, 1], Padding::Same, [0, 1, 0, 1]),
            ("N 2 40 1", "1 2 1 12", [1, 1], Padding::Valid, [0; 4]),
            ("N 18 3 1", "17 2 1 2", [1, 1], Padding::Valid, [0; 4]),
            // So many channels that Winograd's algorithm is worth it, with patches that end at the edge and
            // beyond, and more padding than the kernel has.
            ("N 6 7 12", "3 3 12 13", [1, 1], Padding::Same, [1; 4]),
            ("N 9 8 12", "5 5 12 12", [1, 1], explicit([4, 1, 0, 3]), [4, 1, 0, 3]),
            ("N 6 6 13", "3 3 13 12", [1, 1], explicit([3, 3, 0, 2]), [3, 3, 0, 2]),
            // Positions that see nothing but padding.
            ("N 2 2 1", "2 2 1 2", [1, 1], explicit([3, 0, 0, 2]), [3, 0, 0, 2]),
        ] {
            check_op(OpCase {
                build: both_precisions!(|g, v| g.conv2d(v[0], v[1], stride, padding)),
                reference: |v| reference(&v[0], &v[1], stride, pad),
                inputs: &[uniform(x, -1.0..1.0), uniform(weight, -1.0..1.0)],
            });
        }
    }

    #[test]
    fn a_stride_beyond_the_image_leaves_one_position() {
        const HUGE: usize = 1_000_000_000_000_000_000;
        // Thin and other weights, and channels that Winograd's algorithm would take with a stride of 1.
        for (x, weight, stride, padding, pad) in [
            ("N 5 4 2", "3 2 2 3", [HUGE, HUGE], Padding::Valid, [0; 4]),
            ("N 5 4 2", "3 2 2 16", [HUGE, 1], Padding::Valid, [0; 4]),
            ("N 6 6 12", "3 3 12 12", [1, HUGE], Padding::Valid, [0; 4]),
            ("N 3 3 1", "2 2 1 2", [HUGE, 7], Padding::Same, [0, 0, 0, 0]),
        ] {
            check_op(OpCase {
                build: both_precisions!(|g, v| g.conv2d(v[0], v[1], stride, padding)),
                reference: |v| reference(&v[0], &v[1], stride, pad),
                inputs: &[uniform(x, -1.0..1.0), uniform(weight, -1.0..1.0)],
            });
        }
    }

    #[test]
    fn images_and_weights_that_do_not_fit_are_refused_with_both_shapes() {
        let mut g = Graph::<f32>::new();
        let x = g.input("x", Shape::batch([28, 28, 6]));
        let (five, flat) = (g.parameter("five", [5, 5, 5, 12]), g.parameter("flat", [5, 5]));
        let error = g.conv2d(x, five, [1, 1], Padding::Same).unwrap_err();
        assert_eq!(
            error.to_string(),
            "conv2d: axis 3 of [N, 28, 28, 6] is 6 but axis 2 of [5, 5, 5, 12] is 5"
        );
        let error = g.conv2d(x, flat, [1, 1], Padding::Same).unwrap_err();
        assert_eq!(error.to_string(), "conv2d: expected a weight [kh, kw, ci, co], found [5, 5]");
    }
}
