//! `explain MODEL --of PATH[INDEX]`: where a number of a network comes from, and what a step did to a parameter.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use gradus::events::Part;
use gradus::explain::element::{ElementName, ElementQuantity};
use gradus::graph::Pool;
use gradus::runs::{Experiment, Parts, RunFolder, SavedModel, TrainerState, presets};
use gradus::train::Trainer;
use gradus::train::explanation::{
    explain_share, explain_update, of_sample, position_in_batch, trainer_before,
};

use super::super::eval::part;
use super::element_text::{Circumstances, ExplainedElement, ExplainedUpdate};
use crate::experiment::ExperimentArgs;
use crate::output::print;
use crate::threads::ThreadsArgs;

/// What of a network is explained.
#[derive(Debug, clap::Args)]
pub(super) struct ElementArgs {
    /// Explain a number of a network: 8.linear[17], logits[3], loss, 1.conv2d.weight[0, 0, 0, 5], gradient:2.relu[4].
    #[arg(long, value_name = "PATH[INDEX]")]
    pub(super) of: Option<ElementName>,

    /// Number of the sample, from 0; of a parameter its share in the batch of --step [default: 0, or all of the batch].
    #[arg(long, value_name = "N", requires = "of", conflicts_with = "batch")]
    sample: Option<usize>,

    /// Set that the sample is from: train, validation or test [default: test].
    #[arg(long, value_name = "SET", value_parser = part, requires = "of", conflicts_with = "train")]
    part: Option<Part>,

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

/// What a name on the command line stands for.
enum Subject {
    /// A run and its newest model.
    Run(PathBuf, Box<SavedModel>),
    Model(PathBuf, Box<SavedModel>),
    Untrained(Box<Experiment>),
}

impl Subject {
    fn find(name: &str) -> anyhow::Result<Self> {
        let path = Path::new(name);
        if path.is_dir() {
            let newest = RunFolder::state(path, None)?.evaluated().clone();
            return Ok(Self::Run(path.to_owned(), Box::new(newest)));
        }
        if path.extension().is_some_and(|extension| extension == "safetensors") {
            return Ok(Self::Model(path.to_owned(), Box::new(SavedModel::read(path)?)));
        }
        let arguments = ExperimentArgs { experiment: Some(name.to_owned()), set: Vec::new() };
        let read = arguments.read(&[]).context(
            "with --of: expected a run directory, a saved model, a preset or an experiment file",
        )?;
        Ok(Self::Untrained(Box::new(read.experiment)))
    }

    fn experiment(&self) -> &Experiment {
        match self {
            Self::Run(_, saved) | Self::Model(_, saved) => &saved.experiment,
            Self::Untrained(experiment) => experiment,
        }
    }

    /// The trainer just before a step.
    fn trainer_before(
        &self,
        step: Option<u64>,
        data: impl FnOnce(&Experiment) -> anyhow::Result<Parts>,
        pool: Arc<Pool>,
    ) -> anyhow::Result<Trainer> {
        let (mut trainer, step) = match self {
            Self::Run(run, saved) => {
                return Ok(trainer_before(run, step, data(&saved.experiment)?, pool, &|| false)?);
            }
            Self::Model(file, _) => {
                let state = TrainerState::read(file).context(
                    "a step is explained from a run directory, a checkpoint or an untrained preset; --of gradient:PATH[INDEX] explains the gradient of the model itself",
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
            Self::Run(_, saved) | Self::Model(_, saved) => (**saved).clone(),
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
    let experiment = subject.experiment();
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
    let sample = args.sample.map(u32::try_from).transpose().context("--sample")?;
    if is_parameter && is_value {
        ensure!(args.part.is_none(), "--part: the batch of a step is of the training set");
    }
    let explained = if is_parameter && (is_value || args.train) {
        let mut trainer = subject.trainer_before(args.step, open, pool)?;
        match sample {
            Some(sample) => {
                let share = explain_share(&mut trainer, of, terms, sample)?;
                ExplainedElement::of_share(model, share)
            }
            None if is_value => {
                let run =
                    if let Subject::Run(run, _) = &subject { Some(run.as_path()) } else { None };
                let update = explain_update(&mut trainer, of, terms, run)?;
                let explained = ExplainedUpdate { model, of_run: run.is_some(), update };
                return print(out, json, &explained, ExplainedUpdate::write);
            }
            None => {
                let at = Circumstances::Batch { step: trainer.steps_done() + 1 };
                let (pass, _) = trainer.explained_pass()?;
                ExplainedElement { model, at, explanation: pass.explain(of, terms, 0)? }
            }
        }
    } else if args.train {
        let mut trainer = subject.trainer_before(args.step, open, pool)?;
        let (pass, batch) = trainer.explained_pass()?;
        let step = trainer.steps_done() + 1;
        let position = match sample {
            Some(sample) => position_in_batch(&batch, step, sample)?,
            None => of.sample.unwrap_or(0),
        };
        let explanation = pass.explain(of, terms, position)?;
        let sample = batch[position];
        let label = trainer.current().transforms.label(trainer.train_set(), sample as usize);
        ExplainedElement {
            model,
            at: Circumstances::Training { step, sample, position, label },
            explanation,
        }
    } else {
        ensure!(args.step.is_none(), "--step: expected --train, or a parameter");
        let data = open(experiment)?;
        let saved = subject.saved(&data, Arc::clone(&pool))?;
        let part = args.part.unwrap_or(Part::Test);
        let Some(set) = data.get(part) else { bail!("--part {part}: the data has no such set") };
        let sample = args.sample.unwrap_or(0);
        let explanation = of_sample(&saved, set, sample, Some(&pool))
            .map_err(anyhow::Error::from)
            .with_context(|| format!("--sample {sample} of the {part} set"))?
            .explain(of, terms, 0)?;
        let label = saved.transforms.label(set, sample);
        ExplainedElement {
            model,
            at: Circumstances::Evaluation { part, sample, label },
            explanation,
        }
    };
    print(out, json, &explained, ExplainedElement::write)
}
