//! What an op states about single elements of its result, so that any of them can be explained.

use std::borrow::Cow;

use crate::Shape;
use crate::strided_indices::broadcast_element;

/// How an element of an op's result follows from the elements of its operands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Linearity {
    /// In another way than the following: see [`Op::formula`](super::Op::formula).
    #[default]
    Nonlinear,
    /// It is a sum of elements, each times a factor that no element of the sum changes. An operand without gradient, such
    /// as the numbers of the rows of a table, may choose which.
    Linear,
    /// It is a sum of products of an element of the first operand and one of the second, each element in one product at
    /// most.
    Bilinear,
}

/// One element of the result of an op.
#[derive(Clone, Copy, Debug)]
pub struct ResultElement<'a> {
    /// Its index, row-major: within the sample, if the result has the batch axis.
    pub index: usize,
    /// The operands' shapes.
    pub shapes: &'a [Shape],
    /// The result's shape.
    pub y_shape: &'a Shape,
    /// Samples of the batch.
    pub batch: usize,
}

/// How one element of a result follows from elements of the operands, in the language of `gradus explain`.
///
/// ```
/// use gradus_graph::op::{ElementFormula, ResultElement};
/// use gradus_graph::Shape;
///
/// let shapes = [Shape::from([2, 3]), Shape::from([3])];
/// let element = ResultElement { index: 4, shapes: &shapes, y_shape: &shapes[0], batch: 1 };
/// let formula = ElementFormula::elementwise("a / b", &["a", "b"], element);
/// assert_eq!(formula.operands[0].elements, [4]);
/// assert_eq!(formula.operands[1].elements, [1]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ElementFormula {
    /// Such as `max(x, 0)`.
    pub text: Cow<'static, str>,
    /// The meaning of its names.
    pub operands: Vec<FormulaOperand>,
}

/// What a name of a formula stands for: one element of an operand, or a vector of them.
#[derive(Clone, Debug, PartialEq)]
pub struct FormulaOperand {
    /// The name.
    pub name: &'static str,
    /// The number of the operand.
    pub operand: usize,
    /// Its elements, row-major: within a sample, but within the whole batch for a reduction over it.
    pub elements: Vec<usize>,
    /// Whether the name is a vector, even if of one element.
    pub is_vector: bool,
}

impl FormulaOperand {
    /// A name for one element of an operand.
    pub fn number(name: &'static str, operand: usize, element: usize) -> Self {
        Self { name, operand, elements: vec![element], is_vector: false }
    }

    /// A name for several elements of an operand.
    pub fn vector(name: &'static str, operand: usize, elements: Vec<usize>) -> Self {
        Self { name, operand, elements, is_vector: true }
    }
}

impl ElementFormula {
    /// A formula with these names.
    pub fn new(text: impl Into<Cow<'static, str>>, operands: Vec<FormulaOperand>) -> Self {
        Self { text: text.into(), operands }
    }

    /// The formula of an op that works element by element: a name for each operand, which is broadcast.
    pub fn elementwise(
        text: impl Into<Cow<'static, str>>,
        names: &[&'static str],
        of: ResultElement<'_>,
    ) -> Self {
        let (dims, shapes) = (of.y_shape.dims(), of.shapes.iter());
        let operands = names.iter().zip(shapes).enumerate().map(|(operand, (name, shape))| {
            FormulaOperand::number(name, operand, broadcast_element(dims, shape.dims(), of.index))
        });
        Self::new(text, operands.collect())
    }
}
