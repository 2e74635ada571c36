//! `explain MODEL --of PATH[INDEX]`: where a number of a network comes from, and what a step did to a parameter.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use diagnostics::{printable, table};
use gradus::data::{Dataset, Targets};
use gradus::events::Part;
use gradus::explain::element::{
    ElementName, ElementQuantity, Explanation, ExplanationTerm, NamedNumber, Relation,
    RemainingTerms,
};
use gradus::explain::six_digits;
use gradus::graph::Pool;
use gradus::runs::{Experiment, Parts, SavedModel, TrainerState, presets};
use gradus::train::Trainer;
use gradus::train::explanation::{
    UpdateExplanation, explain_update, last_repeatable_step, of_sample, trainer_before,
};
use serde::Serialize;

use super::super::eval::part;
use crate::experiment::ExperimentArgs;
use crate::output::print;
use crate::threads::ThreadsArgs;

/// What of a network is explained.
#[derive(Debug, clap::Args)]
pub(super) struct ElementArgs {
    /// Explain a number of a network: 8.linear[17], logits[3], loss, 1.conv2d.weight[0, 0, 0, 5], gradient:2.relu[4].
    #[arg(long, value_name = "PATH[INDEX]")]
    pub(super) of: Option<ElementName>,

    /// Number of the sample, from 0 [default: 0, or all of the batch for a parameter].
    #[arg(long, value_name = "N", requires = "of", conflicts_with = "batch")]
    sample: Option<usize>,

    /// Set that the sample is from: train, validation or test.
    #[arg(long, value_name = "SET", default_value = "test", value_parser = part, requires = "of", conflicts_with = "train")]
    part: Part,

    /// Training mode: the sample within its batch of --step, with the dropout mask of that step.
    #[arg(long, requires = "of")]
    train: bool,

    /// What the step did to a parameter, by all samples of its batch (the default for a parameter).
    #[arg(long, requires = "of", conflicts_with = "train")]
    batch: bool,

    /// The step, 1 for the first [default: the last that follows a checkpoint].
    #[arg(long, value_name = "S", requires = "of")]
    step: Option<u64>,

    /// Number of terms to list.
    #[arg(long, value_name = "K", default_value_t = 12, requires = "of", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    terms: u16,

    #[command(flatten)]
    threads: ThreadsArgs,
}

/// An explanation and what it is of.
#[derive(Debug, Serialize)]
struct ExplainedElement {
    model: String,
    /// The sample and its set, or the step of a batch.
    #[serde(flatten)]
    at: Circumstances,
    explanation: Explanation,
}

/// On what a network was run.
#[derive(Debug, Serialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
enum Circumstances {
    Evaluation { part: Part, sample: usize, label: Option<String> },
    Training { step: u64, sample: u32, position: usize, label: Option<String> },
}

#[derive(Debug, Serialize)]
struct ExplainedUpdate {
    model: String,
    /// Whether a run did the step, whose numbers these are.
    of_run: bool,
    update: UpdateExplanation,
}

/// What a name on the command line stands for.
enum Subject {
    Run(PathBuf),
    Model(PathBuf),
    Untrained(Box<Experiment>),
}

impl Subject {
    fn find(name: &str) -> anyhow::Result<Self> {
        let path = Path::new(name);
        if path.is_dir() {
            return Ok(Self::Run(path.to_owned()));
        }
        if path.extension().is_some_and(|extension| extension == "safetensors") {
            return Ok(Self::Model(path.to_owned()));
        }
        let arguments = ExperimentArgs { experiment: Some(name.to_owned()), set: Vec::new() };
        let read = arguments.read(&[]).context(
            "with --of: expected a run directory, a saved model, a preset or an experiment file",
        )?;
        Ok(Self::Untrained(Box::new(read.experiment)))
    }

