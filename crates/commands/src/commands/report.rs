//! `report`: export a run as a file.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;

use gradus::studio::{self, open_data};

/// Export a run as a self-contained HTML page or as an image: the six panels and the results.
///
/// Existing files are overwritten. Exits 0 on success, 2 on an error.
#[derive(Debug, clap::Args)]
pub(crate) struct ReportArgs {
    /// Run directory.
    #[arg(value_name = "RUN")]
    run: PathBuf,

    /// Write a self-contained HTML page with a time slider.
    #[arg(long, value_name = "FILE", required_unless_present_any = ["svg", "png"])]
    html: Option<PathBuf>,

    /// Write the panels at the end of the run as an SVG image.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,

    /// Write the panels at the end of the run as a PNG image.
    #[arg(long, value_name = "FILE")]
    png: Option<PathBuf>,
}

pub(crate) fn run(args: &ReportArgs, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let mut write = |file: &Path, bytes: &[u8]| -> anyhow::Result<()> {
        let shown = file.display();
        fs::write(file, bytes).with_context(|| shown.to_string())?;
        Ok(writeln!(out, "{shown}: {:.1} MB", bytes.len() as f64 / 1e6)?)
    };
    if let Some(file) = &args.html {
        write(file, studio::html(&args.run, open_data)?.as_bytes())?;
    }
    if args.svg.is_some() || args.png.is_some() {
        let picture = studio::picture(&args.run, open_data)?;
        if let Some(file) = &args.svg {
            write(file, picture.svg().as_bytes())?;
        }
        if let Some(file) = &args.png {
            write(file, &picture.png())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
