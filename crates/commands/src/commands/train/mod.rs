//! `train`: train a network.

mod own;
mod processes;

use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{bail, ensure};
use cluster::Cluster;
use diagnostics::{shell_word, table};
use gradus::data::Targets;
use gradus::events::{Best, Part, Reason, RunFinished, Selection};
use gradus::graph::{MemoryLimit, Pool};
use gradus::runs::{Experiment, Parts, RunFolder, RunFolderError, StoppedRun};
use gradus::tensorboard::{TensorBoard, TensorBoardError};
use gradus::train::{Observer, Recorder, TrainError, Trainer};

use crate::commanded::InputCommands;
use crate::experiment::{ExperimentArgs, warn};
use crate::output::{bytes, metric, number, print, stderr, thousands};
use crate::processes::together;
use crate::progress::Progress;
use crate::resume::{Continued, ResumeArgs};
use crate::served::{self, ServeArgs};
use crate::signal::{INTERRUPTED, stop_on_signal};
use crate::threads::ThreadsArgs;

/// Train a network and record the run in a directory.
///
/// Exits 0 on success, 1 if --target-accuracy was not reached or a value was not finite, 2 on a usage error
/// or bad input, 130 if interrupted (the model is saved first).
#[derive(Debug, clap::Args)]
pub(crate) struct TrainArgs {
    #[command(flatten)]
    experiment: ExperimentArgs,

    /// Train on this table or folder (or its ZIP archive) of pictures, with a network and settings that are chosen for it and
    /// written beside the run; --set changes them.
    #[arg(long, value_name = "FILE or FOLDER", conflicts_with_all = ["experiment", "resume", "fork"])]
    data: Option<PathBuf>,

    /// Test data with the same columns [default: a fifth of the rows of --data].
    #[arg(long, value_name = "FILE or FOLDER")]
    test: Option<PathBuf>,

    /// The column that is predicted [default: the last one].
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,

    /// Minutes that training on --data may take: epochs are cut to fit [default: 10].
    #[arg(long, value_name = "N", value_parser = minutes)]
    minutes: Option<f64>,

    /// Number of epochs (passes over the training set).
    #[arg(long, value_name = "N", conflicts_with = "steps", value_parser = epochs)]
    epochs: Option<f64>,

    /// Number of steps (optimizer updates).
    #[arg(long, value_name = "N")]
    steps: Option<u64>,

    #[command(flatten)]
    threads: ThreadsArgs,

    #[command(flatten)]
    resume: ResumeArgs,

    /// Begin with the parameters of a run directory or safetensors file that this network has, by path and shape.
    #[arg(long, value_name = "MODEL")]
    start: Option<PathBuf>,

    /// Random seed.
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: Option<u64>,

    /// Run directory; must not exist [default: runs/NAME-1, -2, …].
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,

    /// Stop when an evaluation on the validation set or, without one, the test set reaches this accuracy; exit 1 if none
    /// does.
    #[arg(long, value_name = "F", value_parser = accuracy)]
    target_accuracy: Option<f64>,

    /// Most memory for the network, such as 2GiB or 500MB; the data is not counted [default: 16GiB].
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    memory_limit: Option<usize>,

    /// Serve a live page while training; keeps serving until Ctrl-C.
    #[arg(long)]
    live: bool,

    #[command(flatten)]
    serve: ServeArgs,

    /// Take commands from standard input, a JSON object a line, such as {"command":"pause"}; docs/events.md lists them.
    #[arg(long)]
    commands: bool,

    /// Write what is recorded to event files of TensorBoard too, in the subdirectory that has the name of the run directory.
    #[arg(long, value_name = "DIR")]
    tensorboard: Option<PathBuf>,

    /// Print the results as one JSON object.
    #[arg(long)]
    json: bool,
}

fn epochs(text: &str) -> Result<f64, String> {
    number(text, |&epochs| epochs > 0.0 && epochs.is_finite(), "a number above 0")
}

fn accuracy(text: &str) -> Result<f64, String> {
    number(text, |accuracy| (0.0..=1.0).contains(accuracy), "a number from 0 to 1")
}

