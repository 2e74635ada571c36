//! `export --rust`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use gradus::events::Part;
use gradus::graph::Pool;
use gradus::runs::{Evaluator, SavedModel};
use gradus::static_network::{
    RoundedMetric, StaticCrate, StaticCrateOptions, WeightFormat, crate_name,
};

use crate::experiment::warn;
use crate::output::thousands;
use crate::threads::ThreadsArgs;

/// A Rust crate to write.
#[derive(Debug, clap::Args)]
pub(super) struct StaticCrateArgs {
    /// Write a Rust crate into a folder that does not exist or is empty.
    #[arg(long, value_name = "FOLDER")]
    rust: Option<PathBuf>,

    /// The name of the crate [default: made from that of the model].
    #[arg(long, value_name = "NAME", requires = "rust")]
    name: Option<String>,

    /// How the crate stores weights. What 8-bit costs is measured on the test set and written into its README.md.
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "32-bit", requires = "rust")]
    weights: FormatArg,

    /// Build the crate with Cargo, and write its bytes of code and the time of a prediction into its README.md.
    #[arg(long, requires = "rust")]
    measure: bool,
}

/// How weights are stored.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum FormatArg {
    /// As they are.
    #[value(name = "32-bit")]
    Float32,
    /// As whole numbers with a scale for each output.
    #[value(name = "8-bit")]
    Int8,
}

impl From<FormatArg> for WeightFormat {
    fn from(format: FormatArg) -> Self {
        match format {
            FormatArg::Float32 => Self::Float32,
            FormatArg::Int8 => Self::Int8,
        }
    }
}

impl StaticCrateArgs {
    pub(super) fn is_asked(&self) -> bool {
        self.rust.is_some()
    }

    pub(super) fn write(
        &self,
        model: &Path,
        saved: &SavedModel,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let Some(folder) = &self.rust else { return Ok(()) };
        let is_free =
            !folder.exists() || fs::read_dir(folder).is_ok_and(|mut files| files.next().is_none());
        ensure!(
            is_free,
            "--rust: expected a folder that does not exist or is empty, found {}",
            folder.display()
        );
        let of_model = model.file_stem().unwrap_or_default().to_string_lossy();
        let name = self.name.clone().unwrap_or_else(|| crate_name(&of_model));
        let options = StaticCrateOptions { name, weights: self.weights.into() };
        let mut written = StaticCrate::new(saved, &options)?;
        if let Some(rounded) = written.rounded() {
            match metric_changes(saved, rounded) {
                Ok(metrics) => written.set_metrics(metrics),
                Err(error) => {
                    warn(&[format!("what 8-bit weights cost was not measured: {error:#}")])
                }
            }
        }
        if let Some(why) = written.row_refusal() {
            warn(&[format!("the crate takes features only: {why}")]);
        }
        written.write(folder).with_context(|| format!("writing {}", folder.display()))?;
        writeln!(
            out,
            "{}: crate `{}`, {} bytes of weights, {} bytes of stack",
            folder.display(),
            options.name,
            thousands(written.weight_bytes() as u64),
            thousands(written.buffer_bytes() as u64)
        )?;
        if self.measure {
            let measured = written.measure(folder).context("--measure: the crate is written")?;
            writeln!(
                out,
                "{} bytes of code, {:.1} ns a prediction ({:.1} ns built for any processor)",
                thousands(measured.code_bytes),
                measured.native_nanoseconds,
                measured.nanoseconds
            )?;
        }
        Ok(())
    }
}

/// The metrics on the test set with the weights as they are, and rounded.
fn metric_changes(saved: &SavedModel, rounded: &SavedModel) -> anyhow::Result<Vec<RoundedMetric>> {
    let experiment = &saved.experiment;
    let parts = experiment.data.open_fitted(Arc::clone(&saved.transforms), gradus::mnist)?;
    let test = parts.get(Part::Test).context("the run has no test set")?;
    let pool = Pool::new(ThreadsArgs::default().count());
    let mut evaluator = Evaluator::new(experiment, test)?;
    let mut metrics = |model| evaluator.evaluate(Some(&pool), test, model).metrics;
    let (before, after) = (metrics(saved), metrics(rounded));
    let changes = before.iter().filter_map(|(name, before)| {
        Some(RoundedMetric { name: name.to_owned(), before, after: after.get(name)? })
    });
    Ok(changes.collect())
}
