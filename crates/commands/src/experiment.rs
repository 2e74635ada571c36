//! The experiment selected on the command line.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use diagnostics::did_you_mean;
use gradus::runs::sources::DataSource;
use gradus::runs::tune::Tuning;
use gradus::runs::{DataSpec, Experiment, Parts, presets};
use gradus::train::TrainError;

use crate::output::stderr;

/// A preset or an experiment file, with overridden settings.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ExperimentArgs {
    /// Preset or experiment file; `gradus presets` lists the presets [default: conv-dropout].
    #[arg(value_name = "PRESET or FILE.toml")]
    pub(crate) experiment: Option<String>,

    /// Override a setting of the experiment, such as train.batch=50; may be repeated.
    #[arg(long, value_name = "PATH=VALUE", value_parser = setting)]
    pub(crate) set: Vec<(String, String)>,
}

pub(crate) fn setting(text: &str) -> Result<(String, String), String> {
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
        let _ = writeln!(stderr(), "warning: {warning}");
    }
}

/// The experiment of the command line, and where it stands.
#[derive(Debug)]
pub(crate) struct ReadExperiment {
    pub(crate) experiment: Experiment,
    file: String,
    text: String,
    /// The settings that do not count as they stand there, each as a dotted path.
    overridden: Vec<String>,
}

impl ReadExperiment {
    /// The data, divided into its parts.
    pub(crate) fn open_data(&self) -> anyhow::Result<Parts> {
        self.experiment.data.open(gradus::mnist).map_err(|error| self.locate(error.into()))
    }

    /// The error with file, line and column of the setting that it is about, if that counts as it stands in the file.
    pub(crate) fn locate(&self, error: TrainError) -> anyhow::Error {
        let is_within =
            |inner: &str, outer: &str| format!("{inner}.").starts_with(&format!("{outer}."));
        let is_overridden = |setting: &String| {
            let mut paths = self.overridden.iter();
            paths.any(|path| is_within(setting, path) || is_within(path, setting))
        };
        let setting = error.setting(&self.experiment).filter(|setting| !is_overridden(setting));
        match setting {
            Some(setting) => {
                let message = gradus::error_chain(&error);
                Experiment::mistake_at(&self.file, &self.text, &setting, message).into()
            }
            None => error.into(),
        }
    }
}

fn take_paths_from(data: &mut DataSpec, folder: &Path) -> anyhow::Result<()> {
    data.take_paths_from(folder).context("data.source: expected paths of files")
}

impl ExperimentArgs {
    /// The experiment, with the settings `more` overridden after those of `--set`. Shows what is probably a mistake.
    pub(crate) fn read(&self, more: &[(&str, Option<String>)]) -> anyhow::Result<ReadExperiment> {
        let read = self.read_quietly(more)?;
        warn(&read.experiment.model.warnings());
        Ok(read)
    }

    /// As [`read`](Self::read), and shows nothing.
    pub(crate) fn read_quietly(
        &self,
        more: &[(&str, Option<String>)],
    ) -> anyhow::Result<ReadExperiment> {
        let settings = self.settings(more);
        let (file, text) = self.text()?;
        let mut experiment = Experiment::parse_with(&file, &text, &settings)?;
        let overridden: Vec<_> = settings.into_iter().map(|(path, _)| path).collect();
        // A path in a file is relative to its folder, one of the command line to the current one.
        let folder_of = |setting: &str| {
            let is_overridden = overridden.iter().any(|path| path.starts_with(setting));
            Path::new(&file).parent().filter(|_| !is_overridden).unwrap_or(Path::new(""))
        };
        if let Some(start) = &mut experiment.model.start {
            *start = folder_of("model.start").join(&*start);
        }
        take_paths_from(&mut experiment.data, folder_of("data.source"))?;
        Ok(ReadExperiment { experiment, file, text, overridden })
    }

    /// The experiment with the ranges of its table `[tune]`, with the settings `more` overridden after those of `--set`.
    pub(crate) fn tuning(&self, more: &[(&str, Option<String>)]) -> anyhow::Result<Tuning> {
        let mut settings = self.settings(more);
        let (file, text) = self.text()?;
        let tuning = Tuning::parse_with(&file, &text, &settings)?;
        warn(&tuning.base().model.warnings());
        // The text of the sweep and those of its trials stand in other folders.
        let folder_of = |setting: &str| {
            let is_overridden = settings.iter().any(|(path, _)| path.starts_with(setting));
            Path::new(&file).parent().filter(|_| !is_overridden).unwrap_or(Path::new(""))
        };
        let mut more = Vec::new();
        if let Some(start) = &tuning.base().model.start {
            let start = folder_of("model.start").join(start);
            let start = std::path::absolute(&start).with_context(|| start.display().to_string())?;
            more.push(("model.start".to_owned(), start.display().to_string()));
        }
        let mut data = tuning.base().data.clone();
        take_paths_from(&mut data, folder_of("data.source"))?;
        if let DataSource::DataFiles(files) = &data.source {
            for (name, path) in [("train", Some(&files.train)), ("test", files.test.as_ref())] {
                let setting =
                    path.map(|path| (format!("data.source.{name}"), path.display().to_string()));
                more.extend(setting);
            }
        }
        if more.is_empty() {
            return Ok(tuning);
        }
        settings.extend(more);
        Ok(Tuning::parse_with(&file, &text, &settings)?)
    }

    /// As [`read_quietly`](Self::read_quietly), from the experiment of a run unless another one is given. It begins with no trained network: the run has
    /// begun.
    pub(crate) fn read_over(
        &self,
        run: &Experiment,
        more: &[(&str, Option<String>)],
    ) -> anyhow::Result<ReadExperiment> {
        let mut read = match self.experiment {
            Some(_) => self.read_quietly(more)?,
            None => {
                let (file, text) = ("experiment of the run".to_owned(), run.to_text());
                let settings = self.settings(more);
                let experiment = Experiment::parse_with(&file, &text, &settings)?;
                let overridden = settings.into_iter().map(|(path, _)| path).collect();
                ReadExperiment { experiment, file, text, overridden }
            }
        };
        read.experiment.model.start = None;
        Ok(read)
    }

    pub(crate) fn settings(&self, more: &[(&str, Option<String>)]) -> Vec<(String, String)> {
        let more =
            more.iter().filter_map(|(path, value)| Some(((*path).to_owned(), value.clone()?)));
        self.set.iter().cloned().chain(more).collect()
    }

    fn text(&self) -> anyhow::Result<(String, String)> {
        let name = self.experiment.as_deref().unwrap_or(presets::DEFAULT);
        if let Some(preset) = presets::find(name) {
            return Ok((preset.file(), preset.text.to_owned()));
        }
        let path = Path::new(name);
        if path.extension().is_some_and(|extension| extension == "toml") {
            let bytes = Experiment::read_bytes(path).with_context(|| name.to_owned())?;
            return Ok((name.to_owned(), Experiment::decode(name, bytes)?));
        }
        let names: Vec<&str> = presets::ALL.iter().map(|preset| preset.name).collect();
        let hint = did_you_mean(name, names.iter().copied());
        bail!(
            "unknown preset `{name}`{hint}\n  expected a file ending in .toml or one of {}",
            names.join(", ")
        )
    }
}
