//! A process that is killed ends all within ten seconds, with its name and what is saved.

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use gradus::kernels::random::Stream;

use super::{Extent, Launcher, processes};

/// All end within this time.
const LIMIT: Duration = Duration::from_secs(10);

/// What a run mostly does when one of its processes is killed: its name, its settings, and milliseconds after its beginning.
const MOMENTS: [(&str, &[&str], [u64; 2]); 4] = [
    ("at start", &[], [0, 400]),
    ("in a step", &["train.batch=2000", "train.evaluate_every=1000000"], [3000, 5000]),
    ("in a checkpoint", &["train.checkpoint_every=1"], [3000, 5000]),
    ("in an evaluation", &["train.evaluate_every=1"], [3000, 5000]),
];

pub(super) fn run(launcher: &Launcher, extent: Extent) -> anyhow::Result<Option<String>> {
    let ranks = if extent == Extent::Whole { 5 } else { 2 };
    let mut random = Stream::new(2, 0);
    let mut longest = Duration::ZERO;
    for (moment, settings, [from, to]) in MOMENTS {
        for victim in 0..ranks {
            let after = Duration::from_millis(from + random.below(to - from));
            let took = killed(launcher, ranks, victim, settings, after)
                .with_context(|| format!("rank {victim} of {ranks}, killed {moment}"))?;
            longest = longest.max(took);
            launcher.clear()?;
        }
        println!("  {ranks} of {ranks} ended as they should, killed {moment}");
    }
    println!("  the longest took {:.1} s", longest.as_secs_f64());
    Ok(None)
}

/// Kills a process of a run, and returns how long the others needed to end.
fn killed(
    launcher: &Launcher,
    ranks: usize,
    victim: usize,
    settings: &[&str],
    after: Duration,
) -> anyhow::Result<Duration> {
    let mut arguments = vec!["train", "conv-dropout", "--run", "run", "--set", "train.shards=8"];
    settings.iter().for_each(|setting| arguments.extend(["--set", setting]));
    let mut command = launcher.command(ranks, &arguments);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let begin = Instant::now();
    let process = loop {
        if let Some(&process) = processes(launcher).get(&victim) {
            break process;
        }
        ensure!(begin.elapsed() < LIMIT, "the process never began");
        thread::sleep(Duration::from_millis(5));
    };
    thread::sleep(after);
    kill(process)?;
    let killed = Instant::now();
    let output = child.wait_with_output()?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success(), "it ended well");
    ensure!(killed.elapsed() < LIMIT, "it took {:.1} s\n{error}", killed.elapsed().as_secs_f64());
    let is_told = error.contains(&format!("error: rank {victim} (process {process} on "));
    let what = [
        "is saved: `gradus train --resume run` continues there",
        "nothing of the run is saved",
        "nothing was begun",
    ];
    let is_what_told = what.iter().any(|what| error.contains(what));
    // Before the processes know each other, the launcher alone can tell.
    let is_before = error.contains(&format!("process rank {victim} with PID "))
        && after < Duration::from_secs(1);
    ensure!(is_told && is_what_told || is_before, "the message:\n{error}");
    // The launcher may end before those that it has killed.
    loop {
        let left = processes(launcher);
        if left.is_empty() {
            return Ok(killed.elapsed());
        }
        ensure!(killed.elapsed() < LIMIT, "still there: {left:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Kills a process at once.
pub(super) fn kill(process: u32) -> anyhow::Result<()> {
    crate::process::run(Command::new("kill").args(["-KILL", &process.to_string()]))
}
