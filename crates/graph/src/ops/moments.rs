//! Mean and variance of each channel over the batch, the first half of batch normalisation.
//!
//! Shapes: `x [N, .., c]` → `y [2, c]`: the means, then the (biased) variances.
//! Gradient: with `m` values in a channel, `dL/dx = dL/dmean / m + dL/dvariance · 2 (x − mean) / m`.
//! Source: Ioffe, Szegedy (ICML 2015), "Batch normalization"; parts of the batch are combined as Chan, Golub,
//! LeVeque (1979), "Updating formulae and a pairwise algorithm for computing sample variances", so that no
//! large squares are subtracted from each other.

use kernels::{inlined, vectorize};

use crate::op::{
    BackwardPass, ElementFormula, FormulaOperand, ForwardPass, Op, ResultElement, Saved, Tile,
};
use crate::{Float, Graph, NodeId, Shape, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds mean and variance of each channel (the last axis) over the batch and all other axes.
    ///
    /// # Errors
    ///
    /// If `x` has no batch axis or no channels.
    pub fn moments(&mut self, x: NodeId) -> Result<NodeId, ShapeError> {
        self.push(MomentsOp, &[x])
    }
}

struct MomentsOp;

impl<T: Float> Op<T> for MomentsOp {
    fn name(&self) -> &'static str {
        "moments"
    }

    fn infer_shape(&self, operands: &[Shape]) -> Result<Shape, ShapeError> {
        Ok(Shape::from([2, channels("moments", &operands[0])?]))
    }

    fn saved(&self, _operand: usize) -> Saved {
        Saved::FIRST.and(Saved::RESULT)
    }

    fn formula(&self, of: ResultElement<'_>) -> Option<ElementFormula> {
        let (channels, len) = (of.y_shape.dims()[1], of.shapes[0].len() * of.batch);
        let of_channel = (of.index % channels..len).step_by(channels).collect();
        let text = if of.index < channels { "mean(x)" } else { "mean((x - mean(x)) ^ 2)" };
        Some(ElementFormula::new(text, vec![FormulaOperand::vector("x", 0, of_channel)]))
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        let (x, tile, scratch) = (pass.x[0], pass.tile, pass.scratch);
        let (means, variances) = pass.y.split_at_mut(pass.y_shape.dims()[1]);
        channel_means(x, tile, scratch, means, |_| T::ZERO, inlined!(|x| x));
        channel_means(x, tile, scratch, variances, |c| means[c], inlined!(|x| x * x));
    }

    fn forward_scratch(&self, operands: &[Shape], width: usize) -> usize {
        operands[0].dims().last().map_or(0, |channels| channels * width)
    }

    fn finish(&self, parts: &[T], samples: &[usize], y: &mut [T]) {
        let channels = y.len() / 2;
        y.fill(T::ZERO);
        let (means, variances) = y.split_at_mut(channels);
        let mut seen = 0;
        for (part, &samples) in parts.chunks_exact(2 * channels.max(1)).zip(samples) {
            let (before, after) = (seen as f64, (seen + samples) as f64);
            let share = T::from_f64(samples as f64 / after);
            let between = T::from_f64(before / after * (samples as f64 / after));
            for c in 0..channels {
                let distance = part[c] - means[c];
                means[c] += distance * share;
                variances[c] = variances[c] * (T::ONE - share)
                    + part[channels + c] * share
                    + distance * distance * between;
            }
            seen += samples;
        }
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        let (x, y, dy, dx) = (pass.x[0], pass.y, pass.dy, pass.dx);
        let channels = pass.y_shape.dims()[1];
        let width = pass.tile.width;
        let count = (pass.shapes[0].len() / channels.max(1) * pass.tile.batch) as f64;
        let (share, twice) = (T::from_f64(1.0 / count), T::from_f64(2.0 / count));
        vectorize(inlined!(|| {
            let rows = dx.chunks_exact_mut(width).zip(x.chunks_exact(width));
            for ((dx, x), c) in rows.zip((0..channels).cycle()) {
                let (mean, dmean, dvariance) = (y[c], dy[c] * share, dy[channels + c] * twice);
                for (dx, &x) in dx[..pass.tile.valid].iter_mut().zip(x) {
                    *dx += dmean + dvariance * (x - mean);
                }
            }
        }));
    }
}

