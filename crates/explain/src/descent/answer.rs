//! The descent of a page: paths, or why there are none.

use serde::Serialize;

use super::{Descent, DescentError, DescentRequest, descend};
use crate::formula::{FormulaError, ShownMistake};

/// Paths, or why there are none.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum DescentAnswer {
    /// The paths.
    Descended {
        /// All of them, with what lies below.
        descent: Descent,
    },
    /// Names that are neither variables nor have a value.
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

/// Computes the paths that are asked for.
///
/// ```
/// use gradus_explain::descent::answer;
///
/// let request = serde_json::from_str(
///     r#"{ "surface": { "kind": "line", "batches": [null, 1] }, "optimizers": [
///         { "optimizer": "sgd", "learning_rate": 0.1 }, { "optimizer": "adam", "learning_rate": 0.1 }
///     ] }"#,
/// )?;
/// let answer = serde_json::to_value(answer(&request))?;
/// assert_eq!(answer["state"], "descended");
/// assert_eq!(answer["descent"]["paths"][1]["batch"], 1);
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn answer(request: &DescentRequest) -> DescentAnswer {
    match descend(request) {
        Ok(descent) => DescentAnswer::Descended { descent },
        Err(DescentError::Formula(FormulaError::MissingValues(names))) => {
            DescentAnswer::MissingValues { names }
        }
        Err(DescentError::Formula(error)) => DescentAnswer::Mistake { mistake: error.shown() },
        Err(DescentError::Setting(setting)) => {
            let message = setting.to_string();
            DescentAnswer::Mistake { mistake: ShownMistake { message, start: None, end: None } }
        }
    }
}
