//! `data`: what data is, of an experiment or on its own.

mod experiment;
mod picture;
mod table;

pub(super) use table::open;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::ensure;

use crate::experiment::{ExperimentArgs, setting};

/// Show what data is: that of an experiment, or a table or a folder of pictures before it is used.
///
/// A table is a text such as CSV, NumPy arrays (.npy, .npz) or IDX images; a folder, or its ZIP archive, has pictures in one
/// folder for each class. Shown are how it was read, its columns with the kind of each and why, classes, duplicates, and what spoils
/// results. What was found wrong is changed by --set, such as --set 'delimiter=;' or --set kinds.age=number.
///
/// With --svg, the values of each column are drawn, of each class in a colour of its own; of a folder the first pictures of each
/// class.
///
/// Of an experiment source, samples and classes are shown. With --png, samples are drawn side by side; with --augment
/// beside each one what `data.augment` makes of it.
///
/// Exits 0 on success, 2 on an error.
#[derive(Debug, clap::Args)]
pub(crate) struct DataArgs {
    /// File or folder of data; or preset or experiment file [default: conv-dropout].
    #[arg(value_name = "FILE, FOLDER or PRESET")]
    data: Option<String>,

    /// The column that is predicted [default: the last one].
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,

    /// Override a setting, such as header=false or, of an experiment, data.limit=50; may be repeated.
    #[arg(long, value_name = "PATH=VALUE", value_parser = setting)]
    set: Vec<(String, String)>,

    /// Write a picture of a table or a folder, for light and dark ground.
    #[arg(long, value_name = "FILE", conflicts_with = "png")]
    svg: Option<PathBuf>,

    /// Write a sheet of training samples of an experiment.
    #[arg(long, value_name = "FILE")]
    png: Option<PathBuf>,

    /// Show a few samples, each followed by its augmented forms in the first epochs.
    #[arg(long, requires = "png")]
    augment: bool,

    /// Print the description as one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &DataArgs, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    if let Some(path) = args.data.as_deref().filter(|name| table::is_data(name)) {
        ensure!(args.png.is_none(), "--png: expected an experiment, found the data {path}");
        return table::run(path.as_ref(), args, out);
    }
    for (option, is_given) in [("--target", args.target.is_some()), ("--svg", args.svg.is_some())] {
        ensure!(!is_given, "{option}: expected a file or a folder of data, found an experiment");
    }
    let experiment = ExperimentArgs { experiment: args.data.clone(), set: args.set.clone() };
    experiment::run(&experiment, args, out)
}
