//! Largest pixel of each window of an image, channel by channel.
//!
//! Shapes: `x [N, height, width, channels]` → `y [N, rows, columns, channels]`, one pixel for each window.
//! Padding is never the largest.
//! Gradient: all of `dL/dy` goes to the first pixel of the window, row by row, that equals the largest. A tie is
//! a kink. If a pixel is NaN, so is the result, and no pixel has a gradient.
//! Source: Ranzato, Huang, Boureau, LeCun (CVPR 2007), "Unsupervised learning of invariant feature
//! hierarchies with applications to object recognition".

use kernels::{inlined, vectorize};

use super::max::{larger, route_to_max};
use crate::op::{
    Attributes, BackwardPass, Choices, ElementFormula, FormulaOperand, ForwardPass, Op,
    ResultElement, Saved,
};
use crate::window::{Padding, Window};
use crate::{Float, Graph, NodeId, Shape, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds the largest pixel of each window of `kernel` pixels, `stride` pixels apart (rows, columns).
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
    /// let y = g.max_pool2d(x, [2, 2], [2, 2], Padding::Valid)?;
    /// assert_eq!(g.shape(y), &Shape::batch([14, 14, 6]));
    /// # Ok::<(), gradus_graph::ShapeError>(())
    /// ```
    pub fn max_pool2d(
        &mut self,
        x: NodeId,
        kernel: [usize; 2],
        stride: [usize; 2],
        padding: Padding,
    ) -> Result<NodeId, ShapeError> {
        let shape = self.operand("max_pool2d", x)?;
        let window = Window::pool("max_pool2d", shape, kernel, stride, padding)?;
        self.push(MaxPool2dOp(window), &[x])
    }
}

struct MaxPool2dOp(Window);

