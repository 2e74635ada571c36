//! Batch normalisation in training: its running statistics, and evaluation by them.

use gradus_train::Trainer;
use runs::Evaluator;

use crate::made_up::{assert_close, features, points, trainer};

const EPSILON: f64 = 1e-3;

fn normalised(settings: &str) -> Trainer {
    let model = format!(
        "input = [2]\nlayers = [{{ kind = 'linear', units = 3, bias = false }},\n\
         {{ kind = 'batch_norm', epsilon = {EPSILON}, {settings} }}, 'relu', {{ kind = 'linear', units = 2 }}]"
    );
    let train = "batch = 40\nsteps = 12\nschedule = { kind = 'constant', learning_rate = 0.1 }";
    trainer(&model, train, &points(40))
}

/// The parameters of one name, and those behind them.
fn parameters(trainer: &Trainer, name: &str) -> Vec<f64> {
    let spec = trainer.model().parameters.iter().find(|spec| spec.path == name).unwrap();
    trainer.saved().parameters[spec.range.clone()].iter().copied().map(f64::from).collect()
}

/// What the first layer says of each sample.
fn scores(trainer: &Trainer) -> Vec<[f64; 3]> {
    let weight = parameters(trainer, "1.linear.weight");
    let points = features(trainer.train_set()).chunks(2);
    let score = |point: &[f32], unit: usize| {
        f64::from(point[0]) * weight[unit] + f64::from(point[1]) * weight[3 + unit]
    };
    points.map(|point| [0, 1, 2].map(|unit| score(point, unit))).collect()
}

/// The means of the three units, then their variances.
fn moments(scores: &[[f64; 3]]) -> Vec<f64> {
    let n = scores.len() as f64;
    let mean = |unit: usize| scores.iter().map(|s| s[unit]).sum::<f64>() / n;
    let variance =
        |unit: usize| scores.iter().map(|s| (s[unit] - mean(unit)).powi(2)).sum::<f64>() / n;
    (0..3).map(mean).chain((0..3).map(variance)).collect()
}

#[test]
fn running_statistics_are_those_of_a_plain_computation() {
    // With a momentum of 0, all is of the last batch.
    for (momentum, warmup) in [(0.9, false), (0.4, true), (0.0, false)] {
        let settings = format!("momentum = {momentum}, warmup = {warmup}");
        let mut trainer = normalised(&settings);
        let mut running_statistics = vec![0.0, 0.0, 0.0, 1.0, 1.0, 1.0];
        assert_close(&trainer.saved().running_statistics, running_statistics.clone(), 0.0);
        for step in 0..12 {
            let warm = f64::from(1 + step) / f64::from(10 + step);
            let kept = if warmup { warm.min(momentum) } else { momentum };
            for (average, moment) in running_statistics.iter_mut().zip(moments(&scores(&trainer))) {
                *average = kept * *average + (1.0 - kept) * moment;
            }
            trainer.step().unwrap();
            assert_close(&trainer.saved().running_statistics, running_statistics.clone(), 1e-5);
        }
    }
}

#[test]
fn evaluation_normalises_with_the_running_statistics() {
    let mut trainer = normalised("momentum = 0.9");
    for _ in 0..12 {
        trainer.step().unwrap();
    }
    let running_statistics: Vec<f64> =
        trainer.saved().running_statistics.iter().copied().map(f64::from).collect();
    let [scale, offset, weight, bias] =
        ["2.batch_norm.scale", "2.batch_norm.offset", "4.linear.weight", "4.linear.bias"]
            .map(|name| parameters(&trainer, name));
    let predictions = scores(&trainer).into_iter().flat_map(|scores| {
        let hidden = [0, 1, 2].map(|unit| {
            let deviation = (running_statistics[3 + unit] + EPSILON).sqrt();
            ((scores[unit] - running_statistics[unit]) / deviation * scale[unit] + offset[unit])
                .max(0.0)
        });
        let class =
            |class: usize| (0..3).map(|unit| hidden[unit] * weight[2 * unit + class]).sum::<f64>();
        [class(0) + bias[0], class(1) + bias[1]]
    });
    let predictions: Vec<f64> = predictions.collect();

    let (mut saved, test) = (trainer.saved().clone(), trainer.test_set().clone());
    let mut evaluator = Evaluator::new(&saved.experiment, &test).unwrap();
    let found = evaluator.evaluate(None, &test, &saved);
    assert_close(found.predictions.values(), predictions, 1e-5);
    assert_eq!(trainer.evaluate().test.metrics.loss(), found.metrics.loss());
    // The running statistics matter: with others, it says something else.
    saved.running_statistics = vec![1.0; 6];
    let other = evaluator.evaluate(None, &test, &saved);
    assert_ne!(other.predictions, found.predictions);
}
