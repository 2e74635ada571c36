//! A crate: all of its files.

use std::io;
use std::path::{Path, PathBuf};

use data::FittedTarget;
use graph::Leaf;
use nn::losses::Prediction;
use nn::{NetworkError, TrainedGraph};
use runs::SavedModel;

use crate::card::{Card, RoundedMetric};
use crate::interface::Interface;
use crate::measurement::CrateMeasurement;
use crate::rows::RowSource;
use crate::source::PassSource;
use crate::text::{identifier, is_crate_name, literal};
use crate::vectors::{TestVector, test_vectors};
use crate::weights::WeightFormat;
use crate::{StaticCrateError, pass};

/// What a crate is, for readers.
const CARD: &str = "README.md";

/// How a crate is written.
#[derive(Clone, Debug, PartialEq)]
pub struct StaticCrateOptions {
    /// Its name: see [`crate_name`](crate::crate_name).
    pub name: String,
    /// How its weights are stored.
    pub weights: WeightFormat,
}

/// A trained network as a Rust crate.
///
/// # Examples
///
/// ```no_run
/// use gradus_static_network::{StaticCrate, StaticCrateOptions, WeightFormat};
///
/// let saved = runs::SavedModel::read("runs/lenet-1")?;
/// let options = StaticCrateOptions { name: "lenet".to_owned(), weights: WeightFormat::Float32 };
/// StaticCrate::new(&saved, &options)?.write("lenet".as_ref())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct StaticCrate {
    options: StaticCrateOptions,
    pass: PassSource,
    /// Or why there is none.
    rows: Result<RowSource, String>,
    classes: Vec<String>,
    prediction: Prediction,
    vectors: Vec<TestVector>,
    n_parameters: usize,
    rounded: Option<SavedModel>,
    metrics: Vec<RoundedMetric>,
    measurement: Option<CrateMeasurement>,
}

impl StaticCrate {
    /// Writes the source, and computes the test vectors: the whole process uses portable arithmetic for the time.
    ///
    /// # Errors
    ///
    /// If the name is not that of a crate, or the network has ops that cannot be written; all are named.
    pub fn new(saved: &SavedModel, options: &StaticCrateOptions) -> Result<Self, StaticCrateError> {
        if !is_crate_name(&options.name) {
            return Err(StaticCrateError::Name(options.name.clone()));
        }
        let model = saved.model()?;
        saved.check_transforms(&model).map_err(NetworkError::from)?;
        let trained = TrainedGraph::new(&model, &saved.parameters, &saved.running_statistics)?;
        let pass = pass::write(trained, options.weights)?;
        let rounded = (options.weights == WeightFormat::Int8).then(|| {
            let mut rounded = saved.clone();
            for (id, values) in &pass.rounded {
                if let Some(Leaf::Parameter(range)) = model.graph.node(*id).leaf() {
                    rounded.parameters[range.clone()].copy_from_slice(values);
                }
            }
            rounded
        });
        let rows = RowSource::new(&saved.transforms);
        let vectors = test_vectors(rounded.as_ref().unwrap_or(saved))?;
        let target = saved.transforms.target();
        Ok(Self {
            options: options.clone(),
            classes: target.map_or(Vec::new(), |target: &FittedTarget| target.classes().to_vec()),
            prediction: saved.experiment.train.loss.prediction(),
            n_parameters: saved.parameters.len(),
            metrics: Vec::new(),
            measurement: None,
            pass,
            rows,
            vectors,
            rounded,
        })
    }

    /// The model with the weights that the crate has; none if these are as they were trained.
    pub fn rounded(&self) -> Option<&SavedModel> {
        self.rounded.as_ref()
    }

    /// Says in the card what the rounding of the weights costs.
    pub fn set_metrics(&mut self, metrics: Vec<RoundedMetric>) {
        self.metrics = metrics;
    }

    /// Why the crate does not take rows before their transforms; none if it does.
    pub fn row_refusal(&self) -> Option<&str> {
        self.rows.as_ref().err().map(String::as_str)
    }

    /// Bytes of its weights.
    pub fn weight_bytes(&self) -> usize {
        self.pass.weights.bytes().len()
    }

    /// Multiplications of a prediction that are followed by an addition.
    pub fn multiply_adds(&self) -> u64 {
        self.pass.multiply_adds
    }

    /// Bytes of the arrays on the stack in which a prediction is computed.
    pub fn buffer_bytes(&self) -> usize {
        self.pass.buffer_bytes
    }