impl<T: Float> Op<T> for MaxPool2dOp {
    fn name(&self) -> &'static str {
        "max_pool2d"
    }

    fn attributes(&self, _operands: &[Shape]) -> Attributes {
        self.0.attributes()
    }

    fn infer_shape(&self, operands: &[Shape]) -> Result<Shape, ShapeError> {
        Ok(self.0.shape(operands[0].dims()[2]))
    }

    fn saved(&self, _operand: usize) -> Saved {
        Saved::FIRST.and(Saved::RESULT)
    }

    fn formula(&self, of: ResultElement<'_>) -> Option<ElementFormula> {
        let channels = of.y_shape.dims()[2];
        let (out, channel) = (of.index / channels, of.index % channels);
        let pixels = self.0.pixels(out).map(|at| at * channels + channel).collect();
        Some(ElementFormula::new("max(x)", vec![FormulaOperand::vector("x", 0, pixels)]))
    }

    fn sets_gradient(&self, _operand: usize) -> bool {
        self.0.rows.is_cut_by_strips() && self.0.columns.is_cut_by_strips()
    }

    fn in_strips(&self, _operands: &[Shape]) -> bool {
        self.0.rows.is_cut_by_strips()
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        let (x, y) = (pass.x[0], pass.y);
        let pixel = pass.y_shape.dims()[2] * pass.tile.width;
        vectorize(inlined!(|| {
            for (out, y) in y.chunks_exact_mut(pixel.max(1)).enumerate() {
                let mut pixels = self.0.pixels(out).enumerate();
                while let Some((number, first)) = pixels.next() {
                    // Four at a time: the first again, where there are fewer, changes nothing.
                    let mut next = || pixels.next().map_or(first, |(_, at)| at);
                    let [a, b, c, d] =
                        [first, next(), next(), next()].map(|at| &x[at * pixel..][..pixel]);
                    let largest = |i: usize| larger(larger(larger(a[i], b[i]), c[i]), d[i]);
                    if number == 0 {
                        y.iter_mut().enumerate().for_each(|(i, y)| *y = largest(i));
                    } else {
                        for (i, y) in y.iter_mut().enumerate() {
                            *y = larger(*y, largest(i)).written();
                        }
                    }
                }
            }
        }));
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        let (x, y, dx, dy) = (pass.x[0], pass.y, pass.dx, pass.dy);
        let pixel = pass.y_shape.dims()[2] * pass.tile.width;
        let seen = &mut pass.scratch[..pixel];
        vectorize(inlined!(|| {
            let windows = y.chunks_exact(pixel.max(1)).zip(dy.chunks_exact(pixel.max(1)));
            for (out, (y, dy)) in windows.enumerate() {
                seen.fill(T::ZERO);
                for at in self.0.pixels(out) {
                    let range = at * pixel..(at + 1) * pixel;
                    let dx = (&mut dx[range.clone()], pass.adds);
                    route_to_max(dx, seen, (&x[range], y, dy));
                }
            }
        }));
    }

    fn backward_scratch(&self, _operand: usize, operands: &[Shape], width: usize) -> usize {
        operands[0].dims()[2] * width
    }

    fn choices(&self, pass: &ForwardPass<'_, T>, choices: &mut Choices) {
        let pixel = pass.y_shape.dims()[2] * pass.tile.width;
        for (out, y) in pass.y.chunks_exact(pixel.max(1)).enumerate() {
            for at in self.0.pixels(out) {
                let x = &pass.x[0][at * pixel..][..pixel];
                x.iter().zip(y).for_each(|(x, y)| choices.add(u64::from(x == y)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{OpCase, both_precisions, check_op, refusal, uniform};
    use crate::window::{POOLS, PoolCase, pool_by_loops};
    use crate::{Compile, Graph, Padding, Program, RunArgs, Shape, Tensor, Tensors};

    #[test]
    fn matches_reference_and_finite_differences() {
        for case in POOLS {
            let PoolCase { kernel, stride, padding, .. } = case;
            let largest = |pixels: &[f64]| pixels.iter().copied().fold(f64::MIN, f64::max);
            check_op(OpCase {
                build: both_precisions!(|g, x| g.max_pool2d(x[0], kernel, stride, padding)),
                reference: |x| pool_by_loops(&x[0], &case, largest),
                // Below 0, where padding of 0 would win.
                inputs: &[uniform(case.image, -3.0..-1.0)],
            });
        }
    }

    /// Values and gradients of a pool of 2 by 2 over an image of one channel.
    fn pool(sizes: [usize; 2], image: &[f32], padding: Padding) -> (Vec<f32>, Vec<f32>) {
        let mut g = Graph::new();
        let sizes = [sizes[0], sizes[1], 1];
        let (input, shift) = (g.input("image", Shape::batch(sizes)), g.parameter("shift", sizes));
        let x = g.add(input, shift).unwrap();
        let y = g.max_pool2d(x, [2, 2], [1, 1], padding).unwrap();
        let loss = g.sum_all(y).unwrap();
        let options = Compile { loss: Some(loss), keep: vec![y], ..Compile::default() };
        let mut program = Program::new(g, &options).unwrap();
        let image = Tensor::new([1, sizes[0], sizes[1], 1], image);
        let parameters = vec![0.0; image.values().len()];
        let inputs = &Tensors(&[&image]);
        program.run(&RunArgs { parameters: &parameters, inputs, ..RunArgs::default() });
        (program.value(y).unwrap().into_values(), program.gradients().to_vec())
    }

    #[test]
    fn the_first_of_several_winners_gets_the_gradient() {
        let (y, slope) = pool([2, 3], &[1.0, 5.0, 5.0, 5.0, 1.0, 5.0], Padding::Valid);
        assert_eq!((y, slope), (vec![5.0, 5.0], vec![0.0, 2.0, 0.0, 0.0, 0.0, 0.0]));
    }

    #[test]
    fn infinity_wins_nan_passes_through_and_padding_never_wins() {
        let (y, _) = pool([2, 2], &[1.0, 2.0, f32::INFINITY, 3.0], Padding::Valid);
        assert_eq!(y, [f32::INFINITY]);
        for place in 0..4 {
            let mut image = [1.0, 2.0, 3.0, 4.0];
            image[place] = f32::NAN;
            let (y, slope) = pool([2, 2], &image, Padding::Valid);
            assert!(y[0].is_nan() && slope == [0.0; 4], "{place}: {y:?} {slope:?}");
        }
        let padding = Padding::Explicit { top: 1, bottom: 1, left: 1, right: 1 };
        let (y, slope) = pool([1, 1], &[-7.0], padding);
        assert_eq!((y, slope), (vec![-7.0; 4], vec![4.0]));
    }

    #[test]
    fn windows_without_a_pixel_are_refused() {
        let padding = Padding::Explicit { top: 0, bottom: 0, left: 0, right: 2 };
        let error = refusal(&["N 4 4 1"], |g, x| g.max_pool2d(x[0], [2, 2], [2, 2], padding));
        assert!(error.starts_with("max_pool2d: padding"), "{error}");
    }
}
