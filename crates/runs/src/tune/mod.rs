//! The search for good settings: `[tune]` of an experiment file, and the folder of a sweep.
//!
//! ```toml
//! [tune]
//! trials = 24
//! method = "random"
//! select = "validation.accuracy"
//! "train.l2" = { log = [1e-8, 1e-4] }
//! "train.batch" = { choice = [32, 128] }
//! "model.layers.1.units" = { whole = [50, 300] }
//! ```
//!
//! A name with a dot is that of a setting of the experiment, as `--set` takes it; layers are counted from 1.

mod folder;
pub mod methods;
mod range;

use std::ops::Range;

use nn::registry::{Validate as _, nested, require, within_limit};
use nn::settings;
use serde::Deserialize as _;
use toml::de::{DeTable, DeValue, ValueDeserializer};
use toml::{Spanned, Value};

use crate::experiment::{Experiment, ExperimentError, document, mistake, replaced};

pub use folder::{SweepFolder, SweepFolderError, SweepRecord, SweepStarted, TrialResult};
pub use methods::{PlanRungs, RandomSearch, Rung, SuccessiveHalving, TuneMethod};
pub use range::{TuneRange, value_text};

/// The most trials of a sweep.
const MAX_TRIALS: usize = 10_000;

/// The table of an experiment file, and the place of the ranges and settings in it.
const TABLE: &str = "tune";

settings! {
    /// How a sweep searches.
    pub struct TuneSpec {
        /// How many times the ranges are drawn from: 1 to 10,000.
        trials: usize = 24, |name, &trials| within_limit(name, trials, MAX_TRIALS);
        /// How long each trial is trained, see [`TuneMethod`].
        method: TuneMethod = RandomSearch {}.into(), nested;
        /// The metric by which trials are compared, at its best evaluation: one of the validation part.
        select: String = "validation.accuracy".to_owned(), is_of_validation;
        /// The seed of the draws, below 2⁶³; not that of the runs.
        seed: u64 = 0, |name, &seed| require(i64::try_from(seed).is_ok(), name, seed, "an integer below 2^63");
    }
}

const VALIDATION: &str = "validation.";

fn is_of_validation(name: &str, select: &str) -> Result<(), nn::registry::InvalidSetting> {
    let expected = "a metric of the validation part, such as validation.accuracy, since the test part measures and \
        never selects";
    let metric = select.strip_prefix(VALIDATION);
    require(metric.is_some_and(|metric| !metric.is_empty()), name, select, expected)
}

impl TuneSpec {
    /// The metric of the validation part by which trials are compared.
    pub fn metric(&self) -> &str {
        self.select.strip_prefix(VALIDATION).unwrap_or(&self.select)
    }
}

/// An experiment with ranges of some of its settings.
///
/// ```
/// use gradus_runs::tune::Tuning;
///
/// let text = r#"
///     [data]
///     validation = 10_000
///
///     [model]
///     input = [28, 28, 1]
///     layers = ["flatten", { kind = "linear", units = 50 }, "relu", { kind = "linear", units = 10 }]
///
///     [train]
///     epochs = 3
///
///     [tune]
///     trials = 10
///     "train.l2" = { log = [1e-8, 1e-4] }
///     "model.layers.2.units" = { whole = [50, 300] }
/// "#;
/// let tuning = Tuning::parse("digits.toml", text)?;
/// let trial = tuning.trial(1);
/// let experiment = tuning.experiment(&trial, 1.0)?;
/// assert!((1e-8..=1e-4).contains(&experiment.train.l2));
/// assert_eq!(tuning.trial(1), trial);
/// # Ok::<(), gradus_runs::ExperimentError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Tuning {
    file: String,
    text: String,
    /// Whether `text` is that of the file, so that mistakes have a place in it.
    is_as_written: bool,
    base: Experiment,
    spec: TuneSpec,
    ranges: Vec<(String, TuneRange)>,
}

/// The settings of a trial.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// Its number, from 1.
    pub number: usize,
    /// What it drew, in the order of the ranges: the path of each setting and its value.
    pub values: Vec<(String, Value)>,
}

impl Tuning {
    /// Reads an experiment file with a table `[tune]`; `file` names it in errors.
    ///
    /// # Errors
    ///
    /// The first mistake, with its place: in the experiment, in `[tune]`, or an end of a range that its setting does not
    /// accept.
    pub fn parse(file: &str, text: &str) -> Result<Self, ExperimentError> {
        Self::parse_with(file, text, &[])
    }

