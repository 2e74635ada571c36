//! `cargo xtask kill`: kills runs at random moments and inside of saves, and expects each to continue to the same bytes.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use gradus::events::Event;
use gradus::kernels::random::Stream;
use gradus::runs::{RunFolder, SavedModel};

use crate::binary::{self, Profile};
use crate::{large_data, process};

/// The numbers of the tests that were passed, after a line that tells which binary did so.
const DONE: &str = "target/kill.txt";

/// Runs that keep something from step to step and save at fixed steps, so that a save can be found again: on the digits, on
/// a table and on pictures that are read from files.
pub(crate) const CASES: [KillCase; 3] = [
    KillCase {
        name: "digits",
        text: r#"
[data]
source = "mnist"
limit = 1000
validation = 100
augment = [{ kind = "shift", pixels = 2 }, { kind = "rotate", degrees = 10 }]

[model]
input = [28, 28, 1]
layers = [
  { kind = "conv2d", filters = 4, kernel = 5, stride = 2 }, "batch_norm", "relu",
  { kind = "dropout", rate = 0.2 }, "flatten", { kind = "linear", units = 10 },
]

[train]
optimizer = "adam"
schedule = { kind = "one_cycle", max_learning_rate = 0.01 }
ema = {}
batch = 50
steps = 600
evaluate_every = 150
checkpoint_every = 40
"#,
    },
    // Most of its time it evaluates.
    KillCase {
        name: "table",
        text: r#"
[data]
source = { kind = "files", train = "rows.csv", target = "class" }
validation = 0.1
test = 0.6

[model]
input = [4]
layers = [
  { kind = "linear", units = 40 }, "layer_norm", "selu", { kind = "dropout", rate = 0.1 },
  { kind = "linear", units = 2 },
]

[train]
optimizer = { kind = "adamw", weight_decay = 0.01 }
schedule = { kind = "cosine", start = 0.01 }
lookahead = {}
batch = 64
steps = 600
evaluate_every = 20
checkpoint_every = 40
"#,
    },
    KillCase {
        name: "pictures",
        text: r#"
[data]
source = { kind = "files", train = "pictures" }
validation = 20
augment = [{ kind = "flip" }]

[model]
input = [12, 12, 3]
layers = [
  { kind = "conv2d", filters = 6, kernel = 3 }, "batch_norm", "relu", { kind = "max_pool2d", size = 2 },
  "flatten", { kind = "linear", units = 2 },
]

[train]
optimizer = { kind = "nesterov", momentum = 0.9 }
schedule = { kind = "step", start = 0.01, every = 200, factor = 0.5 }
batch = 16
steps = 600
evaluate_every = 60
checkpoint_every = 40
"#,
    },
];

/// What is trained.
pub(crate) struct KillCase {
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
}

const STEPS: u64 = 600;
const SAVED_EVERY: u64 = 10;

/// The system calls that write a file whole.
const CALLS: &str = "openat,write,fsync,close,?rename,?renameat,?renameat2,?unlink,?unlinkat";
const TRACER: &str = "strace";

/// How many runs are killed.
#[derive(clap::Args)]
pub(crate) struct KillArgs {
    /// Runs that are killed at random moments, some of them several times: of each kind of data a third.
    #[arg(long, default_value_t = 201)]
    runs: u64,

    /// Runs that are killed inside of a save, each before another system call; needs strace.
    #[arg(long, default_value_t = 51)]
    saves: usize,

    /// The binary that is tested [default: one that is built].
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

/// Kills some runs; returns what is missing on this machine if it cannot.
pub(crate) fn run_if_installed() -> anyhow::Result<Option<String>> {
    if !process::is_installed(TRACER) {
        return Ok(Some(format!("{TRACER} is not installed")));
    }
    run(&KillArgs { runs: 6, saves: 6, binary: None })?;
    Ok(None)
}

/// Kills runs, and continues them. Tests that were passed by the same binary are not repeated.
///
/// # Errors
///
/// The first run that came to another end, with its number.
pub(crate) fn run(args: &KillArgs) -> anyhow::Result<()> {
    let binary = binary::named_or_built(args.binary.as_deref(), Profile::Dev)?;
    let scratch = tempfile::tempdir()?;
    let folder = scratch.path().canonicalize()?;
    write_data(&folder)?;
    let killers = CASES.iter().map(|case| Killer::new(&binary, &folder, case));
    let killers = killers.collect::<anyhow::Result<Vec<_>>>()?;
    let mut done = Done::open(&killers)?;
    for number in 1..=args.runs {
        let killer = &killers[number as usize % killers.len()];
        done.once(&format!("{} run {number}", killer.name), || killer.kill_at_random(number))?;
    }
    let saves = args.saves.div_ceil(killers.len());
    for killer in killers.iter().filter(|_| saves > 0) {
        let calls = killer.calls()?;
        for i in 0..saves {
            let (call, count) = &calls[i * calls.len() / saves];
            let name = format!("{} save {call} {count}", killer.name);
            done.once(&name, || killer.kill_before(call, *count))?;
        }
    }
    println!(
        "{} runs killed at random and {} inside of a save: all the same",
        args.runs,
        saves * killers.len()
    );
    Ok(())
}

/// Writes a table and a folder of pictures.
pub(crate) fn write_data(folder: &Path) -> anyhow::Result<()> {
    large_data::write_rows(&mut BufWriter::new(File::create(folder.join("rows.csv"))?), 4, 20_000)?;
    large_data::write_pictures(&folder.join("pictures"), 12, 200)
}

/// Which tests were passed, in a file.
struct Done {
    file: fs::File,
    names: Vec<String>,
}

impl Done {
    fn open(killers: &[Killer]) -> anyhow::Result<Self> {
        let metadata = fs::metadata(&killers[0].binary)?;
        let modified = metadata.modified()?.duration_since(std::time::UNIX_EPOCH)?.as_nanos();
        let digests: Vec<&str> = killers.iter().map(|of| &*of.expected.digest).collect();
        let tested = format!("{modified} {} {}", metadata.len(), digests.join(" "));
        let text = fs::read_to_string(DONE).unwrap_or_default();
        let (first, names) = text.split_once('\n').unwrap_or_default();
        let is_same = first == tested;
        fs::create_dir_all("target")?;
        let mut options = OpenOptions::new();
        let mut file =
            options.create(true).write(true).append(is_same).truncate(!is_same).open(DONE)?;
        if !is_same {
            writeln!(file, "{tested}")?;
        }
        let names = if is_same { names.lines().map(str::to_owned).collect() } else { Vec::new() };
        Ok(Self { file, names })
    }