    /// The trainer just before a step, and its number.
    fn trainer_before(
        &self,
        step: Option<u64>,
        data: impl FnOnce(&Experiment) -> anyhow::Result<Parts>,
        pool: Arc<Pool>,
    ) -> anyhow::Result<Trainer> {
        let (mut trainer, step) = match self {
            Self::Run(run) => {
                let step = step.map_or_else(|| last_repeatable_step(run), Ok)?;
                let data = data(&SavedModel::read(run)?.experiment)?;
                return Ok(trainer_before(run, step, data, pool, &|| false)?);
            }
            Self::Model(file) => {
                let state = TrainerState::read(file).context(
                    "a step is explained from a run directory, a checkpoint or an untrained preset; add --sample N to explain the model itself",
                )?;
                let next = state.progress.step + 1;
                let step = step.unwrap_or(next);
                ensure!(step >= next, "--step: expected {next} or more, found {step}");
                let experiment = state.experiment();
                let mut trainer = Trainer::new(experiment.clone(), data(&experiment)?, pool)?;
                trainer.resume(state)?;
                (trainer, step)
            }
            Self::Untrained(experiment) => {
                let data = data(experiment)?;
                let step = step.unwrap_or(1);
                ensure!(step > 0, "--step: expected 1 or more, found 0");
                (Trainer::new((**experiment).clone(), data, pool)?, step)
            }
        };
        let last = trainer.steps_planned();
        ensure!(
            step <= last,
            "--step: expected at most the {last} steps of the experiment, found {step}"
        );
        while trainer.steps_done() + 1 < step {
            trainer.step()?;
        }
        Ok(trainer)
    }

    /// The model as it is evaluated.
    fn saved(&self, data: &Parts, pool: Arc<Pool>) -> anyhow::Result<SavedModel> {
        Ok(match self {
            Self::Run(path) | Self::Model(path) => SavedModel::read(path)?,
            Self::Untrained(experiment) => {
                Trainer::new((**experiment).clone(), data.clone(), pool)?.saved().clone()
            }
        })
    }
}

pub(super) fn run(
    model: Option<&str>,
    of: &ElementName,
    args: &ElementArgs,
    json: bool,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let model = model.unwrap_or(presets::DEFAULT).to_owned();
    let subject = Subject::find(&model)?;
    let pool = Arc::new(Pool::new(args.threads.count()));
    let open = |experiment: &Experiment| Ok(experiment.data.open(gradus::mnist)?);
    let experiment = match &subject {
        Subject::Run(path) | Subject::Model(path) => SavedModel::read(path)?.experiment,
        Subject::Untrained(experiment) => (**experiment).clone(),
    };
    let is_parameter = experiment
        .network(gradus::nn::Mode::Train)?
        .parameters
        .iter()
        .any(|spec| spec.path == of.path);
    let is_value = of.quantity == ElementQuantity::Value;
    ensure!(
        is_parameter && is_value || !args.batch,
        "--batch: expected a parameter, such as 1.conv2d.weight[0, 0, 0, 5], found {of}"
    );
    let terms = usize::from(args.terms);
    if is_parameter && is_value && args.sample.is_none() && !args.train {
        let mut trainer = subject.trainer_before(args.step, open, pool)?;
        let run = if let Subject::Run(run) = &subject { Some(run.as_path()) } else { None };
        let update = explain_update(&mut trainer, of, terms, run)?;
        let explained = ExplainedUpdate { model, of_run: run.is_some(), update };
        return print(out, json, &explained, ExplainedUpdate::write);
    }
    // The share of a sample in a parameter is its gradient.
    let name = if is_parameter { of.clone().gradient() } else { of.clone() };
    let explained = if args.train {
        let mut trainer = subject.trainer_before(args.step, open, pool)?;
        let (pass, batch) = trainer.explained_pass()?;
        let step = trainer.steps_done() + 1;
        let sample = args.sample.map_or(batch[0], |sample| sample as u32);
        let position = batch.iter().position(|&other| other == sample).with_context(|| {
            format!("--sample {sample}: expected one of the batch of step {step}: {}", some(&batch))
        })?;
        let label = label(trainer.train_set(), &experiment, sample as usize);
        let explanation = pass.explain(&name, terms, position)?;
        ExplainedElement {
            model,
            at: Circumstances::Training { step, sample, position, label },
            explanation,
        }
    } else {
        ensure!(args.step.is_none(), "--step: expected --train, or a parameter without --sample");
        let data = open(&experiment)?;
        let saved = subject.saved(&data, Arc::clone(&pool))?;
        let part = args.part;
        let Some(set) = data.get(part) else { bail!("--part {part}: the data has no such set") };
        let sample = args.sample.unwrap_or(0);
        let explanation = of_sample(&saved, set, sample, Some(&pool))
            .map_err(anyhow::Error::from)
            .with_context(|| format!("--sample {sample} of the {part} set"))?
            .explain(&name, terms, 0)?;
        let label = label(set, &experiment, sample);
        ExplainedElement {
            model,
            at: Circumstances::Evaluation { part, sample, label },
            explanation,
        }
    };
    print(out, json, &explained, ExplainedElement::write)
}

fn label(set: &Dataset, experiment: &Experiment, sample: usize) -> Option<String> {
    match set.targets() {
        Targets::Labels { values, .. } => {
            Some(experiment.data.class_name(*values.get(sample)? as usize))
        }
        Targets::Values { .. } => None,
    }
}

