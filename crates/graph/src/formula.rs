//! Formulas: `(apple * count) * tax` becomes a graph.
//!
//! | binds   | written            | grouped                                   |
//! |---------|--------------------|-------------------------------------------|
//! | tightest| `x ^ y`            | from the right: `2^3^2` is `2^(3^2)`      |
//! |         | `-x`               | `-x^2` is `-(x^2)`; `2^-1` is `2^(-1)`    |
//! |         | `x * y`, `x / y`   | from the left: `a/b/c` is `(a/b)/c`       |
//! | loosest | `x + y`, `x - y`   | from the left: `a-b-c` is `(a-b)-c`       |
//!
//! Beside these a formula holds parentheses, numbers (`2`, `1.1`, `1e-3`), names (letters of any
//! script, digits and underscores, not beginning with a digit) and the functions `exp`, `ln`, `sqrt`,
//! `sin`, `cos`, `tanh`, `sigmoid` and `relu`.

mod error;

use std::collections::HashMap;
use std::ops::Range;

pub use error::FormulaError;

use crate::{Graph, NodeId, ShapeError};

/// Levels of nesting at most: far more than users write, far less than the smallest stack holds.
const MAX_DEPTH: usize = 256;

type Unary = fn(&mut Graph<f64>, NodeId) -> NodeId;
type Binary = fn(&mut Graph<f64>, NodeId, NodeId) -> Result<NodeId, ShapeError>;

const FUNCTIONS: [(&str, Unary); 8] = [
    ("exp", Graph::exp),
    ("ln", Graph::ln),
    ("sqrt", Graph::sqrt),
    ("sin", Graph::sin),
    ("cos", Graph::cos),
    ("tanh", Graph::tanh),
    ("sigmoid", Graph::sigmoid),
    ("relu", Graph::relu),
];

/// A formula as a graph of numbers. Each name is one parameter, so that its gradient is the total over all uses.
#[derive(Clone, Debug)]
pub struct Formula {
    /// The parts in the order of evaluation.
    pub graph: Graph<f64>,
    /// The node of the whole formula.
    pub result: NodeId,
}

/// Reads a formula.
///
/// # Errors
///
/// The first mistake, with its place.
///
/// # Examples
///
/// ```
/// use gradus_graph::{Compile, Program, RunArgs, formula};
///
/// let formula = formula::parse("(x + y)^2")?;
/// assert_eq!(formula.names(), ["x", "y"]);
///
/// let options = Compile { loss: Some(formula.result), ..Compile::default() };
/// let mut program = Program::new(formula.graph, &options)?;
/// program.run(&RunArgs { parameters: &[3.0, 2.0], ..RunArgs::default() });
/// assert_eq!(program.scalar(formula.result), 25.0);
/// assert_eq!(program.gradients(), [10.0, 10.0]);
///
/// let error = formula::parse("(x + )^2").unwrap_err();
/// assert_eq!(error.to_string(), "expected a number, a name, a function, `-` or `(`, found `)`");
/// assert_eq!(error.render(), "(x + )^2\n     ^");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn parse(text: &str) -> Result<Formula, FormulaError> {
    let mut parser = Parser {
        text,
        token: FormulaToken::End,
        span: 0..0,
        depth: 0,
        graph: Graph::new(),
        seen: HashMap::new(),
    };
    parser.advance();
    let result = parser.expression(SUM)?;
    match parser.token {
        FormulaToken::End => Ok(Formula { graph: parser.graph, result }),
        _ => Err(parser.expected("an operator or the end of the formula")),
    }
}

impl Formula {
    /// The distinct names, in the order of their first use, which is that of the parameters.
    pub fn names(&self) -> Vec<&str> {
        self.graph.parameters().map(|(id, _)| self.graph.node(id).name()).collect()
    }
}

/// Precedences of operators, from the lowest.
const SUM: u8 = 0;
const PRODUCT: u8 = 1;
const NEGATION: u8 = 2;
const POWER: u8 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FormulaToken {
    Number,
    Name,
    Symbol(char),
    End,
}

