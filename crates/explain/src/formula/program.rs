//! A formula as a graph, and as a program that computes it again and again.

use std::ops::Range;
use std::sync::Arc;

use graph::op::{BackwardPass, ForwardPass, MAX_OPERANDS, Op};
use graph::{Compile, Float, Graph, NodeId, Program, RunArgs, Shape, Tensor};

use super::error::{FormulaError, FormulaMistake};
use super::operations::ShapeRule;
use super::{Formula, MAX_ELEMENTS, MAX_VECTOR, TermKind, constant};
use crate::FormulaValue;

/// The values of names that fit a formula, and which of them are its variables.
#[derive(Debug)]
pub(super) struct NamedValues {
    /// The value of each name; none of a constant that keeps its own.
    pub(super) values: Vec<Option<FormulaValue>>,
    /// Whether gradients with respect to the name are asked for.
    pub(super) is_variable: Vec<bool>,
}

/// A formula as a graph. A name is one parameter, so that its gradient is the total over all uses.
#[derive(Debug)]
pub(super) struct BuiltFormula {
    pub(super) graph: Graph<f64>,
    /// The node of each term.
    pub(super) terms: Vec<NodeId>,
    /// The node through which a term reads each of its operands: its gradient is what the term passes back to it.
    pub(super) edges: Vec<Vec<NodeId>>,
    /// The value of each term is a number (none) or a vector of so many elements.
    pub(super) lens: Vec<Option<usize>>,
    /// Whether a term depends on a variable.
    pub(super) depends: Vec<bool>,
    /// The nodes of the names; none of constants.
    pub(super) names: Vec<Option<NodeId>>,
    /// The values of the names, one after the other.
    pub(super) parameters: Vec<f64>,
}

impl Formula {
    /// Checks the values of names, and which of them are variables: all if `wrt` is empty.
    pub(super) fn named_values(
        &self,
        at: &[(String, FormulaValue)],
        wrt: &[String],
    ) -> Result<NamedValues, FormulaError> {
        let problem = |name: &str, problem: String| {
            Err(FormulaError::Value { name: name.to_owned(), problem })
        };
        for (i, (name, value)) in at.iter().enumerate() {
            if !self.names.contains(name) {
                return Err(FormulaError::unknown(name, &self.names));
            }
            if at[..i].iter().any(|(earlier, _)| earlier == name) {
                return problem(name, "is given twice".into());
            }
            if !value.is_finite() {
                return problem(name, format!("has the value {value}, expected finite numbers"));
            }
            if let FormulaValue::Vector(elements) = value
                && !(1..=MAX_VECTOR).contains(&elements.len())
            {
                let found = elements.len();
                return problem(name, format!("has {found} elements, expected 1 to {MAX_VECTOR}"));
            }
        }
        let value = |name: &String| {
            at.iter().find(|(given, _)| given == name).map(|(_, value)| value.clone())
        };
        let values: Vec<_> = self.names.iter().map(value).collect();
        let named = || self.names.iter().zip(&values);
        let missing = named().filter(|(name, value)| value.is_none() && constant(name).is_none());
        let missing: Vec<_> = missing.map(|(name, _)| name.clone()).collect();
        if !missing.is_empty() {
            return Err(FormulaError::MissingValues(missing));
        }
        for name in wrt {
            match named().find(|(known, _)| *known == name) {
                None => return Err(FormulaError::unknown(name, &self.names)),
                Some((_, None)) => return problem(name, "is a constant, expected a name".into()),
                Some(_) => {}
            }
        }
        let is_variable =
            named().map(|(name, value)| value.is_some() && (wrt.is_empty() || wrt.contains(name)));
        Ok(NamedValues { is_variable: is_variable.collect(), values })
    }

    /// The graph for values of these shapes. With `through_edges` each operand is read through a node of its own.
    pub(super) fn graph(
        &self,
        named: &NamedValues,
        through_edges: bool,
    ) -> Result<BuiltFormula, FormulaMistake> {
        let mut graph = Graph::new();
        let mut parameters = Vec::new();
        let names = self.names.iter().zip(&named.values).zip(&named.is_variable);
        let names: Vec<_> = names
            .map(|((name, value), &is_variable)| {
                let value = value.as_ref()?;
                parameters.extend_from_slice(value.elements());
                let node = graph.parameter(name, shape(len(value)));
                if !is_variable {
                    graph.freeze(node);
                }
                Some(node)
            })
            .collect();
        let (terms, edges, lens, depends) = Default::default();
        let built = BuiltFormula { graph, terms, edges, lens, depends, names, parameters };
        self.add_terms(built, named, through_edges)
    }

