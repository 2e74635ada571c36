//! Load a saved network and ask it what a digit is.
//!
//! `cargo run --release -p gradus --example predict` trains and saves a small network first, so that there
//! is something to load.

use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use gradus::prelude::*;
use gradus::train::{Predictor, presets, probabilities};

fn train_and_save(file: &Path) -> Result<(), Box<dyn Error>> {
    let mut experiment = presets::find("two-layer").ok_or("a preset")?.experiment();
    experiment.train.steps = Some(1000);
    let mut trainer = Trainer::new(experiment, gradus::mnist()?, Arc::new(Pool::new(2)))?;
    trainer.run(None, &mut Silent);
    Ok(trainer.saved().write(file)?)
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let file =
        std::env::temp_dir().join(format!("gradus-predict-{}.safetensors", std::process::id()));
    train_and_save(&file)?;

    let mut predictor = Predictor::new(SavedModel::read(&file)?)?;
    std::fs::remove_file(&file)?;

    let digits = gradus::mnist()?.test;
    let (Features::U8(pixels), Targets::Labels { values: labels, .. }) =
        (digits.features(), digits.targets())
    else {
        return Err("the digits are bytes with labels".into());
    };
    let mut right = 0;
    for (image, &label) in pixels.chunks(784).zip(labels).take(20) {
        let image: Vec<f32> = image.iter().map(|&pixel| f32::from(pixel)).collect();
        let chances = probabilities(predictor.predict(&image));
        let guess =
            (0..10).max_by(|&a, &b| chances[a].total_cmp(&chances[b])).ok_or("ten classes")?;
        writeln!(
            io::stdout(),
            "a {label}, taken for a {guess} with probability {:.2}",
            chances[guess]
        )?;
        right += usize::from(guess == label as usize);
    }
    if right < 17 {
        return Err(format!("only {right} of 20 are right").into());
    }
    Ok(())
}
