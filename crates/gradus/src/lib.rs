//! Trains neural networks on the CPU, shows everything that happens inside, and ships the result.
//!
//! ```
//! use std::sync::Arc;
//! use gradus::prelude::*;
//!
//! // A preset with a few steps, on the digits inside the library.
//! let experiment = gradus::runs::presets::find("softmax").unwrap();
//! let mut experiment = experiment.experiment();
//! (experiment.train.steps, experiment.train.evaluate_every) = (Some(200), None);
//!
//! let digits = gradus::mnist()?;
//! let mut trainer = Trainer::new(experiment, digits, Arc::new(Pool::new(2)))?;
//! let finished = trainer.run(None, &mut NoopObserver);
//! assert!(finished.summary.test_accuracy > Some(0.85));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The rooms of the house, each a crate of its own:
//!
//! | module      | what is in it                                                              |
//! |-------------|----------------------------------------------------------------------------|
//! | [`graph`]   | graphs, gradients, programs, the gradient check, formulas, ops of your own |
//! | [`nn`]      | layers, losses, initializers, optimizers, schedules, network descriptions  |
//! | [`data`]    | datasets, readers, the order of samples                                    |
//! | [`runs`]    | experiment files, presets, saved networks and their answers, run folders   |
//! | [`train`]   | the training loop, the gradient check                                      |
//! | [`events`]  | what happens in a run, as JSON lines                                       |
//! | [`kernels`] | products, threads, random numbers, vectorised loops                        |

pub use data;
pub use events;
pub use graph;
pub use kernels;
pub use nn;
pub use runs;
pub use train;

use data::{Dataset, Features, Targets};
use runs::Split;

/// What most programs need.
pub mod prelude {
    pub use data::{Dataset, Features, Order, Targets};
    pub use events::{Event, Reason, RunFinished};
    pub use graph::{
        Compile, Graph, NodeId, Pool, Program, RunArgs, Shape, ShapeError, Tensor, Tensors,
    };
    pub use nn::{Layer, Loss, Mode, Network, Objective};
    pub use runs::{Evaluator, Experiment, SavedModel, Split};
    pub use train::{NoopObserver, Observer, Trainer};
}

/// The MNIST digits inside the library: 60,000 to learn from and 10,000 to measure on, as bytes.
///
/// They are decompressed anew with each call, which takes about 0.1 s.
///
/// # Errors
///
/// If the library is damaged: the digits carry checksums.
pub fn mnist() -> Result<Split, mnist::LoadError> {
    let digits = mnist::load()?;
    let set = |name: &str, images: Vec<u8>, labels: Vec<u8>| {
        let values = labels.into_iter().map(u32::from).collect();
        let targets = Targets::Labels { values, classes: mnist::CLASSES };
        let shape = [mnist::ROWS, mnist::COLUMNS, 1];
        Dataset::new(name, shape, Features::U8(images), targets)
            .expect("checked when it was embedded")
    };
    Ok(Split {
        train: set("mnist, training set", digits.train_images, digits.train_labels),
        test: set("mnist, test set", digits.test_images, digits.test_labels),
    })
}

/// The code in the README runs too.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
