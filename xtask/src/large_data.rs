//! `cargo xtask large-data`: data that does not fit into memory, trained on for one epoch.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::num::NonZeroU64;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use gradus::kernels::random::Stream;

use crate::binary::{self, Profile};
use crate::{machine, process};

/// Rows of the table.
const ROWS: usize = 10_000_000;
/// Features of a row.
const FEATURES: usize = 10;
/// Pictures in the folder, and pixels of a side.
const PICTURES: usize = 100_000;
const SIDE: usize = 64;
/// The most memory that a run may take.
const MOST_MB: u64 = 500;
/// Seconds after which a run is killed.
const LIMIT: NonZeroU64 = NonZeroU64::new(3600).expect("not 0");

/// Where the data is written, once.
#[derive(clap::Args)]
pub(crate) struct LargeDataArgs {
    /// Folder for the data, 3 GB.
    #[arg(long, value_name = "FOLDER", default_value = "target/large-data")]
    folder: String,
}

/// Trains one epoch on a CSV file of 10 million rows and on 100,000 pictures with `gradus train --data`, and prints rows a
/// second and the largest memory of the process.
///
/// # Errors
///
/// If a run fails, or takes more than 500 MB.
pub(crate) fn run(args: &LargeDataArgs) -> anyhow::Result<()> {
    let folder = Path::new(&args.folder);
    fs::create_dir_all(folder)?;
    write_once(&folder.join("rows.csv"), |to| {
        write_rows(&mut BufWriter::new(File::create(to)?), FEATURES, ROWS)
    })?;
    write_once(&folder.join("pictures"), |to| write_pictures(to, SIDE, PICTURES))?;
    let program = binary::build(Profile::Release)?;
    println!("{}", machine::name());
    for (data, rows) in [("rows.csv", ROWS), ("pictures", PICTURES)] {
        let scratch = tempfile::tempdir()?;
        let mut command = Command::new(&program);
        let data = fs::canonicalize(folder.join(data))?;
        command.args(["train", "--json", "--set", "train.epochs=1", "--data"]).arg(data);
        command.current_dir(scratch.path());
        let (begin, mut most_mb) = (Instant::now(), 0);
        let mut watch = |id| most_mb = most_mb.max(peak_mb(id).unwrap_or(0));
        let answer = process::read_watched(&command, LIMIT, scratch.path(), &mut watch)?;
        let seconds = begin.elapsed().as_secs_f64();
        println!(
            "{rows} rows in {seconds:.0} s, {:.0} a second, {most_mb} MB at most",
            rows as f64 / seconds
        );
        println!("{answer}");
        ensure!(most_mb <= MOST_MB, "expected at most {MOST_MB} MB");
    }
    Ok(())
}

/// Writes to a path beside, and renames it when it is whole.
fn write_once(to: &Path, write: impl FnOnce(&Path) -> anyhow::Result<()>) -> anyhow::Result<()> {
    if !to.exists() {
        let begun = to.with_extension("begun");
        write(&begun)?;
        fs::rename(begun, to)?;
    }
    Ok(())
}

/// Rows of two classes: the sign of a sum of features with noise.
pub(crate) fn write_rows(to: &mut dyn Write, features: usize, rows: usize) -> anyhow::Result<()> {
    let mut random = Stream::new(1, 1);
    let names: Vec<String> = (0..features).map(|i| format!("x{i}")).collect();
    writeln!(to, "{},class", names.join(","))?;
    for _ in 0..rows {
        let mut sum = 0.5 * random.normal();
        for i in 0..features {
            let x = random.normal();
            sum += if i % 2 == 0 { x } else { 0.3 * x * x };
            write!(to, "{x:.3},")?;
        }
        writeln!(to, "{}", if sum > 1.0 { "above" } else { "below" })?;
    }
    Ok(to.flush()?)
}

/// A folder of square pictures for each of two classes: bright above, or bright below.
pub(crate) fn write_pictures(folder: &Path, side: usize, pictures: usize) -> anyhow::Result<()> {
    let mut random = Stream::new(1, 2);
    for class in ["above", "below"] {
        fs::create_dir_all(folder.join(class))?;
    }
    for i in 0..pictures {
        let class = ["above", "below"][i % 2];
        let pixel = |at: usize| {
            let is_above = at < 3 * side * side / 2;
            let light = if is_above == (class == "above") { 80 } else { 0 };
            light + random.below(150) as u8
        };
        let pixels: Vec<u8> = (0..3 * side * side).map(pixel).collect();
        let file = File::create(folder.join(class).join(format!("{i}.png")))?;
        let mut encoder = png::Encoder::new(BufWriter::new(file), side as u32, side as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.write_header()?.write_image_data(&pixels)?;
    }
    Ok(())
}

/// The largest resident memory of a process so far.
pub(crate) fn peak_mb(id: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes: u64 = peak.context("VmHWM")?.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes / 1000)
}
