//! A step of training, with augmentation, and a prediction allocate nothing once they are warm. A binary of its own: the allocator is
//! counted for the whole process, the threads of the pool among it.

use std::alloc::System;
use std::sync::{Arc, Barrier};

use data::{Dataset, Features, Targets};
use gradus_train::Trainer;
use graph::Pool;
use graph::op::Tile;
use nn::{LayerKind, ModelSource as _};
use runs::{BatchSource, Experiment, Predictor, Split};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Layers of all kinds: among them convolutions that take Winograd's algorithm (12 channels and more), and a
/// linear layer whose weight (192 × 1400) is so large that the pool's threads share its rows.
const LAYERS: &str = r#"
    { kind = "conv2d", filters = 12, kernel = 3, padding = "same", bias = false }, { kind = "batch_norm", name = "norm" }, "relu",
    { kind = "conv2d", filters = 12, kernel = 3, padding = "same" }, { kind = "add", from = ["norm"] },
    { kind = "max_pool2d", size = 2 },
    { kind = "avg_pool2d", size = 2, stride = 1, padding = "same" }, { kind = "group_norm", groups = 4 },
    { kind = "depthwise_conv2d", kernel = 3, padding = "same", name = "depthwise" }, "silu",
    { kind = "concat", from = ["depthwise"], axis = 1 }, "flatten",
    { kind = "linear", units = 1400 }, "sigmoid", { kind = "linear", units = 20 }, { kind = "leaky_relu" },
    { kind = "dropout", rate = 0.25 }, "tanh", { kind = "linear", units = 10 }, "softplus", { kind = "linear", units = 6 },
    "softmax", { kind = "linear", units = 4, name = "main" },
    { kind = "global_avg_pool2d", from = "norm" }, { kind = "linear", units = 4, name = "means" },
    { kind = "embedding", count = 2, features = 3, from = "input" }, "flatten", { kind = "linear", units = 4 },
    { kind = "add", from = ["main", "means"] },
"#;

/// Augmentations of all kinds, among them two displacements with a map between them.
const AUGMENT: &str = "augment = ['shift', { kind = 'elastic', sigma = 2 }, 'rotate', 'scale', { kind = 'elastic', sigma = 3 }, \
    'erase', 'shear', 'flip', 'brightness']";

fn images() -> Dataset {
    let pixels = (0..300 * 64).map(|i| (i * 31 % 256) as u8).collect();
    let targets = Targets::Labels { values: (0..300).map(|i| i % 4).collect(), classes: 4 };
    Dataset::new("images", [8, 8, 1], Features::U8(pixels), targets).unwrap()
}

fn experiment(train: &str) -> Experiment {
    // Those that are not listed need no setting, or they must be listed.
    let others = LayerKind::NAMES.iter().filter(|name| !LAYERS.contains(**name));
    let layers: String = others.map(|name| format!("'{name}', ")).collect::<String>() + LAYERS;
    let text = format!(
        "data.source = 'memory'\ndata.{AUGMENT}\nmodel = {{ input = [8, 8, 1], layers = [{layers}] }}\n\
         [train]\nbatch = 120\nsteps = 1000\nreport_every = 1000\n{train}"
    );
    Experiment::parse("layers.toml", &text).unwrap()
}

fn trainer(train: &str, pool: &Arc<Pool>) -> Trainer {
    let split = Split { train: images(), test: images() };
    Trainer::new(experiment(train), split, Arc::clone(pool)).unwrap()
}

/// Expects that calls allocate nothing after so many of them.
fn assert_allocates_nothing(name: &str, after: usize, mut call: impl FnMut()) {
    (0..after).for_each(|_| call());
    let region = Region::new(ALLOCATOR);
    (0..20).for_each(|_| call());
    let counted = region.change();
    assert_eq!((counted.allocations, counted.reallocations), (0, 0), "{name}: {counted:?}");
}

// One test only: another one at the same time would be counted too.
#[test]
fn a_warm_step_and_a_warm_prediction_allocate_nothing_in_layers_of_all_kinds() {
    let pool = Arc::new(Pool::new(2));
    // A thread allocates when it begins, and for the first samples that it augments: all must have.
    let (all, experiment, set) = (Barrier::new(pool.threads()), experiment(""), images());
    pool.run(pool.threads(), |_| {
        all.wait();
        let tile = Tile { first: 0, valid: 120, width: 128, batch: 120 };
        let source = BatchSource::of_training(&experiment, &set, &[0; 120], 0);
        source.load_samples(tile, &mut vec![0.0_f32; 64 * tile.width]);
    });
    for train in [
        "optimizer = 'sgd'",
        "optimizer = 'adam'\nclip = { norm = 1, value = 0.1 }",
        "optimizer = 'nesterov'\norder = 'with_replacement'\nl1 = 0.001\nl2 = 0.001",
        "order = 'fixed_order'\nloss = 'hinge'\nshards = 7",
        "optimizer = 'muon'\nschedule = 'one_cycle'\nlookahead = {}\nema = {}",
    ] {
        let mut trainer = trainer(train, &pool);
        assert_allocates_nothing(train, 3, || drop(trainer.step().unwrap()));
        for batch in [1, 5, 100] {
            let predictor = Predictor::new(trainer.saved().clone(), batch).unwrap();
            let mut predictor = predictor.with_pool(Arc::clone(&pool));
            let samples = vec![1.0; batch * 64];
            assert_allocates_nothing("prediction", 1, || _ = predictor.predict(&samples));
        }
    }
}