    fn has_probabilities(&self) -> bool {
        !self.classes.is_empty() && self.prediction != Prediction::Scores
    }

    fn row_width(&self) -> Option<usize> {
        self.rows.as_ref().ok().map(|rows| rows.width)
    }

    fn interface(&self) -> Interface<'_> {
        Interface {
            name: &self.options.name,
            inputs: self.pass.inputs,
            outputs: self.pass.outputs,
            row: self.row_width(),
            classes: &self.classes,
            has_probabilities: self.has_probabilities(),
        }
    }

    /// Writes the crate into a folder that does not exist or is empty, whole or not at all.
    ///
    /// # Errors
    ///
    /// What the system reports; if the folder is not empty.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        files::write_folder_whole(folder, &self.files())
    }

    /// Measures what [`write`](Self::write) has written into a folder, and says it in the card there.
    ///
    /// # Errors
    ///
    /// As [`CrateMeasurement::of`], and if the card cannot be written.
    pub fn measure(&mut self, folder: &Path) -> io::Result<&CrateMeasurement> {
        let measurement = CrateMeasurement::of(folder)?;
        self.measurement = Some(measurement);
        std::fs::write(folder.join(CARD), self.card().text())?;
        Ok(self.measurement.as_ref().expect("set above"))
    }

    fn card(&self) -> Card<'_> {
        Card {
            interface: self.interface(),
            pass: &self.pass,
            format: self.options.weights,
            n_parameters: self.n_parameters,
            metrics: &self.metrics,
            row_refusal: self.row_refusal(),
            measurement: self.measurement.as_ref(),
        }
    }

    /// Paths and bytes of its files.
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let name = &self.options.name;
        let interface = self.interface();
        let mut functions = self.pass.functions.clone();
        if let Ok(rows) = &self.rows {
            functions.extend(&rows.functions);
        }
        if let Some(function) = self.probabilities_function() {
            functions.add(function);
        }
        let texts = [
            ("Cargo.toml".to_owned(), self.manifest()),
            ("rustfmt.toml".to_owned(), "use_small_heuristics = \"Max\"\n".to_owned()),
            (CARD.to_owned(), self.card().text()),
            (format!("include/{name}.h"), interface.header()),
            ("src/lib.rs".to_owned(), self.library()),
            ("src/c.rs".to_owned(), interface.source()),
            ("src/tests.rs".to_owned(), self.tests()),
            ("examples/time.rs".to_owned(), self.example()),
        ];
        let functions =
            functions.files().into_iter().map(|(file, text)| (format!("src/ops/{file}"), text));
        let mut files: Vec<(PathBuf, Vec<u8>)> =
            texts.into_iter().chain(functions).map(|(p, text)| (p.into(), text.into())).collect();
        if !self.pass.weights.bytes().is_empty() {
            files.push(("src/weights.rs".into(), self.pass.weights.source().into()));
            files.push(("src/weights.bin".into(), self.pass.weights.bytes().into()));
        }
        files
    }

    fn manifest(&self) -> String {
        let name = &self.options.name;
        format!(
            "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\nrust-version = \"1.88\"\npublish = false\n\n\
             [lib]\n# The tests of the library are all there are.\ndoctest = false\n\n\
             [features]\n# Functions for programs in C, and what a library without the standard library needs to be linked.\nc = []\npanic-handler = []\n\n\
             # A library for C without the standard library cannot unwind.\n\
             [profile.dev]\npanic = \"abort\"\n\n[profile.release]\npanic = \"abort\"\n# Nothing of `core` remains but what a prediction needs.\nlto = true\n\n\
             # Not part of a workspace around it.\n[workspace]\n"
        )
    }

    /// What makes probabilities of the outputs; none if they are that already.
    fn probabilities_function(&self) -> Option<&'static str> {
        match self.prediction {
            Prediction::Logits if self.has_probabilities() => Some("softmax"),
            Prediction::SeparateLogits if self.has_probabilities() => Some("sigmoid"),
            _ => None,
        }
    }

    fn library(&self) -> String {
        let Self { pass, options, .. } = self;
        let PassSource { inputs, outputs, body, .. } = pass;
        let weights = if pass.weights.bytes().is_empty() { "" } else { "mod weights;\n" };
        let mut text = format!(
            "//! `{}`: a trained neural network, without dependencies, standard library and allocation. `README.md` says more.\n\n\
             #![no_std]\n#![cfg_attr(not(feature = \"c\"), forbid(unsafe_code))]\n\n\
             #[cfg(feature = \"c\")]\nmod c;\nmod ops;\n#[cfg(test)]\nmod tests;\n{weights}\n\
             /// Features of a sample.\npub const INPUTS: usize = {inputs};\n\
             /// Numbers of a prediction.\npub const OUTPUTS: usize = {outputs};\n",
            options.name
        );
        if let Ok(rows) = &self.rows {
            text += &format!(
                "/// Numbers of a row before its transforms.\npub const ROW: usize = {};\n\n\
                 /// The columns of a row, in order.\n#[rustfmt::skip]\npub const COLUMNS: &[Column] = &[\n{}];\n\n\
                 /// A column of a row.\n#[derive(Clone, Copy, Debug)]\npub struct Column {{\n    \
                     /// Its name.\n    pub name: &'static str,\n    \
                     /// How many numbers of a row it has.\n    pub n_numbers: usize,\n    \
                     /// Its categories, of which a row has the position; empty for numbers.\n    \
                     pub categories: &'static [&'static str],\n}}\n\n\
                 impl Column {{\n    \
                     /// What a row has for a category: its position, −1 for one that training did not have.\n    \
                     pub fn code(&self, category: &str) -> f32 {{\n        \
                         let found = self.categories.iter().position(|known| *known == category);\n        \
                         found.map_or(-1.0, |position| position as f32)\n    }}\n}}\n",
                rows.width, rows.columns
            );
        }
        if !self.classes.is_empty() {
            let names: Vec<String> = self.classes.iter().map(|name| literal(name)).collect();
            text += &format!(
                "\n/// The names of the classes.\n#[rustfmt::skip]\npub const CLASSES: [&str; {}] = [{}];\n",
                names.len(),
                names.join(", ")
            );
        }
        text += &format!(
            "\n/// What the last layer gives for the features of a sample.\n\
             pub fn predict(features: &[f32; INPUTS]) -> [f32; OUTPUTS] {{\n{body}}}\n"
        );
        if let Ok(rows) = &self.rows {
            let body = match &rows.in_unit {
                Some(in_unit) => {
                    format!("    let outputs = predict(&features(row));\n    {in_unit}\n")
                }
                None => "    predict(&features(row))\n".to_owned(),
            };
            text += &format!(
                "\n/// The prediction for a row before its transforms: for each column its numbers, the position of its category, or the\n\
                 /// seconds of a date since 1970; NaN where one is missing. In the unit of the target.\n\
                 pub fn predict_row(row: &[f32; ROW]) -> [f32; OUTPUTS] {{\n{body}}}\n\
                 \n/// The features of a row.\n#[rustfmt::skip]\npub fn features(row: &[f32; ROW]) -> [f32; INPUTS] {{\n{}}}\n",
                rows.body
            );
        }
        text + &self.classification()
    }

    /// The functions that tell classes from outputs.
    fn classification(&self) -> String {
        if self.classes.is_empty() {
            return String::new();
        }
        let is_single = self.pass.outputs == 1;
        let class = match is_single {
            true => "    usize::from(outputs[0] > 0.0)\n",
            false => {
                "    let mut best = (0, f32::NEG_INFINITY);\n    for (class, &output) in outputs.iter().enumerate() {\n        \
                 if output > best.1 {\n            best = (class, output);\n        }\n    }\n    best.0\n"
            }
        };
        let class = format!(
            "\n/// The class that a prediction means, the first of equals: its position in [`CLASSES`].\n\
             pub fn class(outputs: &[f32; OUTPUTS]) -> usize {{\n{class}}}\n"
        );
        let body = match (self.has_probabilities(), self.probabilities_function()) {
            (false, _) => return class,
            (true, Some("softmax")) => {
                "    let mut probabilities = *outputs;\n    \
                 ops::softmax(&mut probabilities, OUTPUTS);\n    probabilities\n"
            }
            (true, Some(_)) if is_single => {
                "    [ops::sigmoid(-outputs[0]), ops::sigmoid(outputs[0])]\n"
            }
            (true, Some(_)) => "    outputs.map(ops::sigmoid)\n",
            (true, None) => "    *outputs\n",
        };
        format!(
            "{class}\n/// The probability of each class, from a prediction.\n\
             pub fn probabilities(outputs: &[f32; OUTPUTS]) -> [f32; CLASSES.len()] {{\n{body}}}\n"
        )
    }

    /// The tests: predictions of Gradus, bit by bit, or where weights were rounded as far as another order of rounding goes.
    fn tests(&self) -> String {
        let is_exact = self.rounded.is_none();
        let bits = |values: &[f32]| {
            let bits: Vec<String> =
                values.iter().map(|value| format!("{:#010x}", value.to_bits())).collect();
            format!("[{}]", bits.join(", "))
        };
        let list = |name: &str, about: &str, size: &str, values: fn(&TestVector) -> &Vec<f32>| {
            let rows: Vec<String> = self
                .vectors
                .iter()
                .map(|vector| format!("    {},\n", bits(values(vector))))
                .collect();
            format!(
                "\n/// {about}\n#[rustfmt::skip]\nstatic {name}: [[u32; {size}]; {}] = [\n{}];\n",
                rows.len(),
                rows.concat()
            )
        };
        let has_rows = self.rows.is_ok();
        let sizes = if has_rows { "INPUTS, OUTPUTS, ROW" } else { "INPUTS, OUTPUTS" };
        let functions = if has_rows { "predict, predict_row" } else { "predict" };
        let mut text = format!(
            "//! Random samples and what Gradus predicts for them in portable arithmetic, as bits.\n\n\
             use super::{{{sizes}, {functions}}};\n"
        );
        text += if is_exact {
            "\nfn check(found: &[f32], expected: &[u32]) {\n    \
                 for (found, expected) in found.iter().zip(expected) {\n        \
                 let expected = f32::from_bits(*expected);\n        \
                 let is_same = found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan();\n        \
                 assert!(is_same, \"{found:?} instead of {expected:?}\");\n    }\n}\n"
        } else {
            "\n/// Gradus multiplies with the rounded weights, the crate with whole numbers and then with the scale.\n\
             fn check(found: &[f32], expected: &[u32]) {\n    \
                 let largest = expected.iter().fold(1.0, |most, bits| f32::from_bits(*bits).abs().max(most));\n    \
                 for (found, expected) in found.iter().zip(expected) {\n        \
                 let expected = f32::from_bits(*expected);\n        \
                 assert!((found - expected).abs() <= 1e-4 * largest, \"{found:?} instead of {expected:?}\");\n    }\n}\n"
        };
        text += "\n#[test]\nfn features_have_the_predictions_of_gradus() {\n    \
             for (features, outputs) in FEATURES.iter().zip(&PREDICTIONS) {\n        \
             check(&predict(&features.map(f32::from_bits)), outputs);\n    }\n}\n";
        text += &list("FEATURES", "The features of samples.", "INPUTS", |vector| &vector.features);
        text += &list("PREDICTIONS", "What the last layer gives for them.", "OUTPUTS", |vector| {
            &vector.outputs
        });
        if has_rows {
            text += "\n#[test]\nfn rows_have_the_predictions_of_gradus() {\n    \
                 for (row, outputs) in ROWS.iter().zip(&ROW_PREDICTIONS) {\n        \
                 check(&predict_row(&row.map(f32::from_bits)), outputs);\n    }\n}\n";
            text += &list("ROWS", "The same samples before their transforms.", "ROW", |vector| {
                &vector.row
            });
            text += &list(
                "ROW_PREDICTIONS",
                "The predictions in the unit of the target.",
                "OUTPUTS",
                |vector| &vector.in_unit,
            );
        }
        text
    }

    /// A program that measures the time of a prediction.
    fn example(&self) -> String {
        let name = identifier(&self.options.name);
        format!(
            "//! Measures a prediction: `RUSTFLAGS=\"-C target-cpu=native\" cargo run --release --example time`.\n\n\
             use std::hint::black_box;\nuse std::time::Instant;\n\n\
             /// Samples of a measurement, of which the median counts.\nconst ROUNDS: usize = 101;\n\n\
             fn main() {{\n    \
                 let features = core::array::from_fn(|i| (i % 7) as f32 / 7.0);\n    \
                 let mut calls = 1;\n    \
                 while seconds(&features, calls) < 2e-4 {{\n        calls *= 2;\n    }}\n    \
                 let round = |_| seconds(&features, calls) / f64::from(calls);\n    \
                 let mut times: Vec<f64> = (0..ROUNDS).map(round).collect();\n    \
                 times.sort_by(f64::total_cmp);\n    \
                 println!(\"{{:.1}} ns a prediction\", times[ROUNDS / 2] * 1e9);\n}}\n\n\
             fn seconds(features: &[f32; {name}::INPUTS], calls: u32) -> f64 {{\n    \
                 let start = Instant::now();\n    \
                 for _ in 0..calls {{\n        black_box({name}::predict(black_box(features)));\n    }}\n    \
                 start.elapsed().as_secs_f64()\n}}\n"
        )
    }
}
