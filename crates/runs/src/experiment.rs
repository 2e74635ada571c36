//! The experiment file: everything that decides what a run computes, as TOML.

mod builder;
mod class_weights;
pub(crate) mod document;
pub mod early_stopping;
mod part_rows;
mod parts;
mod source;
pub mod sources;
pub mod splits;
mod tables;
mod validation;

use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::fmt;
use std::io;
use std::mem::take;
use std::ops::Range;
use std::path::Path;

use augment::check_shape;
use data::columns::TableDifference;
use data::{DataError, Dataset, Order, Targets};
use diagnostics::{Excerpt, chain, nearest, printable};
use graph::{MAX_SHARDS, Shape};
use kernels::Float;
use nn::optim::{Optimizer, adam::Adam, clip::Clip, ema::Ema, lookahead::Lookahead};
use nn::registry::{
    InvalidSetting, Validate, nested, not_negative, one_or_more, optional, positive, require,
    within_limit,
};
use nn::schedule::{Schedule, StepOf, constant::ConstantRate};
use nn::{Loss, Mode, Model, Network, NetworkError, Objective, Penalty, settings};
use serde::{Deserialize, Serialize};

use crate::metrics::BestOfEqual;

pub use builder::ExperimentBuilder;
pub use class_weights::{ClassWeights, WeightRule};
pub use early_stopping::EarlyStopping;
pub use part_rows::PartRows;
pub use parts::{Parts, PartsError};
pub use source::DataSpec;
pub use sources::{DataSource, Split};
pub use validation::PartSize;

/// Everything that decides what a run computes. The number of threads does not, and is not part of it.
///
/// ```
/// let text = r#"
///     [model]
///     input = [28, 28, 1]
///     layers = ["flatten", { kind = "linear", units = 10 }]
///
///     [train]
///     optimizer = "sgd"
///     schedule = { kind = "constant", learning_rate = 0.5 }
///     batch = 100
///     epochs = 3.0
/// "#;
/// let experiment = gradus_runs::Experiment::parse("softmax.toml", text)?;
/// assert_eq!(experiment.name, "softmax");
/// assert_eq!(experiment.train.steps_for(60_000), 1800);
/// # Ok::<(), gradus_runs::ExperimentError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// The name of its runs; that of the file if not given.
    #[serde(default)]
    pub name: String,
    /// The data.
    #[serde(default)]
    pub data: DataSpec,
    /// The network.
    pub model: Network,
    /// How it is trained.
    pub train: TrainSpec,
    /// The published result it reproduces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Reference>,
}

settings! {
    /// How a network is trained. Either `epochs` or `steps` is given.
    pub struct TrainSpec {
        /// The loss, see [`nn::losses`].
        loss: Loss = Loss::default(), nested;
        /// What the loss of a training sample is multiplied by, for each class; evaluations are not weighted.
        #[serde(skip_serializing_if = "Option::is_none")]
        class_weights: Option<ClassWeights> = None, optional(ClassWeights::is_valid);
        /// From gradients to new parameters, see [`nn::optim`].
        optimizer: Optimizer = Adam::default().into(), nested;
        /// The learning rate at each step, see [`nn::schedule`].
        schedule: Schedule = ConstantRate { learning_rate: 0.001 }.into(), nested;
        /// Bounds on the gradients.
        clip: Clip = Clip::default(), nested;
        /// Slow weights around the optimizer, see [`nn::optim::lookahead`].
        #[serde(skip_serializing_if = "Option::is_none")]
        lookahead: Option<Lookahead> = None, optional(nested);
        /// Averaged weights, with which the network is evaluated and saved, see [`nn::optim::ema`].
        #[serde(skip_serializing_if = "Option::is_none")]
        ema: Option<Ema> = None, optional(nested);
        /// Factor of the sum of magnitudes of all weights, 0 or more: see [`nn::Penalty`].
        l1: f64 = 0.0, not_negative;
        /// Factor of half the sum of squares of all weights, 0 or more.
        l2: f64 = 0.0, not_negative;
        /// Samples of a step: 1 to all.
        batch: usize = 100, one_or_more;
        /// Parts of a batch whose sums over samples begin at zero, 1 to 4096: see [`graph::Compile::shards`].
        shards: usize = 1, shard_limit;
        /// How batches are drawn.
        order: Order = Order::ShuffledEpochs;
        /// Passes over the training set, with their fraction: above 0.
        #[serde(skip_serializing_if = "Option::is_none")]
        epochs: Option<f64> = None, optional(positive);
        /// Optimizer updates.
        #[serde(skip_serializing_if = "Option::is_none")]
        steps: Option<u64> = None, optional(one_or_more);
        /// The seed of every random draw, below 2⁶³.
        seed: u64 = 0;
        /// Steps from one evaluation to the next; if not given, those of an epoch.
        #[serde(skip_serializing_if = "Option::is_none")]
        evaluate_every: Option<u64> = None, optional(one_or_more);
        /// Steps between measurements of the training accuracy.
        report_every: u64 = 10, one_or_more;
        /// Which evaluation is the best of several with the same value: `"first"` or `"last"`.
        #[serde(skip_serializing_if = "BestOfEqual::is_first")]
        best_of_equal: BestOfEqual = BestOfEqual::First;
        /// When the run ends before its last step, see [`early_stopping`].
        #[serde(skip_serializing_if = "Option::is_none")]
        early_stopping: Option<EarlyStopping> = None, optional(nested);
        /// Minutes from one checkpoint of a recorded run to the next, above 0.
        checkpoint_minutes: f64 = 1.0, positive;
        /// Steps from one checkpoint to the next, in place of minutes.
        #[serde(skip_serializing_if = "Option::is_none")]
        checkpoint_every: Option<u64> = None, optional(one_or_more);
        /// Newest checkpoints that are kept, besides the best and an even choice of ten.
        checkpoints: usize = 2, one_or_more;
    }
}

