//! From the text of a formula to its terms.

use std::ops::Range;

use diagnostics::did_you_mean;

use super::error::FormulaMistake;
use super::lexer::{FormulaToken, Lexer, raised_number};
use super::operations::{
    ADD, ALIASES, DIV, FUNCTIONS, MUL, NEG, Operation, POW, SUB, function_names,
};
use super::{Formula, MAX_DEPTH, MAX_TEXT, Term, TermKind};

type Parsed = Result<usize, FormulaMistake>;

/// Precedences of operators, from the lowest.
const SUM: u8 = 0;
const PRODUCT: u8 = 1;
const NEGATION: u8 = 2;
const POWER: u8 = 3;

const OPERAND: &str = "a number, a name, a function, `-`, `(` or `[`";

/// Precedence climbing: one token ahead, terms added in the order of evaluation.
struct Parser<'a> {
    lexer: Lexer<'a>,
    depth: usize,
    formula: Formula,
    /// Where the last divisor or exponent ended: a product without a sign after it could be read in two ways.
    closed_at: usize,
}

pub(super) fn parse(text: &str) -> Result<Formula, FormulaMistake> {
    if text.len() > MAX_TEXT {
        let span = text.floor_char_boundary(MAX_TEXT)..text.len();
        return Err(FormulaMistake::new(text, span, format!("at most {MAX_TEXT} bytes")));
    }
    let lexer = Lexer::new(text);
    let formula = Formula { text: text.into(), ..Formula::default() };
    let mut parser = Parser { lexer, depth: 0, formula, closed_at: usize::MAX };
    parser.expression(SUM)?;
    if parser.lexer.token != FormulaToken::End {
        return Err(parser.expected_operator("an operator or the end of the formula"));
    }
    parser.formula.is_rewritten |= parser.lexer.is_rewritten;
    Ok(parser.formula)
}