fn minutes(text: &str) -> Result<f64, String> {
    number(text, |&minutes| minutes > 0.0 && minutes.is_finite(), "a number above 0")
}

impl TrainArgs {
    /// The settings of options of their own.
    fn settings(&self) -> [(&'static str, Option<String>); 4] {
        [
            // A whole number is as good as a fraction here.
            ("train.epochs", self.epochs.map(|epochs| format!("{epochs:?}"))),
            ("train.steps", self.steps.map(|steps| steps.to_string())),
            ("train.seed", self.seed.map(|seed| seed.to_string())),
            ("model.start", self.start.as_ref().map(|path| path.display().to_string())),
        ]
    }

    /// In one of several processes, one that trains with the others.
    fn trainer(
        &self,
        cluster: Option<&Cluster>,
        experiment: &Experiment,
        parts: Parts,
        pool: Arc<Pool>,
    ) -> Result<Trainer, TrainError> {
        let experiment = experiment.clone();
        let bytes = self.memory_limit.unwrap_or(MemoryLimit::default().bytes);
        match cluster {
            None => Trainer::with_memory_limit(experiment, parts, pool, bytes),
            Some(cluster) => {
                let group = Arc::clone(cluster.group());
                Trainer::in_group(experiment, parts, pool, bytes, group)
            }
        }
    }
}

pub(crate) fn run(args: &TrainArgs, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    match Cluster::join()? {
        Some(cluster) => together(cluster, what_is_safe, |cluster, directory, watch| {
            processes::run(args, cluster, directory, watch, out)
        }),
        None => match &args.data {
            Some(data) => own::run(args, data, out),
            None => {
                let Prepared { mut trainer, stopped } = prepare(args, None)?;
                let recording = Recording::open(args, &trainer, stopped)?;
                recording.train(args, &mut trainer, out, &mut summary_of(args))
            }
        },
    }
}

/// A network about to be trained.
struct Prepared {
    trainer: Trainer,
    /// The run that continues in its own directory, held by the process that records it.
    stopped: Option<StoppedRun>,
}

/// Reads all that is trained with. Nothing is written yet.
fn prepare(args: &TrainArgs, cluster: Option<&Cluster>) -> anyhow::Result<Prepared> {
    let is_first = cluster.is_none_or(|cluster| cluster.rank() == 0);
    let options = [
        ("test", args.test.is_some()),
        ("target", args.target.is_some()),
        ("minutes", args.minutes.is_some()),
    ];
    if let Some((option, _)) = options.into_iter().find(|(_, is_given)| *is_given) {
        bail!("--{option}: expected --data FILE or FOLDER too");
    }
    let continued = args.resume.open(is_first)?;
    ensure!(
        args.run.is_none() || !continued.as_ref().is_some_and(Continued::is_same_run),
        "--run: a run continues in its own directory; remove the option, or add --fork STEP"
    );
    let settings = args.settings();
    let read = match &continued {
        Some(continued) => args.experiment.read_over(&continued.experiment(), &settings)?,
        None => args.experiment.read_quietly(&settings)?,
    };
    let experiment = &read.experiment;
    if is_first {
        warn(&experiment.model.warnings());
    }
    let parts = read.open_data()?;
    if is_first {
        warn(&parts.warnings());
    }
    ensure!(
        args.target_accuracy.is_none() || matches!(parts.test.targets(), Targets::Labels { .. }),
        "--target-accuracy: expected labelled data, found numeric targets in {}; remove the option",
        parts.test.name()
    );
    let pool = Arc::new(Pool::new(args.threads.count_in(cluster)));
    let trainer = args.trainer(cluster, experiment, parts, pool);
    let mut trainer = trainer.map_err(|error| read.locate(error))?;
    let stopped = continued.map(|continued| continued.give(&mut trainer)).transpose()?.flatten();
    Ok(Prepared { trainer, stopped })
}

/// A run that has ended.
struct RecordedRun<'a> {
    trainer: &'a Trainer,
    finished: &'a RunFinished,
    /// The directory of the run.
    path: &'a Path,
}

