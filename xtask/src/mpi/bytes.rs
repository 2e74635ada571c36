//! The same bytes for any number of processes and threads, also of runs that were killed and continued by another number.

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, ensure};
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
    let _ = std::fs::remove_dir_all(launcher.folder().join(&run));
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
    let run = format!("{preset}-killed-{killed}");
    let checkpoints = launcher.folder().join(&run).join("checkpoints");
    let mut child = launcher
        .command(killed, &arguments(preset, &run))
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()?;
    // A random moment after the second checkpoint.
    let begun = || std::fs::read_dir(&checkpoints).map_or(0, |entries| entries.count()) >= 2;
    while !begun() && child.try_wait()?.is_none() {
        thread::sleep(Duration::from_millis(5));
    }
    thread::sleep(Duration::from_millis(random.below(300)));
    let victim = random.below(killed as u64) as usize;
    if let Some(&process) = processes(launcher).get(&victim) {
        kill(process)?;
    }
    let status = child.wait()?;
    if status.success() {
        // It had ended before.
        return trained(launcher, preset, continued, "1");
    }
    digest(&launcher.json(continued, &["train", "--resume", &run, "--json"])?)
}
