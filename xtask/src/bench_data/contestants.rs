//! How each contestant trains on a split.

use std::fmt::Write as _;
use std::fs;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use gradus::events::Part;
use gradus::prelude::*;
use serde_json::Value;

use super::{AboutTable, TABLES};
use crate::binary::{self, Profile};
use crate::process;

/// Trained as a user would, in the order of the columns of the page.
pub(super) const SCORED: [&str; 4] = [GRADUS, "mlp", "trees", "realmlp"];
pub(super) const GRADUS: &str = "gradus";
/// A hidden layer of the same size with the same optimizer, batch and number of epochs, in the order in which they are timed;
/// of two classes scikit-learn has one output, and Gradus two.
pub(super) const TIMED: [&str; 2] = [GRADUS_NETWORK, MLP_NETWORK];
pub(super) const GRADUS_NETWORK: &str = "gradus-network";
pub(super) const MLP_NETWORK: &str = "mlp-network";
/// Seconds after which a run is killed.
const LIMIT: NonZeroU64 = NonZeroU64::new(3600).expect("not 0");
/// What scikit-learn has if nothing is said: units of the hidden layer, and samples of a batch.
const UNITS: usize = 100;
const BATCH: usize = 200;

/// The files of a split, and where to write.
pub(super) struct SplitFiles<'a> {
    about: &'a AboutTable,
    number: usize,
    scratch: tempfile::TempDir,
    train: PathBuf,
    test: PathBuf,
}

impl<'a> SplitFiles<'a> {
    pub(super) fn new(about: &'a AboutTable, number: usize) -> anyhow::Result<Self> {
        let file = |part| fs::canonicalize(format!("{TABLES}/{}/{number}-{part}.csv", about.name));
        let (train, test) = (file("train")?, file("test")?);
        Ok(Self { about, number, scratch: tempfile::tempdir()?, train, test })
    }

    /// Score, times 100, and seconds of a contestant. What is only timed has no score.
    pub(super) fn run(&self, contestant: &str, python: &str) -> anyhow::Result<(Option<f64>, f64)> {
        let (score, seconds) = match contestant {
            GRADUS => {
                let options = ["--minutes", "60", "--target", "target", "--data"].map(Path::new);
                let files = [&*self.train, Path::new("--test"), &*self.test];
                self.gradus(&[&options[..], &files].concat())?
            }
            GRADUS_NETWORK => {
                let file = self.scratch.path().join("network.toml");
                fs::write(&file, self.network()?)?;
                self.gradus(&[&*file])?
            }
            MLP_NETWORK => self.python(python, "mlp", &["--epochs", &self.epochs().to_string()])?,
            other => self.python(python, other, &[])?,
        };
        let is_scored = SCORED.contains(&contestant);
        let score = is_scored.then(|| score.context("a score")).transpose()?;
        Ok((score, seconds))
    }

    /// Passes over the training rows that are timed.
    fn epochs(&self) -> usize {
        if self.about.rows < 5_000 { 200 } else { 20 }
    }

    /// The network of scikit-learn as an experiment.
    fn network(&self) -> anyhow::Result<String> {
        let about = self.about;
        ensure!(!about.kinds.is_empty(), "{TABLES} is of an older version: remove it");
        let text = |features: usize| {
            let outputs = about.classes.unwrap_or(1);
            let loss = if about.classes.is_some() { "cross_entropy" } else { "half_squared_error" };
            let mut text = format!(
                "[data.source]\nkind = \"files\"\ntrain = {:?}\ntest = {:?}\ntarget = \"target\"\n[data.source.kinds]\n",
                self.train, self.test
            );
            for (column, kind) in &about.kinds {
                let _ = writeln!(text, "{column:?} = {kind:?}");
            }
            text + &format!(
                "[data.transforms]\n\
                numbers = [{{ kind = \"impute\" }}, {{ kind = \"standardize\" }}]\n\
                categories = [{{ kind = \"one_hot\" }}]\n\
                [model]\ninput = [{features}]\n\
                layers = [{{ kind = \"linear\", units = {UNITS} }}, \"relu\", {{ kind = \"linear\", units = {outputs} }}]\n\
                [train]\nloss = \"{loss}\"\noptimizer = \"adam\"\n\
                schedule = {{ kind = \"constant\", learning_rate = 0.001 }}\n\
                batch = {}\nepochs = {}\nevaluate_every = 1_000_000\nreport_every = 1_000_000\n",
                BATCH.min(about.rows - about.test_rows()),
                self.epochs(),
            )
        };
        // Categories are counted by the transforms: the number of features is known when the data has been read.
        let parts = Experiment::parse("network.toml", &text(1))?.data.open(gradus::mnist)?;
        let train = parts.get(Part::Train).context("a training set")?;
        Ok(text(train.sample_len()))
    }

    /// Seconds of the whole program, from its start to its end.
    fn gradus(&self, arguments: &[&Path]) -> anyhow::Result<(Option<f64>, f64)> {
        let begin = Instant::now();
        let mut command = Command::new(binary::path(Profile::Release)?);
        command.args(["train", "--json"]).args(arguments).current_dir(self.scratch.path());
        let answer = process::read_within(&command, LIMIT, self.scratch.path())?;
        let seconds = begin.elapsed().as_secs_f64();
        let answer: Value = serde_json::from_str(answer.trim()).context("the answer of gradus")?;
        let score = match self.about.test_variance[self.number] {
            None => answer["test_accuracy"].as_f64(),
            Some(variance) => answer["test_rmse"].as_f64().map(|rmse| 1.0 - rmse * rmse / variance),
        };
        Ok((score.map(|score| 100.0 * score), seconds))
    }

    /// Seconds of `fit` and `score`, without reading the files.
    fn python(
        &self,
        python: &str,
        name: &str,
        options: &[&str],
    ) -> anyhow::Result<(Option<f64>, f64)> {
        let mut command = Command::new(python);
        command.args(["bench/tables/contestant.py", name]).arg(&self.train).arg(&self.test);
        command.args(options);
        let answer = process::read_within(&command, LIMIT, self.scratch.path())?;
        let last = answer.lines().last().context("no answer")?;
        let answer: Value = serde_json::from_str(last).context("the answer of the contestant")?;
        Ok((answer["score"].as_f64(), answer["seconds"].as_f64().context("seconds")?))
    }
}
