//! Largest pixel of each window of an image, channel by channel.
//!
//! Shapes: `x [N, height, width, channels]` → `y [N, rows, columns, channels]`, one pixel for each window.
//! Padding is never the largest.
//! Gradient: all of `dL/dy` goes to the first pixel of the window, row by row, that equals the largest. A tie is
//! a kink. If a pixel is NaN, so is the result, and no pixel has a gradient.
//! Source: Ranzato, Huang, Boureau, LeCun (CVPR 2007), "Unsupervised learning of invariant feature
//! hierarchies with applications to object recognition".

use kernels::{MAX_LANES, inlined, vectorize};

use super::max::larger;
use crate::op::{
    Attributes, BackwardPass, Choices, ElementFormula, FormulaOperand, ForwardPass, Op,
    ResultElement, Saved,
};
use crate::window::{Padding, Window, WindowPixels};
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
        let mut elements = Vec::new();
        self.0.pixels(out).for_each(|at| elements.push(at * channels + channel));
        Some(ElementFormula::new("max(x)", vec![FormulaOperand::vector("x", 0, elements)]))
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
            self.0.for_each(
                y.len() / pixel.max(1),
                inlined!(|out, pixels| {
                    let (blocks, rest) = y[out * pixel..][..pixel].as_chunks_mut();
                    let whole = blocks.len() * MAX_LANES;
                    for (number, y) in blocks.iter_mut().enumerate() {
                        *y = largest::<T, MAX_LANES>(&pixels, pixel, &x[number * MAX_LANES..]);
                    }
                    for (number, y) in rest.iter_mut().enumerate() {
                        [*y] = largest(&pixels, pixel, &x[whole + number..]);
                    }
                }),
            );
        }));
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        let (x, y, dx, dy) = (pass.x[0], pass.y, pass.dx, pass.dy);
        let pixel = pass.y_shape.dims()[2] * pass.tile.width;
        vectorize(inlined!(|| {
            self.0.for_each(
                y.len() / pixel.max(1),
                inlined!(|out, pixels| {
                    let [y, dy] = [y, dy].map(|values| values[out * pixel..][..pixel].as_chunks());
                    let whole = y.0.len() * MAX_LANES;
                    for (number, (y, dy)) in y.0.iter().zip(dy.0).enumerate() {
                        let first = number * MAX_LANES;
                        let dx = (&mut dx[first..], pass.adds);
                        route::<T, MAX_LANES>(&pixels, pixel, dx, (&x[first..], *y, *dy));
                    }
                    for (number, (y, dy)) in y.1.iter().zip(dy.1).enumerate() {
                        let first = whole + number;
                        let dx = (&mut dx[first..], pass.adds);
                        route(&pixels, pixel, dx, (&x[first..], [*y], [*dy]));
                    }
                }),
            );
        }));
    }

    fn choices(&self, pass: &ForwardPass<'_, T>, choices: &mut Choices) {
        let pixel = pass.y_shape.dims()[2] * pass.tile.width;
        for (out, y) in pass.y.chunks_exact(pixel.max(1)).enumerate() {
            self.0.pixels(out).for_each(|at| {
                let x = &pass.x[0][at * pixel..][..pixel];
                x.iter().zip(y).for_each(|(x, y)| choices.add(u64::from(x == y)));
            });
        }
    }
}

/// The largest of the first values of each pixel; pixels are `pixel` values apart.
#[inline(always)]
fn largest<T: Float, const N: usize>(pixels: &WindowPixels, pixel: usize, x: &[T]) -> [T; N] {
    let mut largest = [T::from_f64(f64::NEG_INFINITY); N];
    pixels.for_each(inlined!(|at| {
        let x = &x[at * pixel..][..N];
        largest.iter_mut().zip(x).for_each(|(largest, &x)| *largest = larger(*largest, x));
    }));
    largest
}

/// The gradient of the first values of each pixel, of which `y` are the largest and `left` their gradient: it is left until
/// the first pixel that is the largest.
#[inline(always)]
fn route<T: Float, const N: usize>(
    pixels: &WindowPixels,
    pixel: usize,
    (dx, adds): (&mut [T], bool),
    (x, y, mut left): (&[T], [T; N], [T; N]),
) {
    pixels.for_each(inlined!(|at| {
        let (x, dx) = (&x[at * pixel..][..N], &mut dx[at * pixel..][..N]);
        // Stored at once below: as far as the compiler knows, `dx` could be where the next of `x` is.
        let mut shares = [T::ZERO; N];
        for ((share, left), (x, y)) in shares.iter_mut().zip(&mut left).zip(x.iter().zip(&y)) {
            let is_largest = x == y;
            *share = if is_largest { *left } else { T::ZERO };
            *left = if is_largest { T::ZERO } else { *left };
        }
        if adds {
            dx.iter_mut().zip(shares).for_each(|(dx, share)| *dx += share);
        } else {
            dx.copy_from_slice(&shares);
        }
    }));
}

#[cfg(test)]
mod tests {
    use kernels::MAX_LANES;

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

    /// Values and gradients of a pool of 2 by 2 over an image of channels that are all the same: a block, and a rest.
    fn pool(sizes: [usize; 2], image: &[f32], padding: Padding) -> (Vec<f32>, Vec<f32>) {
        const CHANNELS: usize = MAX_LANES + 3;
        let mut g = Graph::new();
        let sizes = [sizes[0], sizes[1], CHANNELS];
        let (input, shift) = (g.input("image", Shape::batch(sizes)), g.parameter("shift", sizes));
        let x = g.add(input, shift).unwrap();
        let y = g.max_pool2d(x, [2, 2], [1, 1], padding).unwrap();
        let loss = g.sum_all(y).unwrap();
        let options = Compile { loss: Some(loss), keep: vec![y], ..Compile::default() };
        let mut program = Program::new(g, &options).unwrap();
        let values: Vec<_> = image.iter().flat_map(|&value| [value; CHANNELS]).collect();
        let parameters = vec![0.0; values.len()];
        let image = Tensor::new([&[1], &sizes[..]].concat(), values);
        let inputs = &Tensors(&[&image]);
        program.run(&RunArgs { parameters: &parameters, inputs, ..RunArgs::default() });
        let of_a_channel = |values: &[f32]| -> Vec<f32> {
            let pixels = values.chunks_exact(CHANNELS);
            let same = |pixel: &[f32]| pixel.iter().all(|x| x.to_bits() == pixel[0].to_bits());
            assert!(pixels.clone().all(same), "{values:?}");
            pixels.map(|pixel| pixel[0]).collect()
        };
        (of_a_channel(program.value(y).unwrap().values()), of_a_channel(program.gradients()))
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
