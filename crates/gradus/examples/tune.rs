//! Search for good settings: trials with settings drawn from ranges, each a recorded run.
//!
//! `cargo run --release -p gradus --example tune`

use std::error::Error;
use std::io::{self, Write};

use gradus::prelude::*;
use gradus::runs::DataSpec;
use gradus::runs::tune::Tuning;
use gradus::train::tune::{Sweep, SweepInputs};

const FILE: &str = r#"
    [data]
    limit = 2_000
    validation = 1_000

    [model]
    input = [28, 28, 1]
    layers = ["flatten", { kind = "linear", units = 10 }]

    [train]
    steps = 60

    [tune]
    trials = 4
    "train.schedule.learning_rate" = { log = [1e-4, 1e-1] }
    "train.batch" = { choice = [20, 50] }
"#;

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    gradus::warn_unless_optimized();
    let folder = std::env::temp_dir().join(format!("gradus-tune-{}", std::process::id()));
    let inputs = SweepInputs {
        open_data: &|data: &DataSpec| data.open(gradus::mnist),
        pool: Pool::new(2).into(),
        memory_limit: None,
    };
    let mut sweep = Sweep::create(Tuning::parse("digits.toml", FILE)?, inputs, &folder)?;
    // An observer may stop it; `Sweep::resume` continues it.
    sweep.run(&mut [])?;

    let ranked = sweep.record().ranked();
    for result in &ranked {
        let metric = result.metric.map_or("not finite".to_owned(), |metric| format!("{metric:.3}"));
        writeln!(io::stdout(), "trial {}: {metric} with {:?}", result.trial, result.values)?;
    }
    // The model of the best trial, ready to predict.
    let model = SavedModel::read(folder.join(&ranked[0].run))?;
    let (image, _) = gradus::mnist()?.test.labelled_sample(0).ok_or("a sample")?;
    writeln!(io::stdout(), "{}", model.predictor()?.classify(&image)?)?;
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}
