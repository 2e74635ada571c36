//! `cargo xtask bench-data`: `gradus train --data` beside scikit-learn and the Python RealMLP, on ten tables.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::binary::{self, Profile};
use crate::{json_lines, machine, process, python};
use contestants::SplitFiles;

mod contestants;
mod report;

/// One line per run.
const RUNS: &str = "bench/tables/results.jsonl";
/// The generated page.
const PAGE: &str = "bench/tables/RESULTS.md";
/// The tables as CSV files.
const TABLES: &str = "target/bench-data";
/// Seconds that the download of a package may take.
const LIMIT: NonZeroU64 = NonZeroU64::new(600).expect("not 0");

/// What is measured.
#[derive(clap::Args)]
pub(crate) struct BenchDataArgs {
    /// Folder with `adult.data` and `adult.test`; without it Adult is left out.
    #[arg(long, value_name = "FOLDER")]
    adult: Option<PathBuf>,

    /// Tables [default: all].
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    tables: Vec<String>,

    /// Contestants: gradus, mlp, trees, realmlp, and for seconds gradus-network, mlp-network [default: all].
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    contestants: Vec<String>,

    /// Splits of each table, the first ones [default: all].
    #[arg(long, value_name = "N")]
    splits: Option<usize>,

    /// Write the page from finished runs without training.
    #[arg(long)]
    page_only: bool,
}

/// A table and how it is divided, as `tables.py` writes it.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct AboutTable {
    #[serde(default)]
    name: String,
    rows: usize,
    features: usize,
    splits: usize,
    classes: Option<usize>,
    /// What each column is used as in the comparison of seconds.
    #[serde(default, skip_serializing)]
    kinds: BTreeMap<String, String>,
    test_variance: Vec<Option<f64>>,
}

impl AboutTable {
    /// Rows of each test set, as scikit-learn divides them.
    fn test_rows(&self) -> usize {
        self.rows.div_ceil(5)
    }
}

/// A finished run.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct TableRun {
    about: AboutTable,
    split: usize,
    contestant: String,
    /// Accuracy or R² on the test set, times 100; none of a network that is only timed.
    score: Option<f64>,
    /// Of the whole program for Gradus; of training and measuring, without reading the file, for the others.
    seconds: f64,
    machine: String,
    commit: String,
}

/// Trains what has no run yet, table by table and split by split, and writes the page after each table.
///
/// # Errors
///
/// If Python or a package cannot be installed, a run fails, or a file cannot be written.
pub(crate) fn run(args: &BenchDataArgs) -> anyhow::Result<()> {
    let mut runs: Vec<TableRun> = json_lines::read(RUNS)?;
    if !args.page_only {
        let python =
            python::environment(&process::cache("tables")?, "bench/tables/requirements.txt")?;
        write_tables(&python, args.adult.as_deref())?;
        binary::build(Profile::Release)?;
        let commit = process::read(Command::new("git").args(["rev-parse", "--short", "HEAD"]))?;
        for about in tables()? {
            if !args.tables.is_empty() && !args.tables.contains(&about.name) {
                continue;
            }
            for number in 0..about.splits.min(args.splits.unwrap_or(usize::MAX)) {
                let split = SplitFiles::new(&about, number)?;
                for contestant in contestants::SCORED.into_iter().chain(contestants::TIMED) {
                    let is_done = |run: &TableRun| {
                        (&run.about.name, run.split, &*run.contestant)
                            == (&about.name, number, contestant)
                    };
                    let is_left_out = !args.contestants.is_empty()
                        && !args.contestants.iter().any(|name| name == contestant);
                    if is_left_out || runs.iter().any(is_done) {
                        continue;
                    }
                    let (score, seconds) = split.run(contestant, &python)?;
                    let shown = score.map_or(String::new(), |score| format!(" {score:.2} in"));
                    println!("{}, split {number}, {contestant}:{shown} {seconds:.1} s", about.name);
                    let run = TableRun {
                        about: about.clone(),
                        split: number,
                        contestant: contestant.to_owned(),
                        score,
                        seconds,
                        machine: machine::name(),
                        commit: commit.trim().to_owned(),
                    };
                    json_lines::append(RUNS, &run)?;
                    runs.push(run);
                }
            }
            fs::write(PAGE, report::page(&runs)).context(PAGE)?;
        }
    }
    fs::write(PAGE, report::page(&runs)).context(PAGE)
}

/// Writes the tables that are not there, those of the R package from Debian's archive.
fn write_tables(python: &str, adult: Option<&Path>) -> anyhow::Result<()> {
    let scratch = tempfile::tempdir()?;
    let package =
        "cd \"$1\" && apt-get download -qq r-cran-mlbench && dpkg -x r-cran-mlbench*.deb mlbench";
    let mut download = Command::new("sh");
    download.args(["-c", package, "sh"]).arg(scratch.path());
    if let Err(error) = process::read_within(&download, LIMIT, scratch.path()) {
        eprintln!("r-cran-mlbench: {error:#}");
    }
    let mut command = Command::new(python);
    command.args(["bench/tables/tables.py", TABLES]);
    let mlbench = scratch.path().join("mlbench");
    if mlbench.exists() {
        command.arg("--mlbench").arg(mlbench);
    }
    if let Some(adult) = adult {
        command.arg("--adult").arg(adult);
    }
    process::run(&mut command)
}

fn tables() -> anyhow::Result<Vec<AboutTable>> {
    let mut tables = Vec::new();
    for entry in fs::read_dir(TABLES).context(TABLES)? {
        let path = entry?.path();
        let text = fs::read_to_string(path.join("about.json"))
            .with_context(|| path.display().to_string())?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        tables.push(AboutTable { name, ..serde_json::from_str(&text)? });
    }
    tables.sort_by_key(|about| about.rows);
    Ok(tables)
}
