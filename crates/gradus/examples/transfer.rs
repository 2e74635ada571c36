//! Transfer: the convolution of a trained network is kept, frozen, and a new head is trained behind it.

#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use gradus::nn::NetworkBuilder;
use gradus::prelude::*;

fn features() -> NetworkBuilder {
    Network::builder([28, 28, 1]).conv2d(8, 5).named("features")
}

/// Is the digit even or odd?
fn parity(digits: &Dataset) -> Result<Dataset, Box<dyn Error>> {
    let Targets::Labels { values, .. } = digits.targets() else { return Err("labels".into()) };
    let values = values.iter().map(|digit| digit % 2).collect();
    let targets = Targets::Labels { values, classes: 2 };
    Ok(Dataset::new("parity", digits.sample_shape(), digits.numbers(0..digits.len()), targets)?)
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    gradus::warn_unless_optimized();
    let folder = std::env::temp_dir();
    let file = folder.join(format!("gradus-transfer-{}.safetensors", std::process::id()));
    let network = features().relu().max_pool2d(4).flatten().linear(10).build()?;
    let digits = gradus::mnist()?;
    let sets = Split { train: parity(&digits.train)?, test: parity(&digits.test)? };
    let experiment = Experiment::builder(network).steps(150).build()?;
    let mut trainer = Trainer::new(experiment, digits, Pool::new(2))?;
    trainer.run(None, &mut []);
    trainer.saved().write(&file)?;

    let network = features().frozen().start(&file).relu().max_pool2d(4).flatten().linear(2);
    let experiment = Experiment::builder(network.build()?)
        .memory()
        .class_names(["even", "odd"])
        .steps(150)
        .build()?;
    let mut transferred = Trainer::new(experiment, sets, Pool::new(2))?;
    let accuracy = transferred.run(None, &mut []).summary.test.get("accuracy");
    println!("even or odd: accuracy {accuracy:.3?}");

    std::fs::remove_file(&file)?;
    let [old, new] = [&trainer, &transferred].map(|trainer| {
        let kernel = &trainer.model().parameters[0];
        trainer.saved().parameters[kernel.range.clone()].to_vec()
    });
    if accuracy < Some(0.85) || old != new {
        return Err("a frozen layer keeps its bytes, and the head should learn".into());
    }
    Ok(())
}
