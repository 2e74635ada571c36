//! Normalisation of each channel by given terms, the last part of batch normalisation.
//!
//! Shapes: `x [N, .., c]`, `terms [3, c]` (means, factors, offsets) → `y [N, .., c]`,
//! `y = (x − mean) · factor + offset`.
//! Gradient: `dL/dx = dL/dy · factor`, `dL/dmean = −factor Σ dL/dy`, `dL/dfactor = Σ dL/dy (x − mean)`,
//! `dL/doffset = Σ dL/dy`.
//! Source: Ioffe, Szegedy (ICML 2015), "Batch normalization".
//!
//! The [terms](super::normalization_terms) are made of moments, scale and offset: the two sums over the batch that all
//! of their gradients need are taken here, in one pass.

use kernels::{inlined, vectorize};

use super::moments::channels;
use crate::op::{
    BackwardPass, ElementFormula, FormulaOperand, ForwardPass, Op, ResultElement, Saved,
};
use crate::{Float, Graph, NodeId, Shape, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds `(x − mean) · factor + offset` for each channel, the last axis, with `terms` from
    /// [`normalization_terms`](Self::normalization_terms).
    ///
    /// # Errors
    ///
    /// If `x` has no batch axis or no channels, or the terms are of another number of channels.
    ///
    /// # Examples
    ///
    /// ```
    /// use gradus_graph::{Graph, Shape};
    ///
    /// let mut g = Graph::<f32>::new();
    /// let x = g.input("x", Shape::batch([14, 14, 32]));
    /// let (scale, offset) = (g.parameter("scale", [32]), g.parameter("offset", [32]));
    /// let moments = g.moments(x)?;
    /// let terms = g.normalization_terms(moments, Some(scale), Some(offset), 1e-5)?;
    /// let y = g.normalize(x, terms)?;
    /// # Ok::<(), gradus_graph::ShapeError>(())
    /// ```
    pub fn normalize(&mut self, x: NodeId, terms: NodeId) -> Result<NodeId, ShapeError> {
        self.push(NormalizeOp, &[x, terms])
    }
}

struct NormalizeOp;

impl<T: Float> Op<T> for NormalizeOp {
    fn name(&self) -> &'static str {
        "normalize"
    }

    fn infer_shape(&self, operands: &[Shape]) -> Result<Shape, ShapeError> {
        let [x, terms] = operands else { unreachable!("two operands") };
        let channels = channels("normalize", x)?;
        let (false, &[3, terms_of]) = (terms.is_batched(), terms.dims()) else {
            return Err(ShapeError::new("normalize", "expected terms [3, channels]", terms));
        };
        if terms_of != channels {
            let (left, right) = ((x, x.rank() - 1), (terms, 1));
            return Err(ShapeError::axis_mismatch("normalize", left, right));
        }
        Ok(x.clone())
    }

    fn saved(&self, operand: usize) -> Saved {
        if operand == 0 { Saved::SECOND } else { Saved::BOTH }
    }

    fn in_place(&self) -> bool {
        true
    }

    fn in_strips(&self, operands: &[Shape]) -> bool {
        operands[0].dims().len() > 1
    }

    fn sets_gradient(&self, operand: usize) -> bool {
        operand == 0
    }

    fn formula(&self, of: ResultElement<'_>) -> Option<ElementFormula> {
        let channels = of.shapes[1].dims()[1];
        let term =
            |name, row| FormulaOperand::number(name, 1, row * channels + of.index % channels);
        let x = FormulaOperand::number("x", 0, of.index);
        let operands = vec![x, term("mean", 0), term("factor", 1), term("offset", 2)];
        Some(ElementFormula::new("(x - mean) * factor + offset", operands))
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        let (x, y, width) = (pass.x[0], pass.y, pass.tile.width);
        let (means, factors, offsets) = rows(pass.x[1]);
        vectorize(inlined!(|| {
            for (row, (y, c)) in y.chunks_exact_mut(width).zip((0..means.len()).cycle()).enumerate()
            {
                let (mean, factor, offset) = (means[c], factors[c], offsets[c]);
                match x.get(row * width..(row + 1) * width) {
                    Some(x) => {
                        y.iter_mut().zip(x).for_each(|(y, &x)| *y = (x - mean) * factor + offset);
                    }
                    // In place the operand is there already.
                    None => y.iter_mut().for_each(|y| *y = (*y - mean) * factor + offset),
                }
            }
        }));
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        let (x, dy, dx, width) = (pass.x[0], pass.dy, pass.dx, pass.tile.width);
        let (means, factors, _) = rows(pass.x[1]);
        let channels = means.len();
        if pass.operand == 0 {
            return vectorize(inlined!(|| {
                for (row, (dx, &factor)) in
                    dx.chunks_exact_mut(width).zip(factors.iter().cycle()).enumerate()
                {
                    match dy.get(row * width..(row + 1) * width) {
                        Some(dy) if pass.adds => {
                            dx.iter_mut().zip(dy).for_each(|(dx, &dy)| *dx += dy * factor);
                        }
                        Some(dy) => dx.iter_mut().zip(dy).for_each(|(dx, &dy)| *dx = dy * factor),
                        // In place the gradient of the result is there already.
                        None => dx.iter_mut().for_each(|dx| *dx *= factor),
                    }
                }
            }));
        }
        let (sums, products) = pass.scratch[..2 * channels * width].split_at_mut(channels * width);
        vectorize(inlined!(|| {
            sums.fill(T::ZERO);
            products.fill(T::ZERO);
            let stride = (channels * width).max(1);
            for (dy, x) in dy.chunks_exact(stride).zip(x.chunks_exact(stride)) {
                let of_channels =
                    sums.chunks_exact_mut(width).zip(products.chunks_exact_mut(width));
                let values = dy.chunks_exact(width).zip(x.chunks_exact(width));
                for (((sum, product), (dy, x)), &mean) in of_channels.zip(values).zip(means) {
                    for ((sum, product), (&dy, &x)) in
                        sum.iter_mut().zip(product).zip(dy.iter().zip(x))
                    {
                        *sum += dy;
                        *product += dy * (x - mean);
                    }
                }
            }
        }));
        for c in 0..channels {
            let samples = c * width..c * width + pass.tile.valid;
            let sum = kernels::sum(&sums[samples.clone()]);
            dx[c] -= factors[c] * sum;
            dx[channels + c] += kernels::sum(&products[samples]);
            dx[2 * channels + c] += sum;
        }
    }

    /// The sums of the gradient and of its product with the distance from the mean, in columns.
    fn backward_scratch(&self, operand: usize, operands: &[Shape], width: usize) -> usize {
        if operand == 0 { 0 } else { 2 * operands[1].dims()[1] * width }
    }
}

