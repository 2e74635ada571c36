//! Training runs on few digits, side by side: an experiment, and what differs from run to run.

use std::collections::BTreeMap;

use super::*;
use crate::Wording;
use crate::figure::{Series, SeriesMark, SmallPicture};
use crate::instrument::RunsWhen;
use nn::registry::{require, within_limit};
use runs::Split;
use train::Trainer;

settings! {
    /// The instrument `training`.
    ///
    /// Values, of variant 1 and so on: the mean training loss over the last tenth of the steps `loss_1`, `train_accuracy_1`,
    /// `test_accuracy_1`, `gap_1` between both, with a validation set `validation_accuracy_1`. With several seeds they are means, with the least and the largest test accuracy
    /// `lowest_1` and `highest_1`, their standard deviation `deviation_1` and the standard error of their mean
    /// `standard_error_1`; of two variants `reversed`, the share of the pairs, a run of each, in which the one with the
    /// smaller mean wins.
    pub struct TrainingRuns {
        /// The experiment as TOML, with `source = "memory"`.
        experiment: String;
        /// Digits for training, from the first.
        train: usize = 300, digits;
        /// Digits for testing, from the first.
        test: usize = 1000, digits;
        /// What is trained side by side.
        variants: Vec<TrainingVariant> = Vec::new();
        /// What the reader can set.
        settings: Vec<TrainingSetting> = Vec::new();
        /// Seeds that are trained of each variant, beginning with the reader's.
        seeds: usize = 1, seeds;
        /// Ranges of steps whose mean training loss is a value: of `[91, 100]` and variant 1 `loss_1_from_91`.
        losses: Vec<[u64; 2]> = Vec::new();
        /// The index of a layer, from 1, whose weights are shown as pictures: a linear layer that reads the digits.
        weights: Option<usize> = None;
        /// Points of curves of the accuracies, which are measured on at most 1,000 digits; without curves 0.
        accuracy_points: usize = 0, |name, points: &usize| require(*points <= 50, name, points, "at most 50");
    }
}

/// A variant of the experiment.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingVariant {
    /// What it is called.
    pub name: Wording,
    /// Settings by their paths, such as `train.optimizer = '"adam"'`.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
}

/// A setting that the reader changes.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingSetting {
    /// The name of its control.
    pub name: String,
    /// What it is called.
    pub label: Wording,
    /// Its path in the experiment; none for `train`, `test` and other names of this instrument.
    pub path: String,
    /// The value at first.
    pub value: f64,
    /// From and to.
    pub range: [f64; 2],
    /// Whether it is a whole number.
    #[serde(default)]
    pub whole: bool,
    /// Whether the slider is logarithmic.
    #[serde(default)]
    pub log: bool,
}

/// Points of a curve.
const CURVE_POINTS: u64 = 100;
/// Digits on which a point of a curve of accuracies is measured, of each set.
const CURVE_DIGITS: usize = 1000;

fn digits(name: &str, found: &usize) -> Result<(), nn::registry::InvalidSetting> {
    within_limit(name, *found, 60_000)
}

fn seeds(name: &str, found: &usize) -> Result<(), nn::registry::InvalidSetting> {
    within_limit(name, *found, 30)
}

/// What one run found.
struct Trained {
    curve: Vec<[f64; 2]>,
    /// Of training and test digits.
    accuracies: [Vec<[f64; 2]>; 2],
    loss: f64,
    /// Those of [`TrainingRuns::losses`].
    losses: Vec<f64>,
    train_accuracy: f64,
    test_accuracy: f64,
    validation_accuracy: Option<f64>,
    trainer: Trainer,
    /// The step at which a number was not finite.
    diverged: Option<u64>,
}

impl Instrument for TrainingRuns {
    fn controls(&self, language: Language) -> Vec<Control> {
        let settings = self.settings.iter().map(|setting| {
            let label = setting.label.in_language(language);
            let control = Control::number(&setting.name, label, setting.value, setting.range);
            let control = if setting.whole { control.whole_numbers() } else { control };
            if setting.log { control.log() } else { control }
        });
        let seed = Control::seed(language.say("seed", "随机种子"), 0);
        settings.chain([seed]).collect()
    }

    fn runs(&self) -> RunsWhen {
        RunsWhen::OnRequest
    }