fn shard_limit(name: &str, found: &usize) -> Result<(), InvalidSetting> {
    within_limit(name, *found, MAX_SHARDS)
}

impl TrainSpec {
    /// The steps of a run on `n_samples` training samples: at least 1, and enough that the last epoch is whole.
    pub fn steps_for(&self, n_samples: usize) -> u64 {
        // Products such as 0.7 · 10 are a little above a whole number.
        const ROUNDING: f64 = 1e-9;
        let of_epochs = |epochs: f64| {
            let steps = epochs * self.epoch_samples(n_samples) as f64 / self.batch as f64;
            (steps * (1.0 - ROUNDING)).ceil() as u64
        };
        self.steps.or(self.epochs.map(of_epochs)).unwrap_or(0).max(1)
    }

    /// Samples of an epoch of `n_samples` training samples, as `order` draws them.
    pub fn epoch_samples(&self, n_samples: usize) -> usize {
        self.order.epoch_samples(n_samples, self.batch)
    }

    /// The step after so many of a run on `n_samples` training samples, as schedules see it.
    pub fn step_of(&self, step: u64, n_samples: usize) -> StepOf {
        StepOf { step, steps: self.steps_for(n_samples) }
    }

    /// The steps from one evaluation to the next.
    pub fn evaluation_interval(&self, n_samples: usize) -> u64 {
        self.evaluate_every.unwrap_or((n_samples / self.batch) as u64).max(1)
    }

    /// The loss and the penalty, without the weights of classes.
    pub fn objective(&self) -> Objective {
        let penalty = Penalty { l1: self.l1, l2: self.l2 };
        Objective { loss: self.loss.clone(), penalty, ..Objective::default() }
    }
}

/// A published result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// The script, notebook or chapter.
    pub source: String,
    /// The published test accuracy, in 0..=1.
    pub accuracy: f64,
    /// Which accuracy of the run was published.
    pub statistic: Statistic,
}

/// Which accuracy of a run is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Statistic {
    /// The best of all evaluations.
    Best,
    /// The one after the last step.
    Final,
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// What is another in two runs, or at two times in one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What it is, such as the path of a setting.
    pub what: String,
    /// What it was, if it was there.
    pub old: Option<String>,
    /// What it is now, if it is there.
    pub new: Option<String>,
}

impl Difference {
    /// What is another in two lists of names and values.
    pub fn between(old: &[(String, String)], new: &[(String, String)]) -> Vec<Self> {
        let [of_old, of_new] = [old, new]
            .map(|list| list.iter().map(|(name, value)| (name, value)).collect::<HashMap<_, _>>());
        let names = || old.iter().chain(new).map(|(name, _)| name);
        let mut seen = HashSet::new();
        let names =
            names().filter(|name| of_old.get(name) != of_new.get(name) && seen.insert(*name));
        let of = |all: &HashMap<_, &String>, name| all.get(name).map(|value| (*value).clone());
        let differences = names.map(|name| Self {
            what: name.clone(),
            old: of(&of_old, name),
            new: of(&of_new, name),
        });
        differences.collect()
    }

