//! `summary`: list the layers of a network, or draw it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use diagnostics::table;
use gradus::drawing::{Diagram, LaneRow};
use gradus::nn::{Mode, Model};
use gradus::runs::SavedModel;

use crate::experiment::ExperimentArgs;
use crate::output::thousands;

/// List the layers of a network: output shape, parameters, multiply-adds per sample (forward).
///
/// Beside the layers of a network with branches, lines show which output goes where.
///
/// Exits 0 on success, 2 on an error.
#[derive(Debug, clap::Args)]
pub(crate) struct SummaryArgs {
    /// Preset, experiment file, run directory or safetensors file.
    #[arg(value_name = "PRESET, FILE.toml or MODEL")]
    network: String,

    /// Write a picture of the network, for light and dark ground.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,

    /// Print the network in the language of Graphviz instead of the table.
    #[arg(long)]
    dot: bool,
}

pub(crate) fn run(args: &SummaryArgs, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let model = model(&args.network)?;
    let diagram = Diagram::of(&model);
    if let Some(file) = &args.svg {
        let picture = diagram.svg()?;
        fs::write(file, picture).with_context(|| format!("writing {}", file.display()))?;
    }
    match args.dot {
        true => out.write_all(diagram.dot(&args.network).as_bytes())?,
        false => write_table(&model, &diagram, out)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn write_table(model: &Model<f32>, diagram: &Diagram, out: &mut dyn Write) -> anyhow::Result<()> {
    let plain =
        || (0..diagram.nodes.len()).map(|node| LaneRow { lanes: String::new(), node: Some(node) });
    let lanes = diagram.lanes().unwrap_or_else(|| plain().collect());
    let width = lanes.iter().map(|row| row.lanes.chars().count()).max().unwrap_or(0);
    // No space before the layers of a plain table.
    let width = if width == 0 { 0 } else { width + 2 };
    let mut rows: Vec<[String; 5]> = Vec::new();
    for LaneRow { lanes, node } in lanes {
        let Some(number) = node else {
            rows.push([lanes, String::new(), String::new(), String::new(), String::new()]);
            continue;
        };
        let node = &diagram.nodes[number];
        let multiply_adds =
            number.checked_sub(1).map_or(0, |layer| model.layers[layer].multiply_adds);
        let [parameters, multiply_adds] = [node.parameters as u64, multiply_adds]
            .map(|count| if count == 0 { String::new() } else { thousands(count) });
        let kind = node.kind.map_or(String::new(), |kind| format!(" ({kind})"));
        let layer = format!("{lanes:width$}{}{kind}", node.path);
        rows.push([
            layer,
            node.output.clone(),
            parameters,
            multiply_adds,
            node.training().unwrap_or_default(),
        ]);
    }
    let totals = [model.graph.n_parameters() as u64, model.multiply_adds()];
    let [parameters, multiply_adds] = totals.map(thousands);
    rows.push(["total".into(), String::new(), parameters, multiply_adds, String::new()]);
    table::write(out, ["<layer", "<output", ">parameters", ">multiply-adds", "<"], &rows)?;
    Ok(())
}

fn model(name: &str) -> anyhow::Result<Model<f32>> {
    if Path::new(name).is_dir() || name.ends_with(".safetensors") {
        return Ok(SavedModel::read(Path::new(name))?.model()?);
    }
    let experiment = ExperimentArgs { experiment: Some(name.to_owned()), set: Vec::new() };
    Ok(experiment.read(&[])?.experiment.network(Mode::Train)?)
}
