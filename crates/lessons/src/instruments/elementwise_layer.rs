//! A layer that maps each number by itself, forward and backward: ReLU or sigmoid, its local derivative, and the numerical one.

use super::*;
use graph::numeric::STEP;
use graph::{Compile, Graph, Program, RunArgs, Tensor};

settings! {
    /// The instrument `elementwise_layer`.
    ///
    /// Values, of the first number and so on: the output `y_0`, the local derivative `slope_0`, the gradient for the input `dx_0`, and
    /// the central difference `difference_0`.
    pub struct ElementwiseLayer {
        /// The layer at first: `relu` or `sigmoid`.
        layer: String = "relu".to_owned();
        /// The inputs at first.
        x: Vec<f64> = vec![-1.0, 0.0, 2.0];
        /// The gradients for the outputs at first.
        dy: Vec<f64> = vec![1.0, 1.0, 1.0];
    }
}

/// Inputs at most.
const MOST: usize = 8;

impl Instrument for ElementwiseLayer {
    fn controls(&self, language: Language) -> Vec<Control> {
        let say = |en, zh| language.say(en, zh);
        let layers = [("relu", "ReLU"), ("sigmoid", "sigmoid")];
        let range = [-100.0, 100.0];
        vec![
            Control::choice("layer", say("layer", "层"), &self.layer, &layers),
            Control::numbers("x", say("inputs x", "输入 x"), &self.x, range, [1, MOST]),
            Control::numbers(
                "dy",
                say("gradients for the outputs", "对输出的梯度"),
                &self.dy,
                range,
                [1, MOST],
            ),
        ]
    }

    fn run(&self, call: &InstrumentCall<'_>) -> Result<InstrumentOutput, LessonError> {
        let (x, dy) = (call.numbers("x"), call.numbers("dy"));
        if dy.len() != x.len() {
            return Err(call.mistake("dy", format!("{} numbers, one for each input", x.len())));
        }
        let layer = call.text("layer");
        let (y, dx) = passed(layer, x, dy);
        let (_, slope) = passed(layer, x, &vec![1.0; x.len()]);
        let at = |shift: f64| passed(layer, &x.iter().map(|x| x + shift).collect::<Vec<_>>(), dy).0;
        let ends = at(STEP).into_iter().zip(at(-STEP));
        let difference: Vec<f64> =
            ends.map(|(above, below)| (above - below) / (2.0 * STEP)).collect();
        let heads = [
            call.say(">input x", ">输入 x"),
            call.say(">output y", ">输出 y"),
            call.say(">gradient for y", ">对 y 的梯度"),
            call.say(">local derivative", ">局部导数"),
            call.say(">gradient for x", ">对 x 的梯度"),
            call.say(">central difference of y", ">y 的中心差分"),
        ];
        let forward = |value: f64| TableCell::marked(number(value, 5), CellMark::Forward);
        let backward = |value: f64| TableCell::marked(number(value, 5), CellMark::Backward);
        let rows = (0..x.len()).map(|i| {
            let [to, local, back] = [dy[i], slope[i], dx[i]].map(backward);
            vec![cell(x[i]), forward(y[i]), to, local, back, number(difference[i], 5).into()]
        });
        Ok(InstrumentOutput::default()
            .figure(Figure::table(&heads, rows))
            .list("y", &y)
            .list("slope", &slope)
            .list("dx", &dx)
            .list("difference", &difference))
    }
}

/// The engine's outputs of a layer, and its gradients for the inputs.
fn passed(layer: &str, x: &[f64], dy: &[f64]) -> (Vec<f64>, Vec<f64>) {
    const ROW: &str = "rows of one length";
    let mut g = Graph::new();
    let input = g.parameter("x", [x.len()]);
    let output = if layer == "sigmoid" { g.sigmoid(input) } else { g.relu(input) };
    // The sum of y · dy has the gradient dy for y.
    let upstream = g.constant(Tensor::new([x.len()], dy));
    let product = g.mul(output, upstream).expect(ROW);
    let sum = g.sum_all(product).expect(ROW);
    let options = Compile { loss: Some(sum), keep: vec![output], ..Compile::default() };
    let mut program = Program::new(g, &options).expect(ROW);
    program.run(&RunArgs { parameters: x, ..RunArgs::default() });
    (program.value(output).expect("it is kept").into_values(), program.gradients().to_vec())
}
