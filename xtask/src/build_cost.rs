//! `cargo xtask build-cost`: what a first build costs, in seconds of the processor.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, ensure};

use crate::table::replaced;
use crate::{machine, process};

const PAGE: &str = "docs/build-cost.md";
/// Before the table in the page.
const MARK: &str = "<!-- measured by `cargo xtask build-cost` -->\n";

/// A program that trains ten steps with the library.
const PROGRAM: &str = r#"fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut experiment = gradus::runs::presets::find("softmax").unwrap().experiment();
    (experiment.train.steps, experiment.train.epochs) = (Some(10), None);
    let pool = std::sync::Arc::new(gradus::kernels::Pool::new(2));
    gradus::train::Trainer::new(experiment, gradus::mnist()?, pool)?.run(None, &mut []);
    Ok(())
}
"#;

/// A build and what it cost.
struct Measurement {
    name: &'static str,
    processor_secs: f64,
    wall_secs: f64,
}

/// Measures three cold builds, with nothing to download, and writes them into the page.
///
/// # Errors
///
/// If a build fails.
pub(crate) fn run() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let program = folder.path().join("program");
    write_program(&program)?;
    process::run(Command::new("cargo").args(["fetch", "--quiet"]))?;
    process::run(Command::new("cargo").args(["fetch", "--quiet"]).current_dir(&program))?;
    let builds: [(_, &Path, &[&str]); 3] = [
        ("`cargo build --release`", Path::new("."), &["build", "--release"]),
        ("`cargo test --workspace --no-run`", Path::new("."), &["test", "--workspace", "--no-run"]),
        ("`cargo build` of a program with `gradus`", &program, &["build"]),
    ];
    let mut found = Vec::new();
    for (name, place, arguments) in builds {
        let target = folder.path().join("target");
        let (before, begin) = (children_secs()?, Instant::now());
        let mut cargo = Command::new("cargo");
        cargo.args(arguments).arg("--quiet").current_dir(place).env("CARGO_TARGET_DIR", &target);
        process::run(&mut cargo)?;
        let processor_secs = children_secs()? - before;
        found.push(Measurement { name, processor_secs, wall_secs: begin.elapsed().as_secs_f64() });
        fs::remove_dir_all(&target)?;
    }
    let commit = process::read(Command::new("git").args(["rev-parse", "--short", "HEAD"]))?;
    let page = fs::read_to_string(PAGE).context(PAGE)?;
    let table = table(&found, commit.trim(), &machine::name());
    print!("{table}");
    fs::write(PAGE, replaced(&page, MARK, &table)?).context(PAGE)
}

/// Writes a new program that depends on the library.
fn write_program(folder: &Path) -> anyhow::Result<()> {
    let library = fs::canonicalize("crates/gradus")?;
    let library = library.display().to_string();
    fs::create_dir_all(folder.join("src"))?;
    fs::write(
        folder.join("Cargo.toml"),
        format!(
            "[package]\nname = \"program\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\ngradus = {{ path = {library:?} }}\n"
        ),
    )?;
    fs::copy("Cargo.lock", folder.join("Cargo.lock"))?;
    Ok(fs::write(folder.join("src/main.rs"), PROGRAM)?)
}

/// Seconds of the processor that ended child processes have used.
fn children_secs() -> anyhow::Result<f64> {
    /// Clock ticks in a second, as Linux counts for programs on every machine.
    const TICKS: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat").context("/proc/self/stat")?;
    // The name of the program, in parentheses, may contain blanks. After it, user and system time of ended children are
    // the fourteenth and fifteenth field.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    let times: Vec<f64> = fields.skip(13).take(2).filter_map(|field| field.parse().ok()).collect();
    ensure!(times.len() == 2, "/proc/self/stat: expected 15 fields after the name");
    Ok(times.iter().sum::<f64>() / TICKS)
}

fn table(found: &[Measurement], commit: &str, machine: &str) -> String {
    let mut table = format!(
        "Commit {commit}, {machine}.\n\n| build | processor, s | wall, s |\n|---|---|---|\n"
    );
    for Measurement { name, processor_secs, wall_secs } in found {
        let _ = writeln!(table, "| {name} | {processor_secs:.0} | {wall_secs:.0} |");
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_whole_seconds() {
        let build = Measurement { name: "`x`", processor_secs: 12.4, wall_secs: 6.6 };
        let table = table(&[build], "abc", "two cores");
        assert!(table.starts_with("Commit abc, two cores.\n"), "{table}");
        assert!(table.ends_with("| `x` | 12 | 7 |\n"), "{table}");
    }
}
