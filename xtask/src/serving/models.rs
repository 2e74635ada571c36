//! The models that are served, and requests with known answers.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use gradus::kernels::random::Stream;

use crate::process;

/// The columns of the table.
pub(super) const COLUMNS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
/// The names of its classes.
pub(super) const CLASSES: [&str; 3] = ["low", "middle", "high"];
const ROWS: u64 = 600;

/// The numbers of a row, which are the same for the same number.
pub(super) fn row(number: u64) -> Vec<f32> {
    let mut random = Stream::new(number, 44);
    // With few digits, as tables are written.
    COLUMNS.iter().map(|_| (random.below(4001) as f32 - 2000.0) / 1000.0).collect()
}

/// A body with one row of the table.
pub(super) fn table_body(number: u64) -> String {
    let cells = COLUMNS.iter().zip(row(number)).map(|(name, x)| format!("\"{name}\":{x}"));
    format!("{{\"rows\":[{{{}}}]}}", cells.collect::<Vec<_>>().join(","))
}

/// Trains a small network on a table of eight numbers and three classes. Returns the directory of its run.
pub(super) fn train_table(binary: &Path, folder: &Path, seed: u64) -> anyhow::Result<PathBuf> {
    let mut table = format!("{},class\n", COLUMNS.join(","));
    for number in 0..ROWS {
        let row = row(number);
        let class = CLASSES[((row.iter().sum::<f32>() / 2.0 + 1.5).clamp(0.0, 2.0)) as usize];
        let cells: Vec<_> = row.iter().map(f32::to_string).collect();
        let _ = writeln!(table, "{},{class}", cells.join(","));
    }
    let csv = folder.join("table.csv");
    fs::write(&csv, table)?;
    let experiment = format!(
        "data.source = {{ kind = 'files', train = {csv:?} }}\n\
         data.transforms.numbers = [{{ kind = 'divide', by = 1 }}]\n\
         model = {{ input = [8], layers = [{{ kind = 'linear', units = 64 }}, 'relu', {{ kind = 'linear', units = 32 }}, \
         'relu', {{ kind = 'linear', units = 3 }}] }}\n\
         train = {{ optimizer = 'adam', batch = 20, epochs = 20, seed = {seed} }}\n"
    );
    train(binary, folder, &format!("table-{seed}"), &experiment)
}

/// Trains the network W2 of the benchmark for a moment. Returns the directory of its run.
pub(super) fn train_digits(binary: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
    let experiment = fs::read_to_string("bench/networks/w2.toml")?;
    train(binary, folder, "digits", &experiment.replace("epochs = 10", "steps = 600"))
}

fn train(binary: &Path, folder: &Path, name: &str, experiment: &str) -> anyhow::Result<PathBuf> {
    let file = folder.join(format!("{name}.toml"));
    fs::write(&file, experiment)?;
    let run = folder.join(name);
    let mut command = Command::new(binary);
    command.arg("train").arg(file).arg("--run").arg(&run).arg("--json");
    process::read(&mut command)?;
    Ok(run)
}
