//! Formulas: `(apple * count) * tax` with every value and every gradient.
//!
//! | binds   | written            | grouped                                   |
//! |---------|--------------------|-------------------------------------------|
//! | tightest| `s[0]`, `x²`       | an element of a vector, a raised number   |
//! |         | `x ^ y`, `x ** y`  | from the right: `2^3^2` is `2^(3^2)`      |
//! |         | `-x`               | `-x^2` is `-(x^2)`; `2^-1` is `2^(-1)`    |
//! |         | `x * y`, `x / y`   | from the left: `a/b/c` is `(a/b)/c`       |
//! | loosest | `x + y`, `x - y`   | from the left: `a-b-c` is `(a-b)-c`       |
//!
//! Beside these a formula holds parentheses, numbers (`2`, `1.1`, `1e-3`), vectors (`[1, 2]`), names (letters of any
//! script, digits and underscores, not beginning with a digit), the constants `pi` and `e`, and functions:
//!
//! - of each element `exp`, `ln` (also `log`), `log10`, `sqrt`, `sin`, `cos`, `tanh`, `sigmoid`, `relu`, `gelu`, `abs`,
//!   `step`;
//! - of each element of two values `max(a, b)`, `min(a, b)`;
//! - of a vector `softmax`, a vector, and `sum`, `mean`, `max`, `min`, a number.
//!
//! A number goes with every element of a vector; two vectors must have equally many. Without a parenthesis behind it the
//! name of a function is a name: `x - mean`.
//!
//! # What is pasted
//!
//! `×`, `·`, `⋅`, `÷`, `−`, `–`, raised digits and the full-width signs of Chinese text are read as what they stand for.
//! A product needs no sign directly after a number, a raised number or a parenthesis: `2x`, `x²y`, `(a + b)(c + d)`.
//! What could be meant in two ways is refused with what to write: `x(y + 1)`, `1/2x`, `2^3x`, `x²^3`, `(x)2`, `2 x`.
//! [`Formula::read_as`] has every sign.

#[cfg(feature = "drawing")]
mod answer;
mod check;
#[cfg(feature = "drawing")]
pub mod drawing;
mod error;
mod evaluation;
mod hessian;
mod lexer;
mod operations;
mod parser;
mod program;
mod undefined;

use std::ops::Range;

use diagnostics::printable;
use serde::Serialize;

#[cfg(feature = "drawing")]
pub use answer::{FormulaAnswer, FormulaRequest, answer};
pub use check::{CheckedDerivative, TOLERANCE};
pub use error::{FormulaError, FormulaMistake, ShownMistake};
pub use evaluation::EvaluatedFormula;
pub use hessian::{Hessian, MAX_VARIABLES};
pub use operations::Cause;
pub use program::FormulaProgram;
pub use undefined::{FormulaPass, Undefined};

use self::operations::{ADD, CONSTANTS, DIV, MUL, NEG, Operation, POW, SUB};
use crate::FormulaValue;

/// Bytes of a formula at most: a page of text.
pub const MAX_TEXT: usize = 10_000;
/// Levels of nesting at most: far more than users write, far less than the smallest stack holds.
pub const MAX_DEPTH: usize = 256;
/// Elements of a vector at most: as many as are read on a screen, several times over.
pub const MAX_VECTOR: usize = 1_000;
/// Elements of all values of a formula together at most: they are computed in a millisecond.
pub const MAX_ELEMENTS: usize = 100_000;

/// A formula that was read: its terms and its names.
///
/// # Examples
///
/// ```
/// use gradus_explain::FormulaValue;
/// use gradus_explain::formula::Formula;
///
/// let formula = Formula::parse("-log(softmax(s)[0])")?;
/// assert_eq!(formula.names(), ["s"]);
/// assert_eq!(formula.read_as(), "-ln(softmax(s)[0])");
///
/// let scores = FormulaValue::from([3.2, 5.1, -1.7]);
/// let evaluation = formula.evaluate(&[("s".into(), scores)], &[])?;
/// assert_eq!(evaluation.result.to_string(), "2.04036");
/// let gradient = evaluation.nodes[0].gradient.as_ref().unwrap();
/// assert_eq!(gradient.to_string(), "[-0.870017, 0.86905, 0.000967926]");
///
/// let error = Formula::parse("(x + )^2").unwrap_err();
/// let expected = "expected a number, a name, a function, `-`, `(` or `[`, found `)`";
/// assert_eq!(error.to_string(), expected);
/// assert_eq!(error.render(), "(x + )^2\n     ^");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Formula {
    text: String,
    /// In the order of evaluation: operands before what reads them.
    terms: Vec<Term>,
    names: Vec<String>,
    is_rewritten: bool,
}

/// What is shown of a formula: its values and gradients, and what else was asked for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explained {
    /// Its values and gradients.
    #[serde(flatten)]
    pub evaluation: EvaluatedFormula,
    /// The gradient beside finite differences.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check: Option<Vec<CheckedDerivative>>,
    /// The second derivatives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hessian: Option<Hessian>,
}

/// A node of the graph of a formula.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FormulaNode {
    /// Its number.
    pub node: usize,
    /// The name of its op; `parameter` for a name, `constant`, `vector` for a vector of operands, `element`.
    pub op: &'static str,
    /// The nodes that it reads.
    pub operands: Vec<usize>,
    /// The name, for a parameter and a constant that has one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// What it computes: `apple · count`, `exp(#4)`.
    pub operation: String,
    /// Its value.
    pub value: FormulaValue,
    /// The gradient of the result with respect to its value. None if it depends on no variable, or the result is a vector.
    pub gradient: Option<FormulaValue>,
    /// What it passes back to each operand. The gradient of a node is the sum over all that read it.
    pub flows: Vec<Option<FormulaValue>>,
    /// The term that it is.
    #[serde(skip)]
    term: usize,
}