    /// Each on a line of its own, for the end of a message.
    pub fn lines(differences: &[Self]) -> String {
        differences.iter().map(|difference| format!("\n  {difference}")).collect()
    }

    /// Whether a run may continue with it: the length of the run, and what is saved of it.
    pub fn may_change(&self) -> bool {
        let saved = ["train.checkpoint_minutes", "train.checkpoint_every", "train.checkpoints"];
        saved.contains(&&*self.what) || ["train.epochs", "train.steps"].contains(&&*self.what)
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [old, new] = [&self.old, &self.new].map(|value| value.as_deref().unwrap_or("none"));
        write!(f, "{}: {old} → {new}", self.what)
    }
}

/// Why an experiment cannot be read, or its data.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExperimentError {
    /// The text is not an experiment, or a setting is outside its range.
    #[error("{}", located(file, excerpt.as_deref(), message))]
    Text {
        /// The file.
        file: String,
        /// The mistake's place, if it is known.
        excerpt: Option<Box<Excerpt>>,
        /// What was found and expected.
        message: String,
    },
    /// The data cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The parts of the data do not fit together.
    #[error(transparent)]
    Parts(#[from] PartsError),
    /// The columns of a test table are not those of the training table.
    #[error("{test} does not go with {train}:{}", side_by_side(differences))]
    Tables {
        /// The training table.
        train: String,
        /// The test table.
        test: String,
        /// What differs.
        differences: Vec<TableDifference>,
    },
    /// The digits inside the program cannot be read.
    #[error(transparent)]
    Digits(Box<dyn Error + Send + Sync>),
    /// The data was passed by a program and is not kept.
    #[error(
        "source \"memory\": the data was passed by a program and is not kept; name another source"
    )]
    Memory,
    /// The network came without data.
    #[error(
        "source \"none\": the network came without data; import it again with `--network EXPERIMENT`, whose data it then has"
    )]
    NoData,
}

/// What two tables have, one below the other, with what probably mends it.
fn side_by_side(differences: &[TableDifference]) -> String {
    let text = |TableDifference { about, train, test, repair }: &TableDifference| {
        format!("\n  {about}\n    training: {train}\n    test:     {test}\n    {repair}")
    };
    differences.iter().map(text).collect()
}

/// A message with its place, the line of the mistake, and the nearest known name, as far as they are known.
fn located(file: &str, excerpt: Option<&Excerpt>, message: &str) -> String {
    let place = excerpt.map(|Excerpt { line, column, .. }| format!("{line}:{column}:"));
    let hint = suggestion(message).map(|name| format!("\n  did you mean `{name}`?"));
    let excerpt = excerpt.map(|excerpt| format!("\n{excerpt}"));
    let [place, hint, excerpt] = [place, hint, excerpt].map(Option::unwrap_or_default);
    format!("{file}:{place} {}{hint}{excerpt}", printable(message))
}

/// The known name nearest to the unknown one, both taken from serde's message: "unknown field `epocs`,
/// expected one of `epochs`, `steps`".
fn suggestion(message: &str) -> Option<&str> {
    let mut names = message.strip_prefix("unknown ")?.split('`').skip(1).step_by(2);
    nearest(names.next()?, names)
}

/// A mistake, at a place of the file's text if that is known.
pub(crate) fn mistake(
    file: &str,
    place: Option<(&str, Range<usize>)>,
    message: impl Into<String>,
) -> ExperimentError {
    let excerpt = place.map(|(text, span)| Box::new(Excerpt::new(text, span)));
    ExperimentError::Text { file: file.to_owned(), excerpt, message: message.into() }
}