    fn add_terms(
        &self,
        mut built: BuiltFormula,
        named: &NamedValues,
        through_edges: bool,
    ) -> Result<BuiltFormula, FormulaMistake> {
        let mut n_elements = 0;
        for (i, term) in self.terms.iter().enumerate() {
            let result_len = self.result_len(i, &built.lens, named)?;
            n_elements += result_len.unwrap_or(1);
            if result_len.is_some_and(|len| len > MAX_VECTOR) || n_elements > MAX_ELEMENTS {
                let most = format!("at most {MAX_VECTOR} elements, {MAX_ELEMENTS} in all values");
                return Err(FormulaMistake::new(&self.text, term.span.clone(), most));
            }
            let BuiltFormula { graph, terms, names, .. } = &mut built;
            let operands = term.operands.iter().map(|&operand| terms[operand]);
            let edges: Vec<_> = match through_edges {
                true => operands
                    .map(|operand| graph.push(EdgeOp, &[operand]).expect("any shape"))
                    .collect(),
                false => operands.collect(),
            };
            let node = match &term.kind {
                TermKind::Number(number) => graph.scalar(*number),
                TermKind::Numbers(numbers) => {
                    graph.constant(Tensor::new([numbers.len()], &numbers[..]))
                }
                TermKind::Name(name) => match names[*name] {
                    Some(node) => node,
                    None => {
                        graph.scalar(constant(&self.names[*name]).expect("a name without a value"))
                    }
                },
                TermKind::Vector => {
                    let rows =
                        edges.iter().map(|&edge| graph.reshape(edge, [1]).expect("a number"));
                    let rows: Vec<_> = rows.collect();
                    graph.concat(&rows, 0).expect("numbers")
                }
                TermKind::Element(index) => {
                    let row = graph.slice(edges[0], 0, *index..*index + 1).expect("in range");
                    graph.reshape(row, []).expect("one element")
                }
                TermKind::Operation(operation) => {
                    (operation.build)(graph, &edges).expect("shapes were checked")
                }
            };
            let depends = match term.kind {
                TermKind::Name(name) => named.is_variable[name],
                _ => term.operands.iter().any(|&operand| built.depends[operand]),
            };
            built.terms.push(node);
            built.edges.push(edges);
            built.lens.push(result_len);
            built.depends.push(depends);
        }
        Ok(built)
    }

    /// Whether the value of a term is a number or a vector, from those of the terms before it.
    fn result_len(
        &self,
        i: usize,
        lens: &[Option<usize>],
        named: &NamedValues,
    ) -> Result<Option<usize>, FormulaMistake> {
        let term = &self.terms[i];
        let mistake =
            |expected: String| FormulaMistake::new(&self.text, term.span.clone(), expected);
        let operands = || term.operands.iter().map(|&operand| lens[operand]);
        // What is expected in place of the first operand.
        let instead = |expected: String, operand: usize, found: &str| {
            let span = self.terms[term.operands[operand]].span.clone();
            let found = format!("{found} `{}`", self.source(term.operands[operand]));
            FormulaMistake { found, ..FormulaMistake::new(&self.text, span, expected) }
        };
        Ok(match &term.kind {
            TermKind::Number(_) => None,
            TermKind::Numbers(numbers) if numbers.is_empty() => {
                return Err(mistake("one element or more".into()));
            }
            TermKind::Numbers(numbers) => Some(numbers.len()),
            TermKind::Name(name) => named.values[*name].as_ref().and_then(len),
            TermKind::Vector => {
                if let Some(vector) = operands().position(|len| len.is_some()) {
                    return Err(instead("a number as element".into(), vector, "the vector"));
                }
                if operands().len() > MAX_OPERANDS {
                    let most = format!("at most {MAX_OPERANDS} elements in a vector with names");
                    return Err(mistake(most));
                }
                Some(operands().len())
            }
            TermKind::Element(index) => match lens[term.operands[0]] {
                Some(len) if *index < len => None,
                Some(len) => return Err(mistake(format!("an index from 0 to {}", len - 1))),
                None => return Err(instead("a vector before `[`".into(), 0, "the number")),
            },
            TermKind::Operation(operation) => match operation.rule {
                ShapeRule::Elementwise(_) => {
                    let mut vectors = operands().flatten();
                    let first = vectors.next();
                    if let Some(other) = vectors.find(|&len| Some(len) != first) {
                        let found = format!("{} and {other} elements", first.unwrap_or(1));
                        let mistake = mistake("vectors of equally many elements".into());
                        return Err(FormulaMistake { found, ..mistake });
                    }
                    first
                }
                rule => match lens[term.operands[0]] {
                    None => {
                        let expected = format!("a vector in {}(…)", operation.name);
                        return Err(instead(expected, 0, "the number"));
                    }
                    found => found.filter(|_| rule == ShapeRule::Vector),
                },
            },
        })
    }
}