/// The first samples of a batch.
fn some(batch: &[u32]) -> String {
    const SHOWN: usize = 10;
    let shown: Vec<String> = batch.iter().take(SHOWN).map(u32::to_string).collect();
    let more = if batch.len() > SHOWN { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

/// A bar of eighths for a number among others, whose largest magnitude is `most`: full for what adds, light for what takes
/// away.
fn bar(number: f64, most: f64) -> String {
    const CELLS: f64 = 20.0;
    let cells = (number.abs() / most * CELLS).round();
    if !cells.is_finite() {
        return String::new();
    }
    let sign = if number < 0.0 { "▒" } else { "█" };
    sign.repeat(cells as usize)
}

fn largest(numbers: impl Iterator<Item = f64>) -> f64 {
    numbers.map(f64::abs).fold(0.0, f64::max)
}

fn rest_row(rest: Option<RemainingTerms>, columns: usize, most: f64) -> Option<Vec<String>> {
    let RemainingTerms { count, sum } = rest?;
    let mut row = vec![String::new(); columns];
    row[0] = format!("{count} more");
    row[columns - 2] = six_digits(sum);
    row[columns - 1] = bar(sum, most);
    Some(row)
}

impl ExplainedElement {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let Explanation { of, op, value, relation, formula, terms, rest, sum, gradient, .. } =
            &self.explanation;
        writeln!(out, "{} = {}", printable(&of.to_string()), six_digits(*value))?;
        let of_label = |label: &Option<String>| {
            label.as_ref().map_or(String::new(), |label| format!(" (label {})", printable(label)))
        };
        let at = match &self.at {
            Circumstances::Evaluation { part, sample, label } => {
                format!("sample {sample}{} of the {part} set, in evaluation", of_label(label))
            }
            Circumstances::Training { step, sample, label, .. } => format!(
                "sample {sample}{} in the batch of step {step}, in training, computed again",
                of_label(label)
            ),
        };
        writeln!(out, "{op} · {} · {at}", printable(&self.model))?;
        match (relation, formula) {
            (Relation::Given, _) => writeln!(out, "\nIt is given: nothing is computed for it.")?,
            (Relation::Unstated, _) => {
                writeln!(out, "\nThe op states no formula; its derivatives:")?
            }
            (_, Some(formula)) => {
                writeln!(out, "\n  {}\n= {}", printable(&formula.symbols), formula.numbers)?;
            }
            (_, None) => {}
        }
        if !terms.is_empty() {
            writeln!(out)?;
            self.write_terms(out, terms, *rest, *sum)?;
        }
        writeln!(out)?;
        if let Some(gradient) = gradient {
            let gradient_of = of.clone().gradient();
            writeln!(
                out,
                "gradient of the loss {}: {}",
                six_digits(*gradient),
                self.command(&gradient_of)
            )?;
        }
        // A factor leads on; a bias alone is given.
        let products = terms.iter().find(|term| term.factor.is_some());
        if let Some(term) = products.or(terms.first()) {
            writeln!(out, "one level down: {}", self.command(&term.element))?;
        }
        Ok(())
    }

    fn write_terms(
        &self,
        out: &mut dyn Write,
        terms: &[ExplanationTerm],
        rest: Option<RemainingTerms>,
        sum: Option<f64>,
    ) -> io::Result<()> {
        let is_gradient = self.explanation.quantity == ElementQuantity::Gradient;
        let headings = match is_gradient {
            true => ["<read by", ">upstream", ">derivative", "<", ">product", "<"],
            false => ["<term", ">value", ">factor", "<", ">product", "<"],
        };
        let headings = match self.explanation.relation {
            Relation::Formula | Relation::Unstated => {
                ["<operand", ">value", ">derivative", "<", ">product", "<"]
            }
            _ => headings,
        };
        let most = largest(terms.iter().map(|term| term.product));
        let row = |term: &ExplanationTerm| {
            let name = term.name.as_ref().map_or(String::new(), |name| format!("{name} = "));
            let all = match term.elements {
                1 => String::new(),
                n => format!(" ({n} elements)"),
            };
            let factor = term.factor.as_ref().map_or(String::new(), ElementName::to_string);
            vec![
                printable(&format!("{name}{}{all}", term.element)),
                six_digits(term.value),
                six_digits(term.derivative),
                printable(&factor),
                six_digits(term.product),
                bar(term.product, most),
            ]
        };
        let mut rows: Vec<Vec<String>> = terms.iter().map(row).collect();
        rows.extend(rest_row(rest, headings.len(), most));
        if let Some(sum) = sum {
            let mut row = vec![String::new(); headings.len()];
            (row[0], row[4]) = ("sum".to_owned(), six_digits(sum));
            rows.push(row);
        }
        table::write(out, headings, &rows)
    }

    /// The command that explains another element of the same.
    fn command(&self, of: &ElementName) -> String {
        let at = match &self.at {
            Circumstances::Evaluation { part: Part::Test, sample, .. } => {
                format!("--sample {sample}")
            }
            Circumstances::Evaluation { part, sample, .. } => {
                format!("--part {part} --sample {sample}")
            }
            Circumstances::Training { step, sample, .. } => {
                format!("--train --step {step} --sample {sample}")
            }
        };
        // A sample is named by the option.
        let of = ElementName { sample: None, ..of.clone() };
        printable(&format!("gradus explain {} {at} --of '{of}'", self.model))
    }
}

impl ExplainedUpdate {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let update = &self.update;
        let number = |numbers: &[NamedNumber], name: &str| {
            numbers
                .iter()
                .find(|number| number.name == name)
                .map_or(f64::NAN, |number| number.value)
        };
        let [before, after] = [&update.before, &update.after].map(|numbers| number(numbers, "w"));
        writeln!(
            out,
            "step {}: {} {} → {}",
            update.step,
            printable(&update.of.to_string()),
            six_digits(before),
            six_digits(after)
        )?;
        let of = match (self.of_run, update.is_as_logged) {
            (true, Some(true)) => "done again from a checkpoint: as in the log, to the last bit",
            (true, _) => "done again from a checkpoint: the same bytes",
            (false, _) => "done now",
        };
        writeln!(out, "{} · {of}", printable(&self.model))?;
        writeln!(
            out,
            "\nloss {}, gradient {}, norm of all gradients {}, learning rate {}",
            six_digits(update.loss),
            six_digits(update.gradient),
            six_digits(update.grad_norm),
            six_digits(update.learning_rate)
        )?;
        writeln!(out, "\nThe gradient by samples of the batch (computed again):\n")?;
        let most = largest(update.shares.iter().map(|share| share.share));
        let row = |share: &gradus::train::explanation::SampleShare| {
            let label = share.label.as_deref().unwrap_or("");
            let label = printable(label);
            vec![share.sample.to_string(), label, six_digits(share.share), bar(share.share, most)]
        };
        let mut rows: Vec<Vec<String>> = update.shares.iter().map(row).collect();
        rows.extend(rest_row(update.rest, 4, most));
        if update.penalty != 0.0 {
            let share = six_digits(update.penalty);
            rows.push(vec!["penalty".into(), String::new(), share, bar(update.penalty, most)]);
        }
        table::write(out, ["<sample", "<label", ">share", "<"], &rows)?;
        self.write_lines(out)?;
        let numbers = |numbers: &[NamedNumber]| {
            numbers.iter().map(|number| six_digits(number.value)).collect::<Vec<_>>()
        };
        let rows = update.before.iter().zip(numbers(&update.before)).zip(numbers(&update.after));
        let rows: Vec<Vec<String>> =
            rows.map(|((named, before), after)| vec![named.name.clone(), before, after]).collect();
        writeln!(out)?;
        table::write(out, ["<", ">before", ">after"], &rows)?;
        if let Some(share) = update.shares.first() {
            let command = format!(
                "gradus explain {} --train --step {} --sample {} --of '{}'",
                self.model,
                update.step,
                share.sample,
                update.of.clone().gradient()
            );
            writeln!(out, "\none level down: {}", printable(&command))?;
        }
        Ok(())
    }

    fn write_lines(&self, out: &mut dyn Write) -> io::Result<()> {
        let update = &self.update;
        if update.lines.is_empty() {
            return writeln!(out, "\nThe optimizer states no formula.");
        }
        let given = update.given.iter();
        let given: Vec<String> =
            given.map(|number| format!("{} = {}", number.name, six_digits(number.value))).collect();
        writeln!(out, "\nThe optimizer, with {}:\n", given.join(", "))?;
        let rows = update.lines.iter().map(|line| {
            let set = format!("{} ← {}", line.name, line.formula.symbols);
            vec![
                set,
                format!("= {}", line.formula.numbers),
                format!("= {}", six_digits(line.value)),
            ]
        });
        table::write(out, ["<", "<", "<"], &rows.collect::<Vec<_>>())?;
        if let Some(name) = &update.of_matrix {
            writeln!(
                out,
                "{name} is computed of the whole matrix; shown is the number that the step had."
            )?;
        }
        Ok(())
    }
}