impl Experiment {
    /// The bytes of an experiment file: of a regular file of at most 1 MiB.
    ///
    /// # Errors
    ///
    /// What the system reports, or that it is not a regular file.
    pub fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
        const MAX_BYTES: u64 = 1 << 20;
        files::read(path, MAX_BYTES)
    }

    /// The text of an experiment file, which must be UTF-8.
    ///
    /// # Errors
    ///
    /// If it is in another encoding.
    pub fn decode(file: &str, bytes: Vec<u8>) -> Result<String, ExperimentError> {
        // Every second byte of ASCII text in UTF-16 is 0.
        let is_utf16 = bytes.starts_with(&[0xff, 0xfe])
            || bytes.starts_with(&[0xfe, 0xff])
            || bytes.iter().take(64).filter(|&&byte| byte == 0).count() > 16;
        if is_utf16 {
            return Err(mistake(file, None, "is UTF-16; save it as UTF-8"));
        }
        String::from_utf8(bytes).map_err(|error| {
            let valid = error.utf8_error().valid_up_to();
            let (before, rest) = error.as_bytes().split_at(valid);
            let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
            let message = format!("expected UTF-8, found byte {:#04x} in line {line}", rest[0]);
            mistake(file, None, message)
        })
    }

    /// Reads an experiment file; `file` names it in errors and, without folder and ending, the experiment. Its table
    /// `[tune]` is left to [`Tuning`](crate::tune::Tuning).
    ///
    /// # Errors
    ///
    /// The first mistake: line, column, what was found and expected, the nearest known name.
    pub fn parse(file: &str, text: &str) -> Result<Self, ExperimentError> {
        let at = |span: Option<Range<usize>>| span.map(|span| (text, span));
        let document = document::parse(text)
            .map_err(|error| mistake(file, at(error.span()), error.message()))?;
        if let Some((span, message)) = document::oversized_integer(&document) {
            return Err(mistake(file, at(Some(span)), message));
        }
        let experiment = document::experiment(&document).map_err(|error| {
            let (message, span) = document::message_and_span(&document, &error);
            mistake(file, at(span), message)
        })?;
        Self::checked_at(file, experiment, |name| Some((text, document::span_of(&document, name))))
    }

    /// A mistake that is found after the file was read, shown at the `setting` that it is about, such as `train.batch`, or
    /// at what holds it.
    pub fn mistake_at(file: &str, text: &str, setting: &str, message: String) -> ExperimentError {
        let document = document::parse(text).ok();
        let span = document.map(|document| document::span_of(&document, setting));
        mistake(file, span.map(|span| (text, span)), message)
    }

    /// As [`parse`](Self::parse), with some settings replaced: pairs of a dotted path and a TOML value
    /// (`("train.epochs", "3")`; other text is taken as a string). Errors in them name the path instead of a line.
    pub fn parse_with(
        file: &str,
        text: &str,
        settings: &[(String, String)],
    ) -> Result<Self, ExperimentError> {
        // Mistakes of the file itself are found first, while their place is known.
        let unchanged = Self::parse(file, text)?;
        if settings.is_empty() {
            return Ok(unchanged);
        }
        let text = replaced(text, &unchanged, settings)?;
        let shown: Vec<_> =
            settings.iter().map(|(path, value)| format!("{path}={value}")).collect();
        let file = format!("{file} with --set {}", shown.join(" "));
        let experiment = document::parse(&text)
            .and_then(|document| document::experiment(&document))
            .map_err(|error| mistake(&file, None, error.message()))?;
        let name = if experiment.name.is_empty() { unchanged.name } else { experiment.name };
        Self::checked_at(&file, Self { name, ..experiment }, |_| None)
    }

    /// The experiment as text, with every default written out, a layer a line.
    pub fn to_text(&self) -> String {
        let text = toml::to_string(self).expect("every setting has a text form");
        // An experiment made by a program may hold an integer that TOML does not have.
        toml::from_str(&text).map_or(text, |table| document::as_written(&table))
    }

    /// Every setting by its dotted path, such as `train.batch`, with its value as TOML; of the model, each layer by
    /// its number.
    pub fn settings(&self) -> Vec<(String, String)> {
        // From the text: to write settings into a table as well would compile all that writes them a second time.
        let text = self.to_text();
        Self::settings_of(&text).unwrap_or_else(|| vec![("experiment".to_owned(), text)])
    }

    /// The settings that are others in `new`.
    pub fn differences(&self, new: &Self) -> Vec<Difference> {
        Difference::between(&self.settings(), &new.settings())
    }

    /// The settings of a text in TOML, whether it is an experiment here or not; none if it is not TOML.
    pub fn settings_of(text: &str) -> Option<Vec<(String, String)>> {
        let table: toml::Table = toml::from_str(text).ok()?;
        let mut settings = Vec::new();
        flatten("", &table.into(), &mut settings);
        Some(settings)
    }

    /// The network for `mode` with its objective, for the targets of `dataset`.
    ///
    /// # Errors
    ///
    /// If the network does not fit, in itself or to the targets.
    pub fn model_for<T: Float>(
        &self,
        mode: Mode,
        dataset: &Dataset,
    ) -> Result<Model<T>, NetworkError> {
        self.model_with(mode, dataset, &self.train.objective())
    }

    /// The network as it is trained on a set, with the weights of its classes, whose names are found by number.
    ///
    /// # Errors
    ///
    /// As [`model_for`](Self::model_for), and if the weights are not those of the classes.
    pub fn training_model<T: Float>(
        &self,
        train: &Dataset,
        class_name: impl Fn(usize) -> String,
    ) -> Result<Model<T>, NetworkError> {
        let Some(weights) = &self.train.class_weights else {
            return self.model_for(Mode::Train, train);
        };
        let weighted = weights.of_classes(train.targets(), class_name).map_err(Into::into);
        let model = weighted.and_then(|class_weights| {
            let objective = Objective { class_weights, ..self.train.objective() };
            self.model_with(Mode::Train, train, &objective)
        });
        model.map_err(|error| match error {
            NetworkError::Setting(setting) if setting.name == "class_weights" => {
                setting.within("train").into()
            }
            other => other,
        })
    }

    fn model_with<T: Float>(
        &self,
        mode: Mode,
        dataset: &Dataset,
        objective: &Objective,
    ) -> Result<Model<T>, NetworkError> {
        let target = match dataset.targets() {
            Targets::Labels { .. } => Shape::batch([]),
            Targets::Values { width, .. } => Shape::batch([*width]),
        };
        self.model.model(mode, objective, dataset.targets().width(), target)
    }

    /// The network for `mode`, whatever its targets and its loss are.
    ///
    /// # Errors
    ///
    /// If the network does not fit in itself.
    pub fn network(&self, mode: Mode) -> Result<Model<f32>, NetworkError> {
        self.model.model(mode, &Objective::default(), self.model.outputs()?, Shape::batch([]))
    }

    /// The experiment, if every setting is right; the names that follow from others are filled in. Whatever is made
    /// from an experiment checks it first, since a program may have changed it.
    ///
    /// # Errors
    ///
    /// The first mistake: the setting, what was found and expected.
    pub fn checked(self) -> Result<Self, ExperimentError> {
        Self::checked_at("experiment", self, |_| None)
    }

    /// The same for an experiment of a file, in which `place` finds a setting.
    fn checked_at<'a>(
        file: &str,
        mut experiment: Self,
        place: impl Fn(&str) -> Option<(&'a str, Range<usize>)>,
    ) -> Result<Self, ExperimentError> {
        let within = |outer: &str, result: Result<(), InvalidSetting>| {
            result.map_err(|setting| {
                let setting = setting.within(outer);
                mistake(file, place(&setting.name), setting.to_string())
            })
        };
        within("train", experiment.train.validate())?;
        let train = &experiment.train;
        if train.epochs.is_some() == train.steps.is_some() {
            let found = if train.epochs.is_some() { "both" } else { "neither" };
            let message = format!("[train]: expected either `epochs` or `steps`, found {found}");
            return Err(mistake(file, None, message));
        }
        // The text of an experiment, in its runs and models, has to be read again.
        let steps = [
            ("steps", train.steps),
            ("evaluate_every", train.evaluate_every),
            ("checkpoint_every", train.checkpoint_every),
        ];
        let patience = train.early_stopping.as_ref().map(|rule| rule.patience);
        let integers = [
            ("seed", Some(train.seed)),
            ("report_every", Some(train.report_every)),
            ("early_stopping.patience", patience),
            ("checkpoints", Some(train.checkpoints as u64)),
        ];
        for (name, found) in steps.into_iter().chain(integers) {
            let found = found.unwrap_or(0);
            let is_integer = i64::try_from(found).is_ok();
            within("train", require(is_integer, name, found, "an integer below 2^63"))?;
        }
        within("data", experiment.data.validate())?;
        if let Some(plan) = &experiment.data.transforms {
            plan.check_settings().map_err(|(path, what)| {
                let setting = format!("data.transforms.{path}");
                mistake(file, place(&setting), format!("{setting}: {what}"))
            })?;
        }
        within("model", experiment.model.validate())?;
        within("data", check_shape(&experiment.data.augment, &experiment.model.input))?;
        experiment.model.check().map_err(|error| {
            let setting = experiment.model.setting_of(&error).unwrap_or_default();
            mistake(file, place(&format!("model.{setting}")), chain(&error))
        })?;
        let (names, outputs) = (experiment.data.class_names.len(), experiment.model.outputs());
        let classes = outputs.map_or(names, |outputs| experiment.train.loss.classes(outputs));
        let is_named = [0, classes].contains(&names);
        let expected = format!("{classes} names, as many as the last layer tells apart");
        within("data", require(is_named, "class_names", names, expected))?;
        if experiment.name.is_empty() {
            let stem = Path::new(file).file_stem().map(|stem| stem.to_string_lossy().into_owned());
            experiment.name = stem.unwrap_or_else(|| "experiment".into());
        }
        // A control character in a folder's name would reach the terminal wherever the run is listed.
        if experiment.name.contains(|c: char| c.is_control() || ['/', '\\'].contains(&c)) {
            let found = experiment.name.escape_debug();
            return Err(mistake(
                file,
                None,
                format!("name: expected a folder name, found `{found}`"),
            ));
        }
        Ok(experiment)
    }
}

