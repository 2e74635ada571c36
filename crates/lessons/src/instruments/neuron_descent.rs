//! Descent of the weight of one neuron with the step function, sigmoid and ReLU: what the slope of an activation decides.

use super::activations::{Function, shown_name};
use super::*;
use crate::figure::{Series, SeriesMark};
use graph::{Compile, Graph, NodeId, Program, RunArgs};

settings! {
    /// The instrument `neuron_descent`: the output is `f(w · x)`, the loss half its squared distance from the target.
    ///
    /// Values, of `step`, `sigmoid` and `relu`: the loss at the weight at first `first_step` with its slope `d_step`; after the
    /// steps the weight `weight_step` and the loss `last_step`.
    pub struct NeuronDescent {
        /// The weight at first.
        weight: f64 = 1.0;
        /// The input at first.
        input: f64 = 1.0;
        /// The wanted output at first.
        target: f64 = 0.0;
        /// The learning rate at first.
        learning_rate: f64 = 0.5;
        /// Steps at first.
        steps: usize = 20;
    }
}

const FUNCTIONS: [(&str, Function); 3] =
    [("step", Graph::step), ("sigmoid", Graph::sigmoid), ("relu", Graph::relu)];

impl Instrument for NeuronDescent {
    fn controls(&self, language: Language) -> Vec<Control> {
        let say = |en, zh| language.say(en, zh);
        let (weight, input) = (say("weight at first", "初始权重"), say("input", "输入"));
        let rate = say("learning rate", "学习率");
        vec![
            Control::number("weight", weight, self.weight, [-5.0, 5.0]).step(0.1),
            Control::number("input", input, self.input, [-5.0, 5.0]).step(0.1),
            Control::number("target", say("target", "目标"), self.target, [0.0, 1.0]).step(0.1),
            Control::number("rate", rate, self.learning_rate, [1e-3, 10.0]).log(),
            Control::whole("steps", say("steps", "步数"), self.steps, [1, 1000]),
        ]
    }

    fn run(&self, call: &InstrumentCall<'_>) -> Result<InstrumentOutput, LessonError> {
        let (input, target) = (call.number("input"), call.number("target"));
        let first = call.number("weight");
        let heads = [
            "<",
            call.say(">output", ">输出"),
            call.say(">loss", ">损失"),
            call.say(">slope for w", ">对 w 的斜率"),
            call.say(">w after all steps", ">最后的 w"),
            call.say(">loss then", ">最后的损失"),
        ];
        let mut output = InstrumentOutput::default();
        let (mut rows, mut series) = (Vec::new(), Vec::new());
        let (mut starts, mut ends) = (Vec::new(), Vec::new());
        for (name, function) in FUNCTIONS {
            let mut neuron = NeuronProgram::new(function, input, target);
            let [y, loss, slope] = neuron.at(first);
            let mut weight = first;
            for _ in 0..call.whole("steps") {
                weight -= call.number("rate") * neuron.at(weight)[2];
            }
            let last = neuron.at(weight)[1];
            let curve = (-60..=60).map(|i| f64::from(i) / 20.0);
            let curve: Vec<[f64; 2]> = curve.map(|w| [w, neuron.at(w)[1]]).collect();
            let shown = shown_name(name, call.language);
            series.push(Series::new(shown, SeriesMark::Line, &curve));
            starts.push([first, loss]);
            ends.push([weight, last]);
            rows.push(vec![
                shown.into(),
                TableCell::marked(number(y, 5), CellMark::Forward),
                cell(loss),
                TableCell::marked(number(slope, 5), CellMark::Backward),
                TableCell::marked(number(weight, 5), CellMark::Strong),
                cell(last),
            ]);
            output = output
                .value(format!("first_{name}"), loss)
                .value(format!("d_{name}"), slope)
                .value(format!("weight_{name}"), weight)
                .value(format!("last_{name}"), last);
        }
        series.push(Series::new(call.say("at first", "起点"), SeriesMark::Points, &starts));
        series.push(Series::new(call.say("after all steps", "终点"), SeriesMark::Points, &ends));
        let axes = [call.say("weight w", "权重 w"), call.say("loss", "损失")].map(PlotAxis::new);
        let [horizontal, vertical] = axes;
        Ok(output
            .figure(Figure::plot(horizontal, vertical, series))
            .figure(Figure::table(&heads, rows)))
    }
}

/// The engine's neuron with one weight.
struct NeuronProgram {
    program: Program<f64>,
    y: NodeId,
    loss: NodeId,
}

impl NeuronProgram {
    fn new(function: Function, input: f64, target: f64) -> Self {
        let mut g = Graph::new();
        let w = g.parameter("w", []);
        let [x, t, half] = [input, target, 0.5].map(|value| g.scalar(value));
        let z = g.mul(w, x).expect("numbers");
        let y = function(&mut g, z);
        let error = g.sub(y, t).expect("numbers");
        let square = g.mul(error, error).expect("numbers");
        let loss = g.mul(square, half).expect("numbers");
        let options = Compile { loss: Some(loss), keep_all: true, ..Compile::default() };
        Self { program: Program::new(g, &options).expect("a few numbers"), y, loss }
    }

    /// Output, loss and its slope at a weight.
    fn at(&mut self, weight: f64) -> [f64; 3] {
        self.program.run(&RunArgs { parameters: &[weight], ..RunArgs::default() });
        let slope = self.program.gradients()[0];
        [self.program.scalar(self.y), self.program.scalar(self.loss), slope]
    }
}
