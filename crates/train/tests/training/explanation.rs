//! Explanations of what a step did: its own numbers, whatever the optimizer.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use events::{Command, Event};
use explain::element::{ElementName, NamedNumber};
use gradus_train::explanation::{
    ExplanationError, UpdateExplanation, explain_share, explain_update, of_sample, trainer_before,
};
use gradus_train::{Recorder, Trainer};
use graph::Pool;
use kernels::random::Stream;
use kernels::{Float, inlined, vectorize};
use nn::optim::{Optimize, Optimizer, OptimizerState, StepInfo};
use runs::{RunFolder, Split};

use crate::made_up::{EventCollector, experiment, images};

/// Batch normalisation, dropout, and layers with all kinds of parameters.
const NETWORK: &str = r#"
    input = [8, 8, 1]
    layers = [
        { kind = "conv2d", filters = 3, kernel = 3 }, "batch_norm", "relu", "flatten",
        { kind = "linear", units = 10, freeze = true }, "relu", { kind = "dropout", rate = 0.25 },
        { kind = "linear", units = 4, name = "last", learning_rate_factor = 0.5 },
    ]
"#;

/// The largest difference of a sum in `f32`, over the sum of magnitudes.
const ROUNDING: f64 = 1e-5;

fn split() -> Split {
    Split { train: images(70), test: images(30) }
}

fn trainer(train: &str) -> Trainer {
    Trainer::new(experiment(NETWORK, train), split(), Arc::new(Pool::new(2))).unwrap()
}

/// A random element of each parameter that is trained, and its place in the vector.
fn random_elements(trainer: &Trainer, random: &mut Stream) -> Vec<(ElementName, usize)> {
    let trained = trainer.model().parameters.iter().filter(|spec| !spec.is_frozen);
    let element = trained.map(|spec| {
        let index = spec.shape.iter().map(|&size| random.below(size as u64) as usize);
        let index: Vec<usize> = index.collect();
        let at = index.iter().zip(&spec.shape).fold(0, |at, (index, size)| at * size + index);
        (ElementName::value(spec.path.clone(), index), spec.range.start + at)
    });
    element.collect()
}

fn by_name(numbers: &[NamedNumber]) -> BTreeMap<&str, f64> {
    numbers.iter().map(|number| (number.name.as_str(), number.value)).collect()
}

/// Checks that the shares add up to the gradient, and that the lines give what the step did.
fn check(update: &UpdateExplanation, place: &str) {
    let place = format!("{place}: {} at step {}", update.of, update.step);
    let shares = update.shares.iter().map(|share| share.share);
    let magnitude = shares.clone().map(f64::abs).sum::<f64>() + update.penalty.abs();
    let error = (shares.sum::<f64>() + update.penalty - update.gradient).abs();
    assert!(error <= ROUNDING * magnitude, "{place}: shares are {error:e} off, of {magnitude:e}");
    let (before, after) = (by_name(&update.before), by_name(&update.after));
    let mut numbers: BTreeMap<&str, f64> = BTreeMap::new();
    numbers.extend(update.lines.iter().map(|line| (line.name.as_str(), line.value)));
    assert!(numbers.contains_key("w"), "{place}: {update:?}");
    for (name, after) in after {
        let Some(&found) = numbers.get(name) else {
            assert_eq!(before[name], after, "{place}: no line changes {name}");
            continue;
        };
        // Slow and averaged weights are sums with the parameter, which may cancel out.
        let of_weights = ["w", "slow", "averaged"];
        let in_sum = |other: &&&str| {
            **other == name || [name, **other].iter().all(|name| of_weights.contains(name))
        };
        let magnitude = |name: &&str| {
            let change = numbers.get(*name).map_or(0.0, |found| (found - before[*name]).abs());
            before[*name].abs() + change
        };
        let magnitude: f64 = before.keys().filter(in_sum).map(magnitude).sum();
        let error = (found - after).abs();
        // Squares of the gradient, and means of so small ones, are rounded to nothing.
        let is_close = error <= ROUNDING * magnitude + 1e-20;
        assert!(is_close, "{place}: {name} is {after}, its line gives {found}");
    }
}

