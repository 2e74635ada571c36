//! The losses of one answer: probabilities of some classes against the right class, term by term.

use super::*;
use graph::{Compile, Graph, Program, RunArgs, Shape, Tensor, Tensors};
use nn::Loss;
use nn::losses::{
    CrossEntropyOfProbabilities, HalfSquaredError, MeanAbsoluteError, MeanSquaredError,
};

settings! {
    /// The instrument `losses`.
    ///
    /// Values: `square_0`, …, the squares; `sum`, `half_sum`, `mean` of them; `absolute`, the mean of absolute errors;
    /// `cross_entropy`; the slope of each for the output of the right class: `d_half_sum`, `d_cross_entropy`; the cross-entropy
    /// where the right class has probability 0, `cross_entropy_of_zero`.
    pub struct Losses {
        /// The probabilities at first.
        outputs: Vec<f64>;
        /// The right class at first.
        label: usize = 0;
    }
}

impl Instrument for Losses {
    fn controls(&self, language: Language) -> Vec<Control> {
        let outputs = language.say("outputs y", "输出 y");
        let label = language.say("right class (from 0)", "正确类别（从 0 开始）");
        vec![
            Control::numbers("outputs", outputs, &self.outputs, [0.0, 1.0], [2, 10]),
            Control::whole("label", label, self.label, [0, 9]),
        ]
    }

    fn run(&self, call: &InstrumentCall<'_>) -> Result<InstrumentOutput, LessonError> {
        let (y, label) = (call.numbers("outputs"), call.whole("label"));
        if label >= y.len() {
            return Err(call.mistake("label", format!("a class from 0 to {}", y.len() - 1)));
        }
        let t = |i: usize| f64::from(u8::from(i == label));
        let squares: Vec<f64> = y.iter().enumerate().map(|(i, y)| (y - t(i)).powi(2)).collect();
        let (half, d_half) = loss(HalfSquaredError {}, y, label);
        let (mean, d_mean) = loss(MeanSquaredError {}, y, label);
        let (absolute, d_absolute) = loss(MeanAbsoluteError {}, y, label);
        let (entropy, d_entropy) = loss(CrossEntropyOfProbabilities {}, y, label);
        let mut wrong = vec![0.0; y.len()];
        wrong[(label + 1) % y.len()] = 1.0;
        let (entropy_of_zero, _) = loss(CrossEntropyOfProbabilities {}, &wrong, label);

        let heads = [call.say(">class", ">类别"), ">y", ">t", ">(y − t)²", ">−t · ln(y + 1e−7)"];
        let terms = y.iter().enumerate().map(|(i, &y)| {
            let class = match i == label {
                true => TableCell::marked(i.to_string(), CellMark::Strong),
                false => i.to_string().into(),
            };
            let entropy = if i == label { -(y + 1e-7).ln() } else { 0.0 };
            vec![class, cell(y), cell(t(i)), cell(squares[i]), cell(entropy)]
        });
        let slope = call.say(">slope for the right output", ">对正确输出的斜率");
        let names = [call.say("<loss", "<损失函数"), call.say(">value", ">值"), slope];
        let rows = [
            (call.say("sum of squares", "平方和"), 2.0 * half, 2.0 * d_half[label]),
            (call.say("half the sum of squares", "平方和的一半"), half, d_half[label]),
            (call.say("mean of squares", "均方误差"), mean, d_mean[label]),
            (call.say("mean of absolute errors", "平均绝对误差"), absolute, d_absolute[label]),
            (call.say("cross-entropy", "交叉熵"), entropy, d_entropy[label]),
        ];
        let rows = rows.map(|(name, value, slope)| vec![name.into(), cell(value), cell(slope)]);
        Ok(InstrumentOutput::default()
            .figure(Figure::table(&heads, terms))
            .figure(Figure::table(&names, rows))
            .list("square", &squares)
            .value("sum", 2.0 * half)
            .value("half_sum", half)
            .value("mean", mean)
            .value("absolute", absolute)
            .value("cross_entropy", entropy)
            .value("d_half_sum", d_half[label])
            .value("d_cross_entropy", d_entropy[label])
            .value("cross_entropy_of_zero", entropy_of_zero))
    }
}

/// The engine's loss of one answer, and its gradient for each output.
pub(super) fn loss(kind: impl Into<Loss>, outputs: &[f64], label: usize) -> (f64, Vec<f64>) {
    let kind: Loss = kind.into();
    let mut g = Graph::new();
    let y = g.input("y", Shape::batch([outputs.len()]));
    let t = g.input("t", Shape::batch([]));
    let value = kind.build(&mut g, y, t).expect("a row of outputs and a class");
    let options = Compile { loss: Some(value), keep_all: true, ..Compile::default() };
    let mut program = Program::new(g, &options).expect("a few numbers");
    let row = Tensor::new([1, outputs.len()], outputs);
    let class = Tensor::new([1], [label as f64]);
    program.run(&RunArgs { inputs: &Tensors(&[&row, &class]), ..RunArgs::default() });
    let gradient = program.gradient(y).expect("all are kept").into_values();
    (program.scalar(value), gradient)
}