fn flatten(path: &str, value: &toml::Value, settings: &mut Vec<(String, String)>) {
    let below =
        |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        toml::Value::Table(table) if !table.is_empty() => {
            table.iter().for_each(|(name, value)| flatten(&below(name), value, settings));
        }
        toml::Value::Array(values) if path == "model.layers" => {
            let numbered = values.iter().enumerate();
            settings.extend(
                numbered.map(|(i, layer)| (below(&(i + 1).to_string()), layer.to_string())),
            );
        }
        other => settings.push((path.to_owned(), other.to_string())),
    }
}

/// The text of an experiment file with some settings replaced, as [`Experiment::parse_with`] does. A component that is
/// not in the text, of which one setting is replaced, is that of the `experiment`: the default.
pub(crate) fn replaced(
    text: &str,
    experiment: &Experiment,
    settings: &[(String, String)],
) -> Result<String, ExperimentError> {
    let mut table = toml::Value::Table(toml::from_str(text).expect("it was read before"));
    let defaults = toml::from_str(&experiment.to_text()).unwrap_or_default();
    let defaults = toml::Value::Table(defaults);
    for (path, value) in settings {
        set(&mut table, &defaults, path, value)?;
    }
    // As text: to read settings from a table as well would compile all that reads them a second time.
    Ok(toml::to_string(&table).expect("it was a text before"))
}

