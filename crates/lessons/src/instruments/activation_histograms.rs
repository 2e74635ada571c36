//! Activations of five layers at the beginning of training, for several initial weights: histograms as in chapter 6 of "Deep
//! Learning from Scratch".

use super::*;
use crate::figure::{FigureContent, HistogramPanel};
use graph::{Compile, Program, RunArgs, Shape, Tensor, Tensors};
use kernels::random::Stream;
use nn::init::{HeNormal, Initializer, Normal, XavierNormal};
use nn::{Mode, Network, Objective};

settings! {
    /// The instrument `activation_histograms`: 1,000 samples of 100 normal numbers through five layers of 100 units.
    ///
    /// Values, of layer 1 to 5: `mean_1`, `deviation_1`, and the fraction of the activations within 0.05 of the ends of their
    /// range, `saturated_1`.
    pub struct ActivationHistograms {
        /// The activation at first: `sigmoid`, `tanh` or `relu`.
        activation: String = "sigmoid".to_owned();
        /// The initial weights at first: `one`, `small`, `xavier` or `he`.
        weights: String = "one".to_owned();
    }
}

const SAMPLES: usize = 1000;
const UNITS: usize = 100;
const LAYERS: usize = 5;
const BUCKETS: usize = 30;
/// The stream of random numbers of the samples.
const STREAM: u64 = 0x6c65_7373;

impl Instrument for ActivationHistograms {
    fn controls(&self, language: Language) -> Vec<Control> {
        let say = |en, zh| language.say(en, zh);
        let activations = [("sigmoid", "sigmoid"), ("tanh", "tanh"), ("relu", "ReLU")];
        let weights = [
            ("one", say("standard deviation 1", "标准差 1")),
            ("small", say("standard deviation 0.01", "标准差 0.01")),
            ("xavier", "Xavier"),
            ("he", "He"),
        ];
        vec![
            Control::choice(
                "activation",
                say("activation", "激活函数"),
                &self.activation,
                &activations,
            ),
            Control::choice("weights", say("initial weights", "初始权重"), &self.weights, &weights),
            Control::seed(say("seed", "随机种子"), 0),
        ]
    }

    fn run(&self, call: &InstrumentCall<'_>) -> Result<InstrumentOutput, LessonError> {
        let init: Initializer = match call.text("weights") {
            "one" => Normal { mean: 0.0, deviation: 1.0 }.into(),
            "small" => Normal { mean: 0.0, deviation: 0.01 }.into(),
            "xavier" => XavierNormal::default().into(),
            _ => HeNormal {}.into(),
        };
        let activation = call.text("activation");
        let range = match activation {
            "sigmoid" => [0.0, 1.0],
            "tanh" => [-1.0, 1.0],
            _ => [0.0, 3.0],
        };
        let mut builder = Network::builder([UNITS]).weight_init(init);
        for _ in 0..LAYERS {
            builder = builder.linear(UNITS);
            builder = match activation {
                "sigmoid" => builder.sigmoid(),
                "tanh" => builder.tanh(),
                _ => builder.relu(),
            };
        }
        let network = builder.build().expect("layers that fit");
        let objective = Objective::default();
        let model = network.model::<f32>(Mode::Evaluate, &objective, UNITS, Shape::batch([]));
        let model = model.expect("layers that fit");
        let activations: Vec<_> =
            model.layers.iter().skip(1).step_by(2).map(|layer| layer.node).collect();
        let options = Compile { batch: SAMPLES, keep: activations.clone(), ..Compile::default() };
        let mut program = Program::new(model.graph.clone(), &options).expect("a small network");
        let mut samples = vec![0.0; SAMPLES * UNITS];
        Stream::new(call.seed(), STREAM).fill_normal(&mut samples);
        let samples: Vec<f32> = samples.into_iter().map(|value| value as f32).collect();
        let samples = Tensor::new([SAMPLES, UNITS], samples);
        let labels = Tensor::new([SAMPLES], vec![0.0; SAMPLES]);
        let parameters = model.initial_parameters(call.seed());
        let inputs = &Tensors(&[&samples, &labels]);
        program.run(&RunArgs {
            pool: Some(&call.pool()),
            parameters: &parameters,
            inputs,
            ..RunArgs::default()
        });
        let mut output = InstrumentOutput::default();
        let (mut panels, mut rows) = (Vec::new(), Vec::new());
        for (i, &node) in activations.iter().enumerate() {
            let values = program.value(node).expect("it is kept").into_values();
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let n = values.len() as f64;
            let mean = values.iter().sum::<f64>() / n;
            let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n;
            let [low, high] = range;
            let at_end = |value: &&f64| **value < low + 0.05 || **value > high - 0.05;
            let saturated = values.iter().filter(at_end).count() as f64 / n;
            let layer = i + 1;
            output = output
                .value(format!("mean_{layer}"), mean)
                .value(format!("deviation_{layer}"), variance.sqrt())
                .value(format!("saturated_{layer}"), saturated);
            rows.push(vec![
                layer.to_string().into(),
                TableCell::from(number(mean, 3)),
                number(variance.sqrt(), 3).into(),
                number(saturated, 3).into(),
            ]);
            let caption = format!("{} {layer}", call.say("layer", "层"));
            panels.push(HistogramPanel::count(caption, range, BUCKETS, values));
        }
        let x = PlotAxis::new(call.say("activation", "激活值"));
        let heads = [
            call.say(">layer", ">层"),
            call.say(">mean", ">均值"),
            call.say(">standard deviation", ">标准差"),
            call.say(">fraction at the ends", ">位于两端的比例"),
        ];
        Ok(output
            .figure(FigureContent::Histograms { x, panels }.into())
            .figure(Figure::table(&heads, rows)))
    }
}
