//! One weight of a trained network is moved: the loss follows smoothly, the accuracy in jumps.

use super::*;
use crate::figure::{Series, SeriesMark};
use crate::instrument::RunsWhen;
use nn::Network;
use nn::optim::sgd::Sgd;
use runs::{Evaluator, Experiment};
use train::Trainer;

settings! {
    /// The instrument `one_weight`: a layer of ten units is trained on the first digits, then one of its weights is moved in equal
    /// steps to both sides. Loss and accuracy are those of the same digits.
    ///
    /// Values: `weight`; with it unmoved `loss`, `accuracy` and `right`, the digits classified correctly; how many of the moves
    /// from one place to the next change the loss, `loss_changes`, and the accuracy, `accuracy_changes`; the slope of
    /// both at the middle, from its two neighbours, `d_loss` and `d_accuracy`; the moves with the smallest loss `best_for_loss` and, the
    /// first of them, with the largest accuracy `best_for_accuracy`.
    pub struct OneWeight {
        /// The digits at first.
        digits: usize = 1000;
        /// Steps of training.
        steps: usize = 100, |name, &found| nn::registry::within_limit(name, found, 1000);
        /// The unit at first: the digit that it stands for.
        unit: usize = 3;
        /// Row and column of the pixel at first.
        pixel: Vec<usize> = vec![14, 14];
        /// How far the weight is moved at first.
        reach: f64 = 0.1;
    }
}

const CLASSES: usize = 10;
const SIDE: usize = 28;
/// Moves from the least to the largest weight.
const MOVES: usize = 40;

impl Instrument for OneWeight {
    fn controls(&self, language: Language) -> Vec<Control> {
        let say = |en, zh| language.say(en, zh);
        let pixel = |i: usize| self.pixel.get(i).copied().unwrap_or(SIDE / 2);
        let reach = say("moved by at most", "最大移动量");
        vec![
            Control::whole("digits", say("digits", "手写数字个数"), self.digits, [100, 2000]),
            Control::whole("unit", say("weight of the digit", "哪个数字的权重"), self.unit, [0, 9]),
            Control::whole("row", say("row of the pixel", "像素所在的行"), pixel(0), [0, SIDE - 1]),
            Control::whole(
                "column",
                say("column of the pixel", "像素所在的列"),
                pixel(1),
                [0, SIDE - 1],
            ),
            Control::number("reach", reach, self.reach, [1e-3, 100.0]).log(),
            Control::seed(say("seed", "随机种子"), 0),
        ]
    }

    fn runs(&self) -> RunsWhen {
        RunsWhen::OnRequest
    }

    fn run(&self, call: &InstrumentCall<'_>) -> Result<InstrumentOutput, LessonError> {
        let digits = call.digits(call.whole("digits"), 100)?;
        let network = Network::builder([SIDE, SIDE, 1]).flatten().linear(CLASSES).build();
        let network = network.map_err(|error| LessonError::engine(&error))?;
        let experiment = Experiment::builder(network).memory().batch(100).steps(self.steps as u64);
        let experiment = experiment.optimizer(Sgd {}).learning_rate(0.5).seed(call.seed()).build();
        let experiment = experiment.map_err(|error| LessonError::engine(&error))?;
        let trainer = Trainer::new(experiment.clone(), digits, call.pool());
        let mut trainer = trainer.map_err(|error| LessonError::engine(&error))?;
        for _ in 0..self.steps {
            call.check_time()?;
            if trainer.step().is_err() {
                break;
            }
        }

        let set = trainer.train_set();
        let evaluator = Evaluator::new(&experiment, set);
        let mut evaluator = evaluator.map_err(|error| LessonError::engine(&error))?;
        let mut saved = trainer.saved().clone();
        let weights = trainer.model().parameters.iter();
        let weights = weights.filter(|parameter| parameter.path.ends_with(".weight"));
        let start = weights.map(|parameter| parameter.range.start).next().unwrap_or(0);
        // [pixels, units]
        let pixel = call.whole("row") * SIDE + call.whole("column");
        let index = start + pixel * CLASSES + call.whole("unit");
        let (weight, reach) = (saved.parameters[index], call.number("reach"));
        let moves: Vec<f64> =
            (0..=MOVES).map(|i| reach * (2.0 * i as f64 - MOVES as f64) / MOVES as f64).collect();
        let (mut losses, mut accuracies) = (Vec::new(), Vec::new());
        for by in &moves {
            call.check_time()?;
            saved.parameters[index] = weight + *by as f32;
            let metrics = evaluator.evaluate(Some(&call.pool()), set, &saved).metrics;
            losses.push(metrics.loss());
            accuracies.push(metrics.get("accuracy").unwrap_or(f64::NAN));
        }

        let changes =
            |values: &[f64]| values.windows(2).filter(|pair| pair[0] != pair[1]).count() as f64;
        let middle = MOVES / 2;
        let slope = |values: &[f64]| {
            (values[middle + 1] - values[middle - 1]) / (moves[middle + 1] - moves[middle - 1])
        };
        let best = |better: &dyn Fn(usize, usize) -> bool| {
            let first = (1..=MOVES).fold(0, |best, i| if better(i, best) { i } else { best });
            moves[first]
        };
        let right = accuracies[middle] * set.len() as f64;
        let heads = [
            call.say(">weight moved by", ">权重移动量"),
            call.say(">loss", ">损失"),
            call.say(">accuracy", ">准确率"),
            call.say(">correct", ">预测正确"),
        ];
        let shown = [0, middle - 2, middle - 1, middle, middle + 1, middle + 2, MOVES];
        let rows = shown.map(|i| {
            let correct = accuracies[i] * set.len() as f64;
            [
                number(moves[i], 4),
                number(losses[i], 7),
                number(accuracies[i], 4),
                number(correct, 6),
            ]
            .map(TableCell::from)
            .to_vec()
        });
        let plot = |values: &[f64], label: &str| {
            let points: Vec<[f64; 2]> =
                moves.iter().zip(values).map(|(&by, &value)| [by, value]).collect();
            let series = vec![Series::new(label, SeriesMark::Points, &points)];
            let x = PlotAxis::new(call.say("weight moved by", "权重移动量"));
            Figure::plot(x, PlotAxis::new(label), series)
        };
        Ok(InstrumentOutput::default()
            .figure(plot(&losses, call.say("loss", "损失")))
            .figure(plot(&accuracies, call.say("accuracy", "准确率")))
            .figure(Figure::table(&heads, rows))
            .value("weight", f64::from(weight))
            .value("loss", losses[middle])
            .value("accuracy", accuracies[middle])
            .value("right", right.round())
            .value("loss_changes", changes(&losses))
            .value("accuracy_changes", changes(&accuracies))
            .value("d_loss", slope(&losses))
            .value("d_accuracy", slope(&accuracies))
            .value("best_for_loss", best(&|i, best| losses[i] < losses[best]))
            .value("best_for_accuracy", best(&|i, best| accuracies[i] > accuracies[best])))
    }
}
