//! One step of one parameter as formulas, so that it can be explained with its numbers.

use std::borrow::Cow;

use super::StepInfo;

/// One step of one parameter, line by line, in the language of `gradus explain`.
///
/// `w` is the parameter, `g` its gradient, and the state has names: each is the number before the step until a line sets
/// it. After the last line `w` and the state are those after the step.
///
/// ```
/// use gradus_nn::optim::{Momentum, Optimize, ParameterRule, StepInfo};
///
/// let rule = ParameterRule { range: 0..1, learning_rate_factor: 1.0, decays: true, matrix: None };
/// let step = StepInfo::new(0.1, 1);
/// let formula = Optimize::<f32>::formula(&Momentum::default(), &step, &rule).unwrap();
/// assert_eq!(formula.state, ["v"]);
/// assert_eq!(formula.given, [("rate", 0.1), ("momentum", 0.9)]);
/// assert_eq!(formula.lines[0], ("v", "momentum * v - rate * g".into()));
/// assert_eq!(formula.lines[1], ("w", "w + v".into()));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepFormula {
    /// The names of what is kept between steps, in the order of the vectors of the state.
    pub state: Vec<&'static str>,
    /// Numbers of the settings, and what depends on the step alone.
    pub given: Vec<(&'static str, f64)>,
    /// A name, and the formula of its number.
    pub lines: Vec<(&'static str, Cow<'static, str>)>,
    /// A name in the line of `w` whose number follows from a whole matrix.
    pub of_matrix: Option<&'static str>,
}

impl StepFormula {
    /// Without a state and a line; `rate` is given.
    pub fn new(step: &StepInfo) -> Self {
        Self { given: vec![("rate", step.learning_rate)], ..Self::default() }
    }

    /// With names for the state.
    #[must_use]
    pub fn with_state(self, names: &[&'static str]) -> Self {
        Self { state: names.to_vec(), ..self }
    }

    /// With one more number that is given.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: f64) -> Self {
        self.given.push((name, value));
        self
    }

    /// With one more line.
    #[must_use]
    pub fn line(mut self, name: &'static str, formula: impl Into<Cow<'static, str>>) -> Self {
        self.lines.push((name, formula.into()));
        self
    }

    /// With a line that sets `w` to itself, after decoupled weight decay if the parameter decays, minus `change`.
    #[must_use]
    pub(super) fn descend(self, weight_decay: Option<f64>, change: &str) -> Self {
        match weight_decay {
            None => self.line("w", format!("w - {change}")),
            Some(decay) => {
                let line = format!("(1 - rate * weight_decay) * w - {change}");
                self.with("weight_decay", decay).line("w", line)
            }
        }
    }
}
