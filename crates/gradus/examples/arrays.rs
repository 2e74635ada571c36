//! Arrays of the crate `ndarray` in and out.
//!
//! `cargo run --release -p gradus --features ndarray --example arrays`

#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use gradus::arrays;
use gradus::nn::losses::MeanSquaredError;
use gradus::prelude::*;
use ndarray::{Array2, ArrayView2, Axis};

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    gradus::warn_unless_optimized();
    // Columns of a table: three measurements, and the two values that follow from them.
    let table = Array2::from_shape_fn((600, 5), |(i, j)| {
        let [a, b, c] = [7, 11, 13].map(|prime| (i * prime % 60) as f32 / 60.0);
        [a, b, c, a * b, c - a][j]
    });
    let (known, unseen) = table.view().split_at(Axis(0), 500);
    let set = |rows: ArrayView2<'_, f32>| {
        let (inputs, outputs) = rows.split_at(Axis(1), 3);
        arrays::valued("table", inputs, outputs)
    };
    let split = Split { train: set(known)?, test: set(unseen)? };
    let network = Network::builder([3]).linear(32).tanh().linear(2).build()?;
    let experiment = Experiment::builder(network)
        .memory()
        .loss(MeanSquaredError {})
        .learning_rate(0.01)
        .batch(50)
        .epochs(200.0)
        .build()?;
    let mut trainer = Trainer::new(experiment, split, Pool::new(1))?;
    trainer.run(None, &mut []);

    let (inputs, outputs) = unseen.split_at(Axis(1), 3);
    let mut predictor = Predictor::new(trainer.saved().clone(), unseen.nrows())?;
    let predicted = arrays::predict(&mut predictor, inputs)?;
    let worst = (&predicted - &outputs).fold(0.0_f32, |worst, v| worst.max(v.abs()));
    println!("worst error {worst:.3}");
    if worst > 0.1 {
        return Err("a product and a difference should be learned".into());
    }
    Ok(())
}
