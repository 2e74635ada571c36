//! `predict`: what a saved model says about new rows or pictures.

mod rows;

use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use gradus::data::columns::{RowName, TableOptions};
use gradus::data::{SampleBlock, SampleSource};
use gradus::graph::Pool;
use gradus::runs::{Predictor, SavedModel};

use self::rows::{PredictionFormat, PredictionWriter};
use crate::experiment::warn;
use crate::model::read_model;
use crate::output::number;
use crate::reading::{ReadingArgs, show_findings};
use crate::threads::ThreadsArgs;

/// Rows that go through the network together.
const BATCH: usize = 1000;

/// Predict with a saved model: the class with its probability, or the value, of each row of a table or each picture.
///
/// Columns are those of the training data, as they were before any transform: found by name, in any order, or by position
/// if there are no names. Tables are read in blocks, however long they are.
///
/// Exits 0 on success, 2 on an error.
#[derive(Debug, clap::Args)]
pub(crate) struct PredictArgs {
    /// Run directory or safetensors file.
    #[arg(value_name = "MODEL")]
    model: PathBuf,

    /// Tables (CSV and its relatives, NumPy arrays, IDX images), pictures, or folders and ZIP archives of pictures; - is a
    /// table as text on standard input.
    #[arg(value_name = "INPUT", required = true)]
    inputs: Vec<PathBuf>,

    /// How predictions are written; json is an object per line [default: table on a terminal, csv otherwise].
    #[arg(long, value_name = "FORMAT")]
    format: Option<PredictionFormat>,

    /// Write them to a file instead of standard output.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Write the K most likely classes of each row instead of the probability of every class.
    #[arg(long, value_name = "K")]
    top: Option<NonZeroUsize>,

    /// Predict the second of two classes from this probability of it on, such as the one that `gradus eval --threshold f1` finds.
    #[arg(long, value_name = "T", value_parser = threshold)]
    threshold: Option<f64>,

    #[command(flatten)]
    reading: ReadingArgs,

    #[command(flatten)]
    threads: ThreadsArgs,
}

fn threshold(text: &str) -> Result<f64, String> {
    number(text, |at| (0.0..=1.0).contains(at), "a probability from 0 to 1")
}

pub(crate) fn run(args: &PredictArgs, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let model = read_model(&args.model)?;
    let options = args.reading.options(&model)?;
    if args.threshold.is_some() {
        let classes = model.transforms.target().map_or(0, |target| target.classes().len());
        let has_probabilities = model.experiment.train.loss.is_in_nats();
        ensure!(
            classes == 2 && has_probabilities,
            "--threshold: expected a model of two classes with probabilities, found {classes} classes and the loss {}",
            model.experiment.train.loss.name()
        );
    }
    match &args.output {
        None => predict(args, &model, &options, &mut BufWriter::new(out))?,
        Some(file) => {
            // Whole or not at all.
            let mut partial = file.as_os_str().to_owned();
            partial.push(".partial");
            let partial = Path::new(&partial);
            let writing = || format!("writing {}", file.display());
            let mut to = BufWriter::new(File::create(partial).with_context(writing)?);
            if let Err(error) = predict(args, &model, &options, &mut to) {
                let _ = fs::remove_file(partial);
                return Err(error);
            }
            fs::rename(partial, file).with_context(writing)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn predict(
    args: &PredictArgs,
    model: &SavedModel,
    options: &TableOptions,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let on_terminal = args.output.is_none() && io::stdout().is_terminal();
    let default = if on_terminal { PredictionFormat::Table } else { PredictionFormat::Csv };
    let top = args.top.map(NonZeroUsize::get);
    let several = args.inputs.len() > 1;
    let format = args.format.unwrap_or(default);
    let writer = PredictionWriter::new(out, format, &model.transforms, top, several)
        .with_threshold(args.threshold);
    let pool = Arc::new(Pool::new(args.threads.count()));
    let mut pending = PendingRows {
        model,
        pool,
        writer,
        predictor: None,
        names: Vec::new(),
        features: Vec::new(),
    };
    for input in &args.inputs {
        let mut source = match input.as_os_str() == "-" {
            true => {
                let (name, bytes) = ("standard input", io::stdin());
                SampleSource::of_reader(name, bytes, options, &model.transforms, false)?
            }
            false => SampleSource::open(input, options, &model.transforms, false)?,
        };
        warn(source.notes());
        let name = source.name().to_owned();
        for block in source.blocks(BATCH)? {
            pending.add(&name, block?)?;
        }
        show_findings(&source);
    }
    pending.finish()
}

/// Rows that are not predicted yet: a network takes many at a time.
struct PendingRows<'a> {
    model: &'a SavedModel,
    pool: Arc<Pool>,
    writer: PredictionWriter<'a>,
    predictor: Option<Predictor>,
    /// Of each row its input and its name there.
    names: Vec<(String, RowName)>,
    features: Vec<f32>,
}

impl PendingRows<'_> {
    fn add(&mut self, input: &str, block: SampleBlock) -> anyhow::Result<()> {
        self.names.extend(block.names.into_iter().map(|name| (input.to_owned(), name)));
        self.features.extend(block.features.into_reals());
        while self.names.len() >= BATCH {
            self.predict(BATCH)?;
        }
        Ok(())
    }

    /// Predicts the first rows and writes what it finds.
    fn predict(&mut self, rows: usize) -> anyhow::Result<()> {
        let predictor = match &mut self.predictor {
            Some(predictor) => predictor,
            none => {
                let predictor = Predictor::new(self.model.clone(), rows)?;
                none.insert(predictor.with_pool(Arc::clone(&self.pool)))
            }
        };
        let width = self.features.len() / self.names.len();
        let features: Vec<f32> = self.features.drain(..rows * width).collect();
        let names: Vec<_> = self.names.drain(..rows).collect();
        let predictions = predictor.predict_samples(&features)?;
        Ok(self.writer.write(&names, &predictions)?)
    }

    fn finish(mut self) -> anyhow::Result<()> {
        if !self.names.is_empty() {
            self.predict(self.names.len())?;
        }
        Ok(())
    }
}