/// Precedence climbing: one token ahead, nodes added in the order of evaluation.
struct Parser<'a> {
    text: &'a str,
    token: FormulaToken,
    /// The bytes of the token.
    span: Range<usize>,
    depth: usize,
    graph: Graph<f64>,
    seen: HashMap<&'a str, NodeId>,
}

impl<'a> Parser<'a> {
    fn advance(&mut self) {
        let rest = self.text[self.span.end..].trim_start();
        let (token, len) = match rest.chars().next() {
            None => (FormulaToken::End, 0),
            Some('0'..='9' | '.') => (FormulaToken::Number, number_len(rest)),
            Some(c) if c.is_alphabetic() || c == '_' => (FormulaToken::Name, name_len(rest)),
            Some(c) => (FormulaToken::Symbol(c), c.len_utf8()),
        };
        let start = self.text.len() - rest.len();
        (self.token, self.span) = (token, start..start + len);
    }

    fn slice(&self) -> &'a str {
        &self.text[self.span.clone()]
    }

    fn expected(&self, expected: impl Into<String>) -> FormulaError {
        FormulaError::new(self.text, self.span.clone(), expected.into())
    }

    fn expression(&mut self, level: u8) -> Result<NodeId, FormulaError> {
        if self.depth == MAX_DEPTH {
            return Err(self.expected(format!(
                "at most {MAX_DEPTH} parentheses, powers and minus signs within each other"
            )));
        }
        self.depth += 1;
        let mut left = self.operand()?;
        while let Some((op, binds, right_level)) = self.operator()
            && binds >= level
        {
            self.advance();
            let right = self.expression(right_level)?;
            left = op(&mut self.graph, left, right).expect("numbers fit numbers");
        }
        self.depth -= 1;
        Ok(left)
    }

    /// The operator at this token, its precedence, and the lowest precedence in its right operand.
    fn operator(&self) -> Option<(Binary, u8, u8)> {
        Some(match self.token {
            FormulaToken::Symbol('+') => (Graph::add, SUM, PRODUCT),
            FormulaToken::Symbol('-') => (Graph::sub, SUM, PRODUCT),
            FormulaToken::Symbol('*') => (Graph::mul, PRODUCT, NEGATION),
            FormulaToken::Symbol('/') => (Graph::div, PRODUCT, NEGATION),
            // The right operand of a power may be a power: that groups them from the right.
            FormulaToken::Symbol('^') => (Graph::pow, POWER, POWER),
            _ => return None,
        })
    }

    fn operand(&mut self) -> Result<NodeId, FormulaError> {
        match self.token {
            FormulaToken::Number => {
                let value: f64 = self.slice().parse().map_err(|_| self.expected("a number"))?;
                if value.is_infinite() {
                    return Err(self.expected(format!("a number up to {:e}", f64::MAX)));
                }
                self.advance();
                Ok(self.graph.scalar(value))
            }
            FormulaToken::Name => self.name(),
            FormulaToken::Symbol('(') => self.group(),
            FormulaToken::Symbol('-') => {
                self.advance();
                let x = self.expression(NEGATION)?;
                Ok(self.graph.neg(x))
            }
            _ => Err(self.expected("a number, a name, a function, `-` or `(`")),
        }
    }

    fn name(&mut self) -> Result<NodeId, FormulaError> {
        let (name, span) = (self.slice(), self.span.clone());
        let function = FUNCTIONS.iter().find(|(function, _)| *function == name);
        self.advance();
        match (function, self.token == FormulaToken::Symbol('(')) {
            (Some((_, op)), true) => {
                let x = self.group()?;
                Ok(op(&mut self.graph, x))
            }
            (Some(_), false) => Err(self.expected(format!("`(` after the function {name}"))),
            (None, true) => {
                let known = FUNCTIONS.map(|(function, _)| function);
                let expected = format!("a function ({})", known.join(", "));
                let error = FormulaError::new(self.text, span, expected);
                Err(FormulaError { known: known.into(), ..error })
            }
            (None, false) => {
                let parameter = || self.graph.parameter(name, []);
                Ok(*self.seen.entry(name).or_insert_with(parameter))
            }
        }
    }

    fn group(&mut self) -> Result<NodeId, FormulaError> {
        self.advance();
        let x = self.expression(SUM)?;
        if self.token != FormulaToken::Symbol(')') {
            return Err(self.expected("an operator or `)`"));
        }
        self.advance();
        Ok(x)
    }
}

