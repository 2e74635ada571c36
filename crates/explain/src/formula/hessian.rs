//! Second derivatives of a formula, exactly: the gradient becomes a graph of its own, and the engine derives that.
//!
//! Each operation adds what it passes back to its operands as nodes of the same graph. The sum of the gradient's elements,
//! each times an element of a direction, is a number whose gradient is the Hessian times that direction; a run for each
//! variable gives its rows.

use graph::{Compile, Graph, NodeId, Program, RunArgs, Tensor};
use serde::Serialize;

use super::error::{FormulaError, FormulaMistake};
use super::evaluation::EvaluatedFormula;
use super::operations::Backward;
use super::program::BuiltFormula;
use super::{Formula, TermKind};
use crate::FormulaValue;

/// Variables, elements counted singly, of a Hessian at most: more columns are not read.
pub const MAX_VARIABLES: usize = 32;

/// The second derivatives of a formula: how each first derivative changes with each variable.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hessian {
    /// The variables, elements of vectors as `s[0]`.
    pub names: Vec<String>,
    /// Row `i`, column `j`: the derivative with respect to variables `i` and `j`. In JSON what is not finite is `null`.
    pub rows: Vec<Vec<f64>>,
}

impl Formula {
    /// The Hessian at a point. At a kink, such as `relu(x)` at 0, it is that of the side which the gradient takes.
    ///
    /// # Errors
    ///
    /// If values do not fit the names, if the result is a vector, or for more than [`MAX_VARIABLES`] variables.
    ///
    /// # Examples
    ///
    /// ```
    /// use gradus_explain::formula::Formula;
    ///
    /// let formula = Formula::parse("x^2 * y")?;
    /// let hessian = formula.hessian(&[("x".into(), 3.0.into()), ("y".into(), 5.0.into())], &[])?;
    /// assert_eq!(hessian.names, ["x", "y"]);
    /// assert_eq!(hessian.rows, [[10.0, 6.0], [6.0, 0.0]]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn hessian(
        &self,
        at: &[(String, FormulaValue)],
        wrt: &[String],
    ) -> Result<Hessian, FormulaError> {
        let evaluation = self.evaluate(at, wrt)?;
        let named = self.named_values(at, wrt)?;
        let mut built = self.graph(&named, false)?;
        let mistake = |expected: String, found: String| {
            let mistake = FormulaMistake::new(&self.text, 0..self.text.len(), expected);
            FormulaMistake { found, ..mistake }
        };
        if let FormulaValue::Vector(_) = evaluation.result {
            return Err(mistake("a number as the result".into(), "a vector".into()).into());
        }
        let variables: Vec<usize> =
            (0..self.names.len()).filter(|&name| named.is_variable[name]).collect();
        let names: Vec<String> = variables
            .iter()
            .flat_map(|&name| match &named.values[name] {
                Some(FormulaValue::Vector(elements)) => (0..elements.len())
                    .map(|i| format!("{}[{i}]", self.names[name]))
                    .collect::<Vec<_>>(),
                _ => vec![self.names[name].clone()],
            })
            .collect();
        if names.len() > MAX_VARIABLES {
            let expected = format!("at most {MAX_VARIABLES} variables for second derivatives");
            return Err(mistake(expected, names.len().to_string()).into());
        }
        let gradients = self.add_gradients(&mut built, &evaluation);
        let rows = rows(built, &variables, &gradients, names.len());
        Ok(Hessian { names, rows })
    }

    /// Adds the gradient of the result for each name to the graph; none where it does not depend on the name.
    fn add_gradients(
        &self,
        built: &mut BuiltFormula,
        evaluation: &EvaluatedFormula,
    ) -> Vec<Option<NodeId>> {
        let BuiltFormula { graph, terms, lens, depends, names, .. } = built;
        // The values of the terms; a name that is used again has that of its first term.
        let mut at: Vec<&FormulaValue> = vec![&evaluation.result; terms.len()];
        for node in &evaluation.nodes {
            at[node.term] = &node.value;
        }
        let mut first = vec![None; names.len()];
        for (i, term) in self.terms.iter().enumerate() {
            if let TermKind::Name(name) = term.kind {
                at[i] = at[*first[name].get_or_insert(i)];
            }
        }
        let mut of_name = vec![None; names.len()];
        let mut upstream: Vec<Option<NodeId>> = vec![None; terms.len()];
        upstream[terms.len() - 1] = Some(graph.scalar(1.0));
        for (i, term) in self.terms.iter().enumerate().rev() {
            let Some(dy) = upstream[i].filter(|_| depends[i]) else { continue };
            if let TermKind::Name(name) = term.kind {
                of_name[name] = Some(match of_name[name] {
                    Some(sum) => graph.add(sum, dy).expect("the shape of the name"),
                    None => dy,
                });
            }
            for (operand, &of) in term.operands.iter().enumerate().filter(|(_, of)| depends[**of]) {
                let flow = match term.kind {
                    TermKind::Vector => element(graph, dy, operand),
                    TermKind::Element(index) => {
                        let len = lens[of].expect("an element of a vector");
                        let one_hot = (0..len).map(|i| if i == index { 1.0 } else { 0.0 });
                        let one_hot = Tensor::new([len], one_hot.collect::<Vec<_>>());
                        let one_hot = graph.constant(one_hot);
                        graph.mul(dy, one_hot).expect("a number and a vector")
                    }
                    TermKind::Operation(operation) => {
                        let operands = || term.operands.iter();
                        let mut backward = Backward {
                            graph: &mut *graph,
                            operands: operands().map(|&of| terms[of]).collect(),
                            at: operands().map(|&of| at[of]).collect(),
                            result: terms[i],
                            upstream: dy,
                        };
                        (operation.gradient)(&mut backward, operand)
                    }
                    TermKind::Number(_) | TermKind::Numbers(_) | TermKind::Name(_) => continue,
                };
                // A number among vectors has the sum over all elements.
                let is_broadcast = lens[of].is_none() && !graph.shape(flow).dims().is_empty();
                let flow =
                    if is_broadcast { graph.sum(flow, &[0]).expect("a vector") } else { flow };
                upstream[of] = Some(flow);
            }
        }
        of_name
    }
}