fn len(value: &FormulaValue) -> Option<usize> {
    match value {
        FormulaValue::Number(_) => None,
        FormulaValue::Vector(elements) => Some(elements.len()),
    }
}

fn shape(len: Option<usize>) -> Shape {
    len.map_or(Shape::from([]), |len| Shape::from([len]))
}

/// The value itself: a node of its own, so that the engine keeps the gradient that flows along an edge.
#[derive(Debug)]
pub(super) struct EdgeOp;

impl<T: Float> Op<T> for EdgeOp {
    fn name(&self) -> &'static str {
        "edge"
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        pass.y.copy_from_slice(pass.x[0]);
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        pass.dx.iter_mut().zip(pass.dy).for_each(|(dx, &dy)| *dx += dy);
    }
}

/// A formula whose result is a number, compiled to be computed at many points.
///
/// # Examples
///
/// ```
/// use gradus_explain::formula::{Formula, FormulaProgram};
///
/// let formula = Formula::parse("x^2/20 + y^2")?;
/// let start = [("x".into(), (-7.0).into()), ("y".into(), 2.0.into())];
/// let mut program = FormulaProgram::new(&formula, &start, &[])?;
/// assert_eq!(program.value(&[-7.0, 2.0]), 6.45);
/// assert_eq!(program.value_and_gradient(&[1.0, 1.0]), (1.05, &[0.1, 2.0][..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FormulaProgram {
    forward: Program<f64>,
    backward: Program<f64>,
    result: NodeId,
    parameters: Vec<f64>,
    ranges: Vec<(String, Range<usize>)>,
    cost: u64,
}

/// What a term costs beside its elements.
const TERM_COST: u64 = 30;

impl FormulaProgram {
    /// Compiles a formula for values of these shapes, with gradients for the names of `wrt`, or all if it is empty.
    ///
    /// # Errors
    ///
    /// If values do not fit the names or shapes do not fit, or if the result is a vector.
    pub fn new(
        formula: &Formula,
        at: &[(String, FormulaValue)],
        wrt: &[String],
    ) -> Result<Self, FormulaError> {
        let named = formula.named_values(at, wrt)?;
        let BuiltFormula { mut graph, terms, lens, names, parameters, .. } =
            formula.graph(&named, false)?;
        let last = terms.len() - 1;
        if let Some(len) = lens[last] {
            let span = 0..formula.text.len();
            let expected = "a number as the result, such as an element or sum(…)";
            let found = format!("a vector of {len} elements");
            return Err(FormulaMistake {
                found,
                ..FormulaMistake::new(&formula.text, span, expected)
            }
            .into());
        }
        // A name alone is not computed; the node behind it is.
        let result = graph.push(EdgeOp, &[terms[last]]).expect("any shape");
        let of = |node: &Option<NodeId>| {
            let node = (*node)?;
            graph.parameters().find(|(id, _)| *id == node).map(|(_, range)| range)
        };
        let ranges = formula.names.iter().zip(&names);
        let ranges = ranges.filter_map(|(name, node)| Some((name.clone(), of(node)?))).collect();
        let graph = Arc::new(graph);
        let compile = |loss, keep| {
            Program::new(Arc::clone(&graph), &Compile { loss, keep, ..Compile::default() })
                .expect("the result is a number, and the elements are bounded")
        };
        Ok(Self {
            forward: compile(None, vec![result]),
            backward: compile(Some(result), Vec::new()),
            result,
            parameters,
            ranges,
            cost: lens.iter().map(|len| TERM_COST + len.unwrap_or(1) as u64).sum(),
        })
    }

    /// The values that it was compiled with, one after the other.
    pub fn parameters(&self) -> &[f64] {
        &self.parameters
    }

    /// Where the value of a name is among the parameters.
    pub fn range(&self, name: &str) -> Option<Range<usize>> {
        let found = self.ranges.iter().find(|(known, _)| known == name);
        found.map(|(_, range)| range.clone())
    }

    /// What an evaluation costs, roughly in nanoseconds: for bounds that must not depend on the machine.
    pub fn cost(&self) -> u64 {
        self.cost
    }

    /// The value of the formula.
    ///
    /// # Panics
    ///
    /// If there are more or fewer parameters; so does [`value_and_gradient`](Self::value_and_gradient).
    pub fn value(&mut self, parameters: &[f64]) -> f64 {
        self.forward.run(&RunArgs { parameters, ..RunArgs::default() });
        self.forward.scalar(self.result)
    }

    /// The value of the formula, and its gradient for each parameter: 0 for those of other names than `wrt`.
    pub fn value_and_gradient(&mut self, parameters: &[f64]) -> (f64, &[f64]) {
        self.backward.run(&RunArgs { parameters, ..RunArgs::default() });
        (self.backward.scalar(self.result), self.backward.gradients())
    }
}
