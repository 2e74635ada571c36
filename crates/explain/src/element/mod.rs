//! Where a number of a network comes from: any element of any node, its gradient, and the update of a parameter.
//!
//! An [`ExplainedPass`] is a network run forward and backward on a batch, with everything kept. It explains an element by
//! its [name](ElementName): what it is made of, largest first, each with the name of its own explanation. Layers are
//! explained as the ops they are made of; `docs/decisions/0021-explanations.md` in the repository has the reasons.

mod explanation;
mod formula_text;
mod name;
mod pass;
mod paths;
mod update;

pub use explanation::{
    Explanation, ExplanationTerm, FormulaText, Relation, RemainingTerms, rest_of,
};
pub use name::{ElementName, ElementQuantity, NameError};
pub use pass::{ExplainedPass, GradientShares, PassNode};
pub use paths::ElementError;
pub use update::{FormulaMismatch, NamedNumber, UpdateLine, update_lines};