/// A part of a formula. Each is the operand of one other, or the whole.
#[derive(Clone, Debug)]
struct Term {
    kind: TermKind,
    operands: Vec<usize>,
    /// Its bytes in the text.
    span: Range<usize>,
}

#[derive(Clone, Debug)]
enum TermKind {
    Number(f64),
    /// A vector of numbers as they are written.
    Numbers(Vec<f64>),
    /// The number of the name.
    Name(usize),
    /// A vector of its operands.
    Vector,
    /// An element of a vector.
    Element(usize),
    Operation(&'static Operation),
}

impl Formula {
    /// Reads a formula.
    ///
    /// # Errors
    ///
    /// The first mistake, with its place.
    pub fn parse(text: &str) -> Result<Self, FormulaMistake> {
        parser::parse(text)
    }

    /// The formula as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The distinct names, in the order of their first use. Among them may be those of constants.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The names that need a value: all but those of constants.
    pub fn unknowns(&self) -> impl Iterator<Item = &str> {
        let names = self.names.iter().map(String::as_str);
        names.filter(|name| constant(name).is_none())
    }

    /// Whether a sign was read as another one, or one was added: then [`read_as`](Self::read_as) is worth showing.
    pub fn is_rewritten(&self) -> bool {
        self.is_rewritten
    }

    /// The formula as it was read, in the signs of a keyboard, with those parentheses alone that it needs.
    pub fn read_as(&self) -> String {
        // The texts of the terms, with how tightly each binds; each is taken by the term that it is an operand of.
        let mut texts: Vec<(String, u8)> = Vec::with_capacity(self.terms.len());
        for term in &self.terms {
            let take = |texts: &mut Vec<(String, u8)>, operand: usize, least: u8| {
                let (text, binds) = std::mem::take(&mut texts[term.operands[operand]]);
                if binds < least { format!("({text})") } else { text }
            };
            let list = |texts: &mut Vec<(String, u8)>| {
                let items = (0..term.operands.len()).map(|operand| take(texts, operand, 0));
                items.collect::<Vec<_>>().join(", ")
            };
            let text = match term.kind {
                TermKind::Number(number) => (exact(number), CLOSED),
                TermKind::Numbers(ref numbers) => {
                    let numbers = numbers.iter().map(|&number| exact(number));
                    (format!("[{}]", numbers.collect::<Vec<_>>().join(", ")), CLOSED)
                }
                TermKind::Name(name) => (self.names[name].clone(), CLOSED),
                TermKind::Vector => (format!("[{}]", list(&mut texts)), CLOSED),
                TermKind::Element(index) => {
                    (format!("{}[{index}]", take(&mut texts, 0, CLOSED)), CLOSED)
                }
                TermKind::Operation(operation) => match binding(operation) {
                    CLOSED => (format!("{}({})", operation.name, list(&mut texts)), CLOSED),
                    binds if term.operands.len() == 1 => {
                        (format!("-{}", take(&mut texts, 0, binds)), binds)
                    }
                    binds => {
                        let is_power = operation.name == POW.name;
                        let left = take(&mut texts, 0, if is_power { CLOSED } else { binds });
                        // What is written behind `/` and `-` must bind more tightly; `2^-1` needs no parentheses.
                        let right =
                            take(&mut texts, 1, if is_power { NEGATION } else { binds + 1 });
                        let name = operation.name;
                        let space = if is_power { "" } else { " " };
                        (format!("{left}{space}{name}{space}{right}"), binds)
                    }
                },
            };
            texts.push(text);
        }
        texts.pop().unwrap_or_default().0
    }

    /// The text of a term as it was written, in one line and not too long.
    fn source(&self, term: usize) -> String {
        const SHOWN: usize = 60;
        let text = &self.text[self.terms[term].span.clone()];
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        match words.char_indices().nth(SHOWN) {
            Some((end, _)) => format!("{}…", printable(&words[..end])),
            None => printable(&words),
        }
    }
}

/// The value of a formula without names: `3.2`, `[1, -2]`, `pi / 2`. None if there is a mistake or the value is not finite.
///
/// ```
/// use gradus_explain::formula::value;
///
/// assert_eq!(value("[1/2, -2]"), Some([0.5, -2.0].into()));
/// assert_eq!(value("ten"), None);
/// ```
pub fn value(text: &str) -> Option<FormulaValue> {
    let value = Formula::parse(text).ok()?.evaluate(&[], &[]).ok()?.result;
    value.is_finite().then_some(value)
}

/// How tightly what was read binds: sums, products, negations, powers, and what needs no parentheses.
const NEGATION: u8 = 2;
const CLOSED: u8 = 4;

fn binding(operation: &Operation) -> u8 {
    let is = |other: &Operation| std::ptr::eq(operation, other);
    match () {
        () if is(&ADD) || is(&SUB) => 0,
        () if is(&MUL) || is(&DIV) => 1,
        () if is(&NEG) => NEGATION,
        () if is(&POW) => 3,
        () => CLOSED,
    }
}

/// The value of a name that is a constant.
fn constant(name: &str) -> Option<f64> {
    CONSTANTS.iter().find(|(constant, _)| *constant == name).map(|(_, value)| *value)
}

/// The shortest text of exactly this number.
fn exact(number: f64) -> String {
    let plain = number.to_string();
    if plain.len() > 20 { format!("{number:e}") } else { plain }
}

#[cfg(test)]
mod golden;
#[cfg(test)]
mod random_formulas;
#[cfg(test)]
mod tests;
