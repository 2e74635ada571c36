//! Activation functions: value and slope of step, sigmoid and ReLU.

use super::*;
use crate::figure::{Series, SeriesMark};
use graph::{Compile, Graph, NodeId, Program, RunArgs};

settings! {
    /// The instrument `activations`.
    ///
    /// Values, of the first point and so on: `step_0`, `sigmoid_0`, `relu_0`, `tanh_0` and their slopes `d_step_0`, `d_sigmoid_0`,
    /// `d_relu_0`, `d_tanh_0`.
    pub struct Activations {
        /// The points at first.
        points: Vec<f64> = vec![-1.0, 1.0, 2.0];
    }
}

/// An activation function as readers call it.
pub(super) fn shown_name(name: &str, language: Language) -> &str {
    match name {
        "step" => language.say("step", "阶跃"),
        "relu" => "ReLU",
        name => name,
    }
}

/// Adds an activation function to a graph.
pub(super) type Function = fn(&mut Graph<f64>, NodeId) -> NodeId;

const FUNCTIONS: [(&str, Function); 4] = [
    ("step", Graph::step),
    ("sigmoid", Graph::sigmoid),
    ("relu", Graph::relu),
    ("tanh", Graph::tanh),
];

impl Instrument for Activations {
    fn controls(&self, language: Language) -> Vec<Control> {
        let label = language.say("points x", "取值 x");
        vec![Control::numbers("points", label, &self.points, [-1000.0, 1000.0], [1, 8])]
    }

    fn run(&self, call: &InstrumentCall<'_>) -> Result<InstrumentOutput, LessonError> {
        let points = call.numbers("points");
        let curve: Vec<f64> = (-60..=60).map(|i| f64::from(i) / 10.0).collect();
        let mut output = InstrumentOutput::default();
        let mut heads = vec![">x".to_owned()];
        let mut rows: Vec<Vec<TableCell>> = points.iter().map(|&x| vec![cell(x)]).collect();
        let mut series = Vec::new();
        for (name, function) in FUNCTIONS {
            let (values, slopes) = evaluated(function, points);
            let shown = shown_name(name, call.language);
            heads.extend([format!(">{shown}"), call.say(">slope", ">斜率").to_owned()]);
            for ((row, value), slope) in rows.iter_mut().zip(&values).zip(&slopes) {
                row.push(TableCell::marked(number(*value, 5), CellMark::Forward));
                row.push(TableCell::marked(number(*slope, 5), CellMark::Backward));
            }
            output = output.list(name, &values).list(&format!("d_{name}"), &slopes);
            let heights = evaluated(function, &curve).0;
            let line: Vec<[f64; 2]> =
                curve.iter().copied().zip(heights).map(|(x, y)| [x, y]).collect();
            series.push(Series::new(shown, SeriesMark::Line, &line));
        }
        let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
        let y = PlotAxis::new("y").range(-1.2, 3.0);
        Ok(output
            .figure(Figure::plot(PlotAxis::new("x"), y, series))
            .figure(Figure::table(&heads, rows)))
    }
}

/// The engine's values and slopes of a function at some points.
fn evaluated(function: Function, points: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let mut g = Graph::new();
    let x = g.parameter("x", [points.len()]);
    let y = function(&mut g, x);
    let sum = g.sum_all(y).expect("a row of numbers");
    let options = Compile { loss: Some(sum), keep_all: true, ..Compile::default() };
    let mut program = Program::new(g, &options).expect("a row of numbers");
    program.run(&RunArgs { parameters: points, ..RunArgs::default() });
    let values = program.value(y).expect("all are kept").into_values();
    (values, program.gradients().to_vec())
}
