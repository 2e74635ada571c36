//! Trains neural networks on the CPU, shows everything that happens inside, and ships the result.
//!
//! ```
//! use gradus::prelude::*;
//!
//! let network = Network::builder([28, 28, 1]).flatten().linear(10).build()?;
//! let experiment = Experiment::builder(network).steps(200).build()?;
//! let mut trainer = Trainer::new(experiment, gradus::mnist()?, Pool::new(2))?;
//! let finished = trainer.run(None, &mut []);
//! assert!(finished.summary.test.get("accuracy") > Some(0.85));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Speed
//!
//! Numerical code needs an optimising compiler, and a dependency cannot ask for one. A program that is built without
//! `--release` wants these lines in its `Cargo.toml`:
//!
//! ```toml
//! [profile.dev.package."*"]
//! opt-level = 3
//! ```
//!
//! # Modules
//!
//! | module      | contents                                                                      |
//! |-------------|-------------------------------------------------------------------------------|
//! | [`graph`]   | graphs, gradients, programs, the gradient check, ops of a program             |
//! | [`nn`]      | layers, losses, initializers, optimizers, schedules, network descriptions     |
//! | [`augment`] | random changes of training pictures                                           |
//! | [`data`]    | tables of columns, datasets, readers, the order of samples                    |
//! | [`runs`]    | experiment files, presets, saved models and their predictions, run folders    |
//! | [`train`]   | the training loop, recording, the gradient check of a network                 |
//! | [`events`]  | the log of a run, as JSON lines                                               |
//! | [`explain`] | formulas with every value and gradient, drawings of them, descent             |
//! | [`kernels`] | matrix products, threads, random numbers, vectorised loops                    |
//!
//! Features: `ndarray` adds the module `arrays`, `drawing` the module `drawing` of drawings of networks, `lessons`
//! the module `lessons`, `studio` the module `studio`, which serves web pages.
//!
//! # Errors
//!
//! Every error keeps its cause. [`error_chain`] writes both, as `anyhow` does with `{:#}`:
//!
//! ```
//! let error = gradus::runs::SavedModel::read("missing.safetensors").unwrap_err();
//! assert!(gradus::error_chain(&error).starts_with("missing.safetensors: No such file"));
//! ```
#![doc = ""]
#![doc = include_str!("../guide.md")]

#[cfg(feature = "ndarray")]
pub mod arrays;
#[cfg(feature = "studio")]
pub mod studio;

pub use augment;
pub use data;
pub use diagnostics::chain as error_chain;
#[cfg(feature = "drawing")]
pub use drawing;
pub use events;
pub use explain;
pub use graph;
pub use kernels;
#[cfg(feature = "lessons")]
pub use lessons;
pub use nn;
#[cfg(feature = "exchange")]
pub use onnx;
pub use runs;
#[cfg(feature = "exchange")]
pub use tensorboard;
pub use train;
#[cfg(feature = "exchange")]
pub use weights;

use std::io::{self, Write as _};

use data::{Dataset, Features, Targets};
use runs::Split;

/// The names that most programs need.
pub mod prelude {
    pub use data::{Dataset, Features, Order, Targets};
    pub use events::{Event, Reason, RunFinished};
    pub use graph::{
        Compile, CompileError, Float, Graph, NodeId, Pool, Program, RunArgs, Shape, ShapeError,
        Tensor, Tensors,
    };
    pub use nn::{Builder, Layer, LayerKind, Loss, Mode, Network, Objective};
    pub use runs::{Evaluator, Experiment, ExperimentBuilder, Parts, Predictor, SavedModel, Split};
    pub use train::{Observer, Recorder, Trainer};
}

pub use kernels::is_optimized;
#[doc(hidden)]
pub use nn::serde;

/// Declares the settings of a kind of a program: see [`nn::settings`](macro@nn::settings).
///
/// A program needs no `serde` of its own for it.
#[macro_export]
macro_rules! settings {
    ($($settings:tt)*) => {
        $crate::nn::settings! { @serde "gradus::serde" $($settings)* }
    };
}

/// Says on standard error how to build the program if it is not [optimised](is_optimized).
pub fn warn_unless_optimized() {
    if !is_optimized() {
        let advice = "use `--release`, or add `[profile.dev.package.\"*\"]` with `opt-level = 3` to Cargo.toml";
        // Without standard error there is nobody to tell.
        let _ = writeln!(io::stderr(), "built without optimization, many times slower: {advice}");
    }
}

/// The MNIST digits inside the library as bytes: 60,000 for training and 10,000 for testing.
///
/// Each call decompresses them, which takes about 0.1 s.
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

/// What lessons share, with the digits inside the library.
#[cfg(feature = "lessons")]
pub fn lesson_engine() -> lessons::Engine {
    lessons::Engine::new(|| mnist().map_err(|error| error.to_string()))
}

/// The code in the README is tested too.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

#[cfg(test)]
mod tests {
    #[test]
    fn tests_run_at_speed() {
        // The profile `dev` of the workspace optimises what calculates.
        assert!(super::is_optimized());
    }
}
