//! Load, predict, print.

use gradus::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (digit, _) = gradus::mnist()?.test.labelled_sample(0).ok_or("10,000 digits")?;
    let mut predictor = SavedModel::read("digits.safetensors")?.predictor()?;
    println!("{}", predictor.classify(&digit)?);
    Ok(())
}
