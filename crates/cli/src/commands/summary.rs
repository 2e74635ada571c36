//! `summary`: list the layers of a network.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use diagnostics::table;
use gradus::nn::{Mode, Model};
use gradus::runs::SavedModel;

use crate::experiment::ExperimentArgs;
use crate::output::thousands;

/// List the layers of a network: output shape, parameters, multiply-adds per sample (forward).
///
/// Exits 0 on success, 2 on an error.
#[derive(Debug, clap::Args)]
pub(crate) struct SummaryArgs {
    /// Preset, experiment file, run directory or safetensors file.
    #[arg(value_name = "PRESET, FILE.toml or MODEL")]
    network: String,
}

pub(crate) fn run(args: &SummaryArgs, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let model = model(&args.network)?;
    let empty = String::new;
    let input = model.graph.shape(model.input).to_string();
    let mut rows = vec![["input".into(), input, empty(), empty()]];
    rows.extend(model.layers.iter().map(|layer| {
        let counts = [layer.parameters as u64, layer.multiply_adds];
        let [parameters, multiply_adds] =
            counts.map(|number| if number == 0 { empty() } else { thousands(number) });
        [layer.path.clone(), layer.output.to_string(), parameters, multiply_adds]
    }));
    let totals = [model.graph.n_parameters() as u64, model.multiply_adds()];
    let [parameters, multiply_adds] = totals.map(thousands);
    rows.push(["total".into(), empty(), parameters, multiply_adds]);
    table::write(out, ["<layer", "<output", ">parameters", ">multiply-adds"], &rows)?;
    Ok(ExitCode::SUCCESS)
}

fn model(name: &str) -> anyhow::Result<Model<f32>> {
    if Path::new(name).is_dir() || name.ends_with(".safetensors") {
        return Ok(SavedModel::read(Path::new(name))?.model()?);
    }
    let experiment = ExperimentArgs { experiment: name.to_owned(), set: Vec::new() };
    Ok(experiment.read(&[])?.network(Mode::Train)?)
}
