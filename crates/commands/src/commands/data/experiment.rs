//! The data of an experiment.

use std::fs;
use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use diagnostics::table;
use gradus::data::{Dataset, Targets};
use gradus::events::Part;
use gradus::runs::{BatchSource, DataSpec, Experiment, Parts};
use gradus::studio::SampleSheet;
use serde::Serialize;

use super::DataArgs;
use crate::experiment::{ExperimentArgs, warn};
use crate::output::{print, thousands};

/// Rows of a sheet.
const ROWS: usize = 10;
/// Columns of a sheet, unless it has one for each class.
const COLUMNS: usize = 10;
/// Classes that a table and a sheet still show one by one.
const MOST_CLASSES: usize = 20;

/// What the data is.
#[derive(Debug, Serialize)]
struct DataReport {
    source: &'static str,
    /// Of a sample.
    shape: Vec<usize>,
    /// `bytes` or `real numbers`.
    values: &'static str,
    /// The least and the largest value of the training samples.
    range: [f32; 2],
    divisor: f32,
    parts: Vec<PartReport>,
    /// The kinds in `data.augment`.
    augment: Vec<&'static str>,
    #[serde(skip)]
    class_names: Vec<String>,
}

/// A part of the data.
#[derive(Debug, Serialize)]
struct PartReport {
    part: Part,
    samples: usize,
    /// Samples of each class; none for values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    classes: Vec<usize>,
}

pub(super) fn run(
    experiment: &ExperimentArgs,
    args: &DataArgs,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let experiment = experiment.read(&[])?.experiment;
    let parts = experiment.data.open(gradus::mnist)?;
    warn(&parts.warnings());
    let report = DataReport::new(&experiment, &parts);
    if let Some(file) = &args.png {
        let sheet = sheet(&experiment, &parts.train, report.range, args.augment)?;
        fs::write(file, sheet).with_context(|| format!("writing {}", file.display()))?;
    }
    print(out, args.json, &report, DataReport::write)
}

impl DataReport {
    fn new(experiment: &Experiment, parts: &Parts) -> Self {
        let (data, train, transforms) = (&experiment.data, &parts.train, parts.transforms());
        let each = [Part::Train, Part::Validation, Part::Test].into_iter();
        let part = |part: Part| {
            let set = parts.get(part)?;
            let classes = class_counts(set.targets());
            Some(PartReport { part, samples: set.len(), classes })
        };
        let parts: Vec<PartReport> = each.filter_map(part).collect();
        let classes = parts[0].classes.len();
        let class_name = |class| transforms.map_or_else(String::new, |all| all.class_name(class));
        Self {
            source: data.source.name(),
            shape: train.sample_shape().to_vec(),
            values: if train.is_bytes() { "bytes" } else { "real numbers" },
            range: range(train),
            divisor: train.divisor(),
            parts,
            augment: data.augment.iter().map(|augmentation| augmentation.name()).collect(),
            class_names: (0..classes).map(class_name).collect(),
        }
    }

    fn write(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let Self { source, shape, values, range: [low, high], divisor, .. } = self;
        let mut fields = vec![
            ("source", (*source).to_owned()),
            ("sample", format!("{shape:?}, {values} from {low} to {high}, divided by {divisor}")),
        ];
        if !self.augment.is_empty() {
            fields.push(("augment", self.augment.join(", ")));
        }
        table::fields(out, &fields)?;
        writeln!(out)?;
        let rows = self.parts.iter().map(|part| {
            let samples = thousands(part.samples as u64);
            [part.part.to_string(), samples, self.classes_of(part)]
        });
        let headings = ["<part", ">samples", "<of each class"];
        table::write(out, headings, &rows.collect::<Vec<_>>())
    }

    /// The samples of each class as text, or of many classes their range.
    fn classes_of(&self, part: &PartReport) -> String {
        let (least, most) = (part.classes.iter().min(), part.classes.iter().max());
        match (least, most) {
            (Some(least), Some(most)) if part.classes.len() > MOST_CLASSES => {
                format!("{least} to {most}, of {} classes", part.classes.len())
            }
            (Some(_), Some(_)) => {
                let named = self.class_names.iter().zip(&part.classes);
                let counts =
                    named.map(|(name, &count)| format!("{name}: {}", thousands(count as u64)));
                counts.collect::<Vec<_>>().join("  ")
            }
            _ => "values instead of classes".to_owned(),
        }
    }
}

/// Some training samples as a picture, or some more of them with their augmented forms.
fn sheet(
    experiment: &Experiment,
    train: &Dataset,
    range: [f32; 2],
    augment: bool,
) -> anyhow::Result<Vec<u8>> {
    let shape = match *train.sample_shape() {
        [rows, columns, channels @ (1 | 3)] => [rows, columns, channels],
        ref other => bail!(
            "--png: expected samples of [rows, columns, channels] with 1 or 3 channels, found {other:?}"
        ),
    };
    ensure!(
        !augment || !experiment.data.augment.is_empty(),
        "--augment: expected an experiment with augmentations, found none; add them by \
         --set 'data.augment=[{{ kind = \"shift\", pixels = 2 }}]'"
    );
    let plain = Experiment {
        data: DataSpec { augment: Vec::new(), ..experiment.data.clone() },
        ..experiment.clone()
    };
    let samples = |of: &Experiment, samples: &[u32], epoch: usize| {
        BatchSource::of_training(of, train, samples, epoch as u128 * train.len() as u128).samples()
    };
    let (mut values, mut columns) = (Vec::new(), COLUMNS);
    if augment {
        for sample in mixed(train, ROWS) {
            values.extend(samples(&plain, &[sample], 0));
            let epochs = 0..COLUMNS - 1;
            values.extend(epochs.flat_map(|epoch| samples(experiment, &[sample], epoch)));
        }
    } else {
        // A column for each class.
        let classes = class_counts(train.targets()).into_iter().filter(|count| *count > 0).count();
        if (2..=MOST_CLASSES).contains(&classes) {
            columns = classes;
        }
        values = samples(&plain, &mixed(train, ROWS * columns), 0);
    }
    let range = range.map(|value| value / train.divisor());
    Ok(SampleSheet { shape, values: &values, range, columns }.png())
}

/// The samples of each class; none for values.
fn class_counts(targets: &Targets) -> Vec<usize> {
    let Targets::Labels { values, classes } = targets else { return Vec::new() };
    let mut counts = vec![0; *classes];
    values.iter().for_each(|&label| counts[label as usize] += 1);
    counts
}

/// The least and the largest value.
fn range(set: &Dataset) -> [f32; 2] {
    let mut sample = vec![0.0; set.sample_len()];
    (0..set.len()).fold([f32::INFINITY, f32::NEG_INFINITY], |range, i| {
        set.read(i, &mut sample);
        sample.iter().fold(range, |[low, high], &value| [low.min(value), high.max(value)])
    })
}

/// The first samples, of each class in turn if there are classes.
fn mixed(set: &Dataset, n: usize) -> Vec<u32> {
    let Targets::Labels { values, classes } = set.targets() else {
        return (0..n.min(set.len()) as u32).collect();
    };
    let mut by_class = vec![Vec::new(); *classes];
    (0..).zip(values).for_each(|(sample, &label)| by_class[label as usize].push(sample));
    let longest = by_class.iter().map(Vec::len).max().unwrap_or(0);
    let each = (0..longest).flat_map(|i| by_class.iter().filter_map(move |of| of.get(i).copied()));
    each.take(n).collect()
}
