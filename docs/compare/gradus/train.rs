//! Build, train, evaluate.

use gradus::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let network = Network::builder([28, 28, 1]).flatten().linear(50).relu().linear(10).build()?;
    let experiment = Experiment::builder(network).epochs(1.0).build()?;
    let mut trainer = Trainer::new(experiment, gradus::mnist()?, Pool::new(2))?;
    let accuracy = trainer.run(None, &mut []).summary.test.get("accuracy");
    println!("accuracy {}", accuracy.unwrap_or_default());
    Ok(trainer.saved().write("digits.safetensors")?)
}
