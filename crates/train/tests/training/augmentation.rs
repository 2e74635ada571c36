//! Augmented training: the same bytes for any number of threads, and nothing else sees augmented samples.

use augment::{Augment, Augmentation, AugmentedPicture};
use data::Dataset;
use gradus_train::Trainer;
use gradus_train::gradient_check::gradient_check;
use graph::Pool;
use graph::gradient_check::GradCheckOptions;
use kernels::random::Stream;
use nn::settings;
use runs::{Experiment, Split};

use crate::made_up;

const ALL: &str = "['shift', 'rotate', { kind = 'elastic', sigma = 2 }, 'scale', 'shear', 'flip', 'erase', 'brightness']";

/// Images whose bytes are divided by 255.
fn images(n: usize) -> Dataset {
    made_up::images(n).divided_by(255.0)
}

fn experiment(augment: &str, batch: usize) -> Experiment {
    let text = format!(
        "data = {{ source = 'memory', augment = {augment} }}\n\
         model = {{ input = [8, 8, 1], layers = [{{ kind = 'conv2d', filters = 4, kernel = 3 }}, 'tanh', 'flatten', \
         {{ kind = 'linear', units = 4 }}] }}\n\
         train = {{ batch = {batch}, steps = 30, seed = 2, report_every = 1 }}"
    );
    Experiment::parse("augmented.toml", &text).unwrap()
}

fn trainer(augment: &str, batch: usize, threads: usize) -> Trainer {
    let split = Split { train: images(100), test: images(40) };
    Trainer::new(experiment(augment, batch), split, Pool::new(threads)).unwrap()
}

#[test]
fn augmented_runs_are_the_same_bytes_for_any_number_of_threads() {
    for batch in [1, 7, 70] {
        let losses = |augment: &str, threads| {
            let mut trainer = trainer(augment, batch, threads);
            let losses: Vec<u64> =
                (0..30).map(|_| trainer.step().unwrap().metrics.loss().to_bits()).collect();
            (losses, trainer.saved().weights_digest())
        };
        let one = losses(ALL, 1);
        assert_eq!(losses(ALL, 2), one, "batches of {batch}");
        assert_eq!(losses(ALL, 3), one, "batches of {batch}");
        assert_ne!(losses("[]", 2).0, one.0);
    }
}

#[test]
fn an_epoch_augments_a_sample_in_its_own_way() {
    // One batch is the training set, in the same order in each epoch: without augmentation it would have one loss.
    let losses = |augment: &str| -> Vec<f64> {
        let mut trainer = trainer(augment, 100, 2);
        trainer.set_learning_rate(Some(1e-30));
        (0..3).map(|_| trainer.step().unwrap().metrics.loss()).collect()
    };
    let plain = losses("[]");
    assert!(plain.iter().all(|loss| *loss == plain[0]), "{plain:?}");
    let augmented = losses("['shift']");
    assert!(augmented[0] != augmented[1] && augmented[1] != augmented[2], "{augmented:?}");
}

#[test]
fn evaluations_see_samples_as_they_are() {
    let [plain, augmented] =
        ["[]", ALL].map(|augment| trainer(augment, 10, 2).evaluate().test.metrics);
    assert_eq!(plain, augmented);
}

settings! {
    @serde "nn::serde"
    /// Makes values infinite in one sample.
    struct Spoil {
        of: u64 = 40;
    }
}

impl Augment for Spoil {
    fn apply(&self, picture: &mut AugmentedPicture<'_>, random: &mut Stream) {
        if random.below(self.of) == 0 {
            picture.values()[0] = f32::INFINITY;
        }
    }
}

#[test]
fn what_an_augmentation_spoils_is_found_in_the_input() {
    Augmentation::register::<Spoil>("spoil").unwrap();
    let mut trainer = trainer("['shift', { kind = 'spoil', of = 300 }]", 7, 2);
    let error = (0..300).find_map(|_| trainer.step().err()).expect("one in 300 samples");
    assert_eq!((error.layer, error.node.as_deref()), (None, Some("input")));
    assert!(trainer.saved().parameters.iter().all(|weight| weight.is_finite()));
}

#[test]
fn the_gradient_check_sees_the_samples_of_the_first_epoch() {
    let options = GradCheckOptions { batch: 5, ..GradCheckOptions::default() };
    let errors = |augment: &str| -> Vec<Option<f64>> {
        let checked = gradient_check(&experiment(augment, 5), &images(20), &options).unwrap();
        checked.into_iter().map(|(_, report)| report.error()).collect()
    };
    let augmented = errors(ALL);
    assert!(augmented.iter().all(|error| error.is_some_and(|error| error < 1e-6)), "{augmented:?}");
    assert_ne!(augmented, errors("[]"));
}
