//! What batch normalisation does with each channel, from its moments: subtract the mean, multiply by a factor, add an
//! offset.
//!
//! Shapes: `moments [2, c]` (means, then variances), `scale [c]`, `offset [c]` → `y [3, c]`: the means, the factors
//! `scale / √(variance + ε)`, the offsets. Without scale it is 1, without offset 0.
//! Gradient: `dL/dmean` and `dL/doffset` as they come, `dL/dscale = dL/dfactor / √(variance + ε)`,
//! `dL/dvariance = −½ dL/dfactor · factor / (variance + ε)`.
//! Source: Ioffe, Szegedy (ICML 2015), "Batch normalization".
//!
//! In training the moments are [those of the batch](super::moments), in evaluation running statistics.

use crate::op::{
    Attributes, BackwardPass, ElementFormula, FormulaOperand, ForwardPass, Op, ResultElement, Saved,
};
use crate::{Float, Graph, NodeId, Shape, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds the terms for [`normalize`](Self::normalize). `epsilon` keeps the root away from 0: a constant channel
    /// becomes its offset, not NaN.
    ///
    /// # Errors
    ///
    /// If the moments, scale or offset have the batch axis, or are of different numbers of channels.
    pub fn normalization_terms(
        &mut self,
        moments: NodeId,
        scale: Option<NodeId>,
        offset: Option<NodeId>,
        epsilon: f64,
    ) -> Result<NodeId, ShapeError> {
        let operands: Vec<NodeId> = [Some(moments), scale, offset].into_iter().flatten().collect();
        let offset = offset.map(|_| operands.len() - 1);
        let op = NormalizationTermsOp { scale: scale.map(|_| 1), offset, epsilon };
        self.push(op, &operands)
    }
}

/// With the numbers of the operands that are there.
struct NormalizationTermsOp {
    scale: Option<usize>,
    offset: Option<usize>,
    epsilon: f64,
}

const NAME: &str = "normalization_terms";

