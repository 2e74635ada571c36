//! A formula with numbers: every value of the forward pass and every gradient of the backward pass.

use graph::{Compile, NodeId, Program, RunArgs, Tensor};
use serde::Serialize;

use super::error::FormulaError;
use super::program::BuiltFormula;
use super::undefined::Undefined;
use super::{Formula, FormulaNode, TermKind, constant};
use crate::{FormulaValue, six_digits};

/// A formula with the values and gradients of all its nodes. In JSON a number that is not finite is `null`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EvaluatedFormula {
    /// The formula as it was written.
    pub formula: String,
    /// The formula as it was read.
    pub read_as: String,
    /// The value of the last node.
    pub result: FormulaValue,
    /// In the order of evaluation: operands before what reads them. A name that is used twice is one node.
    pub nodes: Vec<FormulaNode>,
    /// Names of constants that were given a value, which wins.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub given_constants: Vec<String>,
    /// Where the first infinite or undefined number begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undefined: Option<Undefined>,
}

impl Formula {
    /// Computes a formula: `at` has the values of its names, `wrt` those names that gradients are for; all if it is empty.
    ///
    /// A result or gradient that is not finite is not an error: see [`EvaluatedFormula::undefined`].
    ///
    /// # Errors
    ///
    /// If values do not fit the names, or shapes do not fit.
    pub fn evaluate(
        &self,
        at: &[(String, FormulaValue)],
        wrt: &[String],
    ) -> Result<EvaluatedFormula, FormulaError> {
        let named = self.named_values(at, wrt)?;
        let BuiltFormula { graph, terms, edges, lens, depends, names, parameters } =
            self.graph(&named, true)?;
        let last = terms.len() - 1;
        let loss = lens[last].is_none().then_some(terms[last]);
        let options = Compile { loss, keep_all: true, ..Compile::default() };
        let mut program =
            Program::new(graph, &options).expect("a number, and the elements are bounded");
        program.run(&RunArgs { parameters: &parameters, ..RunArgs::default() });

        let gradient = |depends: bool, node: NodeId| {
            (depends && loss.is_some()).then(|| value(program.gradient(node).expect("kept")))
        };
        let given = |node: NodeId| {
            let name = names.iter().position(|name| *name == Some(node))?;
            named.values[name].clone()
        };
        let mut nodes: Vec<FormulaNode> = Vec::new();
        // The node of each term, and of each name that was met.
        let mut node_of = Vec::with_capacity(terms.len());
        let mut node_of_name = vec![None; names.len()];
        for (i, term) in self.terms.iter().enumerate() {
            if let TermKind::Name(name) = term.kind
                && let Some(earlier) = node_of_name[name].replace(nodes.len())
            {
                node_of_name[name] = Some(earlier);
                node_of.push(earlier);
                continue;
            }
            node_of.push(nodes.len());
            let op = match term.kind {
                TermKind::Vector => "vector",
                TermKind::Element(_) => "element",
                _ => program.graph().node(terms[i]).op_name(),
            };
            let name = match term.kind {
                TermKind::Name(name) => self.names[name].clone(),
                _ => String::new(),
            };
            let flows = edges[i].iter().zip(&term.operands);
            let node = FormulaNode {
                node: nodes.len(),
                op,
                operands: term.operands.iter().map(|&operand| node_of[operand]).collect(),
                name,
                operation: String::new(),
                value: given(terms[i])
                    .unwrap_or_else(|| value(program.value(terms[i]).expect("kept"))),
                gradient: gradient(depends[i], terms[i]),
                flows: flows.map(|(&edge, &of)| gradient(depends[of], edge)).collect(),
                term: i,
            };
            let operation = self.operation(&node, &nodes);
            nodes.push(FormulaNode { operation, ..node });
        }
        let is_given = |(name, value): &(&String, &Option<FormulaValue>)| {
            value.is_some() && constant(name).is_some()
        };
        let given_constants = self.names.iter().zip(&named.values).filter(is_given);
        let given_constants = given_constants.map(|(name, _)| name.clone()).collect();
        Ok(EvaluatedFormula {
            formula: self.text.clone(),
            read_as: self.read_as(),
            result: nodes[node_of[last]].value.clone(),
            undefined: self.undefined(&nodes),
            nodes,
            given_constants,
        })
    }

    /// What a node computes, as it is printed.
    fn operation(&self, node: &FormulaNode, before: &[FormulaNode]) -> String {
        let operand = |i: usize| {
            let operand = &before[node.operands[i]];
            let is_leaf = operand.operands.is_empty();
            if is_leaf { operand.operation.clone() } else { format!("#{}", operand.node) }
        };
        let list = || (0..node.operands.len()).map(operand).collect::<Vec<_>>().join(", ");
        match &self.terms[node.term].kind {
            TermKind::Number(number) => six_digits(*number),
            TermKind::Numbers(_) => node.value.to_string(),
            TermKind::Name(_) => node.name.clone(),
            TermKind::Vector => format!("[{}]", list()),
            TermKind::Element(index) => format!("{}[{index}]", operand(0)),
            TermKind::Operation(operation) => match (operation.name, node.operands.len()) {
                ("*", _) => format!("{} · {}", operand(0), operand(1)),
                (sign @ ("+" | "-" | "/" | "^"), 2) => {
                    format!("{} {sign} {}", operand(0), operand(1))
                }
                ("-", _) => format!("-{}", operand(0)),
                (function, _) => format!("{function}({})", list()),
            },
        }
    }
}

fn value(tensor: Tensor<f64>) -> FormulaValue {
    match tensor.shape() {
        [] => FormulaValue::Number(tensor.values()[0]),
        _ => FormulaValue::Vector(tensor.into_values()),
    }
}
