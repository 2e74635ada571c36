//! Hello, digits: train a network on the digits inside the library, and ask it about one of them.

#![allow(clippy::print_stdout, reason = "an example prints")]

use gradus::prelude::*;

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let network = Network::builder([28, 28, 1]).flatten().linear(50).relu().linear(10).build()?;
    let experiment = Experiment::builder(network).epochs(1.0).build()?;
    let mut trainer = Trainer::new(experiment, gradus::mnist()?, Pool::new(2))?;
    println!("accuracy {:.3}", trainer.run(None, &mut []).summary.test.get("accuracy").unwrap());

    let (digit, label) = gradus::mnist()?.test.labelled_sample(0).ok_or("10,000 digits")?;
    println!("a {label}: {}", trainer.saved().clone().predictor()?.classify(&digit)?);
    Ok(())
}