impl<T: Float> Op<T> for NormalizationTermsOp {
    fn name(&self) -> &'static str {
        NAME
    }

    fn attributes(&self, _operands: &[Shape]) -> Attributes {
        Attributes::default().with_number("epsilon", self.epsilon)
    }

    fn infer_shape(&self, operands: &[Shape]) -> Result<Shape, ShapeError> {
        let moments = &operands[0];
        let (false, &[2, channels]) = (moments.is_batched(), moments.dims()) else {
            return Err(ShapeError::new(NAME, "expected moments [2, channels]", moments));
        };
        let of_channels = Shape::from([channels]);
        match operands[1..].iter().find(|&shape| *shape != of_channels) {
            Some(other) => {
                Err(ShapeError::new(NAME, format!("expected {of_channels}, one a channel"), other))
            }
            None => Ok(Shape::from([3, channels])),
        }
    }

    fn saved(&self, operand: usize) -> Saved {
        match operand {
            0 => Saved::FIRST.and(Saved::RESULT),
            _ if Some(operand) == self.scale => Saved::FIRST,
            _ => Saved::NOTHING,
        }
    }

    fn formula(&self, of: ResultElement<'_>) -> Option<ElementFormula> {
        let channels = of.y_shape.dims()[1];
        let (row, c) = (of.index / channels, of.index % channels);
        let scale = self.scale.map(|scale| FormulaOperand::number("scale", scale, c));
        Some(match row {
            0 => ElementFormula::new("mean", vec![FormulaOperand::number("mean", 0, c)]),
            1 => {
                let variance = FormulaOperand::number("variance", 0, channels + c);
                let above = if scale.is_some() { "scale" } else { "1" };
                let text = format!("{above} / sqrt(variance + {})", self.epsilon);
                ElementFormula::new(text, scale.into_iter().chain([variance]).collect())
            }
            _ => match self.offset {
                Some(offset) => {
                    let offset = FormulaOperand::number("offset", offset, c);
                    ElementFormula::new("offset", vec![offset])
                }
                None => ElementFormula::new("0", Vec::new()),
            },
        })
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        let (moments, y) = (pass.x[0], pass.y);
        let channels = moments.len() / 2;
        let epsilon = T::from_f64(self.epsilon);
        for c in 0..channels {
            let scale = self.scale.map_or(T::ONE, |scale| pass.x[scale][c]);
            y[c] = moments[c];
            y[channels + c] = scale / (moments[channels + c] + epsilon).sqrt();
            y[2 * channels + c] = self.offset.map_or(T::ZERO, |offset| pass.x[offset][c]);
        }
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        let (moments, y, dy, dx) = (pass.x[0], pass.y, pass.dy, pass.dx);
        let channels = dy.len() / 3;
        let epsilon = T::from_f64(self.epsilon);
        let half = T::from_f64(0.5);
        for c in 0..channels {
            let dfactor = dy[channels + c];
            if pass.operand == 0 {
                let variance = moments[channels + c] + epsilon;
                dx[c] += dy[c];
                dx[channels + c] -= half * dfactor * y[channels + c] / variance;
            } else if Some(pass.operand) == self.scale {
                dx[c] += dfactor / (moments[channels + c] + epsilon).sqrt();
            } else {
                dx[c] += dy[2 * channels + c];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Tensor;
    use crate::testing::{OpCase, both_precisions, check_op, refusal, uniform};

    fn reference(moments: &[f64], scale: &[f64], offset: &[f64]) -> Tensor<f64> {
        let (means, variances) = moments.split_at(scale.len());
        let factors = variances.iter().zip(scale).map(|(v, scale)| scale / (v + 1e-3).sqrt());
        let values = [means, &factors.collect::<Vec<_>>(), offset].concat();
        Tensor::new([3, scale.len()], values)
    }

    #[test]
    fn matches_reference_and_finite_differences() {
        let inputs = &[uniform("2 3", 0.5..1.5), uniform("3", -2.0..2.0), uniform("3", -2.0..2.0)];
        check_op(OpCase {
            build: both_precisions!(|g, x| {
                g.normalization_terms(x[0], Some(x[1]), Some(x[2]), 1e-3)
            }),
            reference: |x| reference(x[0].values(), x[1].values(), x[2].values()),
            inputs,
        });
        check_op(OpCase {
            build: both_precisions!(|g, x| g.normalization_terms(x[0], Some(x[1]), None, 1e-3)),
            reference: |x| reference(x[0].values(), x[1].values(), &[0.0; 3]),
            inputs: &inputs[..2],
        });
        check_op(OpCase {
            build: both_precisions!(|g, x| g.normalization_terms(x[0], None, Some(x[1]), 1e-3)),
            reference: |x| reference(x[0].values(), &[1.0; 3], x[1].values()),
            inputs: &inputs[..2],
        });
        check_op(OpCase {
            build: both_precisions!(|g, x| g.normalization_terms(x[0], None, None, 1e-3)),
            reference: |x| reference(x[0].values(), &[1.0; 3], &[0.0; 3]),
            inputs: &inputs[..1],
        });
    }

    #[test]
    fn other_shapes_are_refused() {
        let refused = |shapes: &[&str]| {
            refusal(shapes, |g, x| {
                g.normalization_terms(x[0], x.get(1).copied(), x.get(2).copied(), 1e-3)
            })
        };
        assert_eq!(
            refused(&["3 4"]),
            "normalization_terms: expected moments [2, channels], found [3, 4]"
        );
        assert_eq!(
            refused(&["2 4", "4", "3"]),
            "normalization_terms: expected [4], one a channel, found [3]"
        );
        assert_eq!(
            refused(&["2 4", "N 4"]),
            "normalization_terms: expected [4], one a channel, found [N, 4]"
        );
    }
}
