//! Labels as rows of a 1 among zeros: class 6 of 10 becomes `0 0 0 0 0 0 1 0 0 0`.
//!
//! Shapes: `labels [N]` → `y [N, classes]`, `labels [m]` → `y [m, classes]`.
//! A label is rounded to the nearest class, counted from 0; one outside of `0..classes`, or NaN, gives zeros.
//! Gradient: 0: a label is nothing that could be trained.
//! Source: Google's "TensorFlow and deep learning, without a PhD", on the target of a digit.

use crate::op::{
    Attributes, BackwardPass, Choices, ElementFormula, FormulaOperand, ForwardPass, Op,
    ResultElement,
};
use crate::{Float, Graph, NodeId, Shape, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds one row of `classes` numbers for each label. See the [module docs](self).
    ///
    /// # Errors
    ///
    /// If the labels are not a list.
    pub fn one_hot(&mut self, labels: NodeId, classes: usize) -> Result<NodeId, ShapeError> {
        self.push(OneHotOp { classes }, &[labels])
    }
}

struct OneHotOp {
    classes: usize,
}

impl<T: Float> Op<T> for OneHotOp {
    fn name(&self) -> &'static str {
        "one_hot"
    }

    fn attributes(&self, _operands: &[Shape]) -> Attributes {
        Attributes::default().with_sizes("classes", [self.classes])
    }

    fn infer_shape(&self, operands: &[Shape]) -> Result<Shape, ShapeError> {
        let labels = &operands[0];
        if labels.rank() != 1 {
            return Err(ShapeError::new("one_hot", "expected labels [N] or [m]", labels));
        }
        Ok(labels.with_dims([labels.dims(), &[self.classes]].concat()))
    }

    fn formula(&self, of: ResultElement<'_>) -> Option<ElementFormula> {
        let (label, class) = (of.index / self.classes, of.index % self.classes);
        let text = format!("step(1 / 2 - abs(label - {class}))");
        Some(ElementFormula::new(text, vec![FormulaOperand::number("label", 0, label)]))
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        let (labels, y) = (pass.x[0], pass.y);
        let [label_stride, class_stride] =
            if pass.y_shape.is_batched() { [1, pass.tile.width] } else { [self.classes, 1] };
        y.fill(T::ZERO);
        for (i, label) in labels.iter().enumerate() {
            let class = label.to_f64().round();
            if (0.0..self.classes as f64).contains(&class) {
                y[i * label_stride + class as usize * class_stride] = T::ONE;
            }
        }
    }

    fn backward(&self, _pass: BackwardPass<'_, T>) {}

    fn choices(&self, pass: &ForwardPass<'_, T>, choices: &mut Choices) {
        choices.add_sides(pass.y, T::ZERO);
    }
}

#[cfg(test)]
mod tests {
    use crate::Tensor;
    use crate::testing::{
        OpCase, both_precisions, check_op, forward_f32, gradient_f32, refusal, uniform,
    };

    #[test]
    fn matches_reference_and_finite_differences() {
        for shape in ["N", "5", "1"] {
            for classes in [0, 1, 3, 10] {
                check_op(OpCase {
                    build: both_precisions!(|g, x| g.one_hot(x[0], classes)),
                    reference: |x| {
                        let row = |&label: &f64| {
                            (0..classes)
                                .map(move |c| f64::from(u8::from((label - c as f64).abs() < 0.5)))
                        };
                        let y: Vec<f64> = x[0].values().iter().flat_map(row).collect();
                        Tensor::new([x[0].shape()[0], classes], y)
                    },
                    inputs: &[uniform(shape, -1.0..10.0).with_zero_gradient()],
                });
            }
        }
    }

    #[test]
    fn labels_are_rounded_have_no_gradient_and_give_zeros_outside_of_the_classes() {
        let labels = [-1.0, 3.0, 1e30, f32::NAN, f32::INFINITY];
        assert_eq!(forward_f32(|g, x| g.one_hot(x, 3).unwrap(), &labels), [0.0; 15]);

        let labels = [-0.4, 0.6, 1.49];
        let y = forward_f32(|g, x| g.one_hot(x, 2).unwrap(), &labels);
        assert_eq!(y, [1.0, 0.0, 0.0, 1.0, 0.0, 1.0]);
        assert_eq!(gradient_f32(|g, x| g.one_hot(x, 2).unwrap(), &labels), [0.0; 3]);
    }

    #[test]
    fn g24_six_is_the_seventh_of_ten() {
        let y = forward_f32(|g, x| g.one_hot(x, 10).unwrap(), &[6.0]);
        assert_eq!(y, [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn a_table_of_labels_is_refused() {
        let error = refusal(&["N 1"], |g, x| g.one_hot(x[0], 10));
        assert_eq!(error, "one_hot: expected labels [N] or [m], found [N, 1]");
    }
}
