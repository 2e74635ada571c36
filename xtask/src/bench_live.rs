//! `cargo xtask bench-live`: the cost of recording, serving and showing a run.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use diagnostics::table::markdown;
use gradus::events::{Event, Reader};
use serde_json::Value;

use crate::binary::{self, Profile};
use crate::browser::driver::{self, Browser, Driver};
use crate::browser::program::ServingProcess;
use crate::process;
use crate::table::median;

/// The most that recording and serving may cost, and that a page may cost in addition, as fractions of the speed.
const MOST_FOR_SERVER: f64 = 0.05;
const MOST_FOR_PAGE: f64 = 0.15;

const PRESET: &str = "conv-dropout";

#[derive(clap::Args)]
pub(crate) struct BenchLiveArgs {
    /// Runs per mode; the modes alternate.
    #[arg(long, default_value_t = 5)]
    rounds: usize,

    /// Steps per run.
    #[arg(long, default_value_t = 6000)]
    steps: u64,
}

/// The modes, each with one task more than the previous one.
const WAYS: [&str; 4] = ["steps alone", "recorded", "served", "shown on a page"];

/// Measures the modes alternately and prints the medians.
///
/// # Errors
///
/// If a mode costs more than its limit, or fails.
pub(crate) fn run(args: &BenchLiveArgs) -> anyhow::Result<()> {
    if let Some(missing) = driver::missing() {
        bail!(missing);
    }
    let gradus = binary::build(Profile::Release)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut speeds = WAYS.map(|_| Vec::new());
    for round in 1..=args.rounds {
        for (way, speeds) in WAYS.iter().zip(&mut speeds) {
            let folder = tempfile::tempdir()?;
            let bench = Bench { gradus: &gradus, folder: folder.path(), steps: args.steps };
            let speed = match *way {
                "steps alone" => bench.alone()?,
                "recorded" => bench.recorded()?,
                "served" => bench.served()?,
                _ => runtime.block_on(bench.shown())?,
            };
            println!("round {round}, {way}: {speed:.0} samples/s");
            speeds.push(speed);
        }
    }
    let medians = speeds.map(|speeds| median(&speeds).unwrap_or(f64::NAN));
    let alone = medians[0];
    let head = [
        format!("{PRESET}, {} steps", args.steps),
        "samples/s".into(),
        "of the speed alone".into(),
    ];
    let row = |(way, speed): (&&str, f64)| {
        vec![(*way).to_owned(), format!("{speed:.0}"), format!("{:.3}", speed / alone)]
    };
    let rows: Vec<_> = WAYS.iter().zip(medians).map(row).collect();
    println!("\n{}", markdown(&head, &rows));
    let server = 1.0 - medians[2] / alone;
    let page = 1.0 - medians[3] / medians[2];
    println!(
        "recording and serving cost {:.1} %, a page {:.1} % more",
        100.0 * server,
        100.0 * page
    );
    ensure!(server <= MOST_FOR_SERVER, "recording and serving cost more than {MOST_FOR_SERVER}");
    ensure!(page <= MOST_FOR_PAGE, "a page costs more than {MOST_FOR_PAGE}");
    Ok(())
}

struct Bench<'a> {
    gradus: &'a Path,
    folder: &'a Path,
    steps: u64,
}

impl Bench<'_> {
    fn alone(&self) -> anyhow::Result<f64> {
        let mut bench = Command::new(self.gradus);
        bench.args(["bench", PRESET, "--threads", "2", "--seconds", "3", "--json"]);
        let found: Value = serde_json::from_str(&process::read(&mut bench)?)?;
        found["samples_per_second"].as_f64().context("no samples_per_second")
    }

    /// The arguments of a run that is evaluated at its start and end only.
    fn words(&self) -> Vec<String> {
        let steps = self.steps.to_string();
        let every = format!("train.evaluate_every={steps}");
        ["train", PRESET, "--threads", "2", "--steps", &steps, "--set", &every, "--run", "run"]
            .map(str::to_owned)
            .into()
    }

    fn recorded(&self) -> anyhow::Result<f64> {
        let mut train = Command::new(self.gradus);
        process::read(train.args(self.words()).current_dir(self.folder))?;
        self.speed()?.context("the run has no end")
    }

    fn start(&self) -> anyhow::Result<ServingProcess> {
        let words =
            self.words().into_iter().chain(["--live", "--addr", "127.0.0.1:0"].map(str::to_owned));
        let words: Vec<String> = words.collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        ServingProcess::start(self.gradus, self.folder, &words)
    }

    fn served(&self) -> anyhow::Result<f64> {
        let _program = self.start()?;
        loop {
            std::thread::sleep(Duration::from_millis(200));
            if let Some(speed) = self.speed()? {
                return Ok(speed);
            }
        }
    }

    async fn shown(&self) -> anyhow::Result<f64> {
        let driver = Driver::start()?;
        let browser: Browser = driver.browser().await?;
        let program = self.start()?;
        browser.open(&program.link).await?;
        let speed = loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            if let Some(speed) = self.speed()? {
                break speed;
            }
        };
        browser.until("document.querySelector('.dot.finished')").await?;
        browser.close().await;
        Ok(speed)
    }

    /// Samples per second of the whole run; `None` while it is in progress.
    fn speed(&self) -> anyhow::Result<Option<f64>> {
        let Ok(log) = fs::read(self.folder.join("run/events.jsonl")) else { return Ok(None) };
        // Only the last line of the log contains it.
        let start = log[..log.len().saturating_sub(1)]
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |at| at + 1);
        let finished =
            Reader::new(&log[start..]).filter_map(Result::ok).find_map(|event| match event {
                Event::RunFinished(finished) => Some(finished.summary),
                _ => None,
            });
        const BATCH: f64 = 100.0;
        Ok(finished.map(|summary| summary.steps as f64 * BATCH / summary.wall_seconds))
    }
}
