//! A network small enough for paper: two inputs, two hidden units, two outputs, sigmoid everywhere, half the sum of squares.

use super::*;
use graph::{Compile, Graph, NodeId, Program, RunArgs};

use crate::figure::{Series, SeriesMark};

settings! {
    /// The instrument `paper_network`: the weights w1 to w8 are trained, the biases are not.
    ///
    /// Values: the hidden values `h1`, `h2`, the outputs `o1`, `o2`, the loss `error`; of each weight the gradient `d_w1` and the new
    /// value `new_w1`; `d_o1` and `d_h1`, the gradients for outputs and hidden values; `error_after` one update and `error_at_end`
    /// after all.
    pub struct PaperNetwork {
        /// The inputs at first.
        inputs: Vec<f64> = vec![0.05, 0.10];
        /// The targets at first.
        targets: Vec<f64> = vec![0.01, 0.99];
        /// The weights w1 to w8 at first.
        weights: Vec<f64> = vec![0.15, 0.20, 0.25, 0.30, 0.40, 0.45, 0.50, 0.55];
        /// The biases of hidden units and outputs at first.
        biases: Vec<f64> = vec![0.35, 0.60];
        /// The learning rate at first.
        learning_rate: f64 = 0.5;
        /// Updates at first.
        updates: usize = 1;
    }
}

/// Updates at most: a tenth of a second.
const MOST_UPDATES: usize = 10_000;
/// Points of the curve of the loss.
const CURVE_POINTS: usize = 100;

impl Instrument for PaperNetwork {
    fn controls(&self, language: Language) -> Vec<Control> {
        let say = |en, zh| language.say(en, zh);
        let range = [-100.0, 100.0];
        vec![
            Control::numbers("inputs", say("inputs", "输入"), &self.inputs, range, [2, 2]),
            Control::numbers("targets", say("targets", "目标"), &self.targets, range, [2, 2]),
            Control::numbers(
                "weights",
                say("weights w1 to w8", "权重 w1 到 w8"),
                &self.weights,
                range,
                [8, 8],
            ),
            Control::numbers("biases", say("biases", "偏置"), &self.biases, range, [2, 2]),
            Control::number(
                "learning_rate",
                say("learning rate", "学习率"),
                self.learning_rate,
                [0.0, 100.0],
            ),
            Control::whole("updates", say("updates", "更新次数"), self.updates, [1, MOST_UPDATES]),
        ]
    }