type Show<'a> = dyn FnMut(&RecordedRun<'_>, &mut dyn Write) -> anyhow::Result<()> + 'a;

/// Shows the summary of a run.
fn summary_of(
    args: &TrainArgs,
) -> impl FnMut(&RecordedRun<'_>, &mut dyn Write) -> anyhow::Result<()> {
    |trained, out| {
        let RecordedRun { finished, path, .. } = trained;
        print(out, args.json, &finished.summary, |_, out| report(finished, path, out)).map(drop)
    }
}

/// A run directory, and all that follows the run that is recorded in it.
struct Recording {
    recorder: Recorder,
    progress: Progress,
    stop: Arc<AtomicBool>,
    path: PathBuf,
    is_live: bool,
}

impl Recording {
    fn open(
        args: &TrainArgs,
        trainer: &Trainer,
        stopped: Option<StoppedRun>,
    ) -> anyhow::Result<Self> {
        let is_live = args.live || args.serve.is_given();
        let address = is_live.then(|| args.serve.bind()).transpose()?;
        let experiment = &trainer.current().experiment;
        let continues = stopped.is_some();
        let mut recorder = match (stopped, &args.run) {
            (Some(stopped), _) => Recorder::resume(stopped, trainer)?,
            (None, Some(path)) => Recorder::new(RunFolder::create(path, experiment)?),
            (None, None) => Recorder::new(RunFolder::create_next(Path::new("runs"), experiment)?),
        };
        let path = recorder.folder().path().to_owned();
        recorder = recorder.telling(|error, is_retried| warn_of_failure(error, is_retried));
        if let Some(directory) = &args.tensorboard {
            let tell = |error: &TensorBoardError, is_retried| warn_of_failure(error, is_retried);
            match TensorBoard::create(directory, &path, continues, tell) {
                Ok(board) => recorder = recorder.with_log_observer(board),
                Err(error) => {
                    drop(recorder);
                    if !continues {
                        // Nothing is in it, and it would be in the way of the next attempt.
                        let _ = fs::remove_dir_all(&path);
                    }
                    return Err(error.into());
                }
            }
        }
        let stop = stop_on_signal()?;
        let live = address.map(|address| args.serve.serve_live(address, &path)).transpose()?;
        let input = args.commands.then(InputCommands::listen).transpose()?;
        let progress = Progress::new(Arc::clone(&stop)).obeying(live, input);
        Ok(Self { recorder, progress, stop, path, is_live })
    }

    /// Trains, and shows what came of it.
    fn train(
        mut self,
        args: &TrainArgs,
        trainer: &mut Trainer,
        out: &mut dyn Write,
        show: &mut Show<'_>,
    ) -> anyhow::Result<ExitCode> {
        let mut observers: [&mut dyn Observer; 2] = [&mut self.recorder, &mut self.progress];
        let finished = trainer.run(args.target_accuracy, &mut observers);
        self.end(args, trainer, &finished, out, show)
    }

    /// Shows what came of a run, and serves its page.
    fn end(
        self,
        args: &TrainArgs,
        trainer: &Trainer,
        finished: &RunFinished,
        out: &mut dyn Write,
        show: &mut Show<'_>,
    ) -> anyhow::Result<ExitCode> {
        let Self { recorder, stop, path, is_live, .. } = self;
        let mut err = stderr();
        let recorded = recorder.finish();
        // The results and the page are worth showing even if something could not be written.
        if let Err(error) = &recorded {
            let _ =
                writeln!(err, "error: {}\n  {}", gradus::error_chain(error), what_is_safe(&path));
        }
        let _ = match &finished.reason {
            Reason::Interrupted => {
                let run = path.display();
                let saved = match recorded.is_ok() {
                    true => {
                        format!("; the model is saved: `gradus train --resume {run}` continues")
                    }
                    false => String::new(),
                };
                writeln!(err, "interrupted after step {}{saved}", finished.summary.steps)
            }
            Reason::NotFinite(not_finite) => {
                writeln!(
                    err,
                    "stopped at {not_finite}\n  a smaller learning rate, or --set train.clip.norm=1, often helps"
                )
            }
            Reason::StoppedEarly => {
                let Selection { part, metric } = &finished.summary.selection;
                let metric = metric.replace('_', " ");
                writeln!(
                    err,
                    "stopped early after step {}: the {part} {metric} did not improve any more",
                    finished.summary.steps
                )
            }
            _ => Ok(()),
        };
        match show(&RecordedRun { trainer, finished, path: &path }, out) {
            // The output is closed; the exit code still reports the result.
            Err(error) if !crate::is_broken_pipe(&error) => return Err(error),
            _ => {}
        }
        if is_live {
            served::stay(&stop);
        }
        if recorded.is_err() {
            return Ok(ExitCode::from(crate::USAGE_ERROR));
        }
        Ok(exit_code(args, finished))
    }
}