    fn run(&self, call: &InstrumentCall<'_>) -> Result<InstrumentOutput, LessonError> {
        let data = call.digits(self.train, self.test)?;
        let one = [TrainingVariant { name: named("network", "网络"), set: BTreeMap::new() }];
        let variants = if self.variants.is_empty() { &one[..] } else { &self.variants };
        let mut output = InstrumentOutput::default();
        let (mut series, mut rows, mut dots) = (Vec::new(), Vec::new(), Vec::new());
        let mut accuracies = Vec::new();
        let mut last = None;
        for (i, variant) in variants.iter().enumerate() {
            let name = variant.name.in_language(call.language);
            let seeds = (0..self.seeds as u64).map(|seed| call.seed() + seed);
            let mut trained = Vec::new();
            for seed in seeds {
                trained.push(self.train(call, variant, seed, &data)?);
            }
            let mean = |of: fn(&Trained) -> f64| mean_of(trained.iter().map(of));
            let [loss, train, test] = [
                mean(|run| run.loss),
                mean(|run| run.train_accuracy),
                mean(|run| run.test_accuracy),
            ];
            let tests = || trained.iter().map(|run| run.test_accuracy);
            let [lowest, highest] = [tests().fold(1.0, f64::min), tests().fold(0.0, f64::max)];
            let n = i + 1;
            output = output
                .value(format!("loss_{n}"), loss)
                .value(format!("train_accuracy_{n}"), train)
                .value(format!("test_accuracy_{n}"), test)
                .value(format!("gap_{n}"), train - test)
                .value(format!("lowest_{n}"), lowest)
                .value(format!("highest_{n}"), highest);
            for (i, [from, _]) in self.losses.iter().enumerate() {
                let loss = mean_of(trained.iter().map(|run| run.losses[i]));
                output = output.value(format!("loss_{n}_from_{from}"), loss);
            }
            let mut row: Vec<TableCell> = vec![
                name.into(),
                number(loss, 4).into(),
                accuracy_cell(train),
                accuracy_cell(test),
            ];
            if self.seeds > 1 {
                let squares = tests().map(|accuracy| (accuracy - test).powi(2)).sum::<f64>();
                let deviation = (squares / (self.seeds - 1) as f64).sqrt();
                row.extend([lowest, highest, deviation].map(accuracy_cell));
                output = output
                    .value(format!("deviation_{n}"), deviation)
                    .value(format!("standard_error_{n}"), deviation / (self.seeds as f64).sqrt());
            }
            if trained.iter().all(|run| run.validation_accuracy.is_some()) {
                let validation = mean(|run| run.validation_accuracy.unwrap_or(f64::NAN));
                output = output.value(format!("validation_accuracy_{n}"), validation);
                row.push(accuracy_cell(validation));
            }
            rows.push(row);
            series.push(Series::new(name, SeriesMark::Line, &trained[0].curve));
            let [of_train, of_test] = &trained[0].accuracies;
            let of = |set| format!("{name}, {set}");
            let [train, test] = [call.say("training", "训练"), call.say("test", "测试")];
            accuracies.push(Series::new(of(train), SeriesMark::Dashed, of_train));
            accuracies.push(Series::new(of(test), SeriesMark::Line, of_test));
            let dot = |accuracy| [n as f64, accuracy];
            dots.push(Series::new(name, SeriesMark::Points, &tests().map(dot).collect::<Vec<_>>()));
            for step in trained.iter().filter_map(|run| run.diverged) {
                output = output.note(match call.language {
                    Language::En => {
                        format!("{name}: diverged at step {step}; the numbers are those before it.")
                    }
                    Language::Zh => format!("{name}：在第 {step} 步发散；表中是此前的数值。"),
                });
            }
            last = trained.pop();
        }
        let [step, loss] = [call.say("step", "步"), call.say("training loss", "训练损失")];
        let mut heads = vec![
            "<",
            call.say(">training loss", ">训练损失"),
            call.say(">training accuracy", ">训练准确率"),
            call.say(">test accuracy", ">测试准确率"),
        ];
        if self.seeds > 1 {
            heads.extend([
                call.say(">lowest", ">最低"),
                call.say(">highest", ">最高"),
                call.say(">standard deviation", ">标准差"),
            ]);
            if let [a, b] = &dots[..] {
                output = output.value("reversed", reversed(&a.y, &b.y));
            }
        }
        if heads.len() < rows[0].len() {
            heads.push(call.say(">validation accuracy", ">验证准确率"));
        }
        output =
            output.figure(Figure::plot(PlotAxis::new(step), PlotAxis::new(loss).log(), series));
        if self.accuracy_points > 0 {
            let y = PlotAxis::new(call.say("accuracy", "准确率")).range(0.0, 1.0);
            output = output.figure(Figure::plot(PlotAxis::new(step), y, accuracies));
        }
        if self.seeds > 1 {
            let title = match call.language {
                Language::En => format!("Test accuracy of {} seeds", self.seeds),
                Language::Zh => format!("{} 个随机种子的测试准确率", self.seeds),
            };
            let x =
                PlotAxis::new(call.say("variant", "方案")).range(0.5, variants.len() as f64 + 0.5);
            let y = PlotAxis::new(call.say("test accuracy", "测试准确率"));
            output = output.figure(Figure::plot(x, y, dots).titled(title));
        }
        output = output.figure(Figure::table(&heads, rows));
        let pictures = self.weights.zip(last).map(|(layer, run)| weights(&run.trainer, layer));
        output.figures.extend(pictures);
        Ok(output)
    }
}

