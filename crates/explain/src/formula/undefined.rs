//! Where an infinite or undefined number begins, and why.

use serde::Serialize;

use super::operations::{Cause, elements};
use super::{Formula, FormulaNode, TermKind};
use crate::{FormulaValue, six_digits};

/// The forward or the backward pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FormulaPass {
    /// Values.
    Forward,
    /// Gradients.
    Backward,
}

/// Where the first infinite or undefined number of a formula begins.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Undefined {
    /// The node whose operands, and in the backward pass gradient, are finite, and what it makes of them is not.
    pub node: usize,
    /// Whether it is a value, or a gradient that the node passes back.
    pub pass: FormulaPass,
    /// Why.
    pub cause: Cause,
    /// The operands there; of vectors those of the first such element. Empty where none stands out.
    pub numbers: Vec<f64>,
    /// The text of the node in the formula.
    pub at: String,
    /// All of this in English: ``division by 0 at `1 / x` ``.
    pub message: String,
}

impl Formula {
    pub(super) fn undefined(&self, nodes: &[FormulaNode]) -> Option<Undefined> {
        let operands =
            |node: &FormulaNode| node.operands.iter().map(|&i| &nodes[i].value).collect::<Vec<_>>();
        // All nodes before the first such value are finite.
        if let Some(node) = nodes.iter().find(|node| !node.value.is_finite()) {
            return Some(self.found(node, FormulaPass::Forward, &operands(node), &node.value));
        }
        let flow = nodes.iter().rev().find_map(|node| {
            let flow = node.flows.iter().flatten().find(|flow| !flow.is_finite())?;
            Some((node, flow))
        });
        if let Some((node, flow)) = flow {
            return Some(self.found(node, FormulaPass::Backward, &operands(node), flow));
        }
        // The sum of finite gradients.
        let is_finite =
            |node: &FormulaNode| node.gradient.as_ref().is_none_or(FormulaValue::is_finite);
        let node = nodes.iter().rev().find(|node| !is_finite(node))?;
        Some(self.found(node, FormulaPass::Backward, &[], &FormulaValue::from(f64::INFINITY)))
    }

    /// The cause in a node for which `found` is not finite.
    fn found(
        &self,
        node: &FormulaNode,
        pass: FormulaPass,
        operands: &[&FormulaValue],
        found: &FormulaValue,
    ) -> Undefined {
        let is_one_of_each = operands.iter().all(|x| match x {
            FormulaValue::Number(_) => true,
            FormulaValue::Vector(x) => x.len() == found.elements().len(),
        });
        let place = found.elements().iter().position(|x| !x.is_finite()).unwrap_or(0);
        let (cause, numbers) = match self.terms[node.term].kind {
            TermKind::Operation(operation) if !operands.is_empty() => {
                let rows = elements(operands);
                // A number among vectors has one gradient for all elements: that of the first that is at fault.
                let at_fault = match is_one_of_each {
                    true => rows.get(place),
                    false => rows.iter().find(|row| (operation.fault)(row) != Cause::Overflow),
                };
                at_fault.map_or((Cause::Overflow, Vec::new()), |row| {
                    ((operation.fault)(row), row.clone())
                })
            }
            _ => (Cause::Overflow, Vec::new()),
        };
        let at = self.source(node.term);
        let message = format!("{} at `{at}`", reason(cause, pass, &numbers));
        Undefined { node: node.node, pass, cause, numbers, at, message }
    }
}

fn reason(cause: Cause, pass: FormulaPass, numbers: &[f64]) -> String {
    let number = |i: usize| numbers.get(i).map_or("a number".into(), |&number| six_digits(number));
    match (cause, pass) {
        (Cause::DivisionByZero, _) => "division by 0".into(),
        (Cause::ZeroByZero, _) => "0 divided by 0".into(),
        (Cause::LogarithmOfZero, _) => "logarithm of 0".into(),
        (Cause::LogarithmOfNegative, _) => format!("logarithm of {}", number(0)),
        (Cause::RootOfNegative, _) => format!("square root of {}", number(0)),
        (Cause::PowerOfNegative, _) => {
            format!("{} to the power {}, not a whole number,", number(0), number(1))
        }
        (Cause::PowerOfZero, _) => format!("0 to the power {}", number(1)),
        (Cause::Overflow, FormulaPass::Forward) => "a number above 1.8e308".into(),
        (Cause::Overflow, FormulaPass::Backward) => "a gradient above 1.8e308".into(),
        (Cause::InfiniteSlope, _) => "infinite slope".into(),
        (Cause::UndefinedSlope, _) => format!("undefined slope in the exponent of {}", number(0)),
    }
}