fn set(
    experiment: &mut toml::Value,
    defaults: &toml::Value,
    path: &str,
    value: &str,
) -> Result<(), ExperimentError> {
    /// Names in a path: a few more than any setting has. Deeper tables would overflow the stack.
    const MOST: usize = 16;
    let wrong = |message| mistake(&format!("--set {path}={value}"), None, message);
    let names: Vec<&str> = path.split('.').collect();
    if names.len() > MOST {
        return Err(wrong(format!("expected at most {MOST} names in a path")));
    }
    let assignment = format!("value = {value}");
    let document = document::parse(&assignment).ok();
    if let Some((_, message)) = document.as_ref().and_then(document::oversized_integer) {
        return Err(wrong(message));
    }
    let parsed = toml::from_str(&assignment).ok();
    let parsed = parsed.and_then(|mut table: toml::Table| table.remove("value"));
    let (mut at, mut holder, mut default) = (experiment, "", Some(defaults));
    for name in names {
        default = default.and_then(|table| table.get(name));
        at = entry(at, name, default)
            .ok_or_else(|| wrong(format!("`{holder}` is not a table with `{name}`")))?;
        holder = name;
    }
    *at = parsed.unwrap_or_else(|| value.into());
    Ok(())
}

/// The setting `name` of a table, its default if it is missing; of the settings of a component that is given by its name only;
/// or the element of that number, from 1, of an array.
fn entry<'v>(
    value: &'v mut toml::Value,
    name: &str,
    default: Option<&toml::Value>,
) -> Option<&'v mut toml::Value> {
    if let toml::Value::String(kind) = value {
        *value = toml::Table::from_iter([("kind".to_owned(), take(kind).into())]).into();
    }
    match value {
        toml::Value::Table(table) => {
            // `steps` and `epochs` say the same thing: the one that is set replaces the other.
            match name {
                "steps" => table.remove("epochs"),
                "epochs" => table.remove("steps"),
                _ => None,
            };
            let default = || default.cloned().unwrap_or_else(|| toml::Table::new().into());
            Some(table.entry(name).or_insert_with(default))
        }
        toml::Value::Array(values) => values.get_mut(name.parse::<usize>().ok()?.checked_sub(1)?),
        _ => None,
    }
}
