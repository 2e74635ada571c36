//! A formula as a computational graph: every value forward, every gradient backward.

use std::collections::BTreeMap;

use super::*;
use crate::figure::{Blank, FigureContent};
use crate::text::Pass;
use explain::FormulaValue;
use explain::drawing;
use explain::formula::{self, EvaluatedFormula, FormulaAnswer, FormulaRequest};

settings! {
    /// The instrument `formula`. Its controls are the names of the formula.
    ///
    /// Values: `result`; the value of each node of the graph, `n0`, …, and its gradient, `d_n0`, …; the gradient for each name,
    /// `d_apple`. Of a vector `s` those of its elements: `d_s_0`, ….
    pub struct FormulaSteps {
        /// The formula.
        formula: String;
        /// The value of each name at first: a number, or a list of numbers.
        at: BTreeMap<String, FormulaValue> = BTreeMap::new();
        /// Whether the reader can write another formula.
        editable: bool = false;
    }
}

/// Bytes of a formula that a reader writes.
const MAX_LENGTH: usize = 300;
/// Numbers of a vector at most.
const MAX_VECTOR: usize = 20;
/// The largest number.
const LARGEST: f64 = 1e6;

impl Instrument for FormulaSteps {
    fn controls(&self, language: Language) -> Vec<Control> {
        let mut names: Vec<(&String, &FormulaValue)> = self.at.iter().collect();
        names.sort_by_key(|(name, _)| self.formula.find(&**name));
        let controls = names.into_iter().map(|(name, value)| match value {
            FormulaValue::Number(value) => Control::number(name, name, *value, [-LARGEST, LARGEST]),
            FormulaValue::Vector(values) => {
                Control::numbers(name, name, values, [-LARGEST, LARGEST], [1, MAX_VECTOR])
            }
        });
        let label = language.say("formula", "公式");
        let formula =
            self.editable.then(|| Control::text("formula", label, &self.formula, MAX_LENGTH));
        formula.into_iter().chain(controls).collect()
    }

    fn run(&self, call: &InstrumentCall<'_>) -> Result<InstrumentOutput, LessonError> {
        let formula = if self.editable { call.text("formula") } else { &self.formula };
        let at = self.at.iter().map(|(name, value)| {
            let value = match value {
                FormulaValue::Number(_) => FormulaValue::Number(call.number(name)),
                FormulaValue::Vector(_) => FormulaValue::Vector(call.numbers(name).to_vec()),
            };
            (name.clone(), value)
        });
        let request = FormulaRequest {
            formula: formula.to_owned(),
            at: at.collect(),
            wrt: Vec::new(),
            check: false,
            hessian: false,
            drawing: true,
        };
        match formula::answer(&request) {
            FormulaAnswer::Evaluated { evaluation, drawing } => {
                Ok(output(&evaluation.evaluation, drawing))
            }
            FormulaAnswer::MissingValues { names } => {
                let known: Vec<_> = self.at.keys().map(String::as_str).collect();
                let expected =
                    format!("the names {}; found {}", known.join(", "), names.join(", "));
                Err(call.mistake("formula", expected))
            }
            FormulaAnswer::Mistake { mistake } => Err(call.mistake("formula", mistake.message)),
        }
    }

    fn blank(&self, figure: &mut Figure, of: &str, pass: Pass, name: &str) -> Option<Blank> {
        let FigureContent::Graph { drawing, .. } = &mut figure.content else { return None };
        let is_from = |edge: &drawing::DrawnEdge| {
            let node = &drawing.nodes[edge.from];
            node.label == of || format!("n{}", node.node) == of
        };
        let edge = drawing.edges.iter().position(is_from)?;
        let numbers = &mut drawing.edges[edge];
        match pass {
            Pass::Forward => numbers.value.text.clear(),
            Pass::Backward => numbers.gradient.as_mut()?.text.clear(),
        }
        Some(Blank { edge, pass, name: name.to_owned() })
    }
}

fn output(
    evaluation: &EvaluatedFormula,
    drawing: Option<drawing::GraphDrawing>,
) -> InstrumentOutput {
    let mut output = with(InstrumentOutput::default(), "result", &evaluation.result);
    for node in &evaluation.nodes {
        output = with(output, &format!("n{}", node.node), &node.value);
        if let Some(gradient) = &node.gradient {
            output = with(output, &format!("d_n{}", node.node), gradient);
            if !node.name.is_empty() {
                output = with(output, &format!("d_{}", node.name), gradient);
            }
        }
    }
    let drawn = drawing.map(|drawing| FigureContent::Graph { drawing, blanks: Vec::new() });
    output.figures.extend(drawn.map(Figure::from));
    output.notes.extend(evaluation.undefined.as_ref().map(|undefined| undefined.message.clone()));
    output
}

/// The output with a number, or with the elements of a vector.
fn with(output: InstrumentOutput, name: &str, value: &FormulaValue) -> InstrumentOutput {
    match value {
        FormulaValue::Number(value) => output.value(name, *value),
        FormulaValue::Vector(values) => output.list(name, values),
    }
}