fn name_len(text: &str) -> usize {
    text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len())
}

/// Bytes of the number that `text` begins with: digits, a point, digits, an exponent.
fn number_len(text: &str) -> usize {
    let digits_from = |at: usize| {
        at + text.as_bytes()[at..].iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let mut end = digits_from(0);
    if text[end..].starts_with('.') {
        end = digits_from(end + 1);
    }
    // An `e` without digits after it is the beginning of a name.
    if let Some(exponent) = text[end..].strip_prefix(['e', 'E']) {
        let first = end + 1 + usize::from(exponent.starts_with(['+', '-']));
        if digits_from(first) > first {
            end = digits_from(first);
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Compile, Program, RunArgs};

    /// The value of a formula and its gradients, in the order of the names.
    fn explain(text: &str, at: &[f64]) -> (f64, Vec<f64>) {
        let Formula { graph, result } =
            parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let options = Compile { loss: Some(result), keep_all: true, ..Compile::default() };
        let mut program = Program::new(graph, &options).expect("the result is one number");
        program.run(&RunArgs { parameters: at, ..RunArgs::default() });
        // A parameter's value is the caller's own.
        let value = program.value(result).map_or_else(|| at[0], |value| value.values()[0]);
        (value, program.gradients().to_vec())
    }

    fn assert_values(cases: &[(&str, f64)], at: &[f64]) {
        let found = cases.iter().map(|(text, want)| (text, want, explain(text, at).0));
        let wrong: Vec<_> = found.filter(|(_, want, got)| (*want - got).abs() > 1e-12).collect();
        assert!(wrong.is_empty(), "formula, wanted, got: {wrong:?}");
    }

    #[test]
    fn operators_bind_as_in_maths() {
        let cases = [
            "1 + 2 * 3 = 7; (1 + 2) * 3 = 9; 1 - 2 * 3 ^ 2 / 6 + 4 = 2",
            "7 - 2 - 1 = 4; 16 / 4 / 2 = 2; 2 * 6 / 3 * 2 = 8",
            "-2^2 = -4; (-2)^2 = 4; --3 = 3; 2 - -3 = 5; 2 * -3 + 1 = -5; -2 * 3 = -6",
            "2^-1 = 0.5; 2^-1 * 6 = 3; 2^3^2 = 512; 2^-2^2 = 0.0625; 2 * 3^2 = 18",
        ];
        let cases = cases.iter().flat_map(|line| line.split("; ")).map(|case| {
            let (formula, value) = case.split_once(" = ").expect("a formula and its value");
            (formula, value.parse().expect("a number"))
        });
        let cases: Vec<_> = cases.collect();
        assert_values(&cases, &[]);
    }

    #[test]
    fn functions_are_those_of_the_graph() {
        let x: f64 = 0.7;
        let cases = [
            ("exp(x)", x.exp()),
            ("ln(x)", x.ln()),
            ("sqrt(x)", x.sqrt()),
            ("sin(x)", x.sin()),
            ("cos(x)", x.cos()),
            ("tanh(x)", x.tanh()),
            ("sigmoid(x)", 1.0 / (1.0 + (-x).exp())),
            ("relu(x)", x),
            ("relu(-x)", 0.0),
            ("exp(ln(x) * 2) + 1", x * x + 1.0),
        ];
        assert_values(&cases, &[x]);
        for (name, _) in FUNCTIONS {
            assert!(cases.iter().any(|(text, _)| text.starts_with(name)), "{name} has no case");
        }
    }

    #[test]
    fn numbers_are_read_in_the_usual_notations() {
        let texts = ["1e-3", "1.5E+2", ".5", "5.", "2e3", "0"];
        for (text, want) in texts.into_iter().zip([1e-3, 150.0, 0.5, 5.0, 2000.0, 0.0]) {
            assert_eq!(explain(text, &[]).0, want, "{text}");
        }
    }

    #[test]
    fn a_name_may_be_of_any_script() {
        let formula = parse("größe_2 * π + 苹果 - π").expect("a formula");
        assert_eq!(formula.names(), ["größe_2", "π", "苹果"]);
    }

    #[test]
    fn a_name_may_be_used_twice_with_the_total_gradient_or_stand_alone_as_a_number_may() {
        // d(x² + 3x)/dx = 2x + 3
        assert_eq!(explain("x * x + 3 * x", &[5.0]), (40.0, vec![13.0]));
        assert_eq!(explain("x", &[3.0]), (3.0, vec![1.0]));
        assert_eq!(explain("(((2)))", &[]), (2.0, vec![]));
    }

    #[test]
    fn mistakes_say_what_was_expected_and_found_and_where() {
        const OPERAND: &str = "a number, a name, a function, `-` or `(`";
        const END: &str = "an operator or the end of the formula";
        const CLOSE: &str = "an operator or `)`";
        let cases = [
            ("", OPERAND, "the end of the formula", 0..0),
            (" \t ", OPERAND, "the end of the formula", 3..3),
            ("1 +", OPERAND, "the end of the formula", 3..3),
            ("+1", OPERAND, "`+`", 0..1),
            ("2 * / 3", OPERAND, "`/`", 4..5),
            ("()", OPERAND, "`)`", 1..2),
            ("2 x", END, "`x`", 2..3),
            ("2e", END, "`e`", 1..2),
            ("1.2.3", END, "`.3`", 3..5),
            ("x = 3", END, "`=`", 2..3),
            ("x)", END, "`)`", 1..2),
            ("π × 2", END, "`×`", 3..5),
            ("(a + b", CLOSE, "the end of the formula", 6..6),
            ("exp(x, y)", CLOSE, "`,`", 5..6),
            ("sin x", "`(` after the function sin", "`x`", 4..5),
            (".", "a number", "`.`", 0..1),
            ("1e999", "a number up to 1.7976931348623157e308", "`1e999`", 0..5),
        ];
        for (text, expected, found, span) in cases {
            let error = parse(text).expect_err(text);
            let got = (error.expected.as_str(), error.found.as_str(), error.span.clone());
            assert_eq!(got, (expected, found, span), "{text:?}");
        }
    }

    #[test]
    fn an_unknown_function_comes_with_the_known_ones() {
        let error = parse("1 + sigmiod(x)").expect_err("no such function");
        assert_eq!((error.found.as_str(), error.span), ("`sigmiod`", 4..11));
        assert_eq!(error.known, FUNCTIONS.map(|(name, _)| name));
        assert!(parse("1 +").expect_err("no operand").known.is_empty());
    }

    #[test]
    fn deep_nesting_is_refused_before_the_stack_ends() {
        for nest in ["(", "-", "2^", "exp("] {
            let error = parse(&nest.repeat(10_000)).expect_err(nest);
            assert_eq!(
                error.expected,
                "at most 256 parentheses, powers and minus signs within each other"
            );
            assert_eq!(error.span.start, nest.len() * MAX_DEPTH, "{nest}");
        }
        let deepest = format!("{}x{}", "(".repeat(MAX_DEPTH - 1), ")".repeat(MAX_DEPTH - 1));
        assert_eq!(explain(&deepest, &[3.0]).0, 3.0);
    }

    #[test]
    fn a_long_formula_is_not_a_deep_one() {
        let sum = vec!["x"; 2000].join("+");
        assert_eq!(explain(&sum, &[1.0]), (2000.0, vec![2000.0]));
    }
}
