//! Networks that begin with the parameters of a trained one.

use std::sync::Arc;

use gradus_train::{TrainError, Trainer};
use graph::Pool;
use runs::{Experiment, SavedModel, Split};

use crate::made_up::{experiment, images, trainer};

const FEATURES: &str = "{ kind = 'conv2d', filters = 3, kernel = 3, bias = false, name = 'conv', freeze = FROZEN }, \
    { kind = 'batch_norm', name = 'norm', freeze = FROZEN }, 'relu', 'flatten'";

fn model(is_frozen: bool, head: &str) -> String {
    let features = FEATURES.replace("FROZEN", &is_frozen.to_string());
    format!("input = [8, 8, 1]\nlayers = [{features}, {head}]")
}

const HEAD: &str = "{ kind = 'linear', units = 4, name = 'head' }";

/// A file with a network that was trained for some steps.
fn trained() -> (tempfile::TempDir, std::path::PathBuf, SavedModel) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trained.safetensors");
    let mut trainer = trainer(&model(false, HEAD), "batch = 50\nsteps = 9", &images(100));
    (0..9).for_each(|_| drop(trainer.step().unwrap()));
    trainer.saved().write(&file).unwrap();
    (folder, file, trainer.saved().clone())
}

fn starting(model: &str, file: &std::path::Path) -> Result<Trainer, TrainError> {
    let mut experiment: Experiment = experiment(model, "batch = 50\nsteps = 9\nseed = 5");
    experiment.model.start = Some(file.to_owned());
    let split = Split { train: images(100), test: images(100) };
    Trainer::new(experiment, split, Arc::new(Pool::new(1)))
}

#[test]
fn frozen_features_are_taken_and_kept_while_a_new_head_is_trained() {
    let (_folder, file, trained) = trained();
    let two_layers = "{ kind = 'linear', units = 7, name = 'hidden' }, 'tanh', { kind = 'linear', units = 4, name = 'head' }";
    let mut trainer = starting(&model(true, two_layers), &file).unwrap();
    let start = trainer.start().unwrap().clone();
    let parameters = ["conv.weight", "head.bias", "norm.offset", "norm.scale"];
    assert_eq!(start.taken, [&parameters[..], &["norm.moments"]].concat());
    assert_eq!(start.left, ["head.weight"]);
    assert_eq!(start.new, ["head.weight", "hidden.bias", "hidden.weight"]);
    let features = |saved: &SavedModel| {
        (saved.parameters[..27 + 6].to_vec(), saved.running_statistics.clone())
    };
    assert_eq!(features(trainer.saved()), features(&trained));
    let before = trainer.saved().parameters.clone();
    for _ in 0..9 {
        trainer.step().unwrap();
    }
    assert_eq!(features(trainer.saved()), features(&trained), "frozen");
    assert_ne!(trainer.saved().parameters, before, "the head is trained");
}

#[test]
fn a_network_begins_where_the_trained_one_ended() {
    let (_folder, file, trained) = trained();
    let trainer = starting(&model(false, HEAD), &file).unwrap();
    assert_eq!(trainer.saved().parameters, trained.parameters);
    assert_eq!(trainer.saved().running_statistics, trained.running_statistics);
    assert!(trainer.start().unwrap().new.is_empty());
}

#[test]
fn a_trained_network_that_is_missing_or_has_nothing_in_common_is_refused() {
    let (_folder, file, _) = trained();
    let other = "input = [8, 8, 1]\nlayers = ['flatten', { kind = 'linear', units = 4 }]";
    let message = |result: Result<Trainer, TrainError>| diagnostics::chain(&result.unwrap_err());
    let nothing = message(starting(other, &file));
    let expected = "expected a network with tensors of the same path and shape, found none; it has conv.weight,";
    assert!(nothing.contains(expected), "{nothing}");
    let missing = message(starting(other, "missing.safetensors".as_ref()));
    assert!(missing.starts_with("model.start: missing.safetensors: No such file"), "{missing}");
}