pub(super) fn channels(op: &'static str, x: &Shape) -> Result<usize, ShapeError> {
    match x.dims().last() {
        Some(&channels) if x.is_batched() => Ok(channels),
        _ => Err(ShapeError::new(op, "expected [N, .., channels]", x)),
    }
}

/// For each channel the mean of `f(x − center)` over all positions and the samples of the tile.
#[inline(always)]
fn channel_means<T: Float>(
    x: &[T],
    Tile { width, valid, .. }: Tile,
    scratch: &mut [T],
    means: &mut [T],
    center: impl Fn(usize) -> T,
    f: impl Fn(T) -> T,
) {
    let sums = &mut scratch[..means.len() * width];
    let positions = x.len() / sums.len().max(1);
    vectorize(inlined!(|| {
        sums.fill(T::ZERO);
        for position in x.chunks_exact(sums.len().max(1)) {
            let rows = sums.chunks_exact_mut(width).zip(position.chunks_exact(width));
            for (c, (to, x)) in rows.enumerate() {
                let center = center(c);
                to.iter_mut().zip(x).for_each(|(to, &x)| *to += f(x - center));
            }
        }
    }));
    let count = T::from_f64((positions * valid).max(1) as f64);
    for (mean, row) in means.iter_mut().zip(sums.chunks_exact(width)) {
        *mean = kernels::sum(&row[..valid]) / count;
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{OpCase, both_precisions, check_op, reduce, refusal, uniform};
    use crate::{Compile, Graph, Program, RunArgs, Shape, Tensor, Tensors};

    fn mean(values: &[f64]) -> f64 {
        values.iter().sum::<f64>() / values.len() as f64
    }

    fn variance(values: &[f64]) -> f64 {
        values.iter().map(|v| (v - mean(values)).powi(2)).sum::<f64>() / values.len() as f64
    }

    #[test]
    fn matches_reference_and_finite_differences() {
        for (x, axes) in [("N 3", &[0][..]), ("N 4 5 2", &[0, 1, 2]), ("N 2 1", &[0, 1])] {
            check_op(OpCase {
                build: both_precisions!(|g, v| g.moments(v[0])),
                reference: |v| {
                    let rows = [mean, variance].map(|f| reduce(&v[0], axes, f).into_values());
                    Tensor::new([2, rows[0].len()], rows.concat())
                },
                inputs: &[uniform(x, -2.0..2.0)],
            });
        }
    }

    #[test]
    fn a_large_mean_does_not_drown_the_variance() {
        let mut g = Graph::<f32>::new();
        let x = g.input("x", Shape::batch([1]));
        let y = g.moments(x).unwrap();
        let options = Compile { batch: 1000, keep: vec![y], ..Compile::default() };
        let mut program = Program::new(g, &options).unwrap();
        let values: Vec<f32> = (0..1000).map(|i| 10_000.0 + (i % 2) as f32).collect();
        let inputs = &Tensors(&[&Tensor::new([1000, 1], values)]);
        program.run(&RunArgs { inputs, ..RunArgs::default() });
        let y = program.value(y).unwrap();
        assert!((y.values()[0] - 10_000.5).abs() < 0.01, "{y:?}");
        assert!((y.values()[1] - 0.25).abs() < 0.001, "{y:?}");
    }

    #[test]
    fn a_value_without_batch_is_refused() {
        let error = refusal(&["3"], |g, x| g.moments(x[0]));
        assert_eq!(error, "moments: expected [N, .., channels], found [3]");
    }
}
