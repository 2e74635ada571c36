//! Mean and variance of each channel over the batch, the first half of batch normalisation.
//!
//! Shapes: `x [N, .., c]` → `y [2, c]`: the means, then the (biased) variances.
//! Gradient: with `m` values in a channel, `dL/dx = dL/dmean / m + dL/dvariance · 2 (x − mean) / m`.
//! Source: Ioffe, Szegedy (ICML 2015), "Batch normalization"; parts of the batch are combined as Chan, Golub,
//! LeVeque (1979), "Updating formulae and a pairwise algorithm for computing sample variances", so that no
//! large squares are subtracted from each other; so are blocks of positions within a part, which are read once.

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
        let (x, Tile { width, valid, .. }) = (pass.x[0], pass.tile);
        let (means, variances) = pass.y.split_at_mut(pass.y_shape.dims()[1]);
        let len = means.len() * width;
        let positions = x.len() / len.max(1);
        let (column_means, squares) = pass.scratch[..2 * len].split_at_mut(len);
        vectorize(inlined!(|| column_moments(x, column_means, squares)));
        for (c, (mean, variance)) in means.iter_mut().zip(variances).enumerate() {
            let samples = c * width..c * width + valid;
            let (column_means, squares) = (&column_means[samples.clone()], &squares[samples]);
            *mean = kernels::sum(column_means) / T::from_f64(valid as f64);
            let of_means: T = column_means.iter().map(|&x| (x - *mean) * (x - *mean)).sum();
            let of_positions = kernels::sum(squares) / T::from_f64(positions.max(1) as f64);
            *variance = (of_means + of_positions) / T::from_f64(valid as f64);
        }
    }

    /// The moments of each column: means, and sums of squared distances from them.
    fn forward_scratch(&self, operands: &[Shape], width: usize) -> usize {
        operands[0].dims().last().map_or(0, |channels| 2 * channels * width)
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

/// Positions whose moments are computed in registers and then joined with those before.
const BLOCK: usize = 8;

/// For each channel and sample the mean over all positions, and the sum of squared distances from it, in one pass.
#[inline(always)]
fn column_moments<T: Float>(x: &[T], means: &mut [T], squares: &mut [T]) {
    means.fill(T::ZERO);
    squares.fill(T::ZERO);
    let len = means.len().max(1);
    let mut blocks = x.chunks_exact(BLOCK * len);
    let mut seen = 0;
    for block in &mut blocks {
        join_block::<T, BLOCK>(block, seen, means, squares);
        seen += BLOCK;
    }
    for position in blocks.remainder().chunks_exact(len) {
        join_block::<T, 1>(position, seen, means, squares);
        seen += 1;
    }
}

/// Joins the moments of `POSITIONS` further positions with those of the `seen` ones before.
#[inline(always)]
fn join_block<T: Float, const POSITIONS: usize>(
    block: &[T],
    seen: usize,
    means: &mut [T],
    squares: &mut [T],
) {
    let len = means.len();
    let rows: [&[T]; POSITIONS] = std::array::from_fn(|k| &block[k * len..][..len]);
    let after = (seen + POSITIONS) as f64;
    let [each, share, between] =
        [1.0 / POSITIONS as f64, POSITIONS as f64 / after, (seen * POSITIONS) as f64 / after]
            .map(T::from_f64);
    for (i, (mean, square)) in means.iter_mut().zip(squares).enumerate() {
        let x = rows.map(|row| row[i]);
        let of_block = x.into_iter().fold(T::ZERO, |sum, x| sum + x) * each;
        let distances = x.map(|x| (x - of_block) * (x - of_block));
        let distance = of_block - *mean;
        *mean += distance * share;
        *square +=
            distances.into_iter().fold(T::ZERO, |sum, x| sum + x) + distance * distance * between;
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
