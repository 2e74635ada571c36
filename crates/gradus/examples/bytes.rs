//! A model as bytes: kept in a database, sent over a network, or embedded by `include_bytes!`.

#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use gradus::prelude::*;

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let network = Network::builder([28, 28, 1]).flatten().linear(10).build()?;
    let names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    let experiment = Experiment::builder(network).class_names(names).steps(200).build()?;
    let digits = gradus::mnist()?;
    let (digit, label) = digits.test.labelled_sample(0).ok_or("10,000 digits")?;
    let mut trainer = Trainer::new(experiment, digits, Pool::new(2))?;
    trainer.run(None, &mut []);

    let bytes = trainer.saved().to_bytes()?;
    println!("a model of {} bytes", bytes.len());
    let model = SavedModel::from_bytes(&bytes)?;
    let found = model.predictor()?.classify(&digit)?;
    println!("a {label}: {found}");

    let damaged = SavedModel::from_bytes(&bytes[1..]).expect_err("a byte is missing");
    println!("without the first byte: {damaged}");
    if found.name != names[label as usize] {
        return Err("the first digit is an easy one".into());
    }
    Ok(())
}
