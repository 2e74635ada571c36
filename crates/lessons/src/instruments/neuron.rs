//! A neuron by hand: each input times its weight, the bias, an activation function.

use super::*;

settings! {
    /// The instrument `neuron`.
    ///
    /// Values: `product_0`, …, the sum `z`, the output `y`.
    pub struct Neuron {
        /// The inputs at first.
        inputs: Vec<f64> = vec![1.0, 2.0];
        /// The weights at first, one for each input.
        weights: Vec<f64> = vec![0.5, -0.25];
        /// The bias at first.
        bias: f64 = 0.5;
        /// The activation at first.
        activation: String = "sigmoid".to_owned();
    }
}

/// Inputs at most.
const MOST: usize = 8;

impl Instrument for Neuron {
    fn controls(&self, language: Language) -> Vec<Control> {
        let range = [-1000.0, 1000.0];
        let n = [self.inputs.len(), MOST];
        let activations = [
            ("none", language.say("none", "无")),
            ("step", language.say("step function", "阶跃函数")),
            ("sigmoid", "sigmoid"),
            ("relu", "ReLU"),
        ];
        let say = |en, zh| language.say(en, zh);
        vec![
            Control::numbers("inputs", say("inputs", "输入"), &self.inputs, range, [1, n[1]]),
            Control::numbers("weights", say("weights", "权重"), &self.weights, range, [1, n[1]]),
            Control::number("bias", say("bias", "偏置"), self.bias, range),
            Control::choice(
                "activation",
                say("activation", "激活函数"),
                &self.activation,
                &activations,
            ),
        ]
    }

    fn run(&self, call: &InstrumentCall<'_>) -> Result<InstrumentOutput, LessonError> {
        let (inputs, weights) = (call.numbers("inputs"), call.numbers("weights"));
        if inputs.len() != weights.len() {
            let expected = format!("as many weights as inputs ({})", inputs.len());
            return Err(call.mistake("weights", expected));
        }
        let bias = call.number("bias");
        let products: Vec<f64> = inputs.iter().zip(weights).map(|(x, w)| x * w).collect();
        let z = products.iter().sum::<f64>() + bias;
        let (formula, y) = match call.text("activation") {
            "step" => ("z > 0 ? 1 : 0", f64::from(u8::from(z > 0.0))),
            "sigmoid" => ("1 / (1 + e^−z)", 1.0 / (1.0 + (-z).exp())),
            "relu" => ("max(0, z)", z.max(0.0)),
            _ => ("z", z),
        };
        let heads = [
            "<".to_owned(),
            format!(">{}", call.say("input", "输入")),
            format!(">{}", call.say("weight", "权重")),
            format!(">{}", call.say("product", "乘积")),
        ];
        let mut rows: Vec<Vec<TableCell>> = Vec::new();
        for (i, ((&x, &w), &product)) in inputs.iter().zip(weights).zip(&products).enumerate() {
            rows.push(vec![format!("x{}", i + 1).into(), cell(x), cell(w), cell(product)]);
        }
        let total = |name: &str, value: f64, mark: Option<CellMark>| {
            let text = number(value, 6);
            let last = TableCell { text, mark };
            vec![name.into(), "".into(), "".into(), last]
        };
        rows.push(total(call.say("bias b", "偏置 b"), bias, None));
        rows.push(total(call.say("sum z", "总和 z"), z, Some(CellMark::Strong)));
        rows.push(total(&format!("y = {formula}"), y, Some(CellMark::Forward)));
        let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
        Ok(InstrumentOutput::default()
            .figure(Figure::table(&heads, rows))
            .list("product", &products)
            .value("z", z)
            .value("y", y))
    }
}
