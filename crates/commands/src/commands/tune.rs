//! `tune`: search for good settings.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use anyhow::{Context as _, ensure};
use cluster::{Cluster, RemoteHelpers, Watch, help};
use diagnostics::{shell_word, table};
use gradus::events::{Command, Event};
use gradus::graph::Pool;
use gradus::runs::tune::{SweepRecord, SweepStarted, Trial, TrialResult, Tuning, value_text};
use gradus::studio::{open_data, sweep_picture};
use gradus::train::tune::{
    Alone, Sweep, SweepEnd, SweepInputs, SweepObserver, TrialHelpers, TrialTrainer,
};
use gradus::train::{Observer, Trainer};
use serde::{Deserialize, Serialize};

use crate::experiment::{ExperimentArgs, setting};
use crate::output::{bytes, metric, print, stderr};
use crate::processes::{Follower, facts_of_data, facts_of_program, together};
use crate::progress::Progress;
use crate::signal::{INTERRUPTED, stop_on_signal};
use crate::threads::ThreadsArgs;

/// Search for good settings: train trials whose settings are drawn from the ranges of an experiment file, and rank them
/// by a metric of the validation part.
///
/// The table [tune] of the file names the ranges, one a line:
///
///   [tune]
///   trials = 24
///   method = "random"               # or { kind = "successive_halving", factor = 3 }
///   select = "validation.accuracy"
///   "train.l2" = { log = [1e-8, 1e-4] }
///   "train.batch" = { choice = [32, 128] }
///   "train.ema.decay" = { uniform = [0.9, 0.999] }
///   "model.layers.1.units" = { whole = [50, 300] }
///
/// Each trial is a run in the directory of the sweep. Exits 0 on success, 2 on a usage error or bad input, 130 if
/// interrupted: --resume continues the sweep.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct TuneArgs {
    /// Experiment file with a table [tune].
    #[arg(value_name = "FILE.toml", required_unless_present = "resume")]
    experiment: Option<String>,

    /// Continue the sweep in this directory.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["experiment", "set", "trials", "sweep"])]
    resume: Option<PathBuf>,

    /// Override a setting of the experiment, such as train.epochs=5; may be repeated.
    #[arg(long, value_name = "PATH=VALUE", value_parser = setting)]
    set: Vec<(String, String)>,

    /// Number of trials.
    #[arg(long, value_name = "N")]
    trials: Option<usize>,

    /// Directory of the sweep; continued if it is there and of this file [default: runs/NAME-tune-1, -2, …].
    #[arg(long, value_name = "DIR")]
    sweep: Option<PathBuf>,

    #[command(flatten)]
    threads: ThreadsArgs,

    /// Most memory for a network, such as 2GiB or 500MB; the data is not counted [default: 16GiB].
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    memory_limit: Option<usize>,

    /// Write the metric over the values of each range as an SVG image.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,

    /// Write the same as a PNG image.
    #[arg(long, value_name = "FILE")]
    png: Option<PathBuf>,

    /// Write the experiment of the best trial.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,

    /// Print the results as one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &TuneArgs, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    match Cluster::join()? {
        Some(cluster) => together(cluster, what_is_safe, |cluster, directory, watch| {
            search_together(args, cluster, directory, watch, out)
        }),
        None => search(args, open(args, None)?, &mut Alone, out),
    }
}

fn inputs(args: &TuneArgs, cluster: Option<&Cluster>) -> SweepInputs<'static> {
    SweepInputs {
        open_data: &open_data,
        pool: Arc::new(Pool::new(args.threads.count_in(cluster))),
        memory_limit: args.memory_limit,
    }
}

/// Makes a sweep ready.
fn open(args: &TuneArgs, cluster: Option<&Cluster>) -> anyhow::Result<Sweep<'static>> {
    let inputs = inputs(args, cluster);
    Ok(match (&args.resume, &args.experiment) {
        (Some(folder), _) => Sweep::resume(folder, inputs)?,
        (None, experiment) => {
            let experiment = experiment.clone().expect("required without --resume");
            let file = ExperimentArgs { experiment: Some(experiment), set: args.set.clone() };
            let tuning = file.tuning(&[("tune.trials", args.trials.map(|n| n.to_string()))])?;
            match &args.sweep {
                Some(folder) if SweepRecord::is_in(folder) => {
                    let sweep = Sweep::resume(folder, inputs)?;
                    ensure!(
                        sweep.tuning().text() == tuning.text(),
                        "{}: expected a directory that does not exist yet, or the sweep of this file, found that of another",
                        folder.display()
                    );
                    sweep
                }
                Some(folder) => Sweep::create(tuning, inputs, folder)?,
                None => Sweep::create_next(tuning, inputs, Path::new("runs"))?,
            }
        }
    })
}

