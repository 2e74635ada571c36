//! Load a model and ask it what a digit is, in three lines.
//!
//! `cargo run --release -p gradus --example predict` trains and saves a small network first, so that there
//! is something to load.

#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;
use std::path::Path;

use gradus::prelude::*;

fn train_and_save(file: &Path) -> Result<(), Box<dyn Error>> {
    let preset = gradus::runs::presets::find("two-layer").ok_or("a preset")?;
    let experiment = ExperimentBuilder::from(preset.experiment()).steps(1000).build()?;
    let mut trainer = Trainer::new(experiment, gradus::mnist()?, Pool::new(2))?;
    trainer.run(None, &mut []);
    Ok(trainer.saved().write(file)?)
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    gradus::warn_unless_optimized();
    let folder = std::env::temp_dir();
    let file = folder.join(format!("gradus-predict-{}.safetensors", std::process::id()));
    train_and_save(&file)?;
    let (digit, label) = gradus::mnist()?.test.labelled_sample(0).ok_or("10,000 digits")?;

    let mut predictor = SavedModel::read(&file)?.predictor()?;
    let found = predictor.classify(&digit)?;
    println!("label {label}, predicted {} with probability {:?}", found.name, found.probability);

    std::fs::remove_file(&file)?;
    if found.class != label as usize {
        return Err("the first digit is an easy one".into());
    }
    Ok(())
}
