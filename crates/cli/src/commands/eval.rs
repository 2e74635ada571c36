//! `eval`: measure a saved network.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::ensure;
use gradus::data::{Dataset, Targets, readers};
use gradus::graph::Pool;
use gradus::runs::{Evaluation, Evaluator, probabilities};

use crate::saved;
use crate::table::{self, Align, loss, thousands};
use crate::threads::ThreadsArgs;

/// Measure a saved network: loss, accuracy, confusion matrix, worst mistakes.
///
/// Exits 0 on success, 2 on any error.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Run folder or safetensors file.
    #[arg(value_name = "MODEL")]
    model: PathBuf,

    /// IDX files to measure on, plain or gzipped; the test set of the run if not given.
    #[arg(long, num_args = 2, value_names = ["IMAGES", "LABELS"])]
    data: Option<Vec<PathBuf>>,

    /// How many of the worst mistakes to list.
    #[arg(long, value_name = "N", default_value_t = 10)]
    mistakes: usize,

    /// Print the results as one JSON object.
    #[arg(long)]
    json: bool,
}

/// Measures.
///
/// # Errors
///
/// A network or data that cannot be read, or do not fit together.
pub(crate) fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let model = saved::read(&args.model)?;
    let experiment = &model.experiment;
    let dataset = match args.data.as_deref() {
        Some([images, labels]) => readers::idx::read(images, labels, model.outputs)?,
        _ => experiment.data.open(gradus::mnist)?.test,
    };
    let (found, expected) = (dataset.sample_shape(), &experiment.model.input[..]);
    ensure!(
        found == expected,
        "{}: expected samples of {expected:?}, found {found:?}",
        dataset.name()
    );
    ensure!(!dataset.is_empty(), "{}: no samples to measure on", dataset.name());
    let objective = experiment.train.objective();
    let mut evaluator =
        Evaluator::new(&experiment.model, &objective, &dataset, experiment.data.divisor)?;
    let pool = Pool::new(ThreadsArgs::default().count());
    let evaluation = evaluator.evaluate(Some(&pool), &dataset, &model.parameters, &model.averages);
    let report = Report::new(&dataset, &evaluation, args.mistakes);
    if args.json {
        writeln!(out, "{}", serde_json::to_string(&report)?)?;
    } else {
        report.write(out)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What was measured.
#[derive(Debug, serde::Serialize)]
struct Report {
    data: String,
    samples: usize,
    loss: f64,
    accuracy: Option<f64>,
    /// `confusion[t][g]`: samples of class `t` that were taken for class `g`.
    confusion: Vec<Vec<usize>>,
    /// Where the network was surest of something wrong.
    worst_mistakes: Vec<Mistake>,
}

#[derive(Debug, serde::Serialize)]
struct Mistake {
    sample: usize,
    truth: usize,
    guess: usize,
    /// The probability that the network gave its guess.
    probability_of_guess: f64,
    /// The probability that it gave the truth.
    probability_of_truth: f64,
}

impl Report {
    fn new(dataset: &Dataset, evaluation: &Evaluation, n_mistakes: usize) -> Self {
        let mut report = Self {
            data: dataset.name().to_owned(),
            samples: evaluation.samples,
            loss: evaluation.loss,
            accuracy: evaluation.accuracy,
            confusion: Vec::new(),
            worst_mistakes: Vec::new(),
        };
        let Targets::Labels { values, classes } = dataset.targets() else { return report };
        report.confusion = vec![vec![0; *classes]; *classes];
        let scores = evaluation.predictions.values().chunks_exact(*classes);
        for (sample, ((guess, &truth), scores)) in
            evaluation.classes().zip(values).zip(scores).enumerate()
        {
            let truth = truth as usize;
            report.confusion[truth][guess] += 1;
            if guess != truth {
                let probability = probabilities(scores);
                report.worst_mistakes.push(Mistake {
                    sample,
                    truth,
                    guess,
                    probability_of_guess: probability[guess],
                    probability_of_truth: probability[truth],
                });
            }
        }
        report
            .worst_mistakes
            .sort_by(|a, b| a.probability_of_truth.total_cmp(&b.probability_of_truth));
        report.worst_mistakes.truncate(n_mistakes);
        report
    }

    fn write(&self, out: &mut dyn Write) -> std::io::Result<()> {
        writeln!(out, "data      {}", self.data)?;
        writeln!(out, "samples   {}", thousands(self.samples as u64))?;
        writeln!(out, "loss      {}", loss(self.loss))?;
        let Some(accuracy) = self.accuracy else { return Ok(()) };
        let right: usize = self.confusion.iter().enumerate().map(|(class, row)| row[class]).sum();
        writeln!(
            out,
            "accuracy  {accuracy:.4} ({} wrong)",
            thousands((self.samples - right) as u64)
        )?;
        writeln!(out, "\nconfusion, a row for each true class, a column for each guess:")?;
        let width =
            self.confusion.iter().flatten().max().map_or(1, |most| most.to_string().len()).max(2);
        let numbers = |row: &mut dyn Iterator<Item = usize>| -> String {
            row.map(|number| format!(" {number:>width$}")).collect()
        };
        writeln!(out, "    {}", numbers(&mut (0..self.confusion.len())))?;
        for (class, row) in self.confusion.iter().enumerate() {
            writeln!(out, "{class:>3} {}", numbers(&mut row.iter().copied()))?;
        }
        if self.worst_mistakes.is_empty() {
            return Ok(());
        }
        writeln!(out, "\nworst mistakes, the truth least believed first:")?;
        let rows = self.worst_mistakes.iter().map(|mistake| {
            [
                mistake.sample.to_string(),
                mistake.truth.to_string(),
                mistake.guess.to_string(),
                format!("{:.4}", mistake.probability_of_guess),
                format!("{:.2e}", mistake.probability_of_truth),
            ]
        });
        let columns =
            ["sample", "truth", "guess", "p(guess)", "p(truth)"].map(|name| (name, Align::Right));
        table::write(out, columns, &rows.collect::<Vec<_>>())
    }
}
