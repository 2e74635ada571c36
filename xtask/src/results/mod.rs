//! `cargo xtask results`: trains every preset and compares its accuracy with the published one.

mod chapter;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::binary::{self, Profile};
use crate::json_lines;
use crate::table::bounds;

/// One line per finished run: the output of `gradus train --json`.
const RUNS: &str = "docs/results.jsonl";
/// The generated table.
const TABLE: &str = "docs/results.md";
/// Presets that take minutes are trained once, the others with three seeds.
const LONG: [&str; 2] = ["bn-conv", "deep-convnet"];
const SEEDS: u64 = 3;

/// Which presets to train.
#[derive(clap::Args)]
pub(crate) struct ResultsArgs {
    /// Train only these presets [default: all].
    #[arg(value_name = "PRESET")]
    presets: Vec<String>,

    /// Write the table from finished runs without training.
    #[arg(long)]
    table_only: bool,

    /// Repeat the experiments of chapter 6 of the book instead.
    #[arg(long, conflicts_with_all = ["presets", "table_only"])]
    chapter_6: bool,
}

/// Trains the presets without a finished run, and writes the table. To repeat a run, remove its line from
/// `docs/results.jsonl`.
///
/// # Errors
///
/// If Gradus does not build, a run fails, or a file cannot be written.
pub(crate) fn run(args: &ResultsArgs) -> anyhow::Result<()> {
    binary::build(Profile::Release)?;
    let presets: Vec<Value> = serde_json::from_str(&gradus(&["presets", "--json"])?)?;
    let mut done = done()?;
    if args.chapter_6 {
        chapter::repeat()?;
    }
    for preset in &presets {
        let name = text(preset, "preset")?;
        let is_wanted = args.presets.is_empty() || args.presets.iter().any(|wanted| wanted == name);
        for seed in (1..=seeds(name)).filter(|_| is_wanted && !args.table_only && !args.chapter_6) {
            if done.contains_key(&(name.to_owned(), seed)) {
                continue;
            }
            eprintln!("{name}, seed {seed}");
            let folder = format!("target/results/{name}-{seed}-{}", std::process::id());
            let line =
                gradus(&["train", name, "--seed", &seed.to_string(), "--run", &folder, "--json"])?;
            let summary: Value = serde_json::from_str(&line)?;
            json_lines::append(RUNS, &summary)?;
            done.insert((name.to_owned(), seed), summary);
            fs::write(TABLE, table(&presets, &done)?)?;
        }
    }
    fs::write(TABLE, table(&presets, &done)?)?;
    eprintln!("{TABLE} is written");
    Ok(())
}

type Runs = BTreeMap<(String, u64), Value>;

fn done() -> anyhow::Result<Runs> {
    let run = |summary: Value| {
        let seed = summary["seed"].as_u64().context("a run has a seed")?;
        Ok(((text(&summary, "name")?.to_owned(), seed), summary))
    };
    json_lines::read(RUNS)?.into_iter().map(run).collect()
}

fn seeds(preset: &str) -> u64 {
    if LONG.contains(&preset) { 1 } else { SEEDS }
}

/// The standard output of `gradus`; its progress is printed.
fn gradus(args: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new(binary::path(Profile::Release)?);
    let output = command.args(args).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "gradus {}: {}", args.join(" "), output.status);
    Ok(String::from_utf8(output.stdout)?)
}

fn text<'a>(value: &'a Value, key: &str) -> anyhow::Result<&'a str> {
    value[key].as_str().with_context(|| format!("no `{key}` in {value}"))
}

fn table(presets: &[Value], done: &Runs) -> anyhow::Result<String> {
    let mut table = String::from(HEAD);
    for preset in presets {
        let (name, data) = (text(preset, "preset")?, text(preset, "data")?);
        // A network of our own has no published accuracy.
        let statistic = preset["statistic"].as_str().unwrap_or("final");
        let source = preset["source"].as_str().unwrap_or("ours");
        let published = preset["published"].as_f64();
        let shown = published.map_or("–".to_owned(), |accuracy| format!("{accuracy:.4}"));
        let runs: Vec<&Value> =
            (1..=seeds(name)).filter_map(|seed| done.get(&(name.to_owned(), seed))).collect();
        let key = if statistic == "best" { "/best/accuracy/value" } else { "/test/accuracy" };
        let reached = runs
            .iter()
            .map(|run| run.pointer(key).and_then(Value::as_f64).context("a run has an accuracy"));
        let reached = reached.collect::<anyhow::Result<Vec<f64>>>()?;
        if reached.is_empty() {
            writeln!(
                table,
                "| {name} | {data} | {shown} | {statistic} | not run yet | | | | | {source} |",
            )?;
            continue;
        }
        let mean = reached.iter().sum::<f64>() / reached.len() as f64;
        let range = bounds(&reached).filter(|_| reached.len() > 1);
        let range = range.map_or("one run".into(), |[low, high]| format!("{low:.4} to {high:.4}"));
        let seconds = runs.iter().filter_map(|run| run["wall_seconds"].as_f64());
        let seconds = seconds.fold(f64::INFINITY, f64::min);
        let difference = published
            .map_or("–".to_owned(), |published| format!("{:+.2}", 100.0 * (mean - published)));
        writeln!(
            table,
            "| {name} | {data} | {shown} | {statistic} | **{mean:.4}** | {range} | {difference} | {} | {seconds:.0} | {source} |",
            runs[0]["steps"],
        )?;
    }
    Ok(table + &chapter::section()?)
}

const HEAD: &str = "\
# Results

Test accuracy of every preset with its unchanged settings, compared with the published accuracy of its source.
Generated by `cargo xtask results`, which resumes where it was stopped; the runs are in `results.jsonl`.
[sources.md](sources.md) introduces the sources.

\"Best\" is the best of all evaluations on the test set during the run, \"final\" the one after the last step; the statistic is the one that the source published.
The best of many evaluations on a test set is optimistic; it is compared with a number obtained in the same way.
The column \"mean\" is over the seeds 1 to 3 (seed 1 for `bn-conv` and `deep-convnet`); the difference is in percentage points.
Seconds are wall time of the fastest run on two cores, evaluations included; they depend on the load of the machine, accuracies do not.

| preset | data | published | statistic | mean | range | difference | steps | seconds | source |
|---|---|---|---|---|---|---|---|---|---|
";