#[test]
fn every_optimizer_states_what_a_step_does() {
    let around = [
        "",
        "clip = { norm = 0.5, value = 0.01 }\nl1 = 0.001\nl2 = 0.01",
        "lookahead = { steps = 2, alpha = 0.5 }\nema = { decay = 0.9 }",
    ];
    for name in Optimizer::NAMES {
        for around in around {
            let place = format!("{name} {around}");
            let train = format!(
                "batch = 20\nsteps = 8\noptimizer = '{name}'\n{around}\nschedule = {{ kind = 'constant', learning_rate = 0.01 }}"
            );
            let [mut traced, mut plain] = [(); 2].map(|()| trainer(&train));
            let mut random = Stream::new(3, 3);
            for step in 1..=8 {
                let elements = random_elements(&traced, &mut random);
                let (of, at) = &elements[random.below(elements.len() as u64) as usize];
                let before = plain.current().parameters[*at];
                let update = explain_update(&mut traced, of, usize::MAX, None).unwrap();
                let finished = plain.step().unwrap();
                check(&update, &place);
                // The numbers of the step are those of a training that nobody asks, to the last bit.
                let bits = |value: f64| value.to_bits();
                assert_eq!(update.step, step);
                assert_eq!(bits(update.loss), bits(finished.metrics.loss()), "{place}");
                assert_eq!(bits(update.grad_norm), bits(finished.grad_norm), "{place}");
                assert_eq!(by_name(&update.before)["w"], f64::from(before), "{place}");
                let after = plain.current().parameters[*at];
                assert_eq!(by_name(&update.after)["w"], f64::from(after), "{place}");
                assert_eq!(traced.current(), plain.current(), "{place}");
            }
        }
    }
}

nn::settings! {
    @serde "nn::serde"
    /// An optimizer of a program that states no formula: it adds up the gradients.
    pub struct Unstated {}
}

impl<T: Float> Optimize<T> for Unstated {
    fn update(&self, step: &StepInfo, params: &mut [T], grads: &[T], state: OptimizerState<'_, T>) {
        let rate = T::from_f64(step.learning_rate);
        let [sums, ..] = state;
        vectorize(inlined!(|| {
            for ((w, sum), &g) in params.iter_mut().zip(sums).zip(grads) {
                *sum += g;
                *w -= rate * *sum;
            }
        }));
    }
}

#[test]
fn an_optimizer_without_a_formula_is_explained_by_its_numbers() {
    Optimizer::register::<Unstated>("unstated").unwrap();
    let mut trainer = trainer(
        "batch = 20\nsteps = 3\noptimizer = 'unstated'\nschedule = { kind = 'constant', learning_rate = 0.01 }",
    );
    let of = "last.bias[2]".parse().unwrap();
    let mut explain = || explain_update(&mut trainer, &of, 5, None).unwrap();
    let [first, second] = [explain(), explain()];
    assert!(second.lines.is_empty() && second.given.is_empty());
    let names: Vec<&str> = second.before.iter().map(|number| number.name.as_str()).collect();
    assert_eq!(names, ["w", "state_1"]);
    let (before, after) = (by_name(&second.before), by_name(&second.after));
    assert_eq!(before["state_1"], first.gradient);
    let sum = (first.gradient as f32 + second.gradient as f32) as f64;
    assert_eq!(after["state_1"], sum);
    // The layer's factor halves the rate.
    assert!((after["w"] - (before["w"] - 0.005 * sum)).abs() < 1e-7, "{second:?}");
}

#[test]
fn the_gradient_of_a_step_is_explained_before_it_is_clipped() {
    let train = "batch = 20\nsteps = 3\nclip = { value = 1e-6 }\noptimizer = 'sgd'";
    let mut trainer = trainer(train);
    let of = "last.bias[2]".parse().unwrap();
    let update = explain_update(&mut trainer, &of, 5, None).unwrap();
    assert!(update.gradient.abs() > 1e-6);
    assert_eq!(update.lines[0].name, "g");
    assert!((update.lines[0].value.abs() - 1e-6).abs() < 1e-12, "{:?}", update.lines[0]);
    assert_eq!((update.shares.len(), update.rest.unwrap().count), (5, 15));
    assert!(update.shares.is_sorted_by(|a, b| a.share.abs() >= b.share.abs()));
}

