//! The filters of a convolution before and after training, and what they make of a digit.

use super::*;
use crate::figure::SmallPicture;
use crate::instrument::RunsWhen;
use graph::Tensor;
use runs::Predictor;
use train::Trainer;

settings! {
    /// The instrument `convolution_filters`: convolution of 5 × 5, ReLU, max pooling, a linear layer.
    ///
    /// Values: `side` of a map; parameters of the convolution, `parameters`, and of a linear layer with as many outputs,
    /// `parameters_linear`; the correlation of neighbouring weights of a filter, `neighbours_before` and `neighbours_after`;
    /// the root of the mean square of the weights, `size_before` and `size_after`; `test_accuracy`.
    pub struct ConvolutionFilters {
        /// Filters at first.
        filters: usize = 8, |name, found: &usize| nn::registry::within_limit(name, *found, MOST_FILTERS);
        /// Steps at first.
        steps: usize = 200, |name, found: &usize| nn::registry::within_limit(name, *found, MOST_STEPS);
    }
}

const MOST_FILTERS: usize = 16;
const MOST_STEPS: usize = 400;
/// Digits for training and for testing.
const DIGITS: [usize; 2] = [3000, 1000];
/// Width and height of a digit and of a filter.
const SIDE: usize = 28;
const KERNEL: usize = 5;
/// The layers by their numbers in the model, from 0.
const CONVOLUTION: usize = 0;
const RELU: usize = 1;

impl Instrument for ConvolutionFilters {
    fn controls(&self, language: Language) -> Vec<Control> {
        let say = |en, zh| language.say(en, zh);
        let deviation = say("standard deviation of the initial weights", "初始权重的标准差");
        vec![
            Control::whole(
                "filters",
                say("filters", "滤波器个数"),
                self.filters,
                [1, MOST_FILTERS],
            ),
            Control::whole("steps", say("steps", "步数"), self.steps, [1, MOST_STEPS]),
            Control::number("deviation", deviation, 0.01, [0.001, 0.3]).log(),
            Control::whole("digit", say("digit that is shown", "显示的数字"), 7, [0, 9]),
            Control::seed(say("seed", "随机种子"), 0),
        ]
    }

    fn runs(&self) -> RunsWhen {
        RunsWhen::OnRequest
    }

    fn run(&self, call: &InstrumentCall<'_>) -> Result<InstrumentOutput, LessonError> {
        let filters = call.whole("filters");
        let digits = call.digits(DIGITS[0], DIGITS[1])?;
        let mut trainer = call.trainer(&experiment(call), &[], digits)?;
        let mut output = InstrumentOutput::default();
        let before = Filters::of(&trainer);
        let title = call.say("Filters before the training", "训练前的滤波器");
        output = output.figure(before.pictures().titled(title));
        for _ in 0..trainer.steps_planned() {
            if call.train_step(&mut trainer)?.is_none() {
                return Err(call.mistake("deviation", "a smaller number: the training diverged"));
            }
        }
        let after = Filters::of(&trainer);
        let title = call.say("Filters after the training", "训练后的滤波器");
        output = output.figure(after.pictures().titled(title));
        let test = trainer.test_set();
        let mut samples = (0..test.len()).filter_map(|i| test.labelled_sample(i));
        if let Some((digit, _)) = samples.find(|(_, label)| *label as usize == call.whole("digit"))
        {
            let title =
                call.say("A digit, and its maps behind ReLU", "一个数字，以及经过 ReLU 的特征图");
            output = output.figure(maps(&trainer, &digit)?.titled(title));
        }
        let side = SIDE - KERNEL + 1;
        let test_accuracy = call.accuracy(&trainer, test)?;
        let heads = ["<", call.say(">before", ">训练前"), call.say(">after", ">训练后")];
        let row = |name: &str, [before, after]: [f64; 2]| {
            vec![name.into(), TableCell::from(number(before, 3)), number(after, 3).into()]
        };
        let [size, neighbours] = [Filters::size, Filters::neighbours]
            .map(|of: fn(&Filters) -> f64| [of(&before), of(&after)]);
        let rows = [
            row(call.say("size of a weight", "权重的大小"), size),
            row(call.say("correlation of neighbouring weights", "相邻权重的相关系数"), neighbours),
        ];
        Ok(output
            .figure(Figure::table(&heads, rows))
            .value("side", side as f64)
            .value("parameters", (filters * (KERNEL * KERNEL + 1)) as f64)
            .value("parameters_linear", ((SIDE * SIDE + 1) * filters * side * side) as f64)
            .value("size_before", size[0])
            .value("size_after", size[1])
            .value("neighbours_before", neighbours[0])
            .value("neighbours_after", neighbours[1])
            .value("test_accuracy", test_accuracy))
    }
}

