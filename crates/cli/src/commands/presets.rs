//! `presets`: the built-in experiments.

use std::io::Write;
use std::process::ExitCode;

use diagnostics::table::{self, Align};
use gradus::nn::{Mode, Model};
use gradus::runs::presets::{self, Preset};
use serde::Serialize;

use crate::numbers::thousands;

/// List the built-in experiments with their published accuracy.
#[derive(Debug, clap::Args)]
pub(crate) struct PresetsArgs {
    /// Print the list as one JSON array.
    #[arg(long)]
    json: bool,
}

/// One row of the list.
#[derive(Debug, Serialize)]
struct PresetRow {
    preset: &'static str,
    /// The shape of a sample after each layer.
    network: String,
    parameters: usize,
    /// The published test accuracy.
    published: Option<f64>,
    /// Whether that was the best or the final accuracy of the run.
    statistic: Option<String>,
    /// Where it was published.
    source: Option<String>,
}

impl PresetRow {
    fn of(preset: &Preset) -> anyhow::Result<Self> {
        let experiment = preset.experiment();
        let objective = experiment.train.objective();
        let outputs = experiment.model.outputs()?;
        let model = experiment.model.model::<f32>(Mode::Train, &objective, outputs)?;
        let reference = experiment.reference.as_ref();
        Ok(Self {
            preset: preset.name,
            network: outline(&model),
            parameters: model.graph.n_parameters(),
            published: reference.map(|reference| reference.accuracy),
            statistic: reference.map(|reference| reference.statistic.to_string()),
            source: reference.map(|reference| reference.source.clone()),
        })
    }
}

/// Runs the command.
pub(crate) fn run(args: &PresetsArgs, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let entries: Vec<PresetRow> =
        presets::ALL.iter().map(PresetRow::of).collect::<anyhow::Result<_>>()?;
    if args.json {
        writeln!(out, "{}", serde_json::to_string(&entries)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let row = |entry: PresetRow| {
        let published = entry.published.zip(entry.statistic);
        [
            entry.preset.to_owned(),
            entry.network,
            thousands(entry.parameters as u64),
            published.map_or(String::new(), |(accuracy, statistic)| {
                format!("{accuracy:.4} {statistic}")
            }),
            entry.source.unwrap_or_default(),
        ]
    };
    let columns = [
        ("preset", Align::Left),
        ("network", Align::Left),
        ("parameters", Align::Right),
        ("published", Align::Left),
        ("source", Align::Left),
    ];
    table::write(out, columns, &entries.into_iter().map(row).collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}

/// The shape of a sample after each layer, repetitions left out: `784 → 200 → 10`.
fn outline(model: &Model<f32>) -> String {
    let input = model.graph.shape(model.input);
    let shapes = std::iter::once(input).chain(model.layers.iter().map(|layer| &layer.output));
    let mut sizes: Vec<String> = shapes
        .map(|shape| shape.dims().iter().map(usize::to_string).collect::<Vec<_>>().join("x"))
        .collect();
    sizes.dedup();
    sizes.join(" → ")
}
