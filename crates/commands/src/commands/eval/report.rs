//! The results of an evaluation, as text and as JSON.

use std::io::{self, Write};
use std::path::Path;

use diagnostics::table;
use gradus::data::{Dataset, FittedTransforms};
use gradus::runs::Evaluation;
use gradus::runs::measure::{ClassScores, MeasuredMetric, WorstMistakes};
use gradus::runs::metrics::expected_calibration_error::{CalibrationBin, calibration};
use gradus::runs::metrics::{self, MetricFormula};
use serde::{Serialize, Serializer};

use super::mistakes;
use crate::output::{metric, thousands};

/// The most classes of a confusion matrix in JSON: a larger one could not be read.
const MOST_CLASSES: usize = 1000;
/// Classes that are printed one by one.
const SHOWN_CLASSES: usize = 20;
/// Outputs that are printed side by side.
const SHOWN_OUTPUTS: usize = 10;

/// The results of an evaluation.
#[derive(Debug, Serialize)]
pub(super) struct EvalReport {
    data: String,
    samples: usize,
    /// The probability from which on the second of two classes is predicted, if one was set.
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<f64>,
    #[serde(flatten)]
    measured: Measured,
    /// Samples whose prediction is not the label, if there are labels.
    misclassified: Option<usize>,
    /// Empty for values.
    classes: Vec<ClassReport>,
    /// `confusion[l][p]`: samples with label `l` and prediction `p`; empty for more than [`MOST_CLASSES`].
    confusion: Vec<Vec<usize>>,
    /// Bins of equal width by the probability of the predicted class; empty without probabilities.
    calibration: Vec<CalibrationBin>,
    /// What a temperature makes of the probabilities, if one was asked for.
    temperature: Option<TemperatureReport>,
    /// Of each of several outputs; empty for classes and for one output.
    outputs: Vec<Measured>,
    pub(super) worst_mistakes: WorstMistakes,
    #[serde(skip)]
    has_class_names: bool,
}

