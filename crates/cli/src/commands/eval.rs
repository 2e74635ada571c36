//! `eval`: measure a saved network.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::ensure;
use diagnostics::table::{self, Align};
use gradus::data::{Dataset, Targets, readers};
use gradus::graph::Pool;
use gradus::nn::losses::Prediction;
use gradus::runs::{Evaluation, Evaluator};

use crate::numbers::{loss, thousands};
use crate::saved;
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
    let mut evaluator = Evaluator::new(
        &experiment.model,
        &objective,
        &dataset,
        experiment.data.divisor_for(&dataset),
    )?;
    let pool = Pool::new(ThreadsArgs::default().count());
    let evaluation =
        evaluator.evaluate(Some(&pool), &dataset, &model.parameters, &model.running_statistics);
    let prediction = experiment.train.loss.prediction();
    let report = Report::new(&dataset, &evaluation, prediction, args.mistakes);
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
    /// What the last layer says of the guess and of the truth.
    score_of_guess: f64,
    score_of_truth: f64,
    /// The probabilities of both, if the loss is taken of probabilities.
    probability_of_guess: Option<f64>,
    probability_of_truth: Option<f64>,
}

impl Mistake {
    fn belief_in_truth(&self) -> f64 {
        self.probability_of_truth.unwrap_or(self.score_of_truth)
    }
}

impl Report {
    fn new(
        dataset: &Dataset,
        evaluation: &Evaluation,
        prediction: Prediction,
        n_mistakes: usize,
    ) -> Self {
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
                let probability = prediction.probabilities(scores);
                let of = |class: usize| probability.as_ref().map(|each| each[class]);
                report.worst_mistakes.push(Mistake {
                    sample,
                    truth,
                    guess,
                    score_of_guess: f64::from(scores[guess]),
                    score_of_truth: f64::from(scores[truth]),
                    probability_of_guess: of(guess),
                    probability_of_truth: of(truth),
                });
            }
        }
        report.worst_mistakes.sort_by(|a, b| a.belief_in_truth().total_cmp(&b.belief_in_truth()));
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
            let beliefs = match (mistake.probability_of_guess, mistake.probability_of_truth) {
                (Some(guess), Some(truth)) => [format!("{guess:.4}"), format!("{truth:.2e}")],
                _ => [mistake.score_of_guess, mistake.score_of_truth]
                    .map(|score| format!("{score:.4}")),
            };
            let [sample, truth, guess] =
                [mistake.sample, mistake.truth, mistake.guess].map(|n| n.to_string());
            let [of_guess, of_truth] = beliefs;
            [sample, truth, guess, of_guess, of_truth]
        });
        let has_probabilities = self.worst_mistakes[0].probability_of_guess.is_some();
        let beliefs = match has_probabilities {
            true => ["p(guess)", "p(truth)"],
            false => ["score(guess)", "score(truth)"],
        };
        let columns =
            ["sample", "truth", "guess", beliefs[0], beliefs[1]].map(|name| (name, Align::Right));
        table::write(out, columns, &rows.collect::<Vec<_>>())
    }
}
