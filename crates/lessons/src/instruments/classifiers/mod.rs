//! Classifiers of digits on hand-made features and on pixels, against a network that learns its features.

mod hog;

use super::*;
use crate::figure::SmallPicture;
use crate::instrument::RunsWhen;
use data::{Dataset, Features, Targets};
use nn::losses::Hinge;
use nn::{Loss, Network};
use runs::{Experiment, Split};
use train::Trainer;

settings! {
    /// The instrument `classifiers`.
    ///
    /// Values: the test accuracies `pixels_neighbours`, `hog_neighbours`, `pixels_linear`, `hog_linear`, `network`.
    pub struct Classifiers {
        /// Digits for training at first, from the first.
        train: usize = 1000;
        /// Digits for testing, from the first.
        test: usize = 500;
        /// Neighbours at first.
        neighbours: usize = 3;
    }
}

const CLASSES: usize = 10;
const SIDE: usize = 28;
/// Passes over the training set of what is trained.
const EPOCHS: f64 = 20.0;

impl Instrument for Classifiers {
    fn controls(&self, language: Language) -> Vec<Control> {
        let say = |en, zh| language.say(en, zh);
        vec![
            Control::whole("train", say("training digits", "训练样本数"), self.train, [100, 2000]),
            Control::whole("neighbours", say("neighbours k", "近邻数 k"), self.neighbours, [1, 25]),
            Control::seed(say("seed", "随机种子"), 0),
        ]
    }

    fn runs(&self) -> RunsWhen {
        RunsWhen::OnRequest
    }

    fn run(&self, call: &InstrumentCall<'_>) -> Result<InstrumentOutput, LessonError> {
        let digits = call.digits(call.whole("train"), self.test.min(1000))?;
        let features = |of: fn(&[f32]) -> Vec<f32>| {
            let set = |set: &Dataset| with_features(set, of);
            Split { train: set(&digits.train), test: set(&digits.test) }
        };
        let pixels = features(|pixels| pixels.iter().map(|pixel| pixel / 255.0).collect());
        let hog = features(|pixels| hog::hog(pixels, SIDE));
        let k = call.whole("neighbours");
        let linear = |n: usize| Network::builder([n]).linear(CLASSES);
        let [n_pixels, n_hog] = [&pixels, &hog].map(|split| split.train.sample_len());
        let network = Network::builder([n_pixels]).linear(50).relu().linear(CLASSES);
        let hinge = || Loss::from(Hinge {});
        let found = [
            ("pixels_neighbours", neighbours(call, &pixels, k)?),
            ("hog_neighbours", neighbours(call, &hog, k)?),
            ("pixels_linear", trained(call, &pixels, linear(n_pixels), hinge())?),
            ("hog_linear", trained(call, &hog, linear(n_hog), hinge())?),
            ("network", trained(call, &pixels, network, Loss::default())?),
        ];
        let texts = [
            [call.say("pixels", "像素"), call.say("k nearest neighbours", "k 近邻")],
            [
                call.say("HOG (hand-made)", "HOG（人工设计）"),
                call.say("k nearest neighbours", "k 近邻"),
            ],
            [call.say("pixels", "像素"), call.say("linear, hinge loss", "线性，合页损失")],
            [
                call.say("HOG (hand-made)", "HOG（人工设计）"),
                call.say("linear, hinge loss", "线性，合页损失"),
            ],
            [
                call.say("learned by a network", "网络学到的特征"),
                call.say("network of two layers", "两层网络"),
            ],
        ];
        let heads = [
            call.say("<features", "<特征"),
            call.say("<classifier", "<分类器"),
            call.say(">test accuracy", ">测试准确率"),
        ];
        let rows = texts.iter().zip(&found).map(|(texts, (_, accuracy))| {
            vec![texts[0].into(), texts[1].into(), TableCell::from(number(*accuracy, 4))]
        });
        let pictures =
            (0..5).filter_map(|i| digits.train.labelled_sample(i)).flat_map(|(pixels, label)| {
                let strength = hog::gradients(&pixels, SIDE);
                let edges = strength.iter().map(|&[_, strength]| strength.min(255.0) as u8);
                let ink = pixels.iter().map(|&pixel| pixel as u8);
                [
                    SmallPicture::grey(label.to_string(), SIDE, ink),
                    SmallPicture::grey(call.say("gradient", "梯度"), SIDE, edges),
                ]
            });
        let mut output = InstrumentOutput::default()
            .figure(Figure::pictures(4, pictures.take(8).collect()))
            .figure(Figure::table(&heads, rows));
        for (name, accuracy) in found {
            output = output.value(name, accuracy);
        }
        Ok(output)
    }
}

