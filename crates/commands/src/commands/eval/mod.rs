//! `eval`: evaluate a saved model.

mod mistakes;
mod picture;
mod report;

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, anyhow, ensure};
use gradus::data::Dataset;
use gradus::data::columns::Table;
use gradus::events::Part;
use gradus::graph::Pool;
use gradus::runs::measure::{ThresholdRule, choose_threshold, fit_temperature};
use gradus::runs::{Evaluation, Evaluator, TableRows};

use self::report::EvalReport;
use crate::experiment::warn;
use crate::model::read_model;
use crate::output::{number, print};
use crate::reading::{ReadingArgs, show_findings, with_targets};
use crate::threads::ThreadsArgs;

/// Rows that are read at a time.
const BLOCK: usize = 1000;

/// Evaluate a saved model: every metric, each class, confusion matrix, worst mistakes.
///
/// Exits 0 on success, 2 on an error.
#[derive(Debug, clap::Args)]
pub(crate) struct EvalArgs {
    /// Run directory or safetensors file.
    #[arg(value_name = "MODEL")]
    model: PathBuf,

    /// Set of the run to evaluate on, made again from its experiment: train, validation or test.
    #[arg(long, value_name = "SET", default_value = "test", value_parser = part, conflicts_with = "data")]
    part: Part,

    /// Data to evaluate on instead, with the columns of the training data and the target: a table, NumPy arrays, a folder of
    /// pictures with a folder for each class, or IDX images, of which the labels may be named too.
    #[arg(long, num_args = 1..=2, value_names = ["FILE or FOLDER", "LABELS"])]
    data: Option<Vec<PathBuf>>,

    #[command(flatten)]
    reading: ReadingArgs,

    /// Fit a temperature on the validation set, and print what it makes of the probabilities.
    #[arg(long)]
    temperature: bool,

    /// Predict the second of two classes from this probability of it on, from 0 to 1; or f1 or balanced_accuracy: the threshold
    /// that is best by it on the validation set.
    #[arg(long, value_name = "T", value_parser = threshold)]
    threshold: Option<Threshold>,

    /// Number of mistakes, or of the largest errors of values, to list.
    #[arg(long, value_name = "N", default_value_t = 10)]
    mistakes: usize,

    /// Write them to a CSV file instead of listing them, each with the cells of its row if the data is a table.
    #[arg(long, value_name = "FILE")]
    mistakes_csv: Option<PathBuf>,

    /// Write them as pictures with their labels and predictions, if the samples are pictures.
    #[arg(long, value_name = "FILE")]
    mistakes_svg: Option<PathBuf>,

    /// Print the results as one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn part(name: &str) -> Result<Part, String> {
    let parts = [Part::Train, Part::Validation, Part::Test];
    let found = parts.into_iter().find(|part| part.to_string() == name);
    found.ok_or_else(|| "expected train, validation or test".into())
}

/// From which probability on the second of two classes is predicted.
#[derive(Clone, Copy, Debug)]
enum Threshold {
    At(f64),
    Best(ThresholdRule),
}

fn threshold(text: &str) -> Result<Threshold, String> {
    let expected = "a probability from 0 to 1, f1 or balanced_accuracy";
    match text {
        "f1" => Ok(Threshold::Best(ThresholdRule::F1)),
        "balanced_accuracy" => Ok(Threshold::Best(ThresholdRule::BalancedAccuracy)),
        _ => number(text, |at| (0.0..=1.0).contains(at), expected).map(Threshold::At),
    }
}

