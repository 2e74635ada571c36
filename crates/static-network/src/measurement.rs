//! What a written crate takes, measured with Cargo.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

/// What was measured of a crate, on the machine that it is for.
#[derive(Clone, Debug, PartialEq)]
pub struct CrateMeasurement {
    /// Nanoseconds of a prediction on one thread, built with `-C target-cpu=native`.
    pub native_nanoseconds: f64,
    /// Of one built for every processor of the architecture.
    pub nanoseconds: f64,
    /// Bytes of machine code, without weights.
    pub code_bytes: u64,
}

impl CrateMeasurement {
    /// Builds the crate in `folder` with Cargo, in its own target folder, and measures it: some seconds.
    ///
    /// # Errors
    ///
    /// If Cargo, or `size` of the binutils, is missing or fails.
    pub fn of(folder: &Path) -> io::Result<Self> {
        Ok(Self {
            native_nanoseconds: nanoseconds(folder, "-C target-cpu=native")?,
            nanoseconds: nanoseconds(folder, "")?,
            code_bytes: code_bytes(folder)?,
        })
    }
}

fn nanoseconds(folder: &Path, flags: &str) -> io::Result<f64> {
    let mut command = cargo(folder, &["run", "--example", "time"]);
    // Each has a folder of its own: they alternate without being built again.
    let target = if flags.is_empty() { "target" } else { "target/native" };
    let text = output(command.env("RUSTFLAGS", flags).env("CARGO_TARGET_DIR", target))?;
    let number = text.split(' ').next().and_then(|number| number.parse().ok());
    number.ok_or_else(|| io::Error::other(format!("expected a time, found {text}")))
}

fn code_bytes(folder: &Path) -> io::Result<u64> {
    let mut build = cargo(folder, &["rustc", "--lib"]);
    // With link-time optimisation an object has what the linker is to compile.
    build.env("CARGO_PROFILE_RELEASE_LTO", "off").env("CARGO_TARGET_DIR", "target/code");
    output(build.env("RUSTFLAGS", "").args(["--", "--emit", "obj"]))?;
    let objects = fs::read_dir(folder.join("target/code/release/deps"))?;
    let objects = objects.filter_map(|entry| Some(entry.ok()?.path()));
    let objects = objects.filter(|path| path.extension().is_some_and(|name| name == "o"));
    let text = output(Command::new("size").arg("-A").args(objects))?;
    let code = text.lines().filter(|line| line.starts_with(".text"));
    Ok(code.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum())
}

/// A command of Cargo for the crate, in release mode.
fn cargo(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments).args(["--release", "--quiet", "--offline"]).current_dir(folder);
    command
}

fn output(command: &mut Command) -> io::Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{program}: {error}"));
    let output = command.output().map_err(named)?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        return Err(io::Error::other(format!("{program}: {}: {}", output.status, error.trim())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
