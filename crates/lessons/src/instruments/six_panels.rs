//! The window of six panels that the codelab "TensorFlow and deep learning, without a PhD" trains in.

use super::*;
use crate::figure::{Series, SeriesMark, SmallPicture};
use crate::instrument::RunsWhen;
use data::{Dataset, Targets};
use events::Quantiles;
use train::Trainer;

settings! {
    /// The instrument `six_panels`: a layer of ten neurons, whose weights begin at 0, on all digits.
    ///
    /// Values: `first_loss`, the test loss before the first step, times 100; in the end `test_accuracy`, `misclassified`
    /// test digits, and the rows of the sixth panel that they fill, `rows`, at most 25; `epoch_steps`, the steps of an
    /// epoch.
    pub struct SixPanels {
        /// Steps at first.
        steps: usize = 300, |name, found: &usize| nn::registry::within_limit(name, *found, MOST_STEPS);
    }
}

const MOST_STEPS: usize = 1000;
const BATCH: usize = 100;
/// Steps between measurements of the training, and of the test, as in the codelab's first script.
const TRAIN_EVERY: u64 = 10;
const TEST_EVERY: u64 = 50;
/// The curves show this multiple of the mean loss.
const LOSS_FACTOR: f64 = 100.0;
/// Digits in a row of a panel, and the pixels of one: as many as fit on a page.
const TRAIN_PANEL: Mosaic = Mosaic { columns: 10, shrink: 2 };
const TEST_PANEL: Mosaic = Mosaic { columns: 40, shrink: 4 };
/// Cells of the sixth panel: a tenth of the test digits.
const TEST_CELLS: usize = 1000;
const SIDE: usize = 28;

impl Instrument for SixPanels {
    fn controls(&self, language: Language) -> Vec<Control> {
        let say = |en, zh| language.say(en, zh);
        vec![
            Control::whole("steps", say("steps", "步数"), self.steps, [10, MOST_STEPS]),
            Control::number("learning_rate", say("learning rate", "学习率"), 0.5, [0.001, 5.0])
                .log(),
            Control::seed(say("seed", "随机种子"), 0),
        ]
    }

    fn runs(&self) -> RunsWhen {
        RunsWhen::OnRequest
    }

