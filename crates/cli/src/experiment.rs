//! The experiment selected on the command line.

use std::io::{self, Write as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use diagnostics::did_you_mean;
use gradus::runs::{Experiment, presets};

/// A preset or an experiment file, with overridden settings.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ExperimentArgs {
    /// Preset or experiment file; `gradus presets` lists the presets.
    #[arg(value_name = "PRESET or FILE.toml", default_value = presets::DEFAULT)]
    pub(crate) experiment: String,

    /// Override a setting of the experiment, such as train.batch=50; may be repeated.
    #[arg(long, value_name = "PATH=VALUE", value_parser = setting)]
    pub(crate) set: Vec<(String, String)>,
}

fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((path, value)) if !path.trim().is_empty() => {
            Ok((path.trim().into(), value.trim().into()))
        }
        _ => Err("expected PATH=VALUE, such as train.batch=50".into()),
    }
}

/// Shows settings and data that are allowed and probably mistakes.
pub(crate) fn warn(warnings: &[String]) {
    for warning in warnings {
        let _ = writeln!(io::stderr(), "warning: {warning}");
    }
}

impl ExperimentArgs {
    /// The experiment, with the settings `more` overridden after those of `--set`.
    pub(crate) fn read(&self, more: &[(&str, Option<String>)]) -> anyhow::Result<Experiment> {
        let more =
            more.iter().filter_map(|(path, value)| Some(((*path).to_owned(), value.clone()?)));
        let settings: Vec<_> = self.set.iter().cloned().chain(more).collect();
        let (file, text) = self.text()?;
        let mut experiment = Experiment::parse_with(&file, &text, &settings)?;
        // A path in a file is relative to its folder, one of the command line to the current one.
        if !settings.iter().any(|(path, _)| path == "model.start")
            && let (Some(start), Some(folder)) =
                (&mut experiment.model.start, Path::new(&file).parent())
        {
            *start = folder.join(&*start);
        }
        warn(&experiment.model.warnings());
        Ok(experiment)
    }

    fn text(&self) -> anyhow::Result<(String, String)> {
        let name = &self.experiment;
        if let Some(preset) = presets::find(name) {
            return Ok((preset.file(), preset.text.to_owned()));
        }
        let path = Path::new(name);
        if path.extension().is_some_and(|extension| extension == "toml") {
            let bytes = std::fs::read(path).with_context(|| name.clone())?;
            return Ok((name.clone(), Experiment::decode(name, bytes)?));
        }
        let names: Vec<&str> = presets::ALL.iter().map(|preset| preset.name).collect();
        let hint = did_you_mean(name, names.iter().copied());
        bail!(
            "unknown preset `{name}`{hint}\n  expected a file ending in .toml or one of {}",
            names.join(", ")
        )
    }
}