    /// As [`parse`](Self::parse), with some settings replaced as by [`Experiment::parse_with`].
    pub fn parse_with(
        file: &str,
        text: &str,
        settings: &[(String, String)],
    ) -> Result<Self, ExperimentError> {
        let base = Experiment::parse_with(file, text, settings)?;
        let is_as_written = settings.is_empty();
        let text = if is_as_written { text.to_owned() } else { replaced(text, &base, settings)? };
        let place = |span: Range<usize>| is_as_written.then_some((&*text, span));
        let wrong =
            |error: toml::de::Error| mistake(file, error.span().and_then(place), error.message());
        let document = document::parse(&text).map_err(wrong)?;
        let table = document.get_ref().as_table().and_then(|table| table.get_key_value(TABLE));
        let Some((key, table)) = table else {
            let message = "expected a table [tune] with a range such as \"train.l2\" = { log = [1e-8, 1e-4] }, found none";
            return Err(mistake(file, None, message));
        };
        let DeValue::Table(entries) = table.get_ref() else {
            return Err(mistake(file, place(table.span()), "tune: expected a table"));
        };
        let (ranges, settings): (DeTable<'_>, DeTable<'_>) =
            entries.clone().into_iter().partition(|(key, _)| key.get_ref().contains('.'));
        if let Some((key, _)) = settings.iter().find(|(key, _)| is_section(key.get_ref())) {
            let message = format!(
                "tune.{}: expected the path of a setting in quotes, such as \"train.l2\"",
                key.get_ref()
            );
            return Err(mistake(file, place(key.span()), message));
        }
        let spec: TuneSpec =
            document::read(&Spanned::new(table.span(), DeValue::Table(settings))).map_err(wrong)?;
        spec.validate().map_err(|setting| {
            let setting = setting.within(TABLE);
            let span = document::span_of(&document, &setting.name);
            mistake(file, place(span), setting.to_string())
        })?;
        if ranges.is_empty() {
            let message =
                "tune: expected a range such as \"train.l2\" = { log = [1e-8, 1e-4] }, found none";
            return Err(mistake(file, place(key.span()), message));
        }
        let ranges = ranges.into_iter().map(|(key, value)| {
            let (path, span) = (key.get_ref().to_string(), value.span());
            let range = TuneRange::deserialize(ValueDeserializer::from(value)).map_err(wrong)?;
            range.check(&path).map_err(|fault| mistake(file, place(span), fault.to_string()))?;
            Ok((path, range))
        });
        let ranges = ranges.collect::<Result<Vec<_>, ExperimentError>>()?;
        let tuning =
            Self { file: file.to_owned(), is_as_written, base, spec, ranges, text: text.clone() };
        for trial in tuning.ends() {
            tuning.experiment(&trial, 1.0)?;
        }
        Ok(tuning)
    }

    /// The same under another name than that of the file.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.base.name = name.into();
        self
    }

    /// The text of the file, with replaced settings.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The experiment without what trials draw.
    pub fn base(&self) -> &Experiment {
        &self.base
    }

    /// How the sweep searches.
    pub fn spec(&self) -> &TuneSpec {
        &self.spec
    }

    /// The paths of settings, each with its range.
    pub fn ranges(&self) -> &[(String, TuneRange)] {
        &self.ranges
    }

    /// What the trial with this number, from 1, draws.
    pub fn trial(&self, number: usize) -> Trial {
        let draw = |(path, range): &(String, TuneRange)| {
            (path.clone(), range.draw(path, self.spec.seed, number))
        };
        Trial { number, values: self.ranges.iter().map(draw).collect() }
    }

    /// Each end of each range by itself, as a trial with the number 0 in which nothing else is drawn.
    pub fn ends(&self) -> impl Iterator<Item = Trial> {
        self.ranges.iter().flat_map(|(path, range)| {
            range
                .ends()
                .into_iter()
                .map(|end| Trial { number: 0, values: vec![(path.clone(), end)] })
        })
    }

    /// The experiment of a trial that is trained for a `share` of its length.
    ///
    /// # Errors
    ///
    /// If the settings do not fit together: at the line of the only range, else at the table.
    pub fn experiment(&self, trial: &Trial, share: f64) -> Result<Experiment, ExperimentError> {
        let settings = trial.values.iter().map(|(path, value)| (path.clone(), value.to_string()));
        let mut experiment =
            Experiment::parse_with("trial", &self.text, &settings.collect::<Vec<_>>()).map_err(
                |error| match error {
                    ExperimentError::Text { message, .. } => self.mistake_of(trial, &message),
                    other => other,
                },
            )?;
        experiment.name.clone_from(&self.base.name);
        let train = &mut experiment.train;
        train.epochs = train.epochs.map(|epochs| epochs * share);
        train.steps = train.steps.map(|steps| ((steps as f64 * share).round() as u64).max(1));
        Ok(experiment)
    }

    /// A mistake that settings of a trial lead to, at the line of the only one, else at the table.
    pub fn mistake_of(&self, trial: &Trial, message: &str) -> ExperimentError {
        let shown =
            trial.values.iter().map(|(path, value)| format!("{path} = {}", value_text(value)));
        let shown = shown.collect::<Vec<_>>().join(", ");
        match &trial.values[..] {
            [(path, _)] => self.mistake_at(Some(path), format!("{shown}: {message}")),
            _ => self.mistake_at(None, format!("trial {} ({shown}): {message}", trial.number)),
        }
    }

    /// A mistake about an entry of the table, or about the whole table.
    pub fn mistake_at(&self, entry: Option<&str>, message: impl Into<String>) -> ExperimentError {
        let document = document::parse(&self.text).ok().filter(|_| self.is_as_written);
        let names = [TABLE].into_iter().chain(entry);
        let span = document.map(|document| document::descend(&document, names).span());
        mistake(&self.file, span.map(|span| (&*self.text, span)), message)
    }
}

/// Whether a name is that of a table of an experiment.
fn is_section(name: &str) -> bool {
    ["data", "model", "train"].contains(&name)
}