    fn once(
        &mut self,
        name: &str,
        test: impl FnOnce() -> anyhow::Result<String>,
    ) -> anyhow::Result<()> {
        if !self.names.iter().any(|other| other == name) {
            let result = test().with_context(|| name.to_owned())?;
            println!("{name}: {result}");
            writeln!(self.file, "{name}")?;
        }
        Ok(())
    }
}

/// What is killed, and what it comes to if it is not.
pub(crate) struct Killer {
    name: &'static str,
    binary: PathBuf,
    /// Where the experiment, its data and the runs are.
    folder: PathBuf,
    expected: RunResult,
    duration: Duration,
}

impl Killer {
    /// Trains a run that nothing disturbs.
    pub(crate) fn new(binary: &Path, folder: &Path, case: &KillCase) -> anyhow::Result<Self> {
        let KillCase { name, text } = *case;
        fs::write(folder.join(format!("{name}.toml")), text)?;
        let (binary, folder) = (binary.to_owned(), folder.to_owned());
        let mut killer =
            Self { name, binary, folder, expected: RunResult::default(), duration: Duration::ZERO };
        let undisturbed = killer.folder.join(format!("{name}-undisturbed"));
        let begin = Instant::now();
        ensure!(killer.train(&undisturbed, 2).status()?.success(), "{name}: the run fails");
        killer.duration = begin.elapsed();
        killer.expected = outcome(&undisturbed)?;
        println!(
            "{name}, undisturbed: {:.1} s, {}",
            killer.duration.as_secs_f64(),
            killer.expected.digest
        );
        Ok(killer)
    }

