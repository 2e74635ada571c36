//! Convolution of images, `y = x ∗ weight` (a cross-correlation, as in every network library).
//!
//! Shapes: `x [N, height, width, ci]`, `weight [kh, kw, ci, co]` → `y [N, oh, ow, co]`.
//! Gradient: `dL/dx` is the correlation of `dL/dy` with the weight seen from the input, `dL/dweight` that
//! of `x` with `dL/dy`, summed over the batch.
//! Source: LeCun et al. (1989), "Backpropagation applied to handwritten zip code recognition".
//!
//! No patch matrix is built: with the samples in the lanes, the rows a kernel row covers lie side by
//! side in memory, so each product walks over the image itself.

use kernels::product::{Extent, Operand, inner_product};
use kernels::{product, vectorize};

use crate::op::{BackwardPass, ForwardPass, Op, Saved, Tile};
use crate::window::{Padding, Window};
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
        self.push(Conv2d { stride, padding }, &[x, weight])
    }
}

#[derive(Debug)]
struct Conv2d {
    stride: [usize; 2],
    padding: Padding,
}

/// Runs that one call of a product kernel is given at most.
const RUNS: usize = 64;

/// Sizes of a convolution that is known to fit.
struct Geometry {
    window: Window,
    ci: usize,
    co: usize,
    /// Height and width of the padded image.
    padded: [usize; 2],
}

impl Geometry {
    fn is_padded(&self) -> bool {
        self.window.pad != [0; 4]
    }

    /// Elements of the padded image; none if there is no padding.
    fn padded_len(&self, lanes: usize) -> usize {
        if self.is_padded() { self.padded[0] * self.padded[1] * self.ci * lanes } else { 0 }
    }

    /// The image with zeros around it, in `scratch`; the image itself if there is no padding.
    fn pad<'a, T: Float>(&self, x: &'a [T], lanes: usize, scratch: &'a mut [T]) -> &'a [T] {
        if !self.is_padded() {
            return x;
        }
        let padded = &mut scratch[..self.padded_len(lanes)];
        let [top, _, left, _] = self.window.pad;
        let (row, padded_row) =
            (self.window.input[1] * self.ci * lanes, self.padded[1] * self.ci * lanes);
        vectorize(
            #[inline(always)]
            || {
                padded.fill(T::ZERO);
                let rows = padded.chunks_exact_mut(padded_row.max(1)).skip(top);
                for (to, from) in rows.zip(x.chunks_exact(row.max(1))) {
                    to[left * self.ci * lanes..][..row].copy_from_slice(from);
                }
            },
        );
        padded
    }

    /// The output positions, row by row.
    fn positions(&self) -> impl Iterator<Item = [usize; 2]> + use<> {
        let [height, width] = self.window.output;
        (0..height).flat_map(move |y| (0..width).map(move |x| [y, x]))
    }

    /// First element of the padded image under kernel row `ky` at an output position.
    fn under(&self, [oy, ox]: [usize; 2], ky: usize, lanes: usize) -> usize {
        let [sy, sx] = self.window.stride;
        ((oy * sy + ky) * self.padded[1] + ox * sx) * self.ci * lanes
    }
}

impl Conv2d {
    fn geometry(&self, operands: &[Shape]) -> Result<Geometry, ShapeError> {
        let [x, weight] = operands else { unreachable!("two operands") };
        let &[kh, kw, ci, co] = weight.sizes() else { return Err(wrong_weight(weight)) };
        if weight.is_batched() {
            return Err(wrong_weight(weight));
        }
        let window = Window::new("conv2d", x, [kh, kw], self.stride, self.padding)?;
        if x.sizes()[2] != ci {
            return Err(ShapeError::AxisMismatch {
                op: "conv2d",
                left: (x.clone(), 3),
                right: (weight.clone(), 2),
            });
        }
        let [top, bottom, left, right] = window.pad;
        let padded = [window.input[0] + top + bottom, window.input[1] + left + right];
        Ok(Geometry { window, ci, co, padded })
    }

    fn known_geometry(&self, operands: &[Shape]) -> Geometry {
        self.geometry(operands).expect("the shapes were checked when the graph was built")
    }

    /// `dx[pixel, ci] += Σ_tap Σ_co weight[tap, ci, co] · dy[position, co]`: each input pixel gathers from
    /// the positions whose kernel covered it.
    fn backward_image<T: Float>(g: &Geometry, weight: &[T], dy: &[T], tile: Tile, dx: &mut [T]) {
        let lanes = tile.width;
        let [kh, kw] = g.window.kernel;
        let [height, width] = g.window.input;
        let [top, _, left, _] = g.window.pad;
        let weight = Operand { values: weight, row_stride: g.co, inner_stride: 1 };
        let dy = Operand { values: dy, row_stride: 0, inner_stride: lanes };
        // The output position that a kernel tap at `tap` over `at` belongs to, if there is one.
        let position = |at: usize, pad: usize, tap: usize, axis: usize| {
            let offset = (at + pad).checked_sub(tap)?;
            let position = offset / g.window.stride[axis];
            let fits = offset % g.window.stride[axis] == 0 && position < g.window.output[axis];
            fits.then_some(position)
        };
        for iy in 0..height {
            for ix in 0..width {
                let dx = &mut dx[(iy * width + ix) * g.ci * lanes..][..g.ci * lanes];
                let mut runs = Runs::new();
                let mut add = |runs: &[[usize; 2]]| {
                    let extent = Extent { rows: g.ci, columns: lanes, runs, run_length: g.co };
                    product(extent, weight, dy, dx, lanes);
                };
                for ky in 0..kh {
                    let Some(oy) = position(iy, top, ky, 0) else { continue };
                    for kx in 0..kw {
                        let Some(ox) = position(ix, left, kx, 1) else { continue };
                        let tap = (ky * kw + kx) * g.ci * g.co;
                        runs.push([tap, (oy * g.window.output[1] + ox) * g.co * lanes], &mut add);
                    }
                }
                runs.flush(&mut add);
            }
        }
    }

