//! Perceptrons as logic gates: their tables, the line between 0 and 1, and two layers for XOR.

use super::*;
use crate::figure::{Series, SeriesMark};
use graph::{Graph, Program, RunArgs};

settings! {
    /// The instrument `perceptron`: a gate with two weights and a bias, and beside it AND of NAND and OR.
    ///
    /// Values: the gate's outputs `y_0` to `y_3` for 00, 01, 10 and 11; `right`, how many agree with `gate`; those of two layers,
    /// `two_layers_0` to `two_layers_3`.
    pub struct Perceptron {
        /// The weights at first.
        weights: Vec<f64> = vec![0.5, 0.5];
        /// The bias at first.
        bias: f64 = -0.7;
        /// The gate at first.
        gate: String = "and".to_owned();
    }
}

/// The inputs of a gate, in the order of its table.
const INPUTS: [[f64; 2]; 4] = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
/// Weights and bias of NAND, OR and AND: those of "Deep Learning from Scratch".
const NAND: [f64; 3] = [-0.5, -0.5, 0.7];
const OR: [f64; 3] = [0.5, 0.5, -0.2];
const AND: [f64; 3] = [0.5, 0.5, -0.7];

impl Instrument for Perceptron {
    fn controls(&self, language: Language) -> Vec<Control> {
        let say = |en, zh| language.say(en, zh);
        let gates = [("and", "AND"), ("nand", "NAND"), ("or", "OR"), ("xor", "XOR")];
        vec![
            Control::choice("gate", say("gate", "逻辑门"), &self.gate, &gates),
            Control::numbers(
                "weights",
                say("weights", "权重"),
                &self.weights,
                [-10.0, 10.0],
                [2, 2],
            ),
            Control::number("bias", say("bias", "偏置"), self.bias, [-10.0, 10.0]).step(0.1),
        ]
    }

    fn run(&self, call: &InstrumentCall<'_>) -> Result<InstrumentOutput, LessonError> {
        let wanted: [f64; 4] = match call.text("gate") {
            "and" => [0.0, 0.0, 0.0, 1.0],
            "nand" => [1.0, 1.0, 1.0, 0.0],
            "or" => [0.0, 1.0, 1.0, 1.0],
            _ => [0.0, 1.0, 1.0, 0.0],
        };
        let weights = call.numbers("weights");
        let unit = [weights[0], weights[1], call.number("bias")];
        let outputs = INPUTS.map(|input| output(unit, input));
        let two_layers = INPUTS.map(|input| output(AND, [output(NAND, input), output(OR, input)]));
        let heads = [
            ">x1",
            ">x2",
            ">w·x + b",
            call.say(">output", ">输出"),
            call.say(">wanted", ">期望"),
            "<",
            call.say(">AND(NAND, OR)", ">AND(NAND, OR)"),
        ];
        let rows = (0..4).map(|i| {
            let [x1, x2] = INPUTS[i];
            let is_right = outputs[i] == wanted[i];
            let mark = if is_right { CellMark::Right } else { CellMark::Wrong };
            vec![
                cell(x1),
                cell(x2),
                cell(unit[0] * x1 + unit[1] * x2 + unit[2]),
                TableCell::marked(number(outputs[i], 1), mark),
                cell(wanted[i]),
                if is_right { "✓" } else { "✗" }.into(),
                cell(two_layers[i]),
            ]
        });
        let points = |value: f64| -> Vec<[f64; 2]> {
            INPUTS
                .into_iter()
                .zip(wanted)
                .filter(|(_, wanted)| *wanted == value)
                .map(|(x, _)| x)
                .collect()
        };
        // The line w1 x1 + w2 x2 + b = 0 within the picture.
        let steps = (0..=60).map(|i| -0.5 + f64::from(i) / 30.0);
        let line: Vec<[f64; 2]> = match unit[1] == 0.0 {
            true => steps.map(|x2| [-unit[2] / unit[0], x2]).collect(),
            false => steps.map(|x1| [x1, -(unit[0] * x1 + unit[2]) / unit[1]]).collect(),
        };
        let series = vec![
            Series::new(call.say("wanted 0", "期望 0"), SeriesMark::Points, &points(0.0)),
            Series::new(call.say("wanted 1", "期望 1"), SeriesMark::Points, &points(1.0)),
            Series::new("w·x + b = 0", SeriesMark::Line, &line),
        ];
        let axis = |name: &str| PlotAxis::new(name).range(-0.5, 1.5);
        let right = outputs.iter().zip(wanted).filter(|(output, wanted)| *output == wanted).count();
        Ok(InstrumentOutput::default()
            .figure(Figure::table(&heads, rows))
            .figure(Figure::plot(axis("x1"), axis("x2"), series))
            .list("y", &outputs)
            .list("two_layers", &two_layers)
            .value("right", right as f64))
    }
}

/// What the engine's step function makes of a weighted sum.
fn output([w1, w2, b]: [f64; 3], [x1, x2]: [f64; 2]) -> f64 {
    let mut g = Graph::<f64>::new();
    let sum = g.parameter("sum", []);
    let y = g.step(sum);
    let options = graph::Compile { keep: vec![y], ..graph::Compile::default() };
    let mut program = Program::new(g, &options).expect("a number");
    program.run(&RunArgs { parameters: &[w1 * x1 + w2 * x2 + b], ..RunArgs::default() });
    program.scalar(y)
}
