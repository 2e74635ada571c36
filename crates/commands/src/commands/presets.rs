//! `presets`: the built-in experiments.

use std::io::Write;
use std::process::ExitCode;

use diagnostics::table;
use gradus::nn::{Mode, Model};
use gradus::runs::presets::{self, Preset};
use serde::Serialize;

use crate::output::{print, thousands};

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
    /// Which data it is trained on.
    data: &'static str,
    /// The shape of a sample after each layer.
    network: String,
    parameters: usize,
    /// The published test accuracy.
    published: Option<f64>,
    /// Whether that was the best or the final accuracy of the run.
    statistic: Option<String>,
    source: Option<String>,
}

impl PresetRow {
    fn of(preset: &Preset) -> anyhow::Result<Self> {
        let experiment = preset.experiment();
        let model = experiment.network(Mode::Train)?;
        let reference = experiment.reference.as_ref();
        Ok(Self {
            preset: preset.name,
            data: experiment.data.source.name(),
            network: outline(&model),
            parameters: model.graph.n_parameters(),
            published: reference.map(|reference| reference.accuracy),
            statistic: reference.map(|reference| reference.statistic.to_string()),
            source: reference.map(|reference| reference.source.clone()),
        })
    }

    fn cells(&self) -> [String; 6] {
        let published = self.published.zip(self.statistic.as_ref());
        [
            self.preset.to_owned(),
            self.data.to_owned(),
            self.network.clone(),
            thousands(self.parameters as u64),
            published.map_or(String::new(), |(accuracy, which)| format!("{accuracy:.4} {which}")),
            self.source.clone().unwrap_or_default(),
        ]
    }
}

pub(crate) fn run(args: &PresetsArgs, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let rows: Vec<_> = presets::ALL.iter().map(PresetRow::of).collect::<anyhow::Result<_>>()?;
    print(out, args.json, &rows, |rows, out| {
        let headings = ["<preset", "<data", "<network", ">parameters", "<published", "<source"];
        table::write(out, headings, &rows.iter().map(PresetRow::cells).collect::<Vec<_>>())
    })
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