pub(crate) fn run(args: &EvalArgs, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let model = read_model(&args.model)?;
    let experiment = &model.experiment;
    let from_files = match args.data.as_deref() {
        Some(paths) => {
            let options = args.reading.options(&model)?;
            let mut source = with_targets(paths, &options, &model.transforms)?;
            warn(source.notes());
            let dataset = source.dataset()?;
            show_findings(&source);
            Some(dataset)
        }
        None => None,
    };
    let is_chosen = matches!(args.threshold, Some(Threshold::Best(_)));
    let is_needed = from_files.is_none() || args.temperature || is_chosen;
    let parts = is_needed.then(|| {
        // The data may have changed, and the model has not.
        experiment.data.open_fitted(Arc::clone(&model.transforms), gradus::mnist)
    });
    let parts = parts.transpose()?;
    let set = |part, option: &str| {
        let set = parts.as_ref().and_then(|parts| parts.get(part));
        set.with_context(|| {
            format!("{option}: the run has no validation set, expected data.validation in its experiment")
        })
    };
    let dataset = match &from_files {
        Some(dataset) => dataset,
        None => set(args.part, "--part validation")?,
    };
    let (found, expected) = (dataset.sample_shape(), &experiment.model.input[..]);
    ensure!(
        found == expected,
        "{}: expected samples of {expected:?}, found {found:?}",
        dataset.name()
    );
    ensure!(!dataset.is_empty(), "{}: expected at least one sample, found none", dataset.name());
    let pool = Pool::new(ThreadsArgs::default().count());
    let evaluate = |set: &Dataset| -> anyhow::Result<Evaluation> {
        Ok(Evaluator::new(experiment, set)?.evaluate(Some(&pool), set, &model))
    };
    let mut evaluation = evaluate(dataset)?;
    if let Some(threshold) = args.threshold {
        let refused = |reason| anyhow!("--threshold: {reason}");
        let threshold = match threshold {
            Threshold::At(threshold) => threshold,
            Threshold::Best(rule) => {
                let validation = set(Part::Validation, "--threshold")?;
                let evaluated = evaluate(validation)?;
                let predictions = evaluated.class_predictions(validation.targets());
                let predictions = predictions.ok_or_else(|| refused("expected two classes"))?;
                choose_threshold(&predictions, rule).map_err(refused)?
            }
        };
        evaluation = evaluation.with_threshold(threshold, dataset.targets()).map_err(refused)?;
    }
    let mut report = EvalReport::new(&model.transforms, dataset, &evaluation);
    if args.temperature {
        let validation = set(Part::Validation, "--temperature")?;
        let evaluated = evaluate(validation)?;
        let predictions = evaluated.class_predictions(validation.targets());
        let predictions = predictions.context("--temperature: expected classes, found values")?;
        let temperature = fit_temperature(&predictions)
            .map_err(|reason| anyhow!("--temperature: {reason} on {}", validation.name()))?;
        report.add_temperature(temperature, validation, dataset, &evaluation);
    }
    report.worst_mistakes.truncate(args.mistakes);
    if let Some(file) = &args.mistakes_svg {
        let picture =
            picture::of(&mistakes::captions(&report.worst_mistakes, &model.transforms), dataset)?;
        fs::write(file, picture).with_context(|| format!("writing {}", file.display()))?;
    }
    if let Some(file) = &args.mistakes_csv {
        let mut rows = TableRows::new(report.worst_mistakes.samples());
        let has_columns = model.transforms.has_table_columns();
        match args.data.as_deref() {
            Some(paths) if has_columns => {
                let options = args.reading.options(&model)?;
                let mut source = with_targets(paths, &options, &model.transforms)?;
                for block in source.blocks(BLOCK)? {
                    let block = block?.table;
                    if rows.add(&block, &Vec::from_iter(0..block.len())).is_break() {
                        break;
                    }
                }
            }
            None if has_columns => {
                let mut add = |block: &Table, chosen: &[usize]| rows.add(block, chosen);
                experiment.data.read_part(args.part, gradus::mnist, &mut add)?;
            }
            _ => {}
        }
        let text = mistakes::to_csv(&report.worst_mistakes, &rows, &model.transforms);
        fs::write(file, text).with_context(|| format!("writing {}", file.display()))?;
    }
    print(out, args.json, &report, |report, out| {
        report.write(&model.transforms, args.mistakes_csv.as_deref(), out)
    })
}