    fn run(&self, call: &InstrumentCall<'_>) -> Result<InstrumentOutput, LessonError> {
        let mut network = SmallNetwork::new(call);
        let before = call.numbers("weights").to_vec();
        network.run(&before);
        let gradients = network.program.gradients().to_vec();
        let error = network.program.scalar(network.error);
        let mut output = InstrumentOutput::default().value("error", error);
        let mut forward = Vec::new();
        for (name, node) in network.named {
            let value = |tensor: Option<graph::Tensor<f64>>| {
                tensor.map_or(f64::NAN, |tensor| tensor.values()[0])
            };
            let (found, gradient) =
                (value(network.program.value(node)), value(network.program.gradient(node)));
            forward.push(vec![
                name.into(),
                TableCell::marked(number(found, 9), CellMark::Forward),
                TableCell::marked(number(gradient, 9), CellMark::Backward),
            ]);
            output = output.value(name, found).value(format!("d_{name}"), gradient);
        }
        let rate = call.number("learning_rate");
        let update = |weights: &[f64], gradients: &[f64]| -> Vec<f64> {
            weights.iter().zip(gradients).map(|(w, d)| w - rate * d).collect()
        };
        let after = update(&before, &gradients);
        let heads = [
            call.say("<weight", "<权重"),
            call.say(">value", ">值"),
            call.say(">gradient", ">梯度"),
            call.say(">rate × gradient", ">学习率 × 梯度"),
            call.say(">new value", ">新值"),
        ];
        let rows = (0..before.len()).map(|i| {
            vec![
                format!("w{}", i + 1).into(),
                cell(before[i]),
                TableCell::marked(number(gradients[i], 9), CellMark::Backward),
                number(rate * gradients[i], 9).into(),
                TableCell::marked(number(after[i], 9), CellMark::Strong),
            ]
        });
        let rows: Vec<_> = rows.collect();
        for i in 0..before.len() {
            output = output
                .value(format!("d_w{}", i + 1), gradients[i])
                .value(format!("new_w{}", i + 1), after[i]);
        }
        let values = ["<", call.say(">value", ">值"), call.say(">gradient", ">梯度")];
        let titles = [
            call.say("Forward and backward", "前向与反向"),
            call.say("The first update", "第一次更新"),
        ];
        output = output
            .figure(Figure::table(&values, forward).titled(titles[0]))
            .figure(Figure::table(&heads, rows).titled(titles[1]));

        // The rest of the training: the loss from time to time.
        let updates = call.whole("updates");
        let mut curve = vec![[0.0, error]];
        let mut weights = after;
        for done in 1..=updates {
            network.run(&weights);
            let error = network.program.scalar(network.error);
            if done == 1 {
                output = output.value("error_after", error);
            }
            if done % updates.div_ceil(CURVE_POINTS) == 0 || done == updates {
                call.check_time()?;
                curve.push([done as f64, error]);
            }
            weights = update(&weights, network.program.gradients());
        }
        let last = curve.last().map_or(error, |point| point[1]);
        if updates > 1 {
            let name = call.say("loss", "损失");
            let axes = [PlotAxis::new(call.say("updates", "更新次数")), PlotAxis::new(name).log()];
            let [x, y] = axes;
            output = output.figure(Figure::plot(
                x,
                y,
                vec![Series::new(name, SeriesMark::Line, &curve)],
            ));
        }
        let note = match call.language {
            Language::En => format!(
                "Loss before: {}; updates: {updates}; loss after: {}",
                number(error, 9),
                number(last, 9)
            ),
            Language::Zh => {
                format!("损失：更新前 {}，{updates} 次更新后 {}", number(error, 9), number(last, 9))
            }
        };
        Ok(output.value("error_at_end", last).note(note))
    }
}

/// The network as a graph of numbers.
struct SmallNetwork {
    program: Program<f64>,
    error: NodeId,
    /// Hidden values and outputs.
    named: [(&'static str, NodeId); 4],
}

impl SmallNetwork {
    fn new(call: &InstrumentCall<'_>) -> Self {
        let mut g = Graph::new();
        let weights: Vec<NodeId> = (1..=8).map(|i| g.parameter(format!("w{i}"), [])).collect();
        let inputs = [0, 1].map(|i| g.scalar(call.numbers("inputs")[i]));
        let biases = [0, 1].map(|i| g.scalar(call.numbers("biases")[i]));
        let hidden = [0, 2].map(|w| unit(&mut g, [weights[w], weights[w + 1]], inputs, biases[0]));
        let outputs = [4, 6].map(|w| unit(&mut g, [weights[w], weights[w + 1]], hidden, biases[1]));
        let mut error = g.scalar(0.0);
        for (output, &target) in outputs.into_iter().zip(call.numbers("targets")) {
            let target = g.scalar(target);
            let half = g.scalar(0.5);
            let gap = g.sub(output, target).expect(NUMBERS);
            let square = g.mul(gap, gap).expect(NUMBERS);
            let part = g.mul(square, half).expect(NUMBERS);
            error = g.add(error, part).expect(NUMBERS);
        }
        let options = Compile { loss: Some(error), keep_all: true, ..Compile::default() };
        let program = Program::new(g, &options).expect("a few numbers");
        let named = [("h1", hidden[0]), ("h2", hidden[1]), ("o1", outputs[0]), ("o2", outputs[1])];
        Self { program, error, named }
    }

    fn run(&mut self, weights: &[f64]) {
        self.program.run(&RunArgs { parameters: weights, ..RunArgs::default() });
    }
}

const NUMBERS: &str = "numbers fit numbers";

/// `sigmoid(w · x + b)`
fn unit(g: &mut Graph<f64>, weights: [NodeId; 2], inputs: [NodeId; 2], bias: NodeId) -> NodeId {
    let products = [0, 1].map(|i| g.mul(weights[i], inputs[i]).expect(NUMBERS));
    let sum = g.add(products[0], products[1]).expect(NUMBERS);
    let sum = g.add(sum, bias).expect(NUMBERS);
    g.sigmoid(sum)
}
