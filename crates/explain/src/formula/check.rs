//! The gradient of a formula against finite differences.

use graph::Tensors;
use graph::gradient_check::{DerivativePair, GradCheckOptions, GradCheckReport, gradient_check};
use serde::Serialize;

use super::Formula;
use super::error::{FormulaError, FormulaMistake};
use super::program::{BuiltFormula, EdgeOp};
use crate::FormulaValue;

/// The largest relative error of a gradient that agrees with finite differences.
pub const TOLERANCE: f64 = 1e-6;

/// An element of a gradient beside its finite difference. In JSON what is not finite is `null`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CheckedDerivative {
    /// The name, an element of a vector as `s[0]`.
    pub name: String,
    /// From the backward pass.
    pub gradient: f64,
    /// By finite differences of five points; none at a kink, which has no derivative.
    pub numerical: Option<f64>,
    /// The relative error.
    pub error: Option<f64>,
    /// Whether the error is at most [`TOLERANCE`], or nothing could be compared.
    pub agrees: bool,
}

impl Formula {
    /// Compares the gradient at a point with finite differences, element by element.
    ///
    /// # Errors
    ///
    /// If values do not fit the names, or the result is a vector.
    ///
    /// # Examples
    ///
    /// ```
    /// use gradus_explain::formula::Formula;
    ///
    /// let formula = Formula::parse("x^3")?;
    /// let checked = formula.check(&[("x".into(), 2.0.into())], &[])?;
    /// assert!(checked[0].agrees && checked[0].gradient == 12.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn check(
        &self,
        at: &[(String, FormulaValue)],
        wrt: &[String],
    ) -> Result<Vec<CheckedDerivative>, FormulaError> {
        let named = self.named_values(at, wrt)?;
        let BuiltFormula { mut graph, terms, lens, names, parameters, .. } =
            self.graph(&named, false)?;
        let last = terms.len() - 1;
        if lens[last].is_some() {
            let span = 0..self.text.len();
            let mistake = FormulaMistake::new(&self.text, span, "a number as the result");
            return Err(FormulaMistake { found: "a vector".into(), ..mistake }.into());
        }
        let options = GradCheckOptions { directions: None, ..GradCheckOptions::default() };
        // A name alone is not computed; the node behind it is.
        let result = graph.push(EdgeOp, &[terms[last]]).expect("any shape");
        let reports =
            gradient_check(graph, result, &parameters, &Tensors(&[]), &options).expect("a number");
        let evaluation = self.evaluate(at, wrt)?;
        let values = evaluation.nodes.iter().flat_map(|node| node.value.elements());
        let largest = values.fold(0.0, |largest: f64, value| largest.max(value.abs()));
        let mut checked = Vec::new();
        for (name, node) in self.names.iter().zip(&names) {
            let Some(report) = reports.iter().find(|report| Some(report.parameter) == *node) else {
                continue;
            };
            let of_name = evaluation.nodes.iter().find(|node| node.name == *name);
            let Some(gradient) = of_name.and_then(|node| node.gradient.as_ref()) else { continue };
            for (i, &derivative) in gradient.elements().iter().enumerate() {
                let name = match gradient {
                    FormulaValue::Number(_) => name.clone(),
                    FormulaValue::Vector(_) => format!("{name}[{i}]"),
                };
                let numerical = numerical(report, i);
                let error =
                    numerical.map(|numerical| relative_error(derivative, numerical, largest));
                let agrees = error.is_none_or(|error| error <= TOLERANCE);
                checked.push(CheckedDerivative {
                    name,
                    gradient: derivative,
                    numerical,
                    error,
                    agrees,
                });
            }
        }
        Ok(checked)
    }
}

fn numerical(report: &GradCheckReport, element: usize) -> Option<f64> {
    let mut pairs = report.compared.iter();
    let pair = pairs.find(|pair| pair.element == Some(element))?;
    let &DerivativePair { numerical, .. } = pair;
    Some(numerical)
}

/// The error relative to the larger of the two. Derivatives far smaller than the largest value of the formula are rounding
/// of its differences, and are compared at the size of that.
pub(super) fn relative_error(gradient: f64, numerical: f64, largest: f64) -> f64 {
    let rounding = 1e-6 * largest.max(1e-3);
    (gradient - numerical).abs() / gradient.abs().max(numerical.abs()).max(rounding)
}