impl TrainingRuns {
    fn train(
        &self,
        call: &InstrumentCall<'_>,
        variant: &TrainingVariant,
        seed: u64,
        data: &Split,
    ) -> Result<Trained, LessonError> {
        let numeral = |setting: &TrainingSetting| match setting.whole {
            true => call.whole(&setting.name).to_string(),
            // A number in TOML has a point.
            false => format!("{:?}", call.number(&setting.name)),
        };
        let read = self.settings.iter().map(|setting| (setting.path.clone(), numeral(setting)));
        let seed = [("train.seed".to_owned(), seed.to_string())];
        let of_variant = variant.set.clone().into_iter();
        let settings: Vec<(String, String)> = read.chain(of_variant).chain(seed).collect();
        let mut trainer = call.trainer(&self.experiment, &settings, data.clone())?;
        let steps = trainer.steps_planned();
        let every = steps.div_ceil(CURVE_POINTS).max(1);
        let measured = match self.accuracy_points as u64 {
            0 => u64::MAX,
            points => steps.div_ceil(points),
        };
        let few =
            [trainer.train_set(), trainer.test_set()].map(|set| set.clone().take(CURVE_DIGITS));
        let mut accuracies = [Vec::new(), Vec::new()];
        let (mut curve, mut window, mut tail) = (Vec::new(), Vec::new(), Vec::new());
        let mut losses = vec![Vec::new(); self.losses.len()];
        let mut diverged = None;
        for step in 1..=steps {
            let Some(finished) = call.train_step(&mut trainer)? else {
                diverged = Some(step);
                break;
            };
            let loss = finished.metrics.loss();
            window.push(loss);
            for (range, losses) in self.losses.iter().zip(&mut losses) {
                if (range[0]..=range[1]).contains(&step) {
                    losses.push(loss);
                }
            }
            if step > steps - steps.div_ceil(10) {
                tail.push(loss);
            }
            if step % every == 0 {
                curve.push([step as f64, mean_of(window.drain(..))]);
            }
            if step % measured == 0 {
                for (curve, set) in accuracies.iter_mut().zip(&few) {
                    curve.push([step as f64, call.accuracy(&trainer, set)?]);
                }
            }
        }
        let accuracy = |set| call.accuracy(&trainer, set);
        let [train_accuracy, test_accuracy] =
            [accuracy(trainer.train_set())?, accuracy(trainer.test_set())?];
        let validation_accuracy = trainer.validation_set().map(accuracy).transpose()?;
        let loss = if diverged.is_some() { f64::NAN } else { mean_of(tail) };
        Ok(Trained {
            curve,
            accuracies,
            loss,
            losses: losses.into_iter().map(mean_of).collect(),
            train_accuracy,
            test_accuracy,
            validation_accuracy,
            trainer,
            diverged,
        })
    }
}

fn named(en: &str, zh: &str) -> Wording {
    Wording { en: en.to_owned(), zh: zh.to_owned() }
}

fn accuracy_cell(accuracy: f64) -> TableCell {
    format!("{accuracy:.3}").into()
}

/// The share of the pairs, a number of each, that have the other order than the means. Half of a draw counts.
fn reversed(a: &[f64], b: &[f64]) -> f64 {
    let sign = if mean_of(a.iter().copied()) < mean_of(b.iter().copied()) { 1.0 } else { -1.0 };
    let pairs = a.iter().flat_map(|a| b.iter().map(move |b| a - b));
    mean_of(pairs.map(|gap| match sign * gap {
        0.0 => 0.5,
        gap if gap > 0.0 => 1.0,
        _ => 0.0,
    }))
}

/// The weights of each unit of a linear layer that reads the digits, as a picture.
fn weights(trainer: &Trainer, layer: usize) -> Figure {
    let model = trainer.model();
    let prefix = format!("{layer}.");
    let weight = model.parameters.iter().find(|parameter| {
        parameter.path.starts_with(&prefix) && parameter.path.ends_with(".weight")
    });
    let weight = weight.unwrap_or_else(|| panic!("layer {layer} has a weight"));
    let values = &trainer.saved().parameters[weight.range.clone()];
    // [pixels, units]: the picture of a unit is a column.
    let units = weight.shape[1];
    let largest = values.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let pictures = (0..units.min(30)).map(|unit| {
        let column = values.iter().skip(unit).step_by(units).copied();
        SmallPicture::signed(unit.to_string(), 28, largest, column)
    });
    Figure::pictures(5, pictures.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_with_another_order_than_the_means_are_counted() {
        // Of nine pairs 3 and 2 are reversed, and two are draws.
        let (low, high) = ([1.0, 2.0, 3.0], [2.0, 3.0, 4.0]);
        for share in [reversed(&low, &high), reversed(&high, &low)] {
            assert!((share - 2.0 / 9.0).abs() < 1e-12, "{share}");
        }
    }
}