    /// `dweight[tap, ci, co] += Σ_position Σ_sample x[position + tap, ci] · dy[position, co]`, one kernel
    /// row at a time over a few positions, so that their gradients stay in the first-level cache.
    fn backward_weight<T: Float>(g: &Geometry, x: &[T], dy: &[T], tile: Tile, dweight: &mut [T]) {
        let lanes = tile.width;
        let [kh, kw] = g.window.kernel;
        let image = Operand { values: x, row_stride: lanes, inner_stride: 1 };
        let dy = Operand { values: dy, row_stride: lanes, inner_stride: 1 };
        let row_len = kw * g.ci * g.co;
        let mut runs = Runs::new();
        let mut add = |runs: &[[usize; 2]]| {
            for ky in 0..kh {
                let down = ky * g.padded[1] * g.ci * lanes;
                let image = Operand { values: &image.values[down..], ..image };
                let extent =
                    Extent { rows: kw * g.ci, columns: g.co, runs, run_length: tile.valid };
                inner_product(extent, image, dy, &mut dweight[ky * row_len..][..row_len], g.co);
            }
        };
        for (number, position) in g.positions().enumerate() {
            runs.push([g.under(position, 0, lanes), number * g.co * lanes], &mut add);
        }
        runs.flush(&mut add);
    }
}

impl<T: Float> Op<T> for Conv2d {
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
        let lanes = pass.tile.width;
        let x = g.pad(pass.x[0], lanes, pass.scratch);
        let [kh, kw] = g.window.kernel;
        let (run_length, kernel_row) = (kw * g.ci, kw * g.ci * g.co);
        pass.y.fill(T::ZERO);
        for (position, y) in g.positions().zip(pass.y.chunks_exact_mut((g.co * lanes).max(1))) {
            let mut runs = Runs::new();
            let mut add = |runs: &[[usize; 2]]| {
                if lanes > 1 {
                    // y[co, lane] += Σ weight[k, co] · x[k, lane]
                    let extent = Extent { rows: g.co, columns: lanes, runs, run_length };
                    let weight = Operand { values: pass.x[1], row_stride: 1, inner_stride: g.co };
                    product(
                        extent,
                        weight,
                        Operand { values: x, row_stride: 0, inner_stride: lanes },
                        y,
                        lanes,
                    );
                } else {
                    // One sample: the lanes lie along the output channels.
                    let extent = Extent { rows: 1, columns: g.co, runs, run_length };
                    let image = Operand { values: x, row_stride: 0, inner_stride: 1 };
                    product(
                        extent,
                        image,
                        Operand { values: pass.x[1], row_stride: 0, inner_stride: g.co },
                        y,
                        g.co,
                    );
                }
            };
            for ky in 0..kh {
                let (weight, image) = (ky * kernel_row, g.under(position, ky, lanes));
                runs.push(if lanes > 1 { [weight, image] } else { [image, weight] }, &mut add);
            }
            runs.flush(&mut add);
        }
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        let g = self.known_geometry(pass.shapes);
        if pass.operand == 0 {
            Self::backward_image(&g, pass.x[1], pass.dy, pass.tile, pass.dx);
        } else {
            let x = g.pad(pass.x[0], pass.tile.width, pass.scratch);
            Self::backward_weight(&g, x, pass.dy, pass.tile, pass.dx);
        }
    }

    fn forward_scratch(&self, operands: &[Shape], width: usize) -> usize {
        self.known_geometry(operands).padded_len(width)
    }

    fn backward_scratch(&self, operand: usize, operands: &[Shape], width: usize) -> usize {
        if operand == 0 { 0 } else { self.known_geometry(operands).padded_len(width) }
    }

    fn multiply_adds(&self, operands: &[Shape]) -> u64 {
        let [height, width] = self.known_geometry(operands).window.output;
        (height * width * operands[1].len()) as u64
    }
}

fn wrong_weight(weight: &Shape) -> ShapeError {
    ShapeError::Rank { op: "conv2d", expected: "a weight [kh, kw, ci, co]", found: weight.clone() }
}

/// Runs, collected until a call of a product kernel is worth it.
struct Runs {
    offsets: [[usize; 2]; RUNS],
    len: usize,
}

impl Runs {
    fn new() -> Self {
        Self { offsets: [[0; 2]; RUNS], len: 0 }
    }

    fn push(&mut self, run: [usize; 2], call: &mut impl FnMut(&[[usize; 2]])) {
        if self.len == RUNS {
            self.flush(call);
        }
        self.offsets[self.len] = run;
        self.len += 1;
    }

    fn flush(&mut self, call: &mut impl FnMut(&[[usize; 2]])) {
        if self.len > 0 {
            call(&self.offsets[..self.len]);
            self.len = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{OpCase, check_op, indices, uniform};
    use crate::{Graph, Padding, Shape, Tensor};

    /// The convolution by its definition.
    fn reference(
        x: &Tensor<f64>,
        weight: &Tensor<f64>,
        stride: [usize; 2],
        pad: [usize; 4],
    ) -> Tensor<f64> {
        let (&[n, h, w, ci], &[kh, kw, _, co]) = (x.sizes(), weight.sizes()) else {
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
        ] {
            check_op(OpCase {
                build: |g, v| g.conv2d(v[0], v[1], stride, padding),
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