/// What processes without the record of a sweep need to train its trials.
#[derive(Serialize, Deserialize)]
struct SweepPlan {
    text: String,
    name: String,
    started: SweepStarted,
    path: PathBuf,
}

impl SweepPlan {
    fn of(sweep: &Sweep<'_>) -> Self {
        Self {
            text: sweep.tuning().text().to_owned(),
            name: sweep.tuning().base().name.clone(),
            started: sweep.record().started.clone(),
            path: sweep.path().to_owned(),
        }
    }

    /// What trains trials in a process that helps, and stops it at a signal.
    fn help(
        self,
        inputs: SweepInputs<'static>,
    ) -> anyhow::Result<(TrialTrainer<'static>, Follower)> {
        let Self { text, name, started, path } = self;
        ensure!(
            SweepRecord::is_in(&path),
            "{}: expected the directory of the sweep, which all processes see, found none",
            path.display()
        );
        let tuning = Tuning::parse("tune.toml", &text)?.named(name);
        Ok((TrialTrainer::new(tuning, started, path, inputs), Follower::new()?))
    }
}

/// What a process of a sweep has.
enum SweepRole {
    Records(Box<Sweep<'static>>),
    Helps(Box<TrialTrainer<'static>>, Follower),
}

/// Searches with several processes, of which the first has the record.
fn search_together(
    args: &TuneArgs,
    cluster: &Cluster,
    directory: &OnceLock<PathBuf>,
    _watch: Watch,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let text = |error: anyhow::Error| format!("{error:#}");
    cluster.agree(Ok(()), |()| facts_of_program())?;
    let first = (cluster.rank() == 0).then(|| {
        let sweep = open(args, Some(cluster))?;
        let plan = serde_json::to_string(&SweepPlan::of(&sweep))?;
        anyhow::Ok((sweep, plan))
    });
    let first = cluster.agree(first.transpose().map_err(text), |_| Vec::new())?;
    let (sweep, plan) = first.unzip();
    let plan = cluster.from_first(&plan.unwrap_or_default());
    let plan: SweepPlan = serde_json::from_str(&plan).expect("written by the first process");
    directory.set(plan.path.clone()).expect("set once");
    let role = || {
        let mut role = match sweep {
            Some(sweep) => SweepRole::Records(Box::new(sweep)),
            None => {
                let (trials, follower) = plan.help(inputs(args, Some(cluster)))?;
                SweepRole::Helps(Box::new(trials), follower)
            }
        };
        let data = match &mut role {
            SweepRole::Records(sweep) => sweep.trials().fingerprints()?,
            SweepRole::Helps(trials, _) => trials.fingerprints()?,
        };
        anyhow::Ok((role, data))
    };
    let (role, _) =
        cluster.agree(role().map_err(text), |(_, data)| facts_of_data(data).collect())?;
    match role {
        SweepRole::Records(sweep) => {
            let mut helpers = RemoteHelpers::new(cluster.mailbox(), cluster.peers().len());
            search(args, *sweep, &mut helpers, out)
        }
        SweepRole::Helps(mut trials, mut follower) => {
            help(&*cluster.mailbox(), &mut trials, &mut follower);
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// What there is of a sweep that ended before its time.
fn what_is_safe(sweep: &Path) -> String {
    let trained = SweepRecord::read(sweep).map_or(0, |record| record.results.len());
    let sweep = sweep.display().to_string();
    let sweep = shell_word(&sweep).unwrap_or(sweep);
    format!("{trained} trained trials are saved: `gradus tune --resume {sweep}` continues")
}

fn search(
    args: &TuneArgs,
    mut sweep: Sweep<'_>,
    helpers: &mut dyn TrialHelpers,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let stop = stop_on_signal()?;
    let mut progress = SweepProgress::new(stop, sweep.record());
    let end = sweep.run_with(helpers, &mut [&mut progress])?;
    let report = SweepReport::new(&sweep);
    let write = |file: &Path, bytes: &[u8]| {
        fs::write(file, bytes).with_context(|| format!("writing {}", file.display()))
    };
    if args.svg.is_some() || args.png.is_some() {
        let picture = sweep_picture(sweep.path())?;
        args.svg.iter().try_for_each(|file| write(file, picture.svg().as_bytes()))?;
        args.png.iter().try_for_each(|file| write(file, &picture.png()))?;
    }
    if let (Some(file), Some(best)) = (&args.write, &report.best) {
        fs::copy(best, file).with_context(|| format!("writing {}", file.display()))?;
    }
    print(out, args.json, &report, |report, out| report.write(sweep.record(), out))?;
    Ok(match end {
        SweepEnd::Completed => ExitCode::SUCCESS,
        SweepEnd::Interrupted => {
            let folder = sweep.path().display();
            let _ = writeln!(stderr(), "interrupted; `gradus tune --resume {folder}` continues");
            ExitCode::from(INTERRUPTED)
        }
    })
}

/// What a sweep has found.
#[derive(Debug, Serialize)]
struct SweepReport {
    sweep: PathBuf,
    select: String,
    /// The best first.
    trials: Vec<RankedTrial>,
    /// The experiment of the best trial.
    best: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct RankedTrial {
    rank: usize,
    #[serde(flatten)]
    result: TrialResult,
}

impl SweepReport {
    fn new(sweep: &Sweep<'_>) -> Self {
        let ranked = sweep.record().ranked();
        let best = ranked.first().filter(|best| best.metric.is_some());
        let best = best.map(|best| sweep.path().join(&best.run).join("experiment.toml"));
        let trials =
            (1..).zip(ranked).map(|(rank, result)| RankedTrial { rank, result: result.clone() });
        Self {
            sweep: sweep.path().to_owned(),
            select: sweep.record().started.select.clone(),
            trials: trials.collect(),
            best,
        }
    }

    fn write(&self, record: &SweepRecord, out: &mut dyn Write) -> std::io::Result<()> {
        let has_rungs = record.started.rungs.len() > 1;
        let rung = has_rungs.then_some(">rung");
        let ranges: Vec<_> =
            record.started.ranges.iter().map(|(path, _)| format!(">{path}")).collect();
        let select = format!(">{}", self.select);
        let headings = [">rank", ">trial"].into_iter().chain(rung);
        let headings = headings.chain(ranges.iter().map(|heading| &**heading));
        let headings = headings.chain([&*select, ">at step", ">epochs", ">seconds"]);
        let rows = self.trials.iter().map(|RankedTrial { rank, result }| {
            let values = record.started.ranges.iter();
            let values =
                values.map(|(path, _)| result.values.get(path).map(value_text).unwrap_or_default());
            let rung = has_rungs.then(|| result.rung.to_string());
            let found = result.metric.map_or("not finite".to_owned(), metric);
            let [epochs, seconds] = [(2, result.epochs), (1, result.seconds)]
                .map(|(digits, number)| format!("{number:.digits$}"));
            let cells = [rank.to_string(), result.trial.to_string()].into_iter().chain(rung);
            let cells = cells.chain(values);
            cells.chain([found, result.best_step.to_string(), epochs, seconds]).collect()
        });
        table::write(out, headings.collect::<Vec<_>>(), &rows.collect::<Vec<Vec<String>>>())?;
        writeln!(out)?;
        let mut fields = vec![("sweep", self.sweep.display().to_string())];
        let again = self.best.as_ref().map(|best| format!("gradus train {}", best.display()));
        fields.extend(again.map(|again| ("best trial", again)));
        table::fields(out, &fields)
    }
}

/// Shows the trials of a sweep and the progress of each, and ends it at a signal.
struct SweepProgress {
    stop: Arc<AtomicBool>,
    trial: Progress,
    n_rungs: usize,
    n_trials: Vec<usize>,
    select: String,
}

impl SweepProgress {
    fn new(stop: Arc<AtomicBool>, record: &SweepRecord) -> Self {
        let rungs = &record.started.rungs;
        Self {
            trial: Progress::new(Arc::clone(&stop)),
            stop,
            n_rungs: rungs.len(),
            n_trials: rungs.iter().map(|rung| rung.trials).collect(),
            select: record.started.select.clone(),
        }
    }

    fn print_trial(&self, trial: &Trial, rung: usize, by: &str) {
        let values =
            trial.values.iter().map(|(path, value)| format!("{path} = {}", value_text(value)));
        let values = values.collect::<Vec<_>>().join(", ");
        let rung_text = match self.n_rungs {
            1 => String::new(),
            n => format!("rung {rung} of {n}, {} trials: ", self.n_trials[rung - 1]),
        };
        self.print(&format!("{rung_text}trial {}{by}: {values}", trial.number));
    }

    fn print(&self, line: &str) {
        // A closed standard error does not stop the training.
        let _ = writeln!(stderr(), "{line}");
    }
}

impl SweepObserver for SweepProgress {
    fn trial_started(&mut self, trial: &Trial, rung: usize) {
        self.trial = Progress::new(Arc::clone(&self.stop));
        self.print_trial(trial, rung, "");
    }

    fn trial_given(&mut self, trial: &Trial, rung: usize) {
        self.print_trial(trial, rung, " (another process)");
    }

    fn trial_finished(&mut self, result: &TrialResult) {
        let found = result.metric.map_or("not finite".to_owned(), metric);
        self.print(&format!("trial {}: {} {found}", result.trial, self.select));
    }
}

impl Observer for SweepProgress {
    fn event(&mut self, event: &Event, trainer: &Trainer) {
        self.trial.event(event, trainer);
    }

    fn command(&mut self, is_paused: bool) -> Option<Command> {
        self.trial.command(is_paused)
    }
}
