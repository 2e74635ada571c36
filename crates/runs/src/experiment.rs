//! The experiment file: everything that decides what a run computes, as TOML.

mod source;

use std::fmt;

use data::Order;
use diagnostics::{Excerpt, nearest};
use nn::optim::Optimizer;
use nn::optim::clip::Clip;
use nn::registry::{InvalidSetting, Validate};
use nn::schedule::Schedule;
use nn::{Loss, Network, Objective, Penalty};
use serde::{Deserialize, Serialize};

pub use source::{DataSource, DataSpec, Split};

/// Everything that decides what a run computes. The number of threads is not part of it: it does not.
///
/// ```
/// let text = r#"
///     [model]
///     input = [28, 28, 1]
///     layers = ["flatten", { linear = { units = 10 } }]
///
///     [train]
///     optimizer = "sgd"
///     schedule = { constant = { learning_rate = 0.5 } }
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
    /// Where the numbers come from.
    #[serde(default)]
    pub data: DataSpec,
    /// The network.
    pub model: Network,
    /// How it is trained.
    pub train: TrainSpec,
    /// What others have published for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Reference>,
}

/// How a network is trained.
///
/// | setting          | default             | range         | meaning                                    |
/// |------------------|---------------------|---------------|--------------------------------------------|
/// | `loss`           | `"cross_entropy"`   |               | see [`nn::losses`]                         |
/// | `optimizer`      | `"adam"`            |               | see [`nn::optim`]                          |
/// | `schedule`       | constant 0.001      |               | the learning rate, see [`nn::schedule`]    |
/// | `clip`           | none                |               | bounds on the gradients                    |
/// | `l1`, `l2`       | 0                   | 0 or more     | cost of large weights, see [`nn::Penalty`] |
/// | `batch`          | 100                 | 1 to all      | samples of a step                          |
/// | `order`          | `"shuffled_epochs"` |               | how batches are drawn, see [`data::Order`] |
/// | `epochs`/`steps` |                     | above 0       | how long; exactly one of the two           |
/// | `seed`           | 0                   | below 2⁶³     | of every random draw                       |
/// | `evaluate_every` | an epoch            | 1 or more     | steps from one evaluation to the next      |
/// | `report_every`   | 10                  | 1 or more     | steps between training accuracies          |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainSpec {
    /// What is made small.
    #[serde(default)]
    pub loss: Loss,
    /// From gradients to new parameters.
    #[serde(default = "adam")]
    pub optimizer: Optimizer,
    /// The learning rate at each step.
    #[serde(default = "one_thousandth")]
    pub schedule: Schedule,
    /// Bounds on the gradients.
    #[serde(default)]
    pub clip: Clip,
    /// Factor of the sum of magnitudes of all weights.
    #[serde(default)]
    pub l1: f64,
    /// Factor of half the sum of squares of all weights.
    #[serde(default)]
    pub l2: f64,
    /// Samples of a step.
    #[serde(default = "hundred")]
    pub batch: usize,
    /// How batches are drawn.
    #[serde(default)]
    pub order: Order,
    /// Passes over the training set, with their fraction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<f64>,
    /// Optimizer updates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// The seed of every random draw.
    #[serde(default)]
    pub seed: u64,
    /// Steps from one evaluation to the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluate_every: Option<u64>,
    /// Steps between measurements of the training accuracy.
    #[serde(default = "ten")]
    pub report_every: u64,
}

fn adam() -> Optimizer {
    nn::optim::adam::Adam::default().into()
}

fn one_thousandth() -> Schedule {
    nn::schedule::constant::Constant { learning_rate: 0.001 }.into()
}

fn hundred() -> usize {
    100
}

fn ten() -> u64 {
    10
}

impl TrainSpec {
    /// The steps of a run on `n_samples` training samples: at least 1.
    pub fn steps_for(&self, n_samples: usize) -> u64 {
        let of_epochs =
            |epochs: f64| (epochs * n_samples as f64 / self.batch as f64).round() as u64;
        self.steps.or(self.epochs.map(of_epochs)).unwrap_or(0).max(1)
    }

