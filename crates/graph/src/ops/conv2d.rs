//! Convolution of images, `y = x ∗ weight` (a cross-correlation, as in every network library).
//!
//! Shapes: `x [N, height, width, ci]`, `weight [kh, kw, ci, co]` → `y [N, oh, ow, co]`, a filter for each output
//! channel; `oh` and `ow` as the [`Padding`] says.
//! Gradient: `dL/dx` is the correlation of `dL/dy` with the weight seen from the input, `dL/dweight` that
//! of `x` with `dL/dy`, summed over the batch.
//! Source: LeCun et al. (1989), "Backpropagation applied to handwritten zip code recognition".
//!
//! No patch matrix is built: in the batch-innermost layout the pixels under a row of the kernel are contiguous.
//! The positions of a row that meet the same part of the kernel, all but those at the edges, are one call.

use std::ops::Range;

use kernels::gemm::{
    GemmNtSize, GemmSize, Layout, MatrixA, MatrixB, MatrixC, NtOperand, PARTIAL_SUMS, gemm, gemm_nt,
};
use kernels::winograd::Epilogue;
use kernels::{add_row_sums, transpose};

use crate::convolution::{Geometry, Segment};
use crate::op::{Attributes, BackwardPass, ForwardPass, Linearity, Op, Saved, Tile};
use crate::window::{Padding, Window};
use crate::winograd::WinogradConv;
use crate::{Float, Graph, NodeId, Shape, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds the convolution of `x` with `weight`, at positions `stride` pixels apart (rows, columns):
    /// `oh · ow · kh · kw · ci · co` multiply-adds a sample forward, twice that backward.
    ///
    /// # Errors
    ///
    /// If an operand has other axes, the two `ci` differ, or the kernel does not fit into the padded image.
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

pub(crate) struct Conv2dOp {
    stride: [usize; 2],
    padding: Padding,
}

impl Conv2dOp {
    fn geometry(&self, operands: &[Shape]) -> Result<Geometry, ShapeError> {
        let [x, weight] = operands else { unreachable!("two operands") };
        let (false, &[kh, kw, ci, co]) = (weight.is_batched(), weight.dims()) else {
            return Err(ShapeError::new("conv2d", "expected a weight [kh, kw, ci, co]", weight));
        };
        let Window { rows, columns } =
            Window::new("conv2d", x, [kh, kw], self.stride, self.padding)?;
        if x.dims()[2] != ci {
            return Err(ShapeError::axis_mismatch("conv2d", (x, 3), (weight, 2)));
        }
        Ok(Geometry { rows, columns, ci, co })
    }

    fn known_geometry(&self, operands: &[Shape]) -> Geometry {
        self.geometry(operands).expect("the shapes were checked when the graph was built")
    }

    /// The results at the positions of one segment of a row, which all meet the same taps.
    fn forward_segment<T: Float>(
        g: &Geometry,
        row: usize,
        segment: &Segment,
        pass: &mut ForwardPass<'_, T>,
    ) {
        let Geometry { rows, columns, ci, co } = *g;
        let (image, weight, bias, width) = (pass.x[0], pass.x[1], pass.bias, pass.tile.width);
        let Segment { first, count, taps } = segment;
        let taps_y = rows.taps(row);
        let y = &mut pass.y[(row * columns.output + first) * co * width..][..count * co * width];
        if taps_y.is_empty() || taps.is_empty() {
            for (channel, row) in y.chunks_exact_mut(width).enumerate() {
                row.fill(bias.get(channel % co).copied().unwrap_or(T::ZERO));
            }
            return;
        }
        let under = columns.under(segment);
        let (segment_len, count) = (taps.len() * ci, *count);
        // A stride that has only one position is not used.
        let stride = columns.stride.saturating_mul(ci * width);
        let offsets = |tap: usize| {
            let pixel = (row * rows.stride + tap - rows.pad[0]) * columns.input + under;
            [(tap * columns.kernel + taps.start) * ci * co, pixel * ci * width]
        };
        if width > 1 {
            // y[co, sample] = Σ_k weight[k, co] · x[k, sample], for each position
            for_segments(taps_y.clone(), offsets, |k_segments, part| {
                let bias = if part.end == taps_y.end { bias } else { &[] };
                let c = MatrixC::new(&mut *y, width, part.start > taps_y.start);
                gemm(
                    GemmSize { m: co, n: width, k_segments, segment_len, batch_count: count },
                    MatrixA { values: weight, layout: Layout::ColumnMajor, lda: co },
                    MatrixB { values: image, ldb: width, batch_stride: stride },
                    MatrixC { batch_stride: co * width, bias, ..c },
                );
            });
        } else {
            // y[position, co] = Σ_k x[position, k] · weight[k, co]: the vectors run along the channels.
            let offsets = |tap| {
                let [weight, pixel] = offsets(tap);
                [pixel, weight]
            };
            for_segments(taps_y.clone(), offsets, |k_segments, part| {
                gemm(
                    GemmSize { m: count, n: co, k_segments, segment_len, batch_count: 1 },
                    MatrixA { values: image, layout: Layout::RowMajor, lda: stride },
                    MatrixB { values: weight, ldb: co, batch_stride: 0 },
                    MatrixC::new(&mut *y, co, part.start > taps_y.start),
                );
            });
            for y in y.chunks_exact_mut(co.max(1)) {
                y.iter_mut().zip(bias).for_each(|(y, &bias)| *y += bias);
            }
        }
    }

    /// `dx[pixel, ci] = Σ_tap Σ_co weight[tap, ci, co] · dy[position, co]`, where the kernel covered the pixel.
    /// With a stride, pixels of each phase meet taps of their own, as in a convolution of stride 1.
    fn backward_image<T: Float>(
        g: &Geometry,
        winograd: Option<WinogradConv>,
        pass: BackwardPass<'_, T>,
    ) {
        let Geometry { rows, columns, ci, co } = *g;
        let (dy, dx, adds, width) = (pass.dy, pass.dx, pass.adds, pass.tile.width);
        let (weight, rest) = pass.scratch.split_at_mut(g.weight_len());
        Self::transpose_weight(g, pass.x[1], weight);
        if let Some(winograd) = winograd {
            // Each row of the kernel is reversed already.
            let tap = |row, column| ((rows.kernel - 1 - row) * rows.kernel + column) * ci * co;
            let epilogue = if adds { Epilogue::Accumulate } else { Epilogue::Overwrite };
            winograd.backward().forward(dy, weight, tap, dx, epilogue, (width, rest));
            return;
        }
        let row_len = columns.input * ci * width;
        for (phase_x, Segment { first, count, taps }) in columns.input_segments() {
            // The taps of a phase lie side by side, the last first, as their positions do.
            let first_tap = phase_x.taps_end() - taps.end;
            let x = phase_x.input(first);
            let position_x = phase_x.position(first) + 1 - taps.end;
            for (phase_y, at) in rows.inputs() {
                let dx = &mut dx[phase_y.input(at) * row_len..][..row_len];
                let taps_y = phase_y.taps(at);
                if taps.is_empty() || taps_y.is_empty() {
                    let pixels = dx.chunks_exact_mut((ci * width).max(1));
                    let pixels = pixels.skip(x).step_by(columns.stride).take(count);
                    pixels.filter(|_| !adds).for_each(|dx| dx.fill(T::ZERO));
                    continue;
                }
                let offsets = |tap: usize| {
                    let position = (phase_y.position(at) - tap) * columns.output + position_x;
                    let tap = phase_y.kernel_tap(tap) * columns.kernel + first_tap;
                    [tap * ci * co, position * co * width]
                };
                let (segment_len, batch_count) = (taps.len() * co, count);
                let batch_stride = columns.stride.saturating_mul(ci * width);
                for_segments(taps_y.clone(), offsets, |k_segments, part| {
                    let accumulate = adds || part.start > taps_y.start;
                    let c = MatrixC::new(&mut dx[x * ci * width..], width, accumulate);
                    gemm(
                        GemmSize { m: ci, n: width, k_segments, segment_len, batch_count },
                        MatrixA { values: weight, layout: Layout::ColumnMajor, lda: ci },
                        MatrixB { values: dy, ldb: width, batch_stride: co * width },
                        MatrixC { batch_stride, ..c },
                    );
                });
            }
        }
    }

    /// The weight as `[co, ci]` for each tap, and in each row of the kernel the taps of a phase, the last first.
    fn transpose_weight<T: Float>(g: &Geometry, weight: &[T], to: &mut [T]) {
        let Geometry { columns, ci, co, .. } = *g;
        let mut to = to.chunks_exact_mut((ci * co).max(1));
        for from in weight.chunks_exact(g.weight_row_len().max(1)) {
            // A stride may be larger than the kernel.
            for phase in 0..columns.stride.min(columns.kernel) {
                for tap in (phase..columns.kernel).step_by(columns.stride).rev() {
                    let to = to.next().expect("as many taps there as here");
                    transpose((&from[tap * ci * co..], co), [ci, co], (to, ci));
                }
            }
        }
    }

    /// `dweight[tap, ci, co] = Σ_position Σ_sample x[position + tap, ci] · dy[position, co]`, some rows of positions and one row
    /// of the kernel at a time, so that both stay in the first-level cache. The vectors run along the channels, for which the
    /// gradient is transposed first.
    fn backward_weight<T: Float>(g: &Geometry, pass: BackwardPass<'_, T>) {
        let Geometry { columns, ci, co, .. } = *g;
        let Tile { width, valid, .. } = pass.tile;
        let (transposed, rest) = pass.scratch.split_at_mut(g.weight_scratch(width));
        let x = g.pad(pass.x[0], width, rest);
        let channels = g.gradient_channels();
        let m = columns.kernel * ci;
        g.for_positions(width, channels * valid, |first, k_segments| {
            let positions = pass.dy[g.position(first) * co * width..].chunks_exact(co * width);
            let of_positions = transposed.chunks_exact_mut(channels * valid).take(k_segments.len());
            for (dy, transposed) in positions.zip(of_positions) {
                transpose((dy, width), [co, valid], (transposed, channels));
            }
            for (tap, dweight) in pass.dx.chunks_exact_mut(g.weight_row_len()).enumerate() {
                gemm(
                    GemmSize { m, n: co, k_segments, segment_len: valid, batch_count: 1 },
                    MatrixA {
                        values: &x[g.pixel_under(first, tap, width)..],
                        layout: Layout::RowMajor,
                        lda: width,
                    },
                    MatrixB { values: transposed, ldb: channels, batch_stride: 0 },
                    MatrixC::new(dweight, co, pass.adds || first != [0; 2]),
                );
            }
        });
    }

    /// The same with vectors along the samples, in partial sums, for channels too few to fill lanes.
    fn backward_thin_weight<T: Float>(g: &Geometry, pass: BackwardPass<'_, T>) {
        let Geometry { columns, ci, co, .. } = *g;
        let width = pass.tile.width;
        let (sums, rest) = pass.scratch.split_at_mut(g.weight_scratch(width));
        let x = g.pad(pass.x[0], width, rest);
        let m = columns.kernel * ci;
        g.for_positions(width, co * width, |first, k_segments| {
            let dy = NtOperand { values: &pass.dy[g.position(first) * co * width..], ld: width };
            let size = GemmNtSize { m, n: co, k_segments, segment_len: width };
            let rows = sums.chunks_exact_mut(g.weight_row_len() * PARTIAL_SUMS);
            for (tap, sums) in rows.enumerate() {
                let values = &x[g.pixel_under(first, tap, width)..];
                gemm_nt(size, NtOperand { values, ld: width }, dy, sums, first != [0; 2]);
            }
        });
        if !pass.adds {
            pass.dx.fill(T::ZERO);
        }
        add_row_sums(sums, PARTIAL_SUMS, pass.dx);
    }
}

/// Rows of the kernel that one [`gemm`] sums over at most.
const MAX_TAPS: usize = 16;

/// Calls `call` with the offsets of up to [`MAX_TAPS`] rows of the kernel at a time, and with which these are.
fn for_segments(
    taps: Range<usize>,
    offsets: impl Fn(usize) -> [usize; 2],
    mut call: impl FnMut(&[[usize; 2]], Range<usize>),
) {
    let mut segments = [[0; 2]; MAX_TAPS];
    for first in taps.clone().step_by(MAX_TAPS) {
        let part = first..taps.end.min(first + MAX_TAPS);
        for (segment, i) in segments.iter_mut().zip(part.clone()) {
            *segment = offsets(i);
        }
        call(&segments[..part.len()], part);
    }
}

/// The forward pass of a convolution.
pub(super) fn forward<T: Float>(g: &Geometry, mut pass: ForwardPass<'_, T>) {
    let width = pass.tile.width;
    if let Some(winograd) = WinogradConv::with_width(g, width) {
        let tap = |row, column| (row * g.columns.kernel + column) * g.ci * g.co;
        let epilogue = match pass.bias {
            [] => Epilogue::Overwrite,
            bias => Epilogue::Bias(bias, width),
        };
        let scratch = (width, pass.scratch);
        winograd.forward(pass.x[0], pass.x[1], tap, pass.y, epilogue, scratch);
        return;
    }
    for segment in g.columns.segments() {
        for row in 0..g.rows.output {
            Conv2dOp::forward_segment(g, row, &segment, &mut pass);
        }
    }
}

/// The backward pass of a convolution.
pub(super) fn backward<T: Float>(g: &Geometry, pass: BackwardPass<'_, T>) {
    match WinogradConv::with_width(g, pass.tile.width) {
        winograd if pass.operand == 0 => Conv2dOp::backward_image(g, winograd, pass),
        Some(winograd) if pass.tile.width > 1 => winograd.backward_weight(pass),
        _ if g.weight_len() == 0 => {}
        _ if g.is_thin() => Conv2dOp::backward_thin_weight(g, pass),
        _ => Conv2dOp::backward_weight(g, pass),
    }
}

pub(super) fn forward_scratch(g: &Geometry, width: usize) -> usize {
    WinogradConv::of(g).map_or(0, |winograd| winograd.scratch(width))
}

pub(super) fn backward_scratch(g: &Geometry, operand: usize, width: usize) -> usize {
    let winograd = forward_scratch(g, width);
    if operand == 0 {
        g.weight_len() + winograd
    } else {
        winograd.max(g.weight_scratch(width).saturating_add(g.padded_len(width)))
    }
}

impl<T: Float> Op<T> for Conv2dOp {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn attributes(&self, operands: &[Shape]) -> Attributes {
        let geometry = self.known_geometry(operands);
        let Geometry { rows, columns, .. } = geometry;
        let window = Window { rows, columns }.attributes();
        match WinogradConv::of(&geometry) {
            // Its rounding is another one.
            Some(_) => window.with_form("algorithm", "winograd"),
            None => window,
        }
    }

    fn infer_shape(&self, operands: &[Shape]) -> Result<Shape, ShapeError> {
        let Geometry { rows, columns, co, .. } = self.geometry(operands)?;
        Ok(Shape::batch([rows.output, columns.output, co]))
    }

    fn saved(&self, operand: usize) -> Saved {
        if operand == 0 { Saved::SECOND } else { Saved::FIRST }
    }

    fn linearity(&self) -> Linearity {
        Linearity::Bilinear
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        forward(&self.known_geometry(pass.shapes), pass);
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        backward(&self.known_geometry(pass.shapes), pass);
    }

    fn forward_scratch(&self, operands: &[Shape], width: usize) -> usize {
        forward_scratch(&self.known_geometry(operands), width)
    }

    fn sets_gradient(&self, _operand: usize) -> bool {
        true
    }

    fn backward_scratch(&self, operand: usize, operands: &[Shape], width: usize) -> usize {
        backward_scratch(&self.known_geometry(operands), operand, width)
    }

    fn multiply_adds(&self, operands: &[Shape]) -> u64 {
        let Geometry { rows, columns, .. } = self.known_geometry(operands);
        (rows.output * columns.output * operands[1].len()) as u64
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{OpCase, both_precisions, check_op, convolve, refusal, uniform};
    use crate::{Padding, Tensor};

    fn reference(
        x: &Tensor<f64>,
        weight: &Tensor<f64>,
        stride: [usize; 2],
        pad: [usize; 4],
    ) -> Tensor<f64> {
        let &[kh, kw, ci, co] = weight.shape() else { panic!("a weight") };
        convolve(x, ([kh, kw], co), stride, pad, |[row, column], pixel, channel| {
            let weights = weight.values()[(row * kw + column) * ci * co..].iter();
            let of_channel = weights.skip(channel).step_by(co);
            pixel.iter().zip(of_channel).map(|(x, weight)| x * weight).sum()
        })
    }

    #[test]
    fn matches_reference_and_finite_differences() {
        const HUGE: usize = 1_000_000_000_000_000_000;
        let explicit =
            |[top, bottom, left, right]: [usize; 4]| Padding::Explicit { top, bottom, left, right };
        for (x, weight, stride, padding, pad) in [
            ("N 5 5 2", "3 3 2 3", [1, 1], Padding::Valid, [0; 4]),
            ("N 6 7 1", "6 6 1 2", [1, 1], Padding::Same, [2, 3, 2, 3]),
            ("N 8 8 3", "5 5 3 2", [2, 2], Padding::Same, [1, 2, 1, 2]),
            ("N 6 6 2", "4 4 2 5", [2, 2], Padding::Same, [1, 1, 1, 1]),
            ("N 4 5 1", "3 2 1 1", [2, 1], explicit([1, 0, 2, 1]), [1, 0, 2, 1]),
            ("N 1 1 1", "1 1 1 1", [1, 1], Padding::Valid, [0; 4]),
            ("N 9 9 1", "9 9 1 1", [1, 1], Padding::Valid, [0; 4]),
            ("N 5 5 1", "2 2 1 1", [3, 3], Padding::Valid, [0; 4]),
            // Output channels that fill vectors, more positions and rows of the kernel than one call takes; rows of positions
            // of which one call takes several, and the last fewer.
            ("N 4 5 2", "3 2 2 13", [2, 1], Padding::Same, [0, 1, 0, 1]),
            ("N 2 70 1", "1 2 1 12", [1, 1], Padding::Valid, [0; 4]),
            ("N 2 70 1", "1 2 1 2", [1, 1], Padding::Valid, [0; 4]),
            ("N 9 10 2", "2 1 2 12", [1, 1], Padding::Same, [0, 1, 0, 0]),
            ("N 9 19 1", "2 3 1 2", [1, 2], Padding::Same, [0, 1, 1, 1]),
            ("N 18 3 1", "17 2 1 2", [1, 1], Padding::Valid, [0; 4]),
            // Winograd's algorithm: patches up to the edge and beyond, more padding than kernel.
            ("N 6 7 12", "3 3 12 13", [1, 1], Padding::Same, [1; 4]),
            ("N 9 8 12", "5 5 12 12", [1, 1], explicit([4, 1, 0, 3]), [4, 1, 0, 3]),
            ("N 6 6 13", "3 3 13 12", [1, 1], explicit([3, 3, 0, 2]), [3, 3, 0, 2]),
            // Positions that see nothing but padding.
            ("N 2 2 1", "2 2 1 2", [1, 1], explicit([3, 0, 0, 2]), [3, 0, 0, 2]),
            // A stride beyond the image leaves one position: thin and other weights, and channels that
            // Winograd's algorithm would take with a stride of 1.
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
        for (weight, want) in [
            ("5 5 5 12", "axis 3 of [N, 28, 28, 6] is 6 but axis 2 of [5, 5, 5, 12] is 5"),
            ("5 5", "expected a weight [kh, kw, ci, co], found [5, 5]"),
        ] {
            let shapes = ["N 28 28 6", weight];
            let error = refusal(&shapes, |g, x| g.conv2d(x[0], x[1], [1, 1], Padding::Same));
            assert_eq!(error, format!("conv2d: {want}"));
        }
    }
}
