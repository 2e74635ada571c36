//! The same bytes for any number of processes and threads, also of runs that were killed and continued by another number.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use gradus::kernels::random::Stream;

use super::deaths::kill;
use super::{Extent, Launcher, processes};

const PRESETS: [&str; 4] = ["five-relu", "conv-dropout", "bn-conv", "resnet-mini"];
const RANKS: [usize; 6] = [1, 2, 3, 4, 5, 8];

pub(super) fn run(launcher: &Launcher, extent: Extent) -> anyhow::Result<Option<String>> {
    let is_whole = extent == Extent::Whole;
    let presets = if is_whole { &PRESETS[..] } else { &PRESETS[2..3] };
    let ranks = if is_whole { &RANKS[..] } else { &RANKS[1..3] };
    let threads: &[&str] = if is_whole { &["1", "2"] } else { &["1"] };
    for preset in presets {
        let expected = trained(launcher, preset, 1, "2")?;
        for &ranks in ranks {
            for threads in threads {
                let found = trained(launcher, preset, ranks, threads)?;
                ensure!(
                    found == expected,
                    "{preset}, {ranks} processes of {threads} threads: {found}, expected {expected}"
                );
            }
        }
        let mut random = Stream::new(1, 0);
        for (killed, continued) in [(3, 2), (2, 5)].into_iter().take(if is_whole { 2 } else { 1 }) {
            let found = killed_and_continued(launcher, preset, killed, continued, &mut random)?;
            ensure!(
                found == expected,
                "{preset}, killed with {killed} processes and continued with {continued}: {found}, expected {expected}"
            );
        }
        println!(
            "  {preset}: {} for {} processes of {} threads, and killed and continued",
            &expected[..16],
            list(ranks),
            threads.join(" and ")
        );
        launcher.clear()?;
    }
    Ok(None)
}

fn list(ranks: &[usize]) -> String {
    ranks.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
}

/// The arguments of a short run.
fn arguments<'a>(preset: &'a str, run: &'a str) -> Vec<&'a str> {
    let mut arguments = vec!["train", preset, "--steps", "30", "--json", "--run", run];
    for setting in ["train.shards=8", "train.evaluate_every=10", "train.checkpoint_every=5"] {
        arguments.extend(["--set", setting]);
    }
    arguments
}

fn trained(
    launcher: &Launcher,
    preset: &str,
    ranks: usize,
    threads: &str,
) -> anyhow::Result<String> {
    let run = format!("{preset}-{ranks}-{threads}");
    let _ = fs::remove_dir_all(launcher.folder().join(&run));
    let mut arguments = arguments(preset, &run);
    arguments.extend(["--threads", threads]);
    digest(&launcher.json(ranks, &arguments)?)
}

fn digest(summary: &serde_json::Value) -> anyhow::Result<String> {
    Ok(summary["weights_digest"].as_str().context("weights_digest")?.to_owned())
}

fn killed_and_continued(
    launcher: &Launcher,
    preset: &str,
    killed: usize,
    continued: usize,
    random: &mut Stream,
) -> anyhow::Result<String> {
    /// One of so many milliseconds is drawn; of less where a network is done by then.
    const LIMITS: [u64; 6] = [300, 100, 30, 10, 3, 1];
    let run = format!("{preset}-killed-{killed}");
    for limit in LIMITS {
        let after = Duration::from_millis(random.below(limit));
        let victim = random.below(killed as u64) as usize;
        if is_killed(launcher, (preset, &run), killed, victim, after)? {
            match launcher.json(continued, &["train", "--resume", &run, "--json"]) {
                // Killed after its last step.
                Err(error) if error.to_string().contains("steps are done") => {}
                summary => return digest(&summary?),
            }
        }
        fs::remove_dir_all(launcher.folder().join(&run))?;
    }
    bail!("{killed} processes end before one of them is killed")
}

/// Kills a process of a run some time after its second checkpoint; false if the run had ended before.
fn is_killed(
    launcher: &Launcher,
    (preset, run): (&str, &str),
    ranks: usize,
    victim: usize,
    after: Duration,
) -> anyhow::Result<bool> {
    let checkpoints = launcher.folder().join(run).join("checkpoints");
    let mut command = launcher.command(ranks, &arguments(preset, run));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let begun = || fs::read_dir(&checkpoints).map_or(0, |entries| entries.count()) >= 2;
    while !begun() && child.try_wait()?.is_none() {
        thread::sleep(Duration::from_millis(1));
    }
    thread::sleep(after);
    if let Some(&process) = processes(launcher).get(&victim) {
        // It may end meanwhile.
        let _ = kill(process);
    }
    Ok(!child.wait()?.success())
}
