//! Load a saved network and ask it what some digits are.
//!
//! `cargo run --release -p gradus --example predict` trains and saves a small network first, so that there
//! is something to load.

use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use gradus::prelude::*;
use gradus::runs::{Predictor, presets};

/// Digits that are asked about, all at once.
const DIGITS: usize = 20;

fn train_and_save(file: &Path) -> Result<(), Box<dyn Error>> {
    let mut experiment = presets::find("two-layer").ok_or("a preset")?.experiment();
    experiment.train.steps = Some(1000);
    let mut trainer = Trainer::new(experiment, gradus::mnist()?, Arc::new(Pool::new(2)))?;
    trainer.run(None, &mut []);
    Ok(trainer.saved().write(file)?)
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    gradus::warn_unless_optimized();
    let file =
        std::env::temp_dir().join(format!("gradus-predict-{}.safetensors", std::process::id()));
    train_and_save(&file)?;

    let saved = SavedModel::read(&file)?;
    std::fs::remove_file(&file)?;
    let prediction = saved.experiment.train.loss.prediction();
    let mut predictor = Predictor::new(saved, DIGITS)?;

    let digits = gradus::mnist()?.test;
    let (Features::U8(pixels), Targets::Labels { values: labels, .. }) =
        (digits.features(), digits.targets())
    else {
        return Err("the digits are bytes with labels".into());
    };
    let images: Vec<f32> = pixels[..DIGITS * 784].iter().map(|&pixel| f32::from(pixel)).collect();
    let mut right = 0;
    for (scores, &label) in predictor.predict(&images)?.chunks(10).zip(labels) {
        let probabilities = prediction.probabilities(scores).ok_or("the loss takes logits")?;
        let predicted = (0..10)
            .max_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]))
            .ok_or("ten classes")?;
        writeln!(
            io::stdout(),
            "label {label}, predicted {predicted} with probability {:.2}",
            probabilities[predicted]
        )?;
        right += usize::from(predicted == label as usize);
    }
    if right < 17 {
        return Err(format!("only {right} of {DIGITS} are right").into());
    }
    Ok(())
}
