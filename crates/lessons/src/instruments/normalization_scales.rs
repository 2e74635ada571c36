//! Training with and without batch normalisation, from sixteen scales of the initial weights, as in chapter 6 of "Deep
//! Learning from Scratch".

use super::*;
use crate::figure::{Series, SeriesMark};
use crate::instrument::RunsWhen;
use nn::registry::{InvalidSetting, within_limit};
use runs::Split;

settings! {
    /// The instrument `normalization_scales`: a network of equal hidden layers is trained from each of sixteen scales, the
    /// standard deviation of its initial weights, from 1 to 0.0001.
    ///
    /// Values, of scale 1 to 16: the training accuracy in the end `with_1` and `without_1`; how many of them reach 0.7,
    /// `reach_with` and `reach_without`. With several seeds accuracies are means.
    pub struct NormalizationScales {
        /// Digits for training, from the first.
        train: usize = 500, |name, found: &usize| within_limit(name, *found, 1000);
        /// Units of a hidden layer.
        units: usize = 50, |name, found: &usize| within_limit(name, *found, 100);
        /// Samples of a batch.
        batch: usize = 50, |name, found: &usize| within_limit(name, *found, 100);
        /// The learning rate at first.
        learning_rate: f64 = 0.02, rate;
        /// Seeds that are trained, beginning with the reader's.
        seeds: usize = 1, |name, found: &usize| within_limit(name, *found, 3);
    }
}

const SCALES: usize = 16;
/// Passes over the training set, as in the book.
const EPOCHS: f64 = 20.0;
/// The accuracy that counts as trained.
const TRAINED: f64 = 0.7;
const RATES: [f64; 2] = [0.001, 0.5];

fn rate(name: &str, found: &f64) -> Result<(), InvalidSetting> {
    let is_in_range = (RATES[0]..=RATES[1]).contains(found);
    nn::registry::require(is_in_range, name, *found, "a learning rate from 0.001 to 0.5")
}

/// Scale `i` of 0 to 15: equal factors from 1 to 0.0001.
fn scale(i: usize) -> f64 {
    10_f64.powf(-4.0 * i as f64 / (SCALES - 1) as f64)
}

impl Instrument for NormalizationScales {
    fn controls(&self, language: Language) -> Vec<Control> {
        let say = |en, zh| language.say(en, zh);
        let rate = say("learning rate", "学习率");
        vec![
            Control::number("learning_rate", rate, self.learning_rate, RATES).log(),
            Control::whole("hidden", say("hidden layers", "隐藏层数"), 5, [1, 5]),
            Control::seed(say("seed", "随机种子"), 0),
        ]
    }

    fn runs(&self) -> RunsWhen {
        RunsWhen::OnRequest
    }

    fn run(&self, call: &InstrumentCall<'_>) -> Result<InstrumentOutput, LessonError> {
        // Nothing is tested: the book shows the training accuracy.
        let digits = call.digits(self.train, 1)?;
        let mut accuracies = [[0.0; SCALES]; 2];
        for (i, seed) in (0..SCALES).flat_map(|i| (0..self.seeds as u64).map(move |s| (i, s))) {
            for (normalized, accuracies) in [true, false].into_iter().zip(&mut accuracies) {
                let found = self.train(call, &digits, normalized, scale(i), call.seed() + seed)?;
                accuracies[i] += found / self.seeds as f64;
            }
        }
        let [with, without] = &accuracies;
        let heads = [
            ">",
            call.say(">scale", ">尺度"),
            call.say(">with batch normalisation", ">有批量规范化"),
            call.say(">without", ">没有"),
        ];
        let accuracy = |value: f64| {
            let mark = (value >= TRAINED).then_some(CellMark::Strong);
            TableCell { text: number(value, 3), mark }
        };
        let rows = (0..SCALES).map(|i| {
            let n = TableCell::from((i + 1).to_string());
            vec![n, number(scale(i), 2).into(), accuracy(with[i]), accuracy(without[i])]
        });
        let names = [
            call.say("with batch normalisation", "有批量规范化"),
            call.say("without", "没有批量规范化"),
        ];
        let lines = names.iter().zip(&accuracies).map(|(name, accuracies)| {
            let points: Vec<[f64; 2]> = (0..SCALES).map(|i| [scale(i), accuracies[i]]).collect();
            Series::new(*name, SeriesMark::Line, &points)
        });
        let x = PlotAxis::new(
            call.say("standard deviation of the initial weights", "初始权重的标准差"),
        );
        let y = PlotAxis::new(call.say("training accuracy", "训练准确率")).range(0.0, 1.0);
        let reach = |accuracies: &[f64]| {
            accuracies.iter().filter(|accuracy| **accuracy >= TRAINED).count() as f64
        };
        let mut output = InstrumentOutput::default()
            .figure(Figure::plot(x.log(), y, lines.collect()))
            .figure(Figure::table(&heads, rows))
            .value("reach_with", reach(with))
            .value("reach_without", reach(without));
        for (name, accuracies) in ["with", "without"].iter().zip(&accuracies) {
            for (i, accuracy) in accuracies.iter().enumerate() {
                output = output.value(format!("{name}_{}", i + 1), *accuracy);
            }
        }
        Ok(output)
    }
}

impl NormalizationScales {
    /// The training accuracy in the end, or before a number was not finite.
    fn train(
        &self,
        call: &InstrumentCall<'_>,
        digits: &Split,
        is_normalized: bool,
        scale: f64,
        seed: u64,
    ) -> Result<f64, LessonError> {
        let Self { units, batch, .. } = self;
        let [rate, scale] = [call.number("learning_rate"), scale].map(|value| format!("{value:?}"));
        // Constants of the book.
        let normalization =
            "{ kind = 'batch_norm', epsilon = 1e-6, momentum = 0.9, warmup = false }, ";
        let normalization = if is_normalized { normalization } else { "" };
        let hidden = format!("{{ kind = 'linear', units = {units} }}, {normalization}'relu', ");
        let hidden = hidden.repeat(call.whole("hidden"));
        let experiment = format!(
            "[data]
            source = 'memory'
            [model]
            input = [28, 28, 1]
            weight_init = {{ kind = 'normal', deviation = {scale} }}
            layers = ['flatten', {hidden}{{ kind = 'linear', units = 10 }}]
            [train]
            optimizer = 'sgd'
            schedule = {{ kind = 'constant', learning_rate = {rate} }}
            batch = {batch}
            order = 'with_replacement'
            epochs = {EPOCHS:?}
            seed = {seed}"
        );
        let mut trainer = call.trainer(&experiment, &[], digits.clone())?;
        for _ in 0..trainer.steps_planned() {
            if call.train_step(&mut trainer)?.is_none() {
                break;
            }
        }
        call.accuracy(&trainer, trainer.train_set())
    }
}