    /// The steps from one evaluation to the next.
    pub fn evaluation_interval(&self, n_samples: usize) -> u64 {
        self.evaluate_every.unwrap_or((n_samples / self.batch) as u64).max(1)
    }

    /// What is made small.
    pub fn objective(&self) -> Objective {
        Objective { loss: self.loss.clone(), penalty: Penalty { l1: self.l1, l2: self.l2 } }
    }
}

impl Validate for TrainSpec {
    fn validate(&self) -> Result<(), InvalidSetting> {
        let require = |holds: bool, name: &str, found: f64, expected: &str| match holds {
            true => Ok(()),
            false => Err(InvalidSetting { name: name.into(), found, expected: expected.into() }),
        };
        self.optimizer.validate().map_err(|setting| setting.within("optimizer"))?;
        self.schedule.validate().map_err(|setting| setting.within("schedule"))?;
        self.clip.validate().map_err(|setting| setting.within("clip"))?;
        Penalty { l1: self.l1, l2: self.l2 }.validate()?;
        require(self.batch > 0, "batch", self.batch as f64, "1 or more")?;
        require(self.report_every > 0, "report_every", 0.0, "1 or more")?;
        require(self.evaluate_every != Some(0), "evaluate_every", 0.0, "1 or more")?;
        require(self.steps != Some(0), "steps", 0.0, "1 or more")?;
        let epochs = self.epochs.unwrap_or(1.0);
        require(epochs.is_finite() && epochs > 0.0, "epochs", epochs, "a number above 0")
    }
}

/// What others have published for a network.
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

/// What is wrong with an experiment.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ExperimentError {
    /// The text does not say an experiment.
    Text {
        /// The file.
        file: String,
        /// The mistake's place, if it is known.
        excerpt: Option<Excerpt>,
        /// What was found and expected.
        message: String,
        /// The nearest known name, where an unknown one was found.
        suggestion: Option<String>,
    },
    /// A setting is outside its range.
    Setting {
        /// The file.
        file: String,
        /// The setting.
        setting: InvalidSetting,
    },
    /// The data cannot be read.
    Data(String),
}

impl fmt::Display for ExperimentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { file, excerpt, message, suggestion } => {
                write!(f, "{file}:")?;
                if let Some(Excerpt { line, column, .. }) = excerpt {
                    write!(f, "{line}:{column}:")?;
                }
                write!(f, " {message}")?;
                if let Some(suggestion) = suggestion {
                    write!(f, "\n  did you mean `{suggestion}`?")?;
                }
                excerpt.as_ref().map_or(Ok(()), |excerpt| write!(f, "\n{excerpt}"))
            }
            Self::Setting { file, setting } => write!(f, "{file}: {setting}"),
            Self::Data(message) => write!(f, "{message}"),
        }
    }
}

impl std::error::Error for ExperimentError {}

impl Experiment {
    /// Reads an experiment file; `file` names it in errors and, without folder and ending, the experiment.
    ///
    /// # Errors
    ///
    /// Where the text is wrong: line, column, what was found and expected, the nearest known name.
    pub fn parse(file: &str, text: &str) -> Result<Self, ExperimentError> {
        let experiment = toml::from_str(text).map_err(|error| text_error(file, text, &error))?;
        Self::checked(file, experiment)
    }