    fn run(&self, call: &InstrumentCall<'_>) -> Result<InstrumentOutput, LessonError> {
        let all = call.digits(usize::MAX, usize::MAX)?;
        let (steps, seed, rate) = (call.whole("steps"), call.seed(), call.number("learning_rate"));
        let experiment = format!(
            "[data]
            source = 'memory'
            transforms.arrays = [{{ kind = 'divide', by = 256.0 }}]
            [model]
            input = [28, 28, 1]
            weight_init = {{ kind = 'constant', value = 0.0 }}
            layers = ['flatten', {{ kind = 'linear', units = 10 }}]
            [train]
            optimizer = 'sgd'
            schedule = {{ kind = 'constant', learning_rate = {rate:?} }}
            batch = {BATCH}
            order = 'fixed_order'
            steps = {steps}
            report_every = {TRAIN_EVERY}
            seed = {seed}"
        );
        let mut trainer = call.trainer(&experiment, &[], all)?;
        let mut curves = PanelCurves::default();
        let mut evaluated = curves.test(&mut trainer);
        while trainer.steps_done() < steps as u64 {
            let Some(finished) = call.train_step(&mut trainer)? else {
                return Err(
                    call.mistake("learning_rate", "a smaller number: the training diverged")
                );
            };
            let step = finished.step;
            if step.is_multiple_of(TRAIN_EVERY) {
                curves.train(&trainer, step, &finished.metrics);
            }
            // The first fifty steps are tested more often.
            if step.is_multiple_of(TEST_EVERY)
                || step < TEST_EVERY && step.is_multiple_of(TRAIN_EVERY)
            {
                evaluated = curves.test(&mut trainer);
            }
        }
        if evaluated.step < trainer.steps_done() {
            evaluated = curves.test(&mut trainer);
        }
        let test_accuracy = evaluated.metrics.get("accuracy").unwrap_or(f64::NAN);
        let n_test = trainer.test_set().len();
        let misclassified = ((1.0 - test_accuracy) * n_test as f64).round();
        let rows = misclassified.min(TEST_CELLS as f64) / TEST_PANEL.columns as f64;
        let snapshot = trainer.snapshot();
        let batch = snapshot.batch.iter().zip(&snapshot.predictions);
        let batch = batch.map(|(&sample, &class)| {
            (sample as usize, Some(class) != label(trainer.train_set(), sample as usize))
        });
        let wrong: Vec<usize> = evaluated.misclassified.iter().map(|(i, _)| *i as usize).collect();
        let right = (0..n_test).filter(|i| wrong.binary_search(i).is_err());
        let cells = wrong.iter().map(|&i| (i, true)).chain(right.map(|i| (i, false)));
        let say = |en, zh| call.say(en, zh);
        let x = || PlotAxis::new(say("step", "步"));
        let accuracy = PlotAxis::new(say("accuracy", "准确率")).range(0.0, 1.0);
        let loss = PlotAxis::new(say("loss × 100", "损失 × 100")).range(0.0, 100.0);
        let names = [say("training", "训练"), say("test", "测试")];
        let lines = |[train, test]: &[Vec<[f64; 2]>; 2]| {
            [(names[0], train), (names[1], test)]
                .map(|(name, points)| Series::new(name, SeriesMark::Line, points))
                .to_vec()
        };
        let bands = |edges: &[(u64, [f32; 8])]| {
            let names = [
                say("all", "全部"),
                say("middle 5/7", "中间 5/7"),
                say("middle 3/7", "中间 3/7"),
                say("middle 1/7", "中间 1/7"),
            ];
            let bands = names.into_iter().enumerate().map(|(i, name)| {
                let band = edges.iter().map(|&(step, edges)| {
                    [step as f64, f64::from(edges[i]), f64::from(edges[7 - i])]
                });
                Series::band(name, &band.collect::<Vec<_>>())
            });
            Figure::plot(x(), PlotAxis::new(say("value", "值")), bands.collect())
        };
        let titled = [
            (Figure::plot(x(), accuracy, lines(&curves.accuracy)), say("1  Accuracy", "1  准确率")),
            (
                Figure::plot(x(), loss, lines(&curves.loss)),
                say("2  Cross-entropy loss", "2  交叉熵损失"),
            ),
            (
                TRAIN_PANEL.of(trainer.train_set(), batch),
                say("3  Training digits", "3  训练集手写数字"),
            ),
            (bands(&curves.weights), say("4  Weights", "4  权重")),
            (bands(&curves.biases), say("5  Biases", "5  偏置")),
            (
                TEST_PANEL.of(trainer.test_set(), cells.take(TEST_CELLS)),
                say("6  Test digits", "6  测试集手写数字"),
            ),
        ];
        let figures = titled.into_iter().map(|(figure, title)| figure.titled(title));
        let output = InstrumentOutput { figures: figures.collect(), ..InstrumentOutput::default() };
        let heads = [
            say(">test accuracy", ">测试准确率"),
            say(">misclassified test digits", ">误分类的测试数字"),
            say(">rows of panel 6", ">第 6 面板的行数"),
        ];
        Ok(output
            .figure(Figure::table(
                &heads,
                [vec![cell(test_accuracy), cell(misclassified), cell(rows)]],
            ))
            .value("first_loss", curves.first_loss())
            .value("test_accuracy", test_accuracy)
            .value("misclassified", misclassified)
            .value("rows", rows)
            .value("epoch_steps", (trainer.train_set().len() / BATCH) as f64))
    }
}

/// What the panels with curves show: of training and test, and the eight edges of seven groups of equal count.
#[derive(Default)]
struct PanelCurves {
    accuracy: [Vec<[f64; 2]>; 2],
    loss: [Vec<[f64; 2]>; 2],
    weights: Vec<(u64, [f32; 8])>,
    biases: Vec<(u64, [f32; 8])>,
}