#[test]
fn the_shares_of_all_samples_and_the_penalty_are_the_gradient_of_the_batch() {
    let train = "batch = 20\nsteps = 3\nl2 = 0.01";
    let mut trainer = trainer(train);
    trainer.step().unwrap();
    for (of, _) in random_elements(&trainer, &mut Stream::new(5, 5)) {
        let mut again = self::trainer(train);
        again.step().unwrap();
        let (_, batch) = trainer.explained_pass().unwrap();
        let shares = batch.iter().enumerate().map(|(position, &sample)| {
            let share = explain_share(&mut trainer, &of, usize::MAX, sample).unwrap();
            assert_eq!((share.step, share.sample, share.position), (2, sample, position));
            let explanation = share.explanation;
            let products: f64 = explanation.terms.iter().map(|term| term.product).sum();
            assert!((products - explanation.value).abs() <= 1e-12, "{of}: {explanation:?}");
            let is_of_sample = |sample: Option<usize>| sample == Some(position);
            assert!(explanation.terms.iter().all(|term| is_of_sample(term.element.sample)));
            (explanation.value, explanation.gradient.unwrap())
        });
        let (shares, gradients): (Vec<f64>, Vec<f64>) = shares.unzip();
        let update = explain_update(&mut again, &of, usize::MAX, None).unwrap();
        let magnitude = shares.iter().map(|share| share.abs()).sum::<f64>() + update.penalty.abs();
        let sum = shares.iter().sum::<f64>() + update.penalty;
        assert!((sum - update.gradient).abs() <= ROUNDING * magnitude, "{of}: {sum} {update:?}");
        assert!((sum - gradients[0]).abs() <= ROUNDING * magnitude, "{of}: {sum} {}", gradients[0]);
        for share in &update.shares {
            assert_eq!(share.share, shares[share.position], "{of}: as the update lists it");
        }
        let largest = update.shares[0].share.abs();
        assert!(largest > 0.0 && shares.iter().any(|share| share.abs() < largest), "{of}");
    }
    let of = "last.bias[0]".parse().unwrap();
    let error = explain_share(&mut trainer, &of, 3, 70).unwrap_err();
    let ExplanationError::Batch { step: 2, found: 70, ref batch } = error else {
        panic!("{error}")
    };
    assert_eq!(batch.len(), 20);
}

/// A run with a checkpoint every five steps, whose learning rate is set by hand after step 7.
fn recorded(path: &Path) -> EventCollector {
    let train = "batch = 20\nsteps = 23\ncheckpoint_every = 5\nl2 = 0.01";
    let mut trainer = trainer(train);
    let mut recorder = Recorder::new(RunFolder::create(path, &trainer.saved().experiment).unwrap());
    let mut collector = EventCollector::commanding([
        (0, Command::Unpause),
        (7, Command::SetLearningRate { learning_rate: Some(0.003) }),
    ]);
    trainer.run(None, &mut [&mut recorder, &mut collector]);
    recorder.finish().unwrap();
    collector
}

#[test]
fn a_step_of_a_run_is_done_again_with_the_same_bytes() {
    let runs = tempfile::tempdir().unwrap();
    let run = runs.path().join("first");
    let collector = recorded(&run);
    let mut random = Stream::new(4, 4);
    for step in [1, 6, 8, 10, 11, 23] {
        let mut trainer =
            trainer_before(&run, Some(step), split(), Arc::new(Pool::new(1)), &|| false).unwrap();
        assert_eq!(trainer.steps_done(), step - 1);
        let (of, _) = random_elements(&trainer, &mut random).swap_remove(0);
        let update = explain_update(&mut trainer, &of, 3, Some(&run)).unwrap();
        assert_eq!(update.is_as_logged, Some(true));
        let logged = collector.steps().find(|logged| logged.step == step).unwrap();
        assert_eq!(update.loss.to_bits(), logged.metrics.loss().to_bits());
        assert_eq!(update.learning_rate, if step > 7 { 0.003 } else { logged.learning_rate });
    }
    let checkpoints = RunFolder::checkpoints(&run).into_iter().map(|(step, _)| step);
    let before_last = checkpoints.filter(|step| *step < 23).max().unwrap();
    let fastest = trainer_before(&run, None, split(), Arc::new(Pool::new(1)), &|| false).unwrap();
    assert_eq!(fastest.steps_done(), before_last);
    let of: ElementName = "last.weight[0, 1]".parse().unwrap();
    let last = |step| {
        let mut trainer =
            trainer_before(&run, Some(step), split(), Arc::new(Pool::new(2)), &|| false).unwrap();
        let update = explain_update(&mut trainer, &of, 1, None).unwrap();
        by_name(&update.after)["w"]
    };
    let saved = runs::SavedModel::read(&run).unwrap();
    let model = saved.model().unwrap();
    let spec = model.parameters.iter().find(|spec| spec.path == "last.weight").unwrap();
    assert_eq!(last(23), f64::from(saved.parameters[spec.range.start + 1]));
}