/// Metrics by name, in order.
#[derive(Debug, Serialize)]
struct Measured {
    /// None where a metric is undefined.
    #[serde(serialize_with = "as_map")]
    metrics: Vec<(&'static str, Option<f64>)>,
    /// Why.
    #[serde(serialize_with = "as_map")]
    undefined: Vec<(&'static str, &'static str)>,
}

#[derive(Debug, Serialize)]
struct ClassReport {
    name: String,
    #[serde(flatten)]
    scores: ClassScores,
}

#[derive(Debug, Serialize)]
struct TemperatureReport {
    temperature: f64,
    fitted_on: String,
    #[serde(flatten)]
    measured: Measured,
}

fn as_map<S: Serializer, V: Serialize>(pairs: &[(&str, V)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(pairs.iter().map(|(name, value)| (name, value)))
}

impl Measured {
    fn new(measured: impl IntoIterator<Item = MeasuredMetric>) -> Self {
        let mut new = Self { metrics: Vec::new(), undefined: Vec::new() };
        for MeasuredMetric { metric, value } in measured {
            new.metrics.push((metric.name, value.ok()));
            new.undefined.extend(value.err().map(|reason| (metric.name, reason)));
        }
        new
    }

    /// The value of metric number `i` or why it has none.
    fn text(&self, i: usize) -> String {
        let (name, value) = self.metrics[i];
        let reason = || self.undefined.iter().find(|(other, _)| *other == name);
        match value {
            Some(value) => metric(value),
            None => reason().map_or_else(String::new, |(_, reason)| format!("undefined: {reason}")),
        }
    }
}

impl EvalReport {
    /// Of an evaluation on `dataset`, with every mistake.
    pub(super) fn new(
        transforms: &FittedTransforms,
        dataset: &Dataset,
        evaluation: &Evaluation,
    ) -> Self {
        let targets = dataset.targets();
        let mut measured = Measured::new(evaluation.measure(targets));
        measured.metrics.insert(0, ("loss", Some(evaluation.metrics.loss())));
        let predictions = evaluation.class_predictions(targets);
        let scores = predictions.as_ref().map(ClassScores::of_all).unwrap_or_default();
        let class = |(class, scores)| ClassReport { name: transforms.class_name(class), scores };
        let of_few = predictions.as_ref().filter(|all| all.classes() <= MOST_CLASSES);
        let bins = predictions.as_ref().and_then(|all| calibration(all).ok());
        let outputs = evaluation.measure_outputs(targets);
        let worst_mistakes = WorstMistakes::new(transforms, targets, evaluation);
        let classes: Vec<_> = scores.into_iter().enumerate().map(class).collect();
        let mut numbered = classes.iter().enumerate();
        Self {
            data: dataset.name().to_owned(),
            samples: dataset.len(),
            threshold: evaluation.threshold,
            measured,
            misclassified: worst_mistakes.misclassified(),
            confusion: of_few.map(|all| all.confusion()).unwrap_or_default(),
            calibration: bins.map(Vec::from).unwrap_or_default(),
            temperature: None,
            outputs: outputs.into_iter().map(Measured::new).collect(),
            worst_mistakes,
            has_class_names: numbered.any(|(i, class)| class.name != i.to_string()),
            classes,
        }
    }

    /// Adds what a temperature, fitted on the validation set, makes of the probabilities.
    pub(super) fn add_temperature(
        &mut self,
        temperature: f64,
        validation: &Dataset,
        dataset: &Dataset,
        evaluation: &Evaluation,
    ) {
        let targets = dataset.targets();
        let predictions = evaluation.class_predictions(targets);
        let Some(scaled) = predictions.map(|all| all.with_temperature(temperature)) else { return };
        let of_classes = metrics::all().filter_map(|metric| match metric.formula {
            MetricFormula::Classes(formula) if (metric.applies_to)(targets) => {
                Some(MeasuredMetric { metric, value: formula(&scaled) })
            }
            _ => None,
        });
        let (fitted_on, measured) = (validation.name().to_owned(), Measured::new(of_classes));
        self.temperature = Some(TemperatureReport { temperature, fitted_on, measured });
    }

    /// The report as text; the mistakes are in a file, if there is one.
    pub(super) fn write(
        &self,
        transforms: &FittedTransforms,
        written: Option<&Path>,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let mut fields = vec![
            ("data".to_owned(), self.data.clone()),
            ("samples".to_owned(), thousands(self.samples as u64)),
        ];
        if let (Some(threshold), [_, second]) = (self.threshold, &self.classes[..]) {
            let text = format!("{} from a probability of {} on", second.name, metric(threshold));
            fields.push(("threshold".to_owned(), text));
        }
        for (i, (name, _)) in self.measured.metrics.iter().enumerate() {
            let mut text = self.measured.text(i);
            if let Some(mistakes) = self.misclassified.filter(|_| *name == "accuracy") {
                text += &format!(" ({} misclassified)", thousands(mistakes as u64));
            }
            fields.push((label(name), text));
        }
        if let Some(file) = written {
            fields.push(("mistakes".to_owned(), file.display().to_string()));
        }
        table::fields(out, &fields)?;
        self.write_temperature(out)?;
        self.write_outputs(out)?;
        self.write_classes(out)?;
        self.write_confusion(out)?;
        match written {
            None => mistakes::write(&self.worst_mistakes, transforms, out),
            Some(_) => Ok(()),
        }
    }

    fn write_temperature(&self, out: &mut dyn Write) -> io::Result<()> {
        let Some(fitted) = &self.temperature else { return Ok(()) };
        writeln!(out, "\ntemperature {:.4}, fitted on {}:", fitted.temperature, fitted.fitted_on)?;
        let before = |name| self.measured.metrics.iter().find(|(other, _)| *other == name);
        let row = |&(name, value): &(&'static str, Option<f64>)| {
            let (before, value) = (before(name)?.1?, value?);
            (value != before).then(|| [label(name), metric(before), metric(value)])
        };
        let rows: Vec<_> = fitted.measured.metrics.iter().filter_map(row).collect();
        table::write(out, ["<", ">as trained", ">with temperature"], &rows)
    }

    fn write_outputs(&self, out: &mut dyn Write) -> io::Result<()> {
        let shown = &self.outputs[..self.outputs.len().min(SHOWN_OUTPUTS)];
        let Some(first) = shown.first() else { return Ok(()) };
        let hidden = self.outputs.len() - shown.len();
        let note = if hidden > 0 {
            format!(" and {hidden} more, which --json shows")
        } else {
            String::new()
        };
        writeln!(out, "\neach output{note}:")?;
        let headings: Vec<_> = (0..shown.len()).map(|output| format!(">{output}")).collect();
        let headings: Vec<_> =
            std::iter::once("<").chain(headings.iter().map(String::as_str)).collect();
        let row = |(i, (name, _)): (usize, &(&str, _))| {
            let cells =
                shown.iter().map(|output| output.metrics[i].1.map_or("–".to_owned(), metric));
            std::iter::once(label(name)).chain(cells).collect::<Vec<_>>()
        };
        let rows: Vec<_> = first.metrics.iter().enumerate().map(row).collect();
        table::write(out, headings, &rows)
    }

    fn write_classes(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut classes: Vec<usize> = (0..self.classes.len()).collect();
        if classes.is_empty() {
            return Ok(());
        }
        let hidden = classes.len().saturating_sub(SHOWN_CLASSES);
        if hidden > 0 {
            classes.retain(|&class| self.classes[class].scores.samples > 0);
            let f1 = |class: &usize| self.classes[*class].scores.f1;
            classes.sort_by(|a, b| f1(a).total_cmp(&f1(b)));
            classes.truncate(SHOWN_CLASSES);
            writeln!(out, "\nthe classes with the lowest F1; --json shows all:")?;
        } else {
            writeln!(out, "\neach class:")?;
        }
        let row = |&class: &usize| {
            let ClassReport { scores, .. } = &self.classes[class];
            let counts = [scores.samples, scores.predicted].map(|n| thousands(n as u64));
            let numbers = [Some(scores.precision), Some(scores.recall), Some(scores.f1)];
            let numbers = numbers.into_iter().chain([scores.roc_auc, scores.average_precision]);
            let numbers = numbers.map(|number| number.map_or("–".to_owned(), metric));
            let cells = std::iter::once(self.class_name(class)).chain(counts).chain(numbers);
            cells.collect::<Vec<_>>()
        };
        let headings = [
            "<class",
            ">samples",
            ">predicted",
            ">precision",
            ">recall",
            ">f1",
            ">roc auc",
            ">average precision",
        ];
        table::write(out, headings, &classes.iter().map(row).collect::<Vec<_>>())
    }

    fn write_confusion(&self, out: &mut dyn Write) -> io::Result<()> {
        if !(1..=SHOWN_CLASSES).contains(&self.confusion.len()) {
            return Ok(());
        }
        writeln!(out, "\nconfusion matrix (rows: label, columns: prediction):")?;
        let headings: Vec<_> = (0..self.confusion.len()).map(|class| format!(">{class}")).collect();
        let headings: Vec<_> =
            std::iter::once("<").chain(headings.iter().map(String::as_str)).collect();
        let row = |(class, row): (usize, &Vec<usize>)| {
            let numbers = row.iter().map(ToString::to_string);
            std::iter::once(self.class_name(class)).chain(numbers).collect::<Vec<_>>()
        };
        let rows: Vec<_> = self.confusion.iter().enumerate().map(row).collect();
        table::write(out, headings, &rows)
    }

    /// The number of a class and, if it has one, its name.
    fn class_name(&self, class: usize) -> String {
        match self.has_class_names {
            true => format!("{class} {}", self.classes[class].name),
            false => class.to_string(),
        }
    }
}

/// The name of a metric as it is printed.
fn label(name: &str) -> String {
    name.replace('_', " ")
}
