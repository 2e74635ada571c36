//! `summary`: list the layers of a network.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use diagnostics::table::{self, Align};
use gradus::nn::{Mode, Model, Objective};

use crate::experiment::ExperimentArgs;
use crate::numbers::thousands;
use crate::saved;

/// List the layers of a network: output shape, parameters, multiply-adds per sample (forward).
///
/// Exits 0 on success, 2 on an error.
#[derive(Debug, clap::Args)]
pub(crate) struct SummaryArgs {
    /// Preset, experiment file, run directory or safetensors file.
    #[arg(value_name = "PRESET, FILE.toml or MODEL")]
    network: String,
}

/// Runs the command.
pub(crate) fn run(args: &SummaryArgs, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let model = model(&args.network)?;
    let mut rows: Vec<[String; 5]> = Vec::new();
    let input = model.graph.shape(model.input);
    rows.push(["".into(), "input".into(), input.to_string(), String::new(), String::new()]);
    for layer in &model.layers {
        let count = |number: u64| if number == 0 { String::new() } else { thousands(number) };
        rows.push([
            layer.number.to_string(),
            layer.kind.into(),
            layer.output.to_string(),
            count(layer.parameters as u64),
            count(layer.multiply_adds),
        ]);
    }
    let (parameters, multiply_adds) = (model.graph.n_parameters() as u64, model.multiply_adds());
    rows.push([
        "".into(),
        "total".into(),
        String::new(),
        thousands(parameters),
        thousands(multiply_adds),
    ]);
    let columns = [
        ("#", Align::Right),
        ("layer", Align::Left),
        ("output", Align::Left),
        ("parameters", Align::Right),
        ("multiply-adds", Align::Right),
    ];
    table::write(out, columns, &rows)?;
    Ok(ExitCode::SUCCESS)
}

fn model(name: &str) -> anyhow::Result<Model<f32>> {
    if Path::new(name).is_dir() || name.ends_with(".safetensors") {
        return Ok(saved::read(Path::new(name))?.model()?);
    }
    let experiment = ExperimentArgs { experiment: name.to_owned(), set: Vec::new() }.read(&[])?;
    let outputs = experiment.model.outputs()?;
    Ok(experiment.model.model(Mode::Train, &Objective::default(), outputs)?)
}
