//! A formula at points of its variables, with fixed values for its other names.

use crate::FormulaValue;
use crate::formula::{Formula, FormulaError, FormulaProgram};

#[derive(Debug)]
pub(super) struct DescentProgram {
    program: FormulaProgram,
    /// The values of all names, one after the other.
    parameters: Vec<f64>,
    /// Where the variables are among them.
    variables: Vec<usize>,
}

impl DescentProgram {
    pub(super) fn new(
        formula: &Formula,
        names: &[String],
        start: &[f64],
        mut at: Vec<(String, FormulaValue)>,
    ) -> Result<Self, FormulaError> {
        let start = start.iter().map(|&number| FormulaValue::Number(number));
        at.extend(names.iter().cloned().zip(start));
        let program = FormulaProgram::new(formula, &at, names)?;
        let place = |name: &String| program.range(name).map(|range| range.start);
        let variables = names.iter().filter_map(place).collect();
        Ok(Self { parameters: program.parameters().to_vec(), variables, program })
    }

    /// What an evaluation costs.
    pub(super) fn cost(&self) -> u64 {
        self.program.cost()
    }

    /// Sets an element of a name that is not a variable.
    pub(super) fn set(&mut self, name: &str, element: usize, value: f64) {
        if let Some(range) = self.program.range(name) {
            self.parameters[range][element] = value;
        }
    }

    pub(super) fn value(&mut self, at: &[f64]) -> f64 {
        self.move_to(at);
        self.program.value(&self.parameters)
    }

    pub(super) fn gradient(&mut self, at: &[f64]) -> Vec<f64> {
        self.move_to(at);
        let (_, gradient) = self.program.value_and_gradient(&self.parameters);
        self.variables.iter().map(|&place| gradient[place]).collect()
    }

    fn move_to(&mut self, at: &[f64]) {
        for (&place, &value) in self.variables.iter().zip(at) {
            self.parameters[place] = value;
        }
    }
}