    /// As [`parse`](Self::parse), with some settings replaced: pairs of a dotted path and a TOML value
    /// (`("train.epochs", "3")`; what is no TOML value is taken as a string).
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse); errors in a replaced setting name the path instead of a line.
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
        let mut table: toml::Table =
            toml::from_str(text).map_err(|error| text_error(file, text, &error))?;
        for (path, value) in settings {
            set(&mut table, path, value)?;
        }
        let shown = settings
            .iter()
            .map(|(path, value)| format!("{path}={value}"))
            .collect::<Vec<_>>()
            .join(" ");
        let file = format!("{file} with --set {shown}");
        let experiment = Self::deserialize(toml::Value::Table(table))
            .map_err(|error| placeless(&file, error.message().to_owned()))?;
        let name = if experiment.name.is_empty() { unchanged.name } else { experiment.name };
        Self::checked(&file, Self { name, ..experiment })
    }

    /// The experiment as text, with every default written out.
    pub fn to_text(&self) -> String {
        toml::to_string(self).expect("every setting has a text form")
    }

    /// Every setting by its dotted path, such as `train.batch`, with its value as TOML; of the model, each layer by
    /// its number.
    pub fn settings(&self) -> Vec<(String, String)> {
        let mut settings = Vec::new();
        let table = toml::Table::try_from(self).expect("every setting has a text form");
        flatten("", &table.into(), &mut settings);
        settings
    }

    fn checked(file: &str, mut experiment: Self) -> Result<Self, ExperimentError> {
        let of_file = |setting| ExperimentError::Setting { file: file.to_owned(), setting };
        let train = &experiment.train;
        train.validate().map_err(|setting| of_file(setting.within("train")))?;
        if train.epochs.is_some() == train.steps.is_some() {
            let found = if train.epochs.is_some() { "both" } else { "neither" };
            let message = format!("[train]: expected either `epochs` or `steps`, found {found}");
            return Err(placeless(file, message));
        }
        experiment.data.validate().map_err(|setting| of_file(setting.within("data")))?;
        if experiment.name.is_empty() {
            let stem = std::path::Path::new(file)
                .file_stem()
                .map(|stem| stem.to_string_lossy().into_owned());
            experiment.name = stem.unwrap_or_else(|| "experiment".into());
        }
        if experiment.name.contains(['/', '\\', '\0']) {
            let found = experiment.name.escape_debug();
            return Err(placeless(
                file,
                format!("name: expected that of a folder, found `{found}`"),
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

fn text_error(file: &str, text: &str, error: &toml::de::Error) -> ExperimentError {
    let excerpt = error.span().map(|span| Excerpt::new(text, span));
    let (file, message) = (file.to_owned(), error.message().to_owned());
    ExperimentError::Text { file, excerpt, suggestion: suggestion(&message), message }
}

/// A mistake without a line of the file.
fn placeless(file: &str, message: String) -> ExperimentError {
    let (file, suggestion) = (file.to_owned(), suggestion(&message));
    ExperimentError::Text { file, excerpt: None, message, suggestion }
}

/// The known name nearest to the unknown one, both taken from serde's message: "unknown field `epocs`,
/// expected one of `epochs`, `steps`".
fn suggestion(message: &str) -> Option<String> {
    if !message.starts_with("unknown ") {
        return None;
    }
    let mut names = message.split('`').skip(1).step_by(2);
    let unknown = names.next()?;
    nearest(unknown, names).map(str::to_owned)
}

fn set(table: &mut toml::Table, path: &str, value: &str) -> Result<(), ExperimentError> {
    /// Names in a path: a few more than any setting has. Deeper tables would overflow the stack.
    const MOST: usize = 16;
    let wrong = |message| placeless(&format!("--set {path}={value}"), message);
    if path.split('.').count() > MOST {
        return Err(wrong(format!("expected at most {MOST} names in a path")));
    }
    let (parents, name) =
        path.rsplit_once('.').map_or((None, path), |(parents, name)| (Some(parents), name));
    let mut at = table;
    for parent in parents.into_iter().flat_map(|parents| parents.split('.')) {
        let next = at.entry(parent).or_insert_with(|| toml::Table::new().into());
        at = next.as_table_mut().ok_or_else(|| wrong(format!("`{parent}` is no table")))?;
    }
    let parsed = toml::from_str::<toml::Table>(&format!("value = {value}"));
    let parsed = parsed.ok().and_then(|mut table| table.remove("value"));
    // `steps` and `epochs` say the same thing: the one that is set replaces the other.
    match path {
        "train.steps" => at.remove("epochs"),
        "train.epochs" => at.remove("steps"),
        _ => None,
    };
    at.insert(name.to_owned(), parsed.unwrap_or_else(|| value.into()));
    Ok(())
}
