//! Residual networks with frozen layers, whose parameters and running statistics keep their bytes.

use std::sync::Arc;

use gradus_train::Trainer;
use graph::Pool;
use nn::optim::Optimizer;
use runs::{SavedModel, Split};

use crate::made_up::{experiment, images};

/// Two residual blocks, the first of them frozen but for its first convolution.
const RESIDUAL: &str = r#"
    input = [8, 8, 1]
    layers = [
        { kind = "conv2d", filters = 6, kernel = 3, padding = "same", name = "stem", freeze = true },
        { kind = "batch_norm", freeze = true }, "relu",
        { kind = "conv2d", filters = 6, kernel = 3, padding = "same", bias = false }, { kind = "batch_norm", freeze = true }, "relu",
        { kind = "depthwise_conv2d", kernel = 3, padding = "same", freeze = true }, { kind = "add", from = ["3.relu"], name = "first" },
        { kind = "conv2d", filters = 6, kernel = 3, padding = "same", bias = false }, "batch_norm", "relu",
        { kind = "conv2d", filters = 6, kernel = 1, freeze = true }, { kind = "add", from = ["first", "stem"] },
        { kind = "group_norm", groups = 2, freeze = true }, "relu", "global_avg_pool2d",
        { kind = "linear", units = 9, freeze = true }, "tanh",
        { kind = "linear", units = 4, learning_rate_factor = 0.5 },
    ]
"#;

/// The optimizer with this name; with a strong decay if it has one.
fn optimizer(name: &str) -> String {
    match name {
        "adamw" | "lion" | "muon" => {
            format!("{{ kind = '{name}', weight_decay = 0.5, decay_all = true }}")
        }
        _ => format!("'{name}'"),
    }
}

fn trainer(train: &str, threads: usize) -> Trainer {
    let set = images(200);
    let split = Split { train: set.clone(), test: set };
    let experiment = experiment(RESIDUAL, &format!("batch = 40\nsteps = 9\n{train}"));
    Trainer::new(experiment, split, Arc::new(Pool::new(threads))).unwrap()
}

/// The bits of the parameters and running statistics of all frozen layers.
fn frozen_bits(trainer: &Trainer, saved: &SavedModel) -> Vec<u32> {
    let model = trainer.model();
    let parameters = model.parameters.iter().filter(|spec| spec.is_frozen);
    let parameters = parameters.flat_map(|spec| &saved.parameters[spec.range.clone()]);
    // One batch normalisation is not frozen.
    let statistics = model.running_statistics.iter().filter(|s| !s.path.starts_with("10."));
    let statistics = statistics.flat_map(|s| &saved.running_statistics[s.range.clone()]);
    parameters.chain(statistics).map(|value| value.to_bits()).collect()
}

#[test]
fn frozen_layers_keep_their_bytes_whatever_trains_the_others() {
    let around = [
        "",
        "l1 = 0.01\nl2 = 0.02",
        "clip = { norm = 0.1 }",
        "lookahead = { steps = 3 }\nema = { decay = 0.9 }",
    ];
    for (name, settings) in Optimizer::NAMES.iter().flat_map(|name| around.map(|a| (name, a))) {
        let schedule = "schedule = { kind = 'one_cycle', max_learning_rate = 0.05 }";
        let train = format!("optimizer = {}\n{schedule}\n{settings}", optimizer(name));
        let mut trainer = trainer(&train, 2);
        let first = trainer.current().clone();
        for _ in 0..9 {
            trainer.step().unwrap();
        }
        for saved in [trainer.current(), trainer.saved()] {
            let (found, wanted) = (frozen_bits(&trainer, saved), frozen_bits(&trainer, &first));
            assert_eq!(found, wanted, "{name}, {settings}");
            for spec in trainer.model().parameters.iter().filter(|spec| !spec.is_frozen) {
                let values = |saved: &SavedModel| saved.parameters[spec.range.clone()].to_vec();
                assert_ne!(values(saved), values(&first), "{name}, {settings}: {}", spec.path);
            }
            assert_ne!(saved.running_statistics, first.running_statistics, "{name}, {settings}");
        }
    }
}

#[test]
fn residual_networks_have_the_same_bytes_for_any_number_of_threads() {
    let digest = |train: &str, threads| {
        let mut trainer = trainer(train, threads);
        let summary = trainer.run(None, &mut []).summary;
        (summary.weights_digest, summary.train.loss().to_bits(), summary.test.loss().to_bits())
    };
    for name in ["momentum", "adamw", "muon"] {
        let train = format!("optimizer = {}\nema = {{ decay = 0.9 }}", optimizer(name));
        let alone = digest(&train, 1);
        assert_eq!([digest(&train, 2), digest(&train, 3)], [alone.clone(), alone], "{name}");
    }
}
