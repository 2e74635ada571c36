//! Normalisation of each channel by given moments, the second half of batch normalisation.
//!
//! Shapes: `x [N, .., c]`, `moments [2, c]` (means, then variances) → `y [N, .., c]`,
//! `y = (x − mean) / √(variance + ε)`.
//! Gradient: with `s = 1/√(variance + ε)`: `dL/dx = dL/dy · s`, `dL/dmean = −s Σ dL/dy`,
//! `dL/dvariance = −½ s² Σ dL/dy · y`.
//! Source: Ioffe, Szegedy (ICML 2015), "Batch normalization".
//!
//! In training the moments are [those of the batch](super::moments), in evaluation running statistics.

use kernels::{inlined, vectorize};

use super::moments::channels;
use crate::op::{
    BackwardPass, ElementFormula, FormulaOperand, ForwardPass, Op, ResultElement, Saved,
};
use crate::{Float, Graph, NodeId, Shape, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds `(x − mean) / √(variance + epsilon)` for each channel, the last axis. `epsilon` keeps the root away
    /// from 0: a constant channel becomes 0, not NaN.
    ///
    /// # Errors
    ///
    /// If `x` has no batch axis or no channels, or the moments are of another number of channels.
    pub fn normalize(
        &mut self,
        x: NodeId,
        moments: NodeId,
        epsilon: f64,
    ) -> Result<NodeId, ShapeError> {
        self.push(NormalizeOp { epsilon }, &[x, moments])
    }
}

struct NormalizeOp {
    epsilon: f64,
}

impl NormalizeOp {
    fn inverse_deviation<T: Float>(&self, variance: T) -> T {
        T::ONE / (variance + T::from_f64(self.epsilon)).sqrt()
    }
}

impl<T: Float> Op<T> for NormalizeOp {
    fn name(&self) -> &'static str {
        "normalize"
    }

    fn infer_shape(&self, operands: &[Shape]) -> Result<Shape, ShapeError> {
        let [x, moments] = operands else { unreachable!("two operands") };
        let channels = channels("normalize", x)?;
        let (false, &[2, moments_of]) = (moments.is_batched(), moments.dims()) else {
            return Err(ShapeError::new("normalize", "expected moments [2, channels]", moments));
        };
        if moments_of != channels {
            let (left, right) = ((x, x.rank() - 1), (moments, 1));
            return Err(ShapeError::axis_mismatch("normalize", left, right));
        }
        Ok(x.clone())
    }

    fn saved(&self, operand: usize) -> Saved {
        if operand == 0 { Saved::SECOND } else { Saved::SECOND.and(Saved::RESULT) }
    }

    fn formula(&self, of: ResultElement<'_>) -> Option<ElementFormula> {
        let channels = of.shapes[1].dims()[1];
        let operands = vec![
            FormulaOperand::number("x", 0, of.index),
            FormulaOperand::number("mean", 1, of.index % channels),
            FormulaOperand::number("variance", 1, channels + of.index % channels),
        ];
        let text = format!("(x - mean) / sqrt(variance + {})", self.epsilon);
        Some(ElementFormula::new(text, operands))
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        let (x, moments, y, width) = (pass.x[0], pass.x[1], pass.y, pass.tile.width);
        let channels = moments.len() / 2;
        vectorize(inlined!(|| {
            for ((y, x), c) in
                y.chunks_exact_mut(width).zip(x.chunks_exact(width)).zip((0..channels).cycle())
            {
                let (mean, scale) = (moments[c], self.inverse_deviation(moments[channels + c]));
                y.iter_mut().zip(x).for_each(|(y, &x)| *y = (x - mean) * scale);
            }
        }));
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        let (moments, y, dy, dx, width) = (pass.x[1], pass.y, pass.dy, pass.dx, pass.tile.width);
        let channels = moments.len() / 2;
        if pass.operand == 0 {
            return vectorize(inlined!(|| {
                let rows = dx.chunks_exact_mut(width).zip(dy.chunks_exact(width));
                for ((dx, dy), c) in rows.zip((0..channels).cycle()) {
                    let scale = self.inverse_deviation(moments[channels + c]);
                    dx.iter_mut().zip(dy).for_each(|(dx, &dy)| *dx += dy * scale);
                }
            }));
        }
        let (sums, products) = pass.scratch[..2 * channels * width].split_at_mut(channels * width);
        vectorize(inlined!(|| {
            sums.fill(T::ZERO);
            products.fill(T::ZERO);
            let stride = (channels * width).max(1);
            for (dy, y) in dy.chunks_exact(stride).zip(y.chunks_exact(stride)) {
                for ((sum, product), (&dy, &y)) in
                    sums.iter_mut().zip(&mut *products).zip(dy.iter().zip(y))
                {
                    *sum += dy;
                    *product += dy * y;
                }
            }
        }));
        let half = T::from_f64(0.5);
        for c in 0..channels {
            let scale = self.inverse_deviation(moments[channels + c]);
            let samples = c * width..c * width + pass.tile.valid;
            dx[c] += -scale * kernels::sum(&sums[samples.clone()]);
            dx[channels + c] += -half * scale * scale * kernels::sum(&products[samples]);
        }
    }

    fn backward_scratch(&self, operand: usize, operands: &[Shape], width: usize) -> usize {
        if operand == 0 { 0 } else { operands[1].len() * width }
    }
}

#[cfg(test)]
mod tests {
    use crate::Tensor;
    use crate::testing::{OpCase, both_precisions, check_op, refusal, uniform};

    #[test]
    fn matches_reference_and_finite_differences() {
        for (x, moments) in [("N 3", "2 3"), ("N 4 5 2", "2 2"), ("N 1", "2 1")] {
            check_op(OpCase {
                build: both_precisions!(|g, v| g.normalize(v[0], v[1], 1e-3)),
                reference: |v| {
                    let channels = v[1].shape()[1];
                    let values = v[0].values().iter().enumerate().map(|(i, x)| {
                        let (mean, variance) =
                            (v[1].values()[i % channels], v[1].values()[channels + i % channels]);
                        (x - mean) / (variance + 1e-3).sqrt()
                    });
                    Tensor::new(v[0].shape(), values.collect::<Vec<_>>())
                },
                inputs: &[uniform(x, -2.0..2.0), uniform(moments, 0.5..1.5)],
            });
        }
    }

    #[test]
    fn batch_normalisation_as_a_whole_matches_finite_differences() {
        check_op(OpCase {
            build: both_precisions!(|g, v| {
                let moments = g.moments(v[0])?;
                g.normalize(v[0], moments, 1e-3)
            }),
            reference: |v| {
                let x = v[0].values();
                let mean = x.iter().sum::<f64>() / x.len() as f64;
                let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / x.len() as f64;
                v[0].map(|x| (x - mean) / (variance + 1e-3).sqrt())
            },
            inputs: &[uniform("N 3 2 1", -2.0..2.0)],
        });
    }

    #[test]
    fn moments_of_other_channels_are_refused() {
        let error = refusal(&["N 5 3", "2 4"], |g, x| g.normalize(x[0], x[1], 1e-5));
        assert_eq!(error, "normalize: axis 2 of [N, 5, 3] is 3 but axis 1 of [2, 4] is 4");
    }
}
