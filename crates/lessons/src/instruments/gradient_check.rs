//! The gradient check of a network of two layers: gradients by back-propagation against finite differences, and what both cost.

use super::*;
use crate::instrument::RunsWhen;
use graph::op::{BackwardPass, ForwardPass, Op};
use graph::{Compile, Graph, NodeId, Program, RunArgs, Shape, Tensor, Tensors};
use kernels::random::Stream;
use nn::Loss;

settings! {
    /// The instrument `gradient_check`: three digits, a hidden layer with ReLU, ten classes, weights of standard deviation 0.01.
    ///
    /// Values: `parameters`; `passes`, the forward passes of all differences; `ratio`, how many times as many multiplications the
    /// differences cost. Of each tensor the mean magnitude of the difference between both gradients, `mean_w1`, `mean_b1`, `mean_w2`,
    /// `mean_b2`, and of the gradient, `size_w1`, ….
    pub struct TwoLayerCheck {
        /// Hidden units at first.
        hidden: usize = 50;
    }
}

const SAMPLES: usize = 3;
const PIXELS: usize = 784;
const CLASSES: usize = 10;
const DEVIATION: f64 = 0.01;
/// Elements of a tensor that are checked; of a larger tensor so many are drawn.
const CHECKED: usize = 200;
/// The streams of random numbers of weights and of drawn elements.
const STREAMS: [u64; 2] = [0x6368_6563, 0x6368_6564];
const FITS: &str = "shapes that fit";

impl Instrument for TwoLayerCheck {
    fn controls(&self, language: Language) -> Vec<Control> {
        let say = |en, zh| language.say(en, zh);
        let mistakes = [
            ("none", say("none", "没有")),
            ("relu", say("ReLU passes on every gradient", "ReLU 把所有梯度都传下去")),
        ];
        let mistake = say("mistake in the backward pass", "反向传播中的错误");
        vec![
            Control::whole("hidden", say("hidden units", "隐藏单元数"), self.hidden, [1, 100]),
            Control::number("exponent", say("exponent of h", "h 的指数"), -4.0, [-15.0, 0.0]),
            Control::choice("mistake", mistake, "none", &mistakes),
            Control::seed(say("seed", "随机种子"), 0),
        ]
    }

    fn runs(&self) -> RunsWhen {
        RunsWhen::OnRequest
    }

    fn run(&self, call: &InstrumentCall<'_>) -> Result<InstrumentOutput, LessonError> {
        let (hidden, h) = (call.whole("hidden"), 10_f64.powf(call.number("exponent")));
        let (graph, loss) = two_layers(hidden, call.text("mistake") == "relu");
        let tensors: Vec<_> = graph.parameters().collect();
        let names: Vec<String> =
            tensors.iter().map(|(node, _)| graph.node(*node).name().to_owned()).collect();
        let mut parameters = vec![0.0; graph.n_parameters()];
        let mut random = Stream::new(call.seed(), STREAMS[0]);
        for ((_, range), _) in tensors.iter().zip(&names).filter(|(_, name)| name.starts_with('W'))
        {
            let weights = &mut parameters[range.clone()];
            random.fill_normal(weights);
            weights.iter_mut().for_each(|weight| *weight *= DEVIATION);
        }
        let [pixels, labels] = batch(call)?;
        let inputs = &Tensors(&[&pixels, &labels]);
        let program = |loss, keep| {
            let options = Compile { batch: SAMPLES, loss, keep, ..Compile::default() };
            Program::new(graph.clone(), &options).expect("a small network")
        };
        let mut backward = program(Some(loss), Vec::new());
        backward.run(&RunArgs { parameters: &parameters, inputs, ..RunArgs::default() });
        let mut forward = program(None, vec![loss]);
        let mut loss_at = |parameters: &[f64]| {
            forward.run(&RunArgs { parameters, inputs, ..RunArgs::default() });
            forward.scalar(loss)
        };

        let mut output = InstrumentOutput::default();
        let mut rows = Vec::new();
        let mut random = Stream::new(call.seed(), STREAMS[1]);
        for ((_, range), name) in tensors.iter().zip(&names) {
            call.check_time()?;
            let drawn = |_| range.start + random.below(range.len() as u64) as usize;
            let elements: Vec<usize> = match range.len() {
                0..=CHECKED => range.clone().collect(),
                _ => (0..CHECKED).map(drawn).collect(),
            };
            let (mut difference, mut size) = (0.0, 0.0);
            for &element in &elements {
                let weight = parameters[element];
                let mut at = |weight: f64| {
                    parameters[element] = weight;
                    loss_at(&parameters)
                };
                let numerical = (at(weight + h) - at(weight - h)) / (2.0 * h);
                parameters[element] = weight;
                let gradient = backward.gradients()[element];
                difference += (gradient - numerical).abs() / elements.len() as f64;
                size += gradient.abs() / elements.len() as f64;
            }
            rows.push(vec![
                name.into(),
                range.len().to_string().into(),
                elements.len().to_string().into(),
                TableCell::marked(number(size, 2), CellMark::Backward),
                TableCell::marked(number(difference, 2), CellMark::Strong),
            ]);
            let tensor = name.to_lowercase();
            output = output
                .value(format!("mean_{tensor}"), difference)
                .value(format!("size_{tensor}"), size);
        }
        let heads = [
            call.say("<tensor", "<张量"),
            call.say(">elements", ">元素个数"),
            call.say(">checked", ">已检验"),
            call.say(">mean |gradient|", ">|梯度| 的均值"),
            call.say(">mean |difference|", ">|差| 的均值"),
        ];
        let cost = GradientCost::of(hidden);
        let costs = [
            (call.say("finite differences", "有限差分"), cost.differences),
            (call.say("back-propagation", "反向传播"), cost.back_propagation),
        ];
        let costs = costs.map(|(name, [forward, backward, products])| {
            let count = |n: usize| TableCell::from(number(n as f64, 12));
            vec![name.into(), count(forward), count(backward), count(products)]
        });
        let cost_heads = [
            call.say("<all gradients by", "<求全部梯度的方法"),
            call.say(">forward passes", ">前向次数"),
            call.say(">backward passes", ">反向次数"),
            call.say(">multiplications", ">乘法次数"),
        ];
        let [passes, _, products] = cost.differences;
        Ok(output
            .figure(Figure::table(&heads, rows).titled(call.say("Both gradients", "两种梯度")))
            .figure(Figure::table(&cost_heads, costs).titled(call.say("The cost", "代价")))
            .value("parameters", parameters.len() as f64)
            .value("passes", passes as f64)
            .value("ratio", products as f64 / cost.back_propagation[2] as f64))
    }
}