fn experiment(call: &InstrumentCall<'_>) -> String {
    let (filters, steps, seed) = (call.whole("filters"), call.whole("steps"), call.seed());
    let deviation = call.number("deviation");
    format!(
        "[data]
        source = 'memory'
        [model]
        input = [28, 28, 1]
        weight_init = {{ kind = 'normal', deviation = {deviation:?} }}
        layers = [
            {{ kind = 'conv2d', filters = {filters}, kernel = {KERNEL} }}, 'relu',
            {{ kind = 'max_pool2d', size = 2 }}, 'flatten', {{ kind = 'linear', units = 10 }},
        ]
        [train]
        optimizer = {{ kind = 'adam', epsilon = 1e-7 }}
        schedule = {{ kind = 'constant', learning_rate = 0.003 }}
        batch = 100
        steps = {steps}
        seed = {seed}"
    )
}

/// The weights of each filter, row by row.
struct Filters(Vec<Vec<f32>>);

impl Filters {
    fn of(trainer: &Trainer) -> Self {
        let weight = &trainer.model().parameters[CONVOLUTION];
        let values = &trainer.current().parameters[weight.range.clone()];
        // [height, width, 1, filters]: a filter is a column.
        let filters = weight.shape[3];
        let of = |filter: usize| values.iter().skip(filter).step_by(filters).copied().collect();
        Self((0..filters).map(of).collect())
    }

    /// Each as a picture; the largest weight of all has the full colour.
    fn pictures(&self) -> Figure {
        let largest = self.0.iter().flatten().fold(0.0, |largest: f32, w| largest.max(w.abs()));
        let picture = |(i, filter): (usize, &Vec<f32>)| {
            SmallPicture::signed((i + 1).to_string(), KERNEL, largest, filter.iter().copied())
        };
        Figure::pictures(8, self.0.iter().enumerate().map(picture).collect())
    }

    /// The root of the mean square.
    fn size(&self) -> f64 {
        mean_of(self.0.iter().flatten().map(|&w| f64::from(w).powi(2))).sqrt()
    }

    /// The mean product of weights beside and below each other over the mean square.
    fn neighbours(&self) -> f64 {
        let products = self.0.iter().flat_map(|filter| {
            let at = |y: usize, x: usize| f64::from(filter[y * KERNEL + x]);
            let ways = (0..KERNEL).flat_map(|i| (1..KERNEL).map(move |j| (i, j)));
            ways.flat_map(move |(i, j)| [at(i, j - 1) * at(i, j), at(j - 1, i) * at(j, i)])
                .collect::<Vec<_>>()
        });
        mean_of(products) / self.size().powi(2)
    }
}

/// A digit, and what the trained filters make of it.
fn maps(trainer: &Trainer, digit: &[f32]) -> Result<Figure, LessonError> {
    let mut predictor = Predictor::with_activations(trainer.saved().clone(), 1)
        .map_err(|error| LessonError::engine(&error))?;
    predictor.predict(digit).map_err(|error| LessonError::engine(&error))?;
    let maps: Tensor<f32> = predictor.activations(RELU).expect("the network has a ReLU");
    let filters = maps.shape().last().copied().unwrap_or(1);
    let largest = maps.values().iter().fold(f32::MIN_POSITIVE, |largest, &v| largest.max(v));
    let map = |filter: usize| {
        let values = maps.values().iter().skip(filter).step_by(filters);
        let ink = values.map(|value| (255.0 * value / largest) as u8);
        SmallPicture::grey((filter + 1).to_string(), SIDE - KERNEL + 1, ink)
    };
    let digit = SmallPicture::grey("", SIDE, digit.iter().map(|&pixel| pixel as u8));
    Ok(Figure::pictures(9, std::iter::once(digit).chain((0..filters).map(map)).collect()))
}
