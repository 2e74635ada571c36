//! Train on a table, load the model, and predict a row that is given by the names of its columns.
//!
//! `cargo run --release -p gradus --example rows`

#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;
use std::fs;
use std::path::Path;

use gradus::prelude::*;
use gradus::runs::RowPrediction;

/// Days on which a kite flies: with wind, and not in rain.
fn write_days(file: &Path) -> std::io::Result<()> {
    let day = |i: usize| {
        let (wind, sky) = (i * 37 % 100, ["clear", "clouds", "rain"][i % 3]);
        let flies = if wind > 40 && sky != "rain" { "yes" } else { "no" };
        format!("{}.{},{sky},{flies}\n", wind / 10, wind % 10)
    };
    fs::write(file, "wind,sky,flies\n".to_owned() + &(0..300).map(day).collect::<String>())
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    gradus::warn_unless_optimized();
    let folder = std::env::temp_dir();
    let [days, model] = ["csv", "safetensors"]
        .map(|ending| folder.join(format!("gradus-rows-{}.{ending}", std::process::id())));
    write_days(&days)?;
    let text = format!(
        "data.source = {{ kind = 'files', train = {days:?} }}\n\
         model = {{ input = [4], layers = [{{ kind = 'linear', units = 16 }}, 'relu', {{ kind = 'linear', units = 2 }}] }}\n\
         train = {{ optimizer = 'adam', batch = 20, epochs = 30 }}"
    );
    let experiment = Experiment::parse("days.toml", &text)?;
    let parts = experiment.data.open(gradus::mnist)?;
    let mut trainer = Trainer::new(experiment, parts, Pool::new(2))?;
    trainer.run(None, &mut []);
    trainer.saved().write(&model)?;

    // Cells as they are in the table; what is unknown is `None::<f64>.into()`.
    let mut predictor = SavedModel::read(&model)?.predictor()?;
    let found = predictor.predict_row([("sky", "clear".into()), ("wind", 8.5.into())])?;
    let RowPrediction::Class { best, .. } = found else { return Err("a class".into()) };
    println!("a kite flies: {best}");
    let missing = predictor.predict_row([("wind", 8.5.into())]).expect_err("there is no sky");
    println!("{missing}");

    fs::remove_file(&days)?;
    fs::remove_file(&model)?;
    if best.name != "yes" {
        return Err("a clear day with wind".into());
    }
    Ok(())
}