/// What all gradients cost: forward passes, backward passes, multiplications.
struct GradientCost {
    differences: [usize; 3],
    back_propagation: [usize; 3],
}

impl GradientCost {
    fn of(hidden: usize) -> Self {
        let [first, second] = [PIXELS * hidden, hidden * CLASSES].map(|weights| SAMPLES * weights);
        let passes = 2 * ((PIXELS + 1) * hidden + (hidden + 1) * CLASSES);
        // Backward there is a product for each weight, and in the second layer another for what it passes back.
        let backward = first + 2 * second;
        Self {
            differences: [passes, 0, passes * (first + second)],
            back_propagation: [1, 1, first + second + backward],
        }
    }
}

/// The first digits of the training set and their classes.
fn batch(call: &InstrumentCall<'_>) -> Result<[Tensor<f64>; 2], LessonError> {
    let digits = call.digits(SAMPLES, 1)?.train;
    let samples: Vec<_> = (0..SAMPLES).filter_map(|i| digits.labelled_sample(i)).collect();
    let pixels: Vec<f64> = samples
        .iter()
        .flat_map(|(pixels, _)| pixels)
        .map(|&byte| f64::from(byte) / 255.0)
        .collect();
    let labels: Vec<f64> = samples.iter().map(|&(_, label)| f64::from(label)).collect();
    Ok([Tensor::new([SAMPLES, PIXELS], pixels), Tensor::new([SAMPLES], labels)])
}

/// The network and its loss.
fn two_layers(hidden: usize, is_wrong: bool) -> (Graph<f64>, NodeId) {
    let mut g = Graph::new();
    let (x, labels) = (g.input("x", Shape::batch([PIXELS])), g.input("t", Shape::batch([])));
    let sums = affine(&mut g, x, ["W1", "b1"], [PIXELS, hidden]);
    let active = match is_wrong {
        true => g.push(ReluPassingAll, &[sums]).expect(FITS),
        false => g.relu(sums),
    };
    let scores = affine(&mut g, active, ["W2", "b2"], [hidden, CLASSES]);
    let loss = Loss::default().build(&mut g, scores, labels).expect(FITS);
    (g, loss)
}

fn affine(g: &mut Graph<f64>, x: NodeId, [weight, bias]: [&str; 2], shape: [usize; 2]) -> NodeId {
    let (weight, bias) = (g.parameter(weight, shape), g.parameter(bias, [shape[1]]));
    let product = g.matmul(x, weight).expect(FITS);
    g.add(product, bias).expect(FITS)
}

/// A ReLU with a mistake for the check to find: it passes on every gradient, as if it were not there.
struct ReluPassingAll;

impl Op<f64> for ReluPassingAll {
    fn name(&self) -> &'static str {
        "relu"
    }

    fn forward(&self, pass: ForwardPass<'_, f64>) {
        pass.map(|x| x.max(0.0));
    }

    fn backward(&self, pass: BackwardPass<'_, f64>) {
        pass.map(|_| 1.0);
    }
}