/// The set with other features of each sample.
fn with_features(set: &Dataset, of: fn(&[f32]) -> Vec<f32>) -> Dataset {
    let samples = (0..set.len()).filter_map(|i| set.labelled_sample(i));
    let rows: Vec<Vec<f32>> = samples.map(|(pixels, _)| of(&pixels)).collect();
    let n = rows[0].len();
    Dataset::new(set.name(), [n], Features::F32(rows.concat()), set.targets().clone())
        .expect("as many samples as labels")
}

/// The test accuracy of the majority of the `k` nearest training samples; the nearer one wins a draw.
fn neighbours(call: &InstrumentCall<'_>, split: &Split, k: usize) -> Result<f64, LessonError> {
    let (Some(Features::F32(train)), Some(Features::F32(test))) =
        (split.train.features(), split.test.features())
    else {
        return Ok(f64::NAN);
    };
    let (Targets::Labels { values: labels, .. }, Targets::Labels { values: wanted, .. }) =
        (split.train.targets(), split.test.targets())
    else {
        return Ok(f64::NAN);
    };
    let n = split.train.sample_len();
    let mut predicted = vec![0; wanted.len()];
    call.check_time()?;
    call.pool().each(&mut predicted, |i, predicted| {
        let sample = &test[i * n..][..n];
        let distance = |other: &[f32]| -> f32 {
            sample.iter().zip(other).map(|(a, b)| (a - b) * (a - b)).sum()
        };
        let mut nearest: Vec<(f32, u32)> =
            train.chunks(n).zip(labels).map(|(other, &label)| (distance(other), label)).collect();
        nearest.sort_by(|a, b| a.0.total_cmp(&b.0));
        let votes =
            |label: u32| nearest.iter().take(k).filter(|(_, other)| *other == label).count();
        let most = (0..CLASSES as u32).map(votes).max().unwrap_or(0);
        let winner = nearest.iter().find(|(_, label)| votes(*label) == most);
        *predicted = winner.map_or(0, |(_, label)| *label);
    });
    let right =
        predicted.iter().zip(wanted).filter(|(predicted, wanted)| predicted == wanted).count();
    Ok(right as f64 / wanted.len() as f64)
}

/// The test accuracy of a network.
fn trained(
    call: &InstrumentCall<'_>,
    split: &Split,
    network: nn::NetworkBuilder,
    loss: Loss,
) -> Result<f64, LessonError> {
    let network = network.build().map_err(|error| LessonError::engine(&error))?;
    let experiment = Experiment::builder(network).memory().loss(loss).batch(50).epochs(EPOCHS);
    let experiment = experiment.learning_rate(0.002).seed(call.seed()).build();
    let experiment = experiment.map_err(|error| LessonError::engine(&error))?;
    let trainer = Trainer::new(experiment, split.clone(), call.pool());
    let mut trainer = trainer.map_err(|error| LessonError::engine(&error))?;
    for _ in 0..trainer.steps_planned() {
        call.check_time()?;
        if trainer.step().is_err() {
            break;
        }
    }
    Ok(trainer.evaluate().test.metrics.get("accuracy").unwrap_or(f64::NAN))
}
