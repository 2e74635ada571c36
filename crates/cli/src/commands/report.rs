//! `report`: a run as a file to keep or to send.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;

use crate::served::open_data;

/// Write a run as one page that needs no server and no network, or as a picture: the six panels and the results.
///
/// Exits 0 on success, 2 on any error.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Run folder.
    #[arg(value_name = "RUN")]
    run: PathBuf,

    /// The page to write, with time to go back in. A file that is there is replaced, as with the others.
    #[arg(long, value_name = "FILE", required_unless_present_any = ["svg", "png"])]
    html: Option<PathBuf>,

    /// The panels at the end of the run, as SVG.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,

    /// The same as PNG.
    #[arg(long, value_name = "FILE")]
    png: Option<PathBuf>,
}

/// Writes it.
///
/// # Errors
///
/// A run that cannot be read, a file that cannot be written.
pub(crate) fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let mut write = |file: &Path, bytes: &[u8]| -> anyhow::Result<()> {
        let shown = file.display();
        fs::write(file, bytes).with_context(|| shown.to_string())?;
        Ok(writeln!(out, "{shown}: {:.1} MB", bytes.len() as f64 / 1e6)?)
    };
    if let Some(file) = &args.html {
        write(file, studio::html(&args.run, open_data)?.as_bytes())?;
    }
    if args.svg.is_some() || args.png.is_some() {
        let svg = studio::svg(&args.run, open_data)?;
        if let Some(file) = &args.svg {
            write(file, svg.as_bytes())?;
        }
        if let Some(file) = &args.png {
            write(file, &studio::png(&svg)?)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