impl Parser<'_> {
    fn expected(&self, expected: impl Into<String>) -> FormulaMistake {
        FormulaMistake::new(self.lexer.text, self.lexer.span.clone(), expected)
    }

    /// A mistake after an operand, where an operator could stand.
    fn expected_operator(&self, expected: &str) -> FormulaMistake {
        use FormulaToken::{Name, Number, Symbol};
        let mistake = self.expected(expected);
        let slice = self.lexer.slice();
        match (self.lexer.before.0, self.lexer.token) {
            (Number, Number) => mistake,
            (Symbol(')' | ']'), Number) if self.lexer.is_adjacent() => {
                mistake.with_advice(format!("; write `* {slice}` or `^ {slice}`"))
            }
            (_, Name | Number | Symbol('(')) => {
                mistake.with_advice(format!("; for a product write `* {slice}`"))
            }
            _ => mistake,
        }
    }

    fn add(&mut self, kind: TermKind, operands: Vec<usize>, start: usize) -> usize {
        let span = start..self.lexer.before.1;
        self.formula.terms.push(Term { kind, operands, span });
        self.formula.terms.len() - 1
    }

    fn expression(&mut self, level: u8) -> Parsed {
        if self.depth == MAX_DEPTH {
            return Err(self.expected(format!(
                "at most {MAX_DEPTH} parentheses, powers and minus signs within each other"
            )));
        }
        self.depth += 1;
        let start = self.lexer.span.start;
        let mut left = self.operand()?;
        while let Some((operation, binds, right_level, is_written)) = self.operator()?
            && binds >= level
        {
            if is_written {
                self.lexer.advance();
            } else {
                self.formula.is_rewritten = true;
            }
            let right = self.expression(right_level)?;
            left = self.add(TermKind::Operation(operation), vec![left, right], start);
            if [DIV.name, POW.name].contains(&operation.name) {
                self.closed_at = self.lexer.before.1;
            }
        }
        self.depth -= 1;
        Ok(left)
    }

    /// The operator at this token, its precedence, the lowest precedence in its right operand, and whether it is written.
    fn operator(&self) -> Result<Option<(&'static Operation, u8, u8, bool)>, FormulaMistake> {
        Ok(Some(match self.lexer.token {
            FormulaToken::Symbol('+') => (&ADD, SUM, PRODUCT, true),
            FormulaToken::Symbol('-') => (&SUB, SUM, PRODUCT, true),
            FormulaToken::Symbol('*') => (&MUL, PRODUCT, NEGATION, true),
            FormulaToken::Symbol('/') => (&DIV, PRODUCT, NEGATION, true),
            // The right operand of a power may be a power: that groups them from the right.
            FormulaToken::Symbol('^') if self.lexer.before.0 == FormulaToken::Power => {
                return Err(self
                    .expected("parentheses around the power before `^`")
                    .with_advice("; x²^3 could be read in two ways"));
            }
            FormulaToken::Symbol('^') => (&POW, POWER, POWER, true),
            FormulaToken::Name | FormulaToken::Symbol('(') if self.is_product() => {
                if self.closed_at == self.lexer.before.1 {
                    return Err(self
                        .expected("the sign of the product and parentheses")
                        .with_advice("; after `/` and `^` it could be read in two ways"));
                }
                (&MUL, PRODUCT, NEGATION, false)
            }
            _ => return Ok(None),
        }))
    }

    /// Whether the token stands directly after a number, a parenthesis or a raised number: `2x`, `(a + b)(c + d)`.
    fn is_product(&self) -> bool {
        let before = self.lexer.before.0;
        let is_closed = matches!(
            before,
            FormulaToken::Number | FormulaToken::Power | FormulaToken::Symbol(')')
        );
        is_closed && self.lexer.is_adjacent()
    }

    /// An operand with what stands behind it: `s[0]`, `x²`.
    fn operand(&mut self) -> Parsed {
        let start = self.lexer.span.start;
        let mut operand = self.primary()?;
        loop {
            match self.lexer.token {
                FormulaToken::Symbol('[') => operand = self.element(operand, start)?,
                FormulaToken::Power => {
                    let exponent = raised_number(self.lexer.slice());
                    let exponent = exponent
                        .ok_or_else(|| self.expected("raised digits, or a power as `^n`"))?;
                    let raised = self.lexer.span.start;
                    self.lexer.advance();
                    let exponent = self.add(TermKind::Number(exponent.into()), vec![], raised);
                    operand = self.add(TermKind::Operation(&POW), vec![operand, exponent], start);
                }
                _ => return Ok(operand),
            }
        }
    }

    fn element(&mut self, of: usize, start: usize) -> Parsed {
        self.lexer.advance();
        let index = (self.lexer.token == FormulaToken::Number)
            .then(|| self.lexer.slice().parse().ok())
            .flatten();
        let index = index.ok_or_else(|| self.expected("the index of an element: 0, 1, 2, …"))?;
        self.lexer.advance();
        self.close(']')?;
        Ok(self.add(TermKind::Element(index), vec![of], start))
    }

    fn primary(&mut self) -> Parsed {
        let start = self.lexer.span.start;
        match self.lexer.token {
            FormulaToken::Number => {
                let value = self.lexer.slice().parse().map_err(|_| self.expected("a number"))?;
                if f64::is_infinite(value) {
                    return Err(self.expected(format!("a number up to {:e}", f64::MAX)));
                }
                self.lexer.advance();
                Ok(self.add(TermKind::Number(value), vec![], start))
            }
            FormulaToken::Name => self.name(),
            FormulaToken::Symbol('(') => {
                self.lexer.advance();
                let inner = self.expression(SUM)?;
                self.close(')')?;
                Ok(inner)
            }
            FormulaToken::Symbol('[') => {
                let first = self.formula.terms.len();
                let elements = self.list(']')?;
                let numbers: Option<Vec<f64>> =
                    elements.iter().map(|&element| self.number(element)).collect();
                if let Some(numbers) = numbers {
                    // One constant, not a term for each element.
                    self.formula.terms.truncate(first);
                    return Ok(self.add(TermKind::Numbers(numbers), vec![], start));
                }
                Ok(self.add(TermKind::Vector, elements, start))
            }
            FormulaToken::Symbol('-') => {
                self.lexer.advance();
                let x = self.expression(NEGATION)?;
                Ok(self.add(TermKind::Operation(&NEG), vec![x], start))
            }
            _ => Err(self.expected(OPERAND)),
        }
    }

    /// The number that a term is, with a sign or without.
    fn number(&self, term: usize) -> Option<f64> {
        let term = &self.formula.terms[term];
        match term.kind {
            TermKind::Number(number) => Some(number),
            TermKind::Operation(operation) if std::ptr::eq(operation, &NEG) => {
                self.number(term.operands[0]).map(|number| -number)
            }
            _ => None,
        }
    }

    fn close(&mut self, symbol: char) -> Result<(), FormulaMistake> {
        if !self.lexer.is(symbol) {
            return Err(self.expected_operator(&format!("an operator or `{symbol}`")));
        }
        self.lexer.advance();
        Ok(())
    }

    /// Expressions with commas between them, in brackets.
    fn list(&mut self, end: char) -> Result<Vec<usize>, FormulaMistake> {
        let mut items = Vec::new();
        self.lexer.advance();
        while !self.lexer.is(end) {
            items.push(self.expression(SUM)?);
            if self.lexer.is(end) {
                break;
            }
            if !self.lexer.is(',') {
                return Err(self.expected_operator(&format!("an operator, `,` or `{end}`")));
            }
            self.lexer.advance();
        }
        self.lexer.advance();
        Ok(items)
    }

    fn name(&mut self) -> Parsed {
        let (written, span) = (self.lexer.slice(), self.lexer.span.clone());
        let alias = ALIASES.iter().find(|(alias, _)| *alias == written);
        let name = alias.map_or(written, |(_, name)| name);
        let is_function = FUNCTIONS.iter().any(|function| function.name == name);
        self.lexer.advance();
        match (is_function, self.lexer.token) {
            (true, FormulaToken::Symbol('(')) => {
                self.formula.is_rewritten |= alias.is_some();
                self.call(name, span)
            }
            (true, FormulaToken::Name | FormulaToken::Number | FormulaToken::Power) => {
                Err(self.expected(format!("`(` after the function {written}")))
            }
            (false, FormulaToken::Symbol('(')) => Err(self.unknown_function(written, span)),
            _ => {
                let names = &mut self.formula.names;
                let known = names.iter().position(|known| known == written);
                let index = known.unwrap_or_else(|| {
                    names.push(written.to_owned());
                    names.len() - 1
                });
                Ok(self.add(TermKind::Name(index), vec![], span.start))
            }
        }
    }

    fn call(&mut self, name: &str, span: Range<usize>) -> Parsed {
        let operands = self.list(')')?;
        let named = || FUNCTIONS.iter().filter(|function| function.name == name);
        match named().find(|function| function.rule.n_operands() == operands.len()) {
            Some(function) => Ok(self.add(TermKind::Operation(function), operands, span.start)),
            None => {
                let counts: Vec<_> = named().map(|f| f.rule.n_operands().to_string()).collect();
                let expected = format!("{} operands of {name}", counts.join(" or "));
                let expected =
                    if counts == ["1"] { format!("1 operand of {name}") } else { expected };
                let mistake =
                    FormulaMistake::new(self.lexer.text, span.start..self.lexer.before.1, expected);
                Err(FormulaMistake { found: operands.len().to_string(), ..mistake })
            }
        }
    }

    /// `x(y + 1)`: neither a function, nor for certain a product.
    fn unknown_function(&self, name: &str, span: Range<usize>) -> FormulaMistake {
        let known: Vec<_> = function_names().collect();
        let expected = format!("a function ({})", known.join(", "));
        let aliases = ALIASES.iter().map(|(alias, _)| *alias);
        let advice = match did_you_mean(name, known.iter().copied().chain(aliases)) {
            hint if hint.is_empty() => format!("; for a product write `{name} * (`"),
            hint => hint,
        };
        FormulaMistake::new(self.lexer.text, span, expected).with_advice(advice)
    }
}
