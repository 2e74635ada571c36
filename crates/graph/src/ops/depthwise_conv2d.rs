//! Convolution of each channel of an image with filters of its own.
//!
//! Shapes: `x [N, height, width, c]`, `weight [kh, kw, c, multiplier]` → `y [N, oh, ow, c · multiplier]`: channel `i` of
//! `x` gives the channels from `i · multiplier` on; `oh` and `ow` as the [`Padding`] says.
//! Gradient: `dL/dx` is the correlation of `dL/dy` with the weight seen from the input, `dL/dweight` that of `x` with
//! `dL/dy`, summed over the batch, each channel for itself.
//! Source: Howard et al. (2017), "MobileNets: efficient convolutional neural networks for mobile vision applications";
//! the order of the channels as in TensorFlow.

use kernels::gemm::PARTIAL_SUMS;
use kernels::{DepthwiseRows, DepthwiseSize, add_row_sums, depthwise, depthwise_weights};

use crate::convolution::Segment;
use crate::op::{Attributes, BackwardPass, ForwardPass, Linearity, Op, Saved};
use crate::window::{Padding, Window};
use crate::{Float, Graph, NodeId, Shape, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds the convolution of each channel of `x` with its filters in `weight`, at positions `stride` pixels apart (rows,
    /// columns): `oh · ow · kh · kw · c · multiplier` multiply-adds a sample forward, twice that backward.
    ///
    /// # Errors
    ///
    /// If an operand has other axes, the two `c` differ, or the kernel does not fit into the padded image.
    ///
    /// # Examples
    ///
    /// ```
    /// use gradus_graph::{Graph, Padding, Shape};
    ///
    /// let mut g = Graph::<f32>::new();
    /// let x = g.input("x", Shape::batch([28, 28, 6]));
    /// let weight = g.parameter("weight", [3, 3, 6, 2]);
    /// let y = g.depthwise_conv2d(x, weight, [2, 2], Padding::Same)?;
    /// assert_eq!(g.shape(y), &Shape::batch([14, 14, 12]));
    /// # Ok::<(), gradus_graph::ShapeError>(())
    /// ```
    pub fn depthwise_conv2d(
        &mut self,
        x: NodeId,
        weight: NodeId,
        stride: [usize; 2],
        padding: Padding,
    ) -> Result<NodeId, ShapeError> {
        self.push(DepthwiseConv2dOp { stride, padding }, &[x, weight])
    }
}

struct DepthwiseConv2dOp {
    stride: [usize; 2],
    padding: Padding,
}

/// Sizes of a depthwise convolution whose shapes were checked.
struct DepthwiseGeometry {
    window: Window,
    channels: usize,
    multiplier: usize,
}

/// Weights that one kernel call sums over at most.
const MOST_TAPS: usize = 64;

/// The weights that a call of a kernel sums over, on the stack.
struct Taps {
    taps: [[usize; 2]; MOST_TAPS],
    count: usize,
    /// Whether earlier calls have left a part of the sum.
    accumulates: bool,
}

impl Taps {
    /// Calls `run` with `all`, some at a time, and whether to add to what is there; once if there is none.
    fn for_groups(
        all: impl Iterator<Item = [usize; 2]>,
        accumulates: bool,
        mut run: impl FnMut(&[[usize; 2]], bool),
    ) {
        let mut group = Self { taps: [[0; 2]; MOST_TAPS], count: 0, accumulates };
        for tap in all {
            if group.count == MOST_TAPS {
                run(&group.taps, group.accumulates);
                (group.count, group.accumulates) = (0, true);
            }
            group.taps[group.count] = tap;
            group.count += 1;
        }
        run(&group.taps[..group.count], group.accumulates);
    }
}

impl DepthwiseConv2dOp {
    fn geometry(&self, operands: &[Shape]) -> Result<DepthwiseGeometry, ShapeError> {
        const NAME: &str = "depthwise_conv2d";
        let [x, weight] = operands else { unreachable!("two operands") };
        let (false, &[kh, kw, channels, multiplier]) = (weight.is_batched(), weight.dims()) else {
            let rule = "expected a weight [kh, kw, c, multiplier]";
            return Err(ShapeError::new(NAME, rule, weight));
        };
        let window = Window::new(NAME, x, [kh, kw], self.stride, self.padding)?;
        if x.dims()[2] != channels {
            return Err(ShapeError::axis_mismatch(NAME, (x, 3), (weight, 2)));
        }
        Ok(DepthwiseGeometry { window, channels, multiplier })
    }

    fn known_geometry(&self, operands: &[Shape]) -> DepthwiseGeometry {
        self.geometry(operands).expect("the shapes were checked when the graph was built")
    }
}

impl DepthwiseGeometry {
    /// Calls `run` with each part of the result whose positions meet the same taps: the number of its first position, how
    /// many there are, and for each tap its number and the pixel under it at the first position.
    fn for_segments(
        &self,
        mut run: impl FnMut(usize, usize, &mut dyn Iterator<Item = [usize; 2]>),
    ) {
        let Window { rows, columns } = self.window;
        for row in 0..rows.output {
            let taps_y = rows.taps(row);
            for segment in columns.segments() {
                let Segment { first, count, ref taps } = segment;
                let taps = taps_y.clone().flat_map(|y| taps.clone().map(move |x| [y, x]));
                let mut taps = taps.map(|[y, x]| {
                    let pixel_y = row * rows.stride + y - rows.pad[0];
                    let pixel_x = first * columns.stride + x - columns.pad[0];
                    [y * columns.kernel + x, pixel_y * columns.input + pixel_x]
                });
                run(row * columns.output + first, count, &mut taps);
            }
        }
    }

    /// The same for pixels `columns.stride` apart and the positions that see them.
    fn for_segments_of_pixels(
        &self,
        mut run: impl FnMut(usize, usize, &mut dyn Iterator<Item = [usize; 2]>),
    ) {
        let Window { rows, columns } = self.window;
        for (phase_y, at) in rows.inputs() {
            let taps_y = phase_y.taps(at);
            for (phase_x, Segment { first, count, taps }) in columns.input_segments() {
                // The last tap first: so the positions are in the order of the result, as pixels are above.
                let taps = taps_y.clone().flat_map(|y| taps.clone().rev().map(move |x| [y, x]));
                let mut taps = taps.map(|[y, x]| {
                    let kernel = [phase_y.kernel_tap(y), phase_x.kernel_tap(x)];
                    let position = [phase_y.position(at) - y, phase_x.position(first) - x];
                    [(kernel, columns.kernel), (position, columns.output)]
                        .map(|([row, column], n_columns)| row * n_columns + column)
                });
                let pixel = phase_y.input(at) * columns.input + phase_x.input(first);
                run(pixel, count, &mut taps);
            }
        }
    }

    fn n_taps(&self) -> usize {
        self.window.rows.kernel * self.window.columns.kernel
    }

    /// Elements from one pixel of the image to the next, and of the result, for a tile of this width.
    fn pixels(&self, width: usize) -> [usize; 2] {
        let pixel = self.channels * width;
        [pixel, pixel * self.multiplier]
    }

    fn forward<T: Float>(&self, pass: ForwardPass<'_, T>) {
        let Self { channels, multiplier, .. } = *self;
        let width = pass.tile.width;
        let [pixel, y_pixel] = self.pixels(width);
        let (x, weight, y) = (pass.x[0], pass.x[1], pass.y);
        let x_stride = self.window.columns.stride.saturating_mul(pixel);
        for m in 0..multiplier {
            self.for_segments(|position, positions, taps| {
                let taps = taps.map(|[tap, at]| [tap * channels * multiplier + m, at * pixel]);
                let values = &mut y[position * y_pixel + m * width..];
                Taps::for_groups(taps, false, |taps, accumulates| {
                    let size = DepthwiseSize { channels, positions, len: width, taps };
                    let x = DepthwiseRows { values: x, strides: [width, x_stride] };
                    let strides = [multiplier * width, y_pixel];
                    let y = DepthwiseRows { values: &mut *values, strides };
                    depthwise(size, (weight, multiplier), x, y, accumulates);
                });
            });
        }
    }

    fn backward_image<T: Float>(&self, pass: BackwardPass<'_, T>) {
        let Self { channels, multiplier, .. } = *self;
        let width = pass.tile.width;
        let [pixel, y_pixel] = self.pixels(width);
        let (weight, dy, dx) = (pass.x[1], pass.dy, pass.dx);
        let dx_stride = self.window.columns.stride.saturating_mul(pixel);
        for m in 0..multiplier {
            self.for_segments_of_pixels(|at, positions, taps| {
                let taps = taps.map(|[tap, position]| {
                    [tap * channels * multiplier + m, position * y_pixel + m * width]
                });
                let values = &mut dx[at * pixel..];
                Taps::for_groups(taps, pass.adds || m > 0, |taps, accumulates| {
                    let size = DepthwiseSize { channels, positions, len: width, taps };
                    let dy = DepthwiseRows { values: dy, strides: [multiplier * width, y_pixel] };
                    let dx = DepthwiseRows { values: &mut *values, strides: [width, dx_stride] };
                    depthwise(size, (weight, multiplier), dy, dx, accumulates);
                });
            });
        }
        if multiplier == 0 && !pass.adds {
            dx.fill(T::ZERO);
        }
    }

    /// Partial sums for `[multiplier, channel, tap]` in scratch space, then their sums, which are added to the gradient.
    fn backward_weight<T: Float>(&self, pass: BackwardPass<'_, T>) {
        let Self { channels, multiplier, .. } = *self;
        let width = pass.tile.width;
        let [pixel, y_pixel] = self.pixels(width);
        let n_taps = self.n_taps();
        let count = multiplier * channels * n_taps;
        let (sums, rest) = pass.scratch.split_at_mut(count * PARTIAL_SUMS);
        let totals = &mut rest[..count];
        sums.fill(T::ZERO);
        totals.fill(T::ZERO);
        let (x, dy) = (pass.x[0], pass.dy);
        let x_stride = self.window.columns.stride.saturating_mul(pixel);
        for (m, sums) in
            sums.chunks_exact_mut((channels * n_taps * PARTIAL_SUMS).max(1)).enumerate()
        {
            self.for_segments(|position, positions, taps| {
                let taps = taps.map(|[tap, at]| [tap, at * pixel]);
                let values = &dy[position * y_pixel + m * width..];
                Taps::for_groups(taps, true, |taps, _| {
                    let size = DepthwiseSize { channels, positions, len: width, taps };
                    let x = DepthwiseRows { values: x, strides: [width, x_stride] };
                    let dy = DepthwiseRows { values, strides: [multiplier * width, y_pixel] };
                    depthwise_weights(size, x, dy, (&mut *sums, n_taps));
                });
            });
        }
        add_row_sums(sums, PARTIAL_SUMS, totals);
        for (i, dx) in pass.dx.iter_mut().enumerate() {
            let (tap, channel, m) =
                (i / multiplier / channels, i / multiplier % channels, i % multiplier);
            let total = totals[(m * channels + channel) * n_taps + tap];
            *dx = if pass.adds { *dx + total } else { total };
        }
    }
}

impl<T: Float> Op<T> for DepthwiseConv2dOp {
    fn name(&self) -> &'static str {
        "depthwise_conv2d"
    }

    fn attributes(&self, operands: &[Shape]) -> Attributes {
        self.known_geometry(operands).window.attributes()
    }

    fn infer_shape(&self, operands: &[Shape]) -> Result<Shape, ShapeError> {
        let DepthwiseGeometry { window, channels, multiplier } = self.geometry(operands)?;
        Ok(window.shape(channels.saturating_mul(multiplier)))
    }

    fn saved(&self, operand: usize) -> Saved {
        if operand == 0 { Saved::SECOND } else { Saved::FIRST }
    }

    fn sets_gradient(&self, _operand: usize) -> bool {
        true
    }

    fn linearity(&self) -> Linearity {
        Linearity::Bilinear
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        self.known_geometry(pass.shapes).forward(pass);
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        let geometry = self.known_geometry(pass.shapes);
        match pass.operand {
            0 => geometry.backward_image(pass),
            _ => geometry.backward_weight(pass),
        }
    }

    fn backward_scratch(&self, operand: usize, operands: &[Shape], _width: usize) -> usize {
        if operand == 0 { 0 } else { operands[1].len() * (PARTIAL_SUMS + 1) }
    }

    fn multiply_adds(&self, operands: &[Shape]) -> u64 {
        let Window { rows, columns } = self.known_geometry(operands).window;
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
        let &[kh, kw, c, multiplier] = weight.shape() else { panic!("a weight") };
        convolve(x, ([kh, kw], c * multiplier), stride, pad, |[row, column], pixel, channel| {
            let at = (row * kw + column) * c * multiplier + channel;
            pixel[channel / multiplier] * weight.values()[at]
        })
    }

    #[test]
    fn matches_reference_and_finite_differences() {
        let explicit =
            |[top, bottom, left, right]: [usize; 4]| Padding::Explicit { top, bottom, left, right };
        for (x, weight, stride, padding, pad) in [
            ("N 5 6 3", "3 3 3 1", [1, 1], Padding::Same, [1; 4]),
            ("N 5 4 2", "3 2 2 3", [1, 1], Padding::Valid, [0; 4]),
            ("N 6 5 2", "2 3 2 1", [2, 2], Padding::Same, [0, 0, 1, 1]),
            ("N 5 7 1", "3 3 1 2", [2, 3], explicit([1, 0, 2, 1]), [1, 0, 2, 1]),
            ("N 4 4 2", "1 1 2 1", [3, 2], Padding::Valid, [0; 4]),
            // More weights than one call of a kernel takes.
            ("N 9 9 1", "9 8 1 1", [1, 1], Padding::Valid, [0; 4]),
            // Positions that see nothing but padding, and a stride beyond the image.
            ("N 2 2 1", "2 2 1 2", [1, 1], explicit([3, 0, 0, 2]), [3, 0, 0, 2]),
            ("N 3 3 2", "2 2 2 1", [usize::MAX, 1 << 60], Padding::Valid, [0; 4]),
        ] {
            check_op(OpCase {
                build: both_precisions!(|g, v| g.depthwise_conv2d(v[0], v[1], stride, padding)),
                reference: |v| reference(&v[0], &v[1], stride, pad),
                inputs: &[uniform(x, -1.0..1.0), uniform(weight, -1.0..1.0)],
            });
        }
    }

    #[test]
    fn images_and_weights_that_do_not_fit_are_refused_with_both_shapes() {
        for (weight, want) in [
            ("3 3 5 1", "axis 3 of [N, 28, 28, 6] is 6 but axis 2 of [3, 3, 5, 1] is 5"),
            ("3 3 6", "expected a weight [kh, kw, c, multiplier], found [3, 3, 6]"),
            (
                "29 1 6 1",
                "kernel [29, 1] is larger than the padded image [28, 28], found [N, 28, 28, 6]",
            ),
        ] {
            let shapes = ["N 28 28 6", weight];
            let error =
                refusal(&shapes, |g, x| g.depthwise_conv2d(x[0], x[1], [1, 1], Padding::Valid));
            assert_eq!(error, format!("depthwise_conv2d: {want}"));
        }
    }
}