#[test]
fn what_a_run_did_not_do_is_refused() {
    let runs = tempfile::tempdir().unwrap();
    let run = runs.path().join("first");
    recorded(&run);
    let before =
        |step, data| trainer_before(&run, Some(step), data, Arc::new(Pool::new(1)), &|| false);
    for step in [0, 24] {
        let error = before(step, split()).expect_err("no such step");
        let ExplanationError::Step { found, last, .. } = error else { panic!("{error}") };
        assert_eq!((found, last), (step, 23));
    }
    let other = Split { train: images(71), test: images(30) };
    let error = before(3, other).expect_err("other data");
    let text = diagnostics::chain(&error);
    assert!(text.contains("the step cannot be done again: "), "{text}");
    assert!(text.contains("SHA-256"), "{text}");
    // Without the first checkpoints.
    let checkpoints = RunFolder::checkpoints(&run);
    let (early, late) = checkpoints.split_at(checkpoints.partition_point(|(step, _)| *step < 7));
    early.iter().for_each(|(_, file)| std::fs::remove_file(file).unwrap());
    let error = before(7, split()).expect_err("no checkpoint is before");
    let ExplanationError::NoCheckpointBefore { first, .. } = error else { panic!("{error}") };
    assert_eq!(first, late[0].0 + 1);
    // A log of other numbers.
    let log = run.join("events.jsonl");
    let text = std::fs::read_to_string(&log).unwrap();
    let lines = text.lines().map(|line| match Event::parse(line) {
        Ok(Event::StepFinished(mut step)) if step.step == 12 => {
            step.grad_norm += 1e-9;
            Event::StepFinished(step).to_line()
        }
        _ => line.to_owned(),
    });
    std::fs::write(&log, lines.collect::<Vec<_>>().join("\n") + "\n").unwrap();
    let mut trainer = before(12, split()).unwrap();
    let of = "last.bias[0]".parse().unwrap();
    let error = explain_update(&mut trainer, &of, 3, Some(&run)).unwrap_err();
    assert!(matches!(error, ExplanationError::Diverged { step: 12, .. }), "{error}");
}

#[test]
fn only_a_parameter_that_is_trained_has_an_update() {
    let mut trainer = trainer("batch = 20\nsteps = 3");
    for (name, expected) in [
        ("5.linear.weight[0, 0]", "expected a parameter that is trained, such as 1.conv2d.weight"),
        ("3.relu[0, 0, 0]", "expected a parameter that is trained, such as 1.conv2d.weight"),
        ("last.weight[0, 4]", "expected an index from [0, 0] to [9, 3], found [0, 4]"),
        ("last.weight[0]", "expected an index from [0, 0] to [9, 3], found [0]"),
    ] {
        let error = explain_update(&mut trainer, &name.parse().unwrap(), 3, None).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    assert_eq!(trainer.steps_done(), 0);
}

#[test]
fn a_sample_is_explained_as_an_evaluation_sees_it_and_in_training_with_the_mask_of_its_step() {
    let mut trainer = trainer("batch = 20\nsteps = 3");
    trainer.step().unwrap();
    let test = images(30);
    let pass = of_sample(trainer.saved(), &test, 29, None).unwrap();
    let mut predictor = trainer.saved().clone().predictor().unwrap();
    let Some(data::Features::U8(bytes)) = test.features() else { unreachable!() };
    let sample: Vec<f32> = bytes[29 * 64..].iter().map(|&byte| f32::from(byte)).collect();
    let predicted = predictor.predict(&sample).unwrap();
    for (class, &predicted) in predicted.iter().enumerate() {
        let found = pass.number(&ElementName::value("logits", [class]), 0).unwrap();
        assert!((found - f64::from(predicted)).abs() <= 1e-5, "{found} {predicted}");
    }
    let error = of_sample(trainer.saved(), &test, 30, None).unwrap_err();
    assert_eq!(error.to_string(), "there is no sample 30: expected 0 to 29");
    // Without dropout the layer is the one before.
    let found = pass.explain(&"7.dropout[3]".parse().unwrap(), 3, 0).unwrap();
    assert_eq!(found.of.to_string(), "6.relu[3]");

    let (pass, batch) = trainer.explained_pass().unwrap();
    assert_eq!(batch.len(), 20);
    let factors = (0..200).map(|at| {
        let name = ElementName::value("7.dropout", [at % 10]);
        let found = pass.explain(&name, 3, at / 10).unwrap();
        assert_eq!(found.terms.len(), 1);
        found.terms[0].derivative
    });
    let factors: Vec<f64> = factors.collect();
    let kept = factors.iter().filter(|factor| **factor != 0.0);
    assert!(kept.clone().all(|factor| (factor - 1.0 / 0.75).abs() < 1e-6));
    assert!((100..200).contains(&kept.count()));
    let loss = pass.number(&"data_loss".parse().unwrap(), 0).unwrap();
    let finished = trainer.step().unwrap();
    assert!((loss - finished.metrics.loss()).abs() < 1e-5);
}
