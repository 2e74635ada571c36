//! Mean pixel of each window of an image, channel by channel.
//!
//! Shapes: `x [N, height, width, channels]` → `y [N, rows, columns, channels]`, one pixel for each window.
//! Padding is not counted: at the border fewer pixels are averaged.
//! Gradient: `dL/dx = dL/dy / count` over the windows that see the pixel, each of `count` pixels.
//! Source: LeCun, Bottou, Bengio, Haffner (1998), "Gradient-based learning applied to document
//! recognition", on subsampling; the border as in TensorFlow.

use kernels::{inlined, vectorize};

use crate::op::{Attributes, BackwardPass, ForwardPass, Linearity, Op};
use crate::window::{Padding, Window, WindowPixels};
use crate::{Float, Graph, NodeId, Shape, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds the mean pixel of each window of `kernel` pixels, `stride` pixels apart (rows, columns).
    ///
    /// # Errors
    ///
    /// If `x` is not a batch of images, a size is 0, the kernel does not fit, or a window sees only padding.
    ///
    /// # Examples
    ///
    /// ```
    /// use gradus_graph::{Graph, Padding, Shape};
    ///
    /// let mut g = Graph::<f32>::new();
    /// let x = g.input("x", Shape::batch([28, 28, 6]));
    /// let y = g.avg_pool2d(x, [2, 2], [2, 2], Padding::Valid)?;
    /// assert_eq!(g.shape(y), &Shape::batch([14, 14, 6]));
    /// # Ok::<(), gradus_graph::ShapeError>(())
    /// ```
    pub fn avg_pool2d(
        &mut self,
        x: NodeId,
        kernel: [usize; 2],
        stride: [usize; 2],
        padding: Padding,
    ) -> Result<NodeId, ShapeError> {
        let shape = self.operand("avg_pool2d", x)?;
        let window = Window::pool("avg_pool2d", shape, kernel, stride, padding)?;
        self.push(AvgPool2dOp(window), &[x])
    }
}

struct AvgPool2dOp(Window);

/// `1 / count` for a window, which sees one pixel at least.
#[inline(always)]
fn share<T: Float>(pixels: &WindowPixels) -> T {
    T::ONE / T::from_f64(pixels.count() as f64)
}

impl<T: Float> Op<T> for AvgPool2dOp {
    fn name(&self) -> &'static str {
        "avg_pool2d"
    }

    fn attributes(&self, _operands: &[Shape]) -> Attributes {
        self.0.attributes()
    }

    fn infer_shape(&self, operands: &[Shape]) -> Result<Shape, ShapeError> {
        Ok(self.0.shape(operands[0].dims()[2]))
    }

    fn linearity(&self) -> Linearity {
        Linearity::Linear
    }

    fn in_strips(&self, _operands: &[Shape]) -> bool {
        self.0.rows.is_cut_by_strips()
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        let (x, y) = (pass.x[0], pass.y);
        let pixel = pass.y_shape.dims()[2] * pass.tile.width;
        vectorize(inlined!(|| {
            y.fill(T::ZERO);
            self.0.for_each(
                y.len() / pixel.max(1),
                inlined!(|out, pixels| {
                    let y = &mut y[out * pixel..][..pixel];
                    pixels.for_each(inlined!(|at| {
                        let x = &x[at * pixel..][..pixel];
                        y.iter_mut().zip(x).for_each(|(y, &x)| *y += x);
                    }));
                    let share: T = share(&pixels);
                    y.iter_mut().for_each(|y| *y *= share);
                }),
            );
        }));
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        let (dx, dy) = (pass.dx, pass.dy);
        let pixel = pass.y_shape.dims()[2] * pass.tile.width;
        vectorize(inlined!(|| {
            self.0.for_each(
                dy.len() / pixel.max(1),
                inlined!(|out, pixels| {
                    let (dy, share): (_, T) = (&dy[out * pixel..][..pixel], share(&pixels));
                    pixels.for_each(inlined!(|at| {
                        let dx = &mut dx[at * pixel..][..pixel];
                        dx.iter_mut().zip(dy).for_each(|(dx, &dy)| *dx += share * dy);
                    }));
                }),
            );
        }));
    }
}

#[cfg(test)]
mod tests {
    use crate::Padding;
    use crate::testing::{OpCase, both_precisions, check_op, refusal, uniform};
    use crate::window::{POOLS, PoolCase, pool_by_loops};

    #[test]
    fn matches_reference_and_finite_differences() {
        for case in POOLS {
            let PoolCase { kernel, stride, padding, .. } = case;
            let mean = |pixels: &[f64]| pixels.iter().sum::<f64>() / pixels.len() as f64;
            check_op(OpCase {
                build: both_precisions!(|g, x| g.avg_pool2d(x[0], kernel, stride, padding)),
                reference: |x| pool_by_loops(&x[0], &case, mean),
                // Away from 0, where padding of 0 would show.
                inputs: &[uniform(case.image, 1.0..3.0)],
            });
        }
    }

    #[test]
    fn windows_without_a_pixel_are_refused() {
        let padding = Padding::Explicit { top: 2, bottom: 0, left: 0, right: 0 };
        let error = refusal(&["N 4 4 1"], |g, x| g.avg_pool2d(x[0], [2, 2], [2, 2], padding));
        assert!(error.starts_with("avg_pool2d: padding"), "{error}");
    }
}
