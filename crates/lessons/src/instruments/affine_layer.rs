//! An affine layer on a small batch, forward and backward: `Y = X · W + b`, and the gradients for `X`, `W` and `b`.

use super::*;
use graph::{Compile, Graph, Program, RunArgs, Tensor};

settings! {
    /// The instrument `affine_layer`: two samples of two numbers, three units.
    ///
    /// Values, row by row: the outputs `y_0`, …, and the gradients `dx_0`, …, `dw_0`, …, `db_0`, ….
    pub struct AffineLayer {
        /// The samples at first, row by row.
        x: Vec<f64> = vec![1.0, 2.0, 3.0, 4.0];
        /// The weights at first, row by row.
        weights: Vec<f64> = vec![0.1, 0.2, 0.3, 0.4, 0.5, 0.6];
        /// The biases at first.
        bias: Vec<f64> = vec![0.1, 0.2, 0.3];
        /// The gradients for the outputs at first, row by row.
        dy: Vec<f64> = vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    }
}

const SAMPLES: usize = 2;
const INPUTS: usize = 2;
const UNITS: usize = 3;
const SHAPES: &str = "shapes that fit";

impl Instrument for AffineLayer {
    fn controls(&self, language: Language) -> Vec<Control> {
        let say = |en, zh| language.say(en, zh);
        let numbers = |name, label, values: &[f64], n| {
            Control::numbers(name, label, values, [-1000.0, 1000.0], [n, n])
        };
        let gradients = say("gradients for Y, row by row", "对 Y 的梯度，逐行");
        vec![
            numbers("x", say("samples X, row by row", "样本 X，逐行"), &self.x, SAMPLES * INPUTS),
            numbers(
                "weights",
                say("weights W, row by row", "权重 W，逐行"),
                &self.weights,
                INPUTS * UNITS,
            ),
            numbers("bias", say("biases b", "偏置 b"), &self.bias, UNITS),
            numbers("dy", gradients, &self.dy, SAMPLES * UNITS),
        ]
    }

    fn run(&self, call: &InstrumentCall<'_>) -> Result<InstrumentOutput, LessonError> {
        let parts = ["x", "weights", "bias"].map(|name| call.numbers(name));
        let mut g = Graph::new();
        let x = g.parameter("X", [SAMPLES, INPUTS]);
        let weights = g.parameter("W", [INPUTS, UNITS]);
        let bias = g.parameter("b", [UNITS]);
        let product = g.matmul(x, weights).expect(SHAPES);
        let y = g.add(product, bias).expect(SHAPES);
        // The sum of Y · dY, element by element, has the gradient dY for Y.
        let dy = g.constant(Tensor::new([SAMPLES, UNITS], call.numbers("dy")));
        let weighted = g.mul(y, dy).expect(SHAPES);
        let sum = g.sum_all(weighted).expect(SHAPES);
        let options = Compile { loss: Some(sum), keep: vec![y], ..Compile::default() };
        let mut program = Program::new(g, &options).expect(SHAPES);
        program.run(&RunArgs { parameters: &parts.concat(), ..RunArgs::default() });
        let y = program.value(y).expect("it is kept").into_values();
        let (dx, rest) = program.gradients().split_at(SAMPLES * INPUTS);
        let (dw, db) = rest.split_at(INPUTS * UNITS);
        let sum_of = call.say("db = sum of the rows of dY", "db = dY 各行之和");
        Ok(InstrumentOutput::default()
            .figure(matrix("Y = X · W + b", UNITS, &y, CellMark::Forward))
            .figure(matrix("dX = dY · Wᵀ", INPUTS, dx, CellMark::Backward))
            .figure(matrix("dW = Xᵀ · dY", UNITS, dw, CellMark::Backward))
            .figure(matrix(sum_of, UNITS, db, CellMark::Backward))
            .list("y", &y)
            .list("dx", dx)
            .list("dw", dw)
            .list("db", db))
    }
}

/// A matrix as a table, its columns numbered from 0.
fn matrix(title: &str, columns: usize, values: &[f64], mark: CellMark) -> Figure {
    let heads: Vec<String> = (0..columns).map(|column| format!(">{column}")).collect();
    let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
    let cell = |&value: &f64| TableCell::marked(number(value, 5), mark);
    let rows = values.chunks(columns).map(|row| row.iter().map(cell).collect());
    Figure::table(&heads, rows).titled(title)
}