    /// Starts a run, or continues it if it has a checkpoint.
    pub(crate) fn train(&self, run: &Path, threads: u64) -> Command {
        let mut command = Command::new(&self.binary);
        command.current_dir(&self.folder).arg("train");
        if RunFolder::checkpoints(run).is_empty() && !run.join(RunFolder::LAST).exists() {
            // Killed before it had begun.
            let _ = fs::remove_dir_all(run);
            command.arg(format!("{}.toml", self.name)).arg("--run").arg(run);
        } else {
            command.arg("--resume").arg(run);
        }
        command.args(["--threads", &threads.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn kill_at_random(&self, number: u64) -> anyhow::Result<String> {
        let mut random = Stream::new(number, 0);
        let run = self.folder.join(format!("{}-{number}", self.name));
        let mut killed_at = Vec::new();
        loop {
            let threads = 1 + random.below(4);
            let moment = self.duration.mul_f64(random.uniform());
            let is_killed = killed_at.is_empty() || random.below(2) == 0;
            let mut child = self.train(&run, threads).spawn()?;
            let status = if is_killed { kill_after(moment, &mut child)? } else { child.wait()? };
            match status.code() {
                None => {
                    killed_at.push(format!("{:.3} s", moment.as_secs_f64()));
                    if outcome(&run).is_ok() {
                        // The run had ended, and its process had not.
                        break;
                    }
                }
                Some(0) if killed_at.is_empty() => fs::remove_dir_all(&run)?,
                Some(0) => break,
                Some(code) => anyhow::bail!("exit code {code}, killed at {}", killed_at.join(", ")),
            }
        }
        self.check(&run)?;
        Ok(format!("killed after {}", killed_at.join(", ")))
    }

    /// Starts a run under the tracer, which watches what happens to checkpoints.
    pub(crate) fn trace(&self, run: &Path, log: &Path, options: &[String]) -> Command {
        let train = self.train(run, 2);
        let mut command = Command::new(TRACER);
        let folder = run.join("checkpoints");
        let steps = (0..=STEPS / SAVED_EVERY).map(|i| format!("step-{:06}", i * SAVED_EVERY));
        let names = steps.chain(["best".into(), "last".into()]);
        let files = names
            .flat_map(|name| [format!("{name}.safetensors"), format!("{name}.safetensors.tmp")]);
        let paths = files.map(|file| folder.join(file)).chain([folder.clone()]);
        paths.for_each(|path| _ = command.arg("-P").arg(path));
        command.args(["-f", "--quiet=all", "-e", &format!("trace={CALLS}"), "-o"]).arg(log);
        command.args(options).arg(train.get_program()).args(train.get_args());
        command.current_dir(&self.folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Every system call of a run that has to do with a checkpoint: its name, and how many of that name there were with it.
    fn calls(&self) -> anyhow::Result<Vec<(String, usize)>> {
        let log = self.folder.join(format!("{}-calls.txt", self.name));
        let status =
            self.trace(&self.folder.join(format!("{}-traced", self.name)), &log, &[]).status()?;
        ensure!(status.success(), "{TRACER}: {status}");
        let (mut calls, mut counts) = (Vec::new(), HashMap::new());
        for line in fs::read_to_string(&log)?.lines() {
            // The number of the thread, the name of the call and its operands.
            let call = line.split_whitespace().nth(1).and_then(|call| call.split_once('('));
            if let Some((name, _)) = call {
                let count = counts.entry(name.to_owned()).or_insert(0);
                *count += 1;
                calls.push((name.to_owned(), *count));
            }
        }
        ensure!(calls.len() > 100, "{TRACER} saw only {} system calls", calls.len());
        Ok(calls)
    }

    /// Kills a run as it is about to do a system call.
    fn kill_before(&self, call: &str, count: usize) -> anyhow::Result<String> {
        let run = self.folder.join(format!("{}-{call}-{count}", self.name));
        let inject = format!("--inject={call}:signal=KILL:when={count}");
        let status = self.trace(&run, Path::new("/dev/null"), &[inject]).status()?;
        ensure!(!status.success(), "it was not killed");
        let files = fs::read_dir(run.join("checkpoints")).into_iter().flatten().flatten();
        let names = files.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.collect();
        names.sort();
        ensure!(self.train(&run, 1).status()?.success(), "it did not continue from {names:?}");
        self.check(&run)?;
        let newest = names.last().map_or("nothing", String::as_str);
        Ok(format!("continued with {newest}"))
    }

    /// The binary that is tested.
    pub(crate) fn binary(&self) -> &Path {
        &self.binary
    }

    /// An error unless the network of a run is that of one that nothing disturbs.
    pub(crate) fn check_digest(&self, run: &Path) -> anyhow::Result<()> {
        let (found, expected) = (SavedModel::read(run)?.weights_digest(), &self.expected.digest);
        ensure!(found == *expected, "{found}, expected {expected}");
        Ok(())
    }

    /// An error unless a run came to what one comes to that nothing disturbs. Then it is removed.
    pub(crate) fn check(&self, run: &Path) -> anyhow::Result<()> {
        let RunResult { digest, log } = outcome(run)?;
        let expected = &self.expected;
        ensure!(digest == expected.digest, "{digest}, expected {}", expected.digest);
        let differs = log.iter().zip(&expected.log).find(|(found, expected)| found != expected);
        ensure!(differs.is_none(), "the log differs: {differs:?}");
        ensure!(log.len() == expected.log.len(), "the log has {} lines", log.len());
        check_no_temporary(run)?;
        Ok(fs::remove_dir_all(run)?)
    }
}

/// An error if a temporary file is left in the folder of a run.
pub(crate) fn check_no_temporary(run: &Path) -> anyhow::Result<()> {
    for folder in [run.to_owned(), run.join("checkpoints")] {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let name = entry?.file_name();
            ensure!(!name.to_string_lossy().ends_with(".tmp"), "{} is left", name.display());
        }
    }
    Ok(())
}

/// What a run came to.
#[derive(Default)]
struct RunResult {
    digest: String,
    /// Its steps and evaluations.
    log: Vec<String>,
}

fn outcome(run: &Path) -> anyhow::Result<RunResult> {
    let text = fs::read_to_string(run.join("events.jsonl"))?;
    // Killed between its last save and the end of its log, a run evaluates once more.
    let mut evaluations = HashSet::new();
    let is_wanted = |line: &&str| match Event::parse(line) {
        Ok(Event::StepFinished(_)) => true,
        Ok(Event::EvaluationFinished(_)) => evaluations.insert((*line).to_owned()),
        _ => false,
    };
    let log = text.lines().filter(is_wanted).map(str::to_owned).collect();
    ensure!(text.lines().last().is_some_and(|line| line.contains("run_finished")), "no end");
    Ok(RunResult { digest: SavedModel::read(run)?.weights_digest(), log })
}

/// Kills a process after some time, unless it has ended before.
fn kill_after(moment: Duration, child: &mut Child) -> anyhow::Result<ExitStatus> {
    sleep(moment);
    // One that has ended cannot be killed.
    let _ = child.kill();
    Ok(child.wait()?)
}