fn element(graph: &mut Graph<f64>, vector: NodeId, index: usize) -> NodeId {
    let row = graph.slice(vector, 0, index..index + 1).expect("in range");
    graph.reshape(row, []).expect("one element")
}

/// The Hessian's rows, from the graph of the gradient.
fn rows(
    built: BuiltFormula,
    variables: &[usize],
    gradients: &[Option<NodeId>],
    n: usize,
) -> Vec<Vec<f64>> {
    let BuiltFormula { mut graph, names, mut parameters, .. } = built;
    let n_values = parameters.len();
    let nodes = variables.iter().filter_map(|&name| Some((names[name]?, gradients[name])));
    let nodes: Vec<_> = nodes.collect();
    let mut loss = graph.scalar(0.0);
    for &(variable, gradient) in &nodes {
        let shape = graph.shape(variable).clone();
        let direction = graph.parameter("direction", shape);
        graph.freeze(direction);
        let Some(gradient) = gradient else { continue };
        let product = graph.mul(gradient, direction).expect("of one shape");
        let sum = graph.sum_all(product).expect("a number or a vector");
        loss = graph.add(loss, sum).expect("numbers");
    }
    let ranges = graph.parameters().filter(|(id, _)| nodes.iter().any(|(node, _)| node == id));
    let columns: Vec<usize> = ranges.flat_map(|(_, range)| range).collect();
    let options = Compile { loss: Some(loss), ..Compile::default() };
    let mut program = Program::new(graph, &options).expect("a number");
    parameters.resize(n_values + n, 0.0);
    let row = |i: usize| {
        parameters[n_values..].fill(0.0);
        parameters[n_values + i] = 1.0;
        program.run(&RunArgs { parameters: &parameters, ..RunArgs::default() });
        columns.iter().map(|&column| program.gradients()[column]).collect()
    };
    (0..n).map(row).collect()
}