impl PanelCurves {
    fn train(&mut self, trainer: &Trainer, step: u64, metrics: &events::Metrics) {
        self.point(0, step, metrics);
        let snapshot = trainer.snapshot();
        let edges = |quantiles: Option<Quantiles>| quantiles.map(|Quantiles(edges)| (step, edges));
        self.weights.extend(edges(snapshot.weights));
        self.biases.extend(edges(snapshot.biases));
    }

    fn test(&mut self, trainer: &mut Trainer) -> events::EvaluationFinished {
        let evaluated = trainer.evaluate().test;
        self.point(1, evaluated.step, &evaluated.metrics);
        evaluated
    }

    fn point(&mut self, part: usize, step: u64, metrics: &events::Metrics) {
        let step = step as f64;
        self.loss[part].push([step, LOSS_FACTOR * metrics.loss()]);
        self.accuracy[part].extend(metrics.get("accuracy").map(|accuracy| [step, accuracy]));
    }

    fn first_loss(&self) -> f64 {
        self.loss[1][0][1]
    }
}

fn label(set: &Dataset, sample: usize) -> Option<u32> {
    match set.targets() {
        Targets::Labels { values, .. } => values.get(sample).copied(),
        Targets::Values { .. } => None,
    }
}

/// Digits beside and below each other as one picture of a page's size: correct ones in one colour, misclassified ones in the other.
struct Mosaic {
    columns: usize,
    /// Pixels of a digit, beside and below each other, whose mean is a pixel of the picture.
    shrink: usize,
}

impl Mosaic {
    /// Samples of a set, each with whether it is misclassified.
    fn of(&self, set: &Dataset, samples: impl Iterator<Item = (usize, bool)>) -> Figure {
        /// The paper of a misclassified digit, between that of others and ink.
        const TINT: f32 = 0.3;
        let Self { columns, shrink } = *self;
        let side = SIDE / shrink;
        let mut values: Vec<f32> = Vec::new();
        for (n, (sample, is_wrong)) in samples.enumerate() {
            let (row, column) = (n / columns, n % columns);
            values.resize((row + 1) * columns * side * side, 0.0);
            let Some((pixels, _)) = set.labelled_sample(sample) else { continue };
            for (y, x) in (0..side).flat_map(|y| (0..side).map(move |x| (y, x))) {
                let square = (0..shrink).flat_map(|i| {
                    let first = (y * shrink + i) * SIDE + x * shrink;
                    pixels[first..first + shrink].iter()
                });
                let ink = square.sum::<f32>() / (255 * shrink * shrink) as f32;
                values[((row * side + y) * columns + column) * side + x] =
                    if is_wrong { -ink.max(TINT) } else { ink };
            }
        }
        Figure::pictures(1, vec![SmallPicture::signed("", columns * side, 1.0, values)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::FigureContent;
    use data::Features;

    #[test]
    fn misclassified_digits_of_a_panel_have_the_other_sign_and_tinted_paper() {
        let (ink, paper) = (vec![255; SIDE * SIDE], vec![0; SIDE * SIDE]);
        let labels = Targets::Labels { values: vec![1, 0], classes: 2 };
        let features = Features::U8([ink, paper].concat());
        let set = Dataset::new("two", [SIDE, SIDE, 1], features, labels).unwrap();
        let panel = Mosaic { columns: 2, shrink: 28 };
        let pixels = |cells: &[(usize, bool)]| {
            let FigureContent::Pictures { pictures, .. } =
                panel.of(&set, cells.iter().copied()).content
            else {
                panic!("a picture");
            };
            (pictures[0].width, pictures[0].pixels.clone())
        };
        assert_eq!(pixels(&[(0, false), (1, false)]), (2, vec![127, 0]));
        assert_eq!(pixels(&[(0, true), (1, true), (0, false)]), (2, vec![-127, -38, 127, 0]));
    }
}