fn exit_code(args: &TrainArgs, finished: &RunFinished) -> ExitCode {
    match finished.reason {
        Reason::Interrupted => ExitCode::from(INTERRUPTED),
        Reason::TargetReached => ExitCode::SUCCESS,
        Reason::Completed | Reason::StoppedEarly if args.target_accuracy.is_none() => {
            ExitCode::SUCCESS
        }
        _ => ExitCode::from(1),
    }
}

fn warn_of_failure(error: &(dyn Error + 'static), is_retried: bool) {
    let next = if is_retried { "\n  the run continues, and it is tried again" } else { "" };
    let _ = writeln!(stderr(), "warning: {}{next}", gradus::error_chain(error));
}

/// What there is of a run of which something could not be written.
fn what_is_safe(run: &Path) -> String {
    let saved = RunFolder::state(run, None).map(|state| state.progress.step);
    let step = match saved {
        Err(RunFolderError::Damaged { before: Some(before), .. }) | Ok(before) => before,
        Err(_) => return "nothing of the run is saved".to_owned(),
    };
    let run = run.display().to_string();
    let run = shell_word(&run).unwrap_or(run);
    format!("the state after step {step} is saved: `gradus train --resume {run}` continues there")
}

fn report(finished: &RunFinished, folder: &Path, out: &mut dyn Write) -> std::io::Result<()> {
    let RunFinished { reason, summary, .. } = finished;
    let steps = format!("{} ({:.2} epochs)", thousands(summary.steps), summary.epochs);
    let mut fields =
        vec![("steps".to_owned(), steps), ("train loss".to_owned(), metric(summary.train.loss()))];
    let validation = summary.validation.iter().map(|metrics| (Part::Validation, metrics));
    for (part, metrics) in validation.chain([(Part::Test, &summary.test)]) {
        for (name, value) in metrics.iter() {
            let is_best_shown = part == summary.selection.part && name != "loss";
            let best = summary.best.get(name).filter(|_| is_best_shown);
            let best = best.map_or(String::new(), |Best { value, step, test }| {
                let test = test.map_or(String::new(), |test| format!(", test {}", metric(test)));
                format!(" (best {} at step {}{test})", metric(*value), thousands(*step))
            });
            fields.push((format!("{part} {}", name.replace('_', " ")), metric(value) + &best));
        }
    }
    let speed = thousands(summary.samples_per_second as u64);
    let time = format!("{:.1} s, {speed} samples/s in training", summary.wall_seconds);
    fields.extend([("time".into(), time), ("run".into(), folder.display().to_string())]);
    table::fields(out, &fields)?;
    // The best loss is not shown: with the loss alone something was chosen only if it ended the run.
    let has_ended_run = matches!(reason, Reason::StoppedEarly | Reason::TargetReached);
    if summary.selection.part == Part::Test && (summary.best.len() > 1 || has_ended_run) {
        writeln!(out, "{CHOSEN_BY_TEST}")?;
    }
    Ok(())
}

/// What is wrong with choosing by the test set.
const CHOSEN_BY_TEST: &str = "Without a validation set the test set was used to choose, so expect worse values on new data; data.validation sets one apart.";