/// Means, factors and offsets.
fn rows<T>(terms: &[T]) -> (&[T], &[T], &[T]) {
    let channels = terms.len() / 3;
    let (means, rest) = terms.split_at(channels);
    let (factors, offsets) = rest.split_at(channels);
    (means, factors, offsets)
}

#[cfg(test)]
mod tests {
    use crate::Tensor;
    use crate::testing::{OpCase, both_precisions, check_op, refusal, uniform};

    fn reference(x: &Tensor<f64>, terms: &Tensor<f64>) -> Tensor<f64> {
        let channels = terms.shape()[1];
        let values = x.values().iter().enumerate().map(|(i, x)| {
            let term = |row: usize| terms.values()[row * channels + i % channels];
            (x - term(0)) * term(1) + term(2)
        });
        Tensor::new(x.shape(), values.collect::<Vec<_>>())
    }

    #[test]
    fn matches_reference_and_finite_differences() {
        for (x, terms) in [("N 3", "3 3"), ("N 4 5 2", "3 2"), ("N 1", "3 1")] {
            check_op(OpCase {
                build: both_precisions!(|g, v| g.normalize(v[0], v[1])),
                reference: |v| reference(&v[0], &v[1]),
                inputs: &[uniform(x, -2.0..2.0), uniform(terms, 0.5..1.5)],
            });
        }
    }

    #[test]
    fn matches_reference_in_place() {
        check_op(OpCase {
            build: both_precisions!(|g, v| {
                let doubled = g.add(v[0], v[0])?;
                let y = g.normalize(doubled, v[1])?;
                Ok(g.sin(y))
            }),
            reference: |v| reference(&v[0].map(|x| 2.0 * x), &v[1]).map(f64::sin),
            inputs: &[uniform("N 3 2", -1.0..1.0), uniform("3 2", 0.5..1.5)],
        });
    }

    #[test]
    fn batch_normalisation_as_a_whole_matches_finite_differences() {
        check_op(OpCase {
            build: both_precisions!(|g, v| {
                let moments = g.moments(v[0])?;
                // The gradient of a scale is a sum over values whose sum is 0: in f32 nothing may be left of it.
                let terms = g.normalization_terms(moments, None, Some(v[1]), 1e-3)?;
                g.normalize(v[0], terms)
            }),
            reference: |v| {
                let x = v[0].values();
                let mean = x.iter().sum::<f64>() / x.len() as f64;
                let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / x.len() as f64;
                v[0].map(|x| (x - mean) / (variance + 1e-3).sqrt() + v[1].values()[0])
            },
            inputs: &[uniform("N 3 2 1", -2.0..2.0), uniform("1", 0.5..1.5)],
        });
    }

    #[test]
    fn terms_of_other_channels_are_refused() {
        let refused = |terms| refusal(&["N 5 3", terms], |g, x| g.normalize(x[0], x[1]));
        assert_eq!(refused("3 4"), "normalize: axis 2 of [N, 5, 3] is 3 but axis 1 of [3, 4] is 4");
        assert_eq!(refused("2 3"), "normalize: expected terms [3, channels], found [2, 3]");
    }
}
