//! Train on arrays of your own: two half moons, told apart by a small network.
//!
//! `cargo run --release -p gradus --example moons`

use std::error::Error;
use std::io::{self, Write};

use gradus::data::DataError;
use gradus::kernels::random::Stream;
use gradus::prelude::*;

/// `n` points around two half moons that reach into each other, labelled with their moon.
fn moons(name: &str, n: usize, seed: u64) -> Result<Dataset, DataError> {
    let mut random = Stream::new(seed, 0);
    let (mut points, mut values) = (Vec::new(), Vec::new());
    for i in 0..n {
        let moon = (i % 2) as u32;
        let (sin, cos) = (std::f64::consts::PI * random.uniform()).sin_cos();
        let (x, y) = if moon == 0 { (cos, sin) } else { (1.0 - cos, 0.5 - sin) };
        points.extend([x + 0.1 * random.normal(), y + 0.1 * random.normal()].map(|v| v as f32));
        values.push(moon);
    }
    Dataset::new(name, [2], Features::F32(points), Targets::Labels { values, classes: 2 })
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    gradus::warn_unless_optimized();
    let split = Split {
        train: moons("moons to learn", 2000, 1)?,
        test: moons("moons to measure", 1000, 2)?,
    };

    let network = Network::builder([2]).linear(32).tanh().linear(32).tanh().linear(2).build()?;
    let experiment =
        Experiment::builder(network).memory().learning_rate(0.01).batch(50).epochs(20.0).build()?;
    let mut trainer = Trainer::new(experiment, split, Pool::new(1))?;
    let finished = trainer.run(None, &mut []);

    let accuracy = finished.summary.test.get("accuracy").ok_or("the data has classes")?;
    writeln!(io::stdout(), "test accuracy {accuracy:.3}")?;
    if accuracy < 0.97 {
        return Err("the moons should be told apart".into());
    }
    Ok(())
}
