//! The formula of a page: from what a visitor wrote to everything that is shown of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::drawing::{GraphDrawing, draw};
use super::error::{FormulaError, ShownMistake};
use super::{Explained, Formula};
use crate::FormulaValue;

/// A formula and what is asked of it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FormulaRequest {
    /// Its text.
    pub formula: String,
    /// The values of its names.
    #[serde(default)]
    pub at: BTreeMap<String, FormulaValue>,
    /// The names that gradients are for; all if it is empty.
    #[serde(default)]
    pub wrt: Vec<String>,
    /// Whether to compare the gradient with finite differences.
    #[serde(default)]
    pub check: bool,
    /// Whether to compute second derivatives.
    #[serde(default)]
    pub hessian: bool,
    /// Whether to place the graph.
    #[serde(default)]
    pub drawing: bool,
}

/// What is shown of a formula, or why nothing is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum FormulaAnswer {
    /// Its values and gradients.
    Evaluated {
        /// All numbers.
        evaluation: Box<Explained>,
        /// The placed graph, if it was asked for and is not too large.
        drawing: Option<GraphDrawing>,
    },
    /// Names without a value.
    MissingValues {
        /// The names, in the order of their first use.
        names: Vec<String>,
    },
    /// Nothing could be computed.
    Mistake {
        /// What is wrong, and where.
        mistake: ShownMistake,
    },
}

impl From<FormulaError> for FormulaAnswer {
    fn from(error: FormulaError) -> Self {
        match error {
            FormulaError::MissingValues(names) => Self::MissingValues { names },
            error => Self::Mistake { mistake: error.shown() },
        }
    }
}

/// Computes what is asked of a formula.
///
/// ```
/// use gradus_explain::formula::answer;
///
/// let request = serde_json::from_str(r#"{ "formula": "2x²", "at": { "x": 3 } }"#)?;
/// let answer = serde_json::to_value(answer(&request))?;
/// assert_eq!(answer["evaluation"]["read_as"], "2 * x^2");
/// assert_eq!(answer["evaluation"]["result"], 18.0);
///
/// let request = serde_json::from_str(r#"{ "formula": "2 * * x" }"#)?;
/// let answer = serde_json::to_value(gradus_explain::formula::answer(&request))?;
/// assert_eq!((&answer["state"], &answer["mistake"]["start"]), (&"mistake".into(), &4.into()));
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn answer(request: &FormulaRequest) -> FormulaAnswer {
    explained(request).unwrap_or_else(FormulaAnswer::from)
}

fn explained(request: &FormulaRequest) -> Result<FormulaAnswer, FormulaError> {
    let formula = Formula::parse(&request.formula)?;
    let at: Vec<_> = request.at.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let evaluation = Explained {
        evaluation: formula.evaluate(&at, &request.wrt)?,
        check: request.check.then(|| formula.check(&at, &request.wrt)).transpose()?,
        hessian: request.hessian.then(|| formula.hessian(&at, &request.wrt)).transpose()?,
    };
    let drawing = request.drawing.then(|| draw(&evaluation.evaluation).ok()).flatten();
    Ok(FormulaAnswer::Evaluated { evaluation: evaluation.into(), drawing })
}
