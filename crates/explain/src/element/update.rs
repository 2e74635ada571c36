//! The update of one parameter, line by line with its numbers.

use std::collections::BTreeMap;

use nn::optim::StepFormula;
use serde::{Deserialize, Serialize};

use super::explanation::FormulaText;
use super::formula_text::{NameNumbers, with_numbers};
use crate::FormulaValue;
use crate::formula::Formula;

/// A number and its name: `m`, `beta1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NamedNumber {
    /// The name.
    pub name: String,
    /// The number.
    pub value: f64,
}

/// One line of an update: a name and the formula of its new number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpdateLine {
    /// The name that is set.
    pub name: String,
    /// The formula.
    pub formula: FormulaText,
    /// What it gives in `f64` for the numbers that are printed.
    pub value: f64,
}

/// A line that cannot be evaluated: a mistake of the optimizer that states it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the optimizer states {line}: {message}")]
pub struct FormulaMismatch {
    /// The line.
    pub line: String,
    /// What is wrong with it.
    pub message: String,
}

/// Evaluates the lines of a step, one after the other, with the numbers of all names, to which it adds those that are
/// set.
///
/// ```
/// use std::collections::BTreeMap;
/// use gradus_explain::element::update_lines;
/// use nn::optim::{Optimize, ParameterRule, StepInfo, momentum::Momentum};
///
/// let rule = ParameterRule { range: 0..1, learning_rate_factor: 1.0, decays: true, matrix: None };
/// let formula = Optimize::<f32>::formula(&Momentum::default(), &StepInfo::new(0.1, 1), &rule).unwrap();
/// let mut numbers = BTreeMap::from([("w", 3.0), ("g", 2.0), ("v", -0.5)]);
/// let lines = update_lines(&formula, &mut numbers)?;
/// assert_eq!(lines[0].formula.numbers, "0.9 * (-0.5) - 0.1 * 2");
/// assert!((numbers["w"] - 2.35).abs() < 1e-12);
/// # Ok::<(), gradus_explain::element::FormulaMismatch>(())
/// ```
///
/// # Errors
///
/// If a line is not a formula, or has a name without a number.
pub fn update_lines(
    formula: &StepFormula,
    numbers: &mut BTreeMap<&'static str, f64>,
) -> Result<Vec<UpdateLine>, FormulaMismatch> {
    numbers.extend(formula.given.iter().copied());
    let lines = formula.lines.iter().map(|&(name, ref text)| {
        let value = evaluate(text, numbers)
            .map_err(|message| FormulaMismatch { line: format!("{name} = {text}"), message })?;
        let with = |name: &str| numbers.get(name).map(|&number| NameNumbers::One(number));
        let formula = FormulaText {
            symbols: text.to_string(),
            numbers: with_numbers(text, with, usize::MAX),
        };
        numbers.insert(name, value);
        Ok(UpdateLine { name: name.to_owned(), formula, value })
    });
    lines.collect()
}

fn evaluate(text: &str, numbers: &BTreeMap<&'static str, f64>) -> Result<f64, String> {
    let formula = Formula::parse(text).map_err(|mistake| mistake.to_string())?;
    let names = formula.names().iter();
    let values: Vec<(String, FormulaValue)> = names
        .filter_map(|name| Some((name.clone(), FormulaValue::Number(*numbers.get(&**name)?))))
        .collect();
    let evaluation = formula.evaluate(&values, &[]).map_err(|error| error.to_string())?;
    evaluation.result.number().ok_or_else(|| "expected a number, found a vector".to_owned())
}
