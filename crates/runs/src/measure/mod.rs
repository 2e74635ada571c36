//! Every metric of an evaluation, and what stands behind them: each class, each output, a temperature.

mod class_scores;
mod mistakes;
mod temperature;
mod threshold;

use data::Targets;
use graph::Tensor;

use crate::evaluate::Evaluation;
use crate::metrics::accuracy::ACCURACY;
use crate::metrics::{
    ClassPredictions, Metric, MetricFormula, MetricSums, MetricValue, NOT_FINITE, ValuePredictions,
    applicable,
};

pub use class_scores::ClassScores;
pub use mistakes::{Misclassified, ValueError, WorstMistakes};
pub use temperature::{HIGHEST_TEMPERATURE, LOWEST_TEMPERATURE, fit_temperature};
pub use threshold::{ThresholdRule, choose_threshold};

/// A metric with its value.
#[derive(Clone, Debug)]
pub struct MeasuredMetric {
    /// Which.
    pub metric: &'static Metric,
    /// Its value, which is finite, or why it is undefined.
    pub value: MetricValue,
}

impl Evaluation {
    /// Every metric that applies to the targets of the part, in the order of the registry. The loss is not among them.
    ///
    /// # Panics
    ///
    /// If the part has no sample, or is another one than that of the evaluation.
    pub fn measure(&self, targets: &Targets) -> Vec<MeasuredMetric> {
        self.measure_some(targets, |_| true)
    }

    /// As [`measure`](Self::measure), of the metrics that are wanted: some take long for many samples.
    ///
    /// # Panics
    ///
    /// As [`measure`](Self::measure).
    pub fn measure_some(
        &self,
        targets: &Targets,
        is_wanted: impl Fn(&Metric) -> bool,
    ) -> Vec<MeasuredMetric> {
        let classes = self.class_predictions(targets);
        let values = self.value_predictions(targets);
        let wanted = applicable(targets).filter(|metric| is_wanted(metric));
        let measured = wanted.filter_map(|metric| {
            let value = match metric.formula {
                MetricFormula::Mean(_) => Ok(self.metrics.get(metric.name)?),
                MetricFormula::Classes(formula) => formula(classes.as_ref()?),
                MetricFormula::Values(formula) => formula(values.as_ref()?),
            };
            let value =
                value.and_then(|value| if value.is_finite() { Ok(value) } else { Err(NOT_FINITE) });
            Some(MeasuredMetric { metric, value })
        });
        measured.collect()
    }

    /// The same for each of several outputs whose targets are values; empty for classes and for a single output.
    ///
    /// # Panics
    ///
    /// As [`measure`](Self::measure).
    pub fn measure_outputs(&self, targets: &Targets) -> Vec<Vec<MeasuredMetric>> {
        let (Targets::Values { values, width }, predictions) = (targets, self.predictions.values())
        else {
            return Vec::new();
        };
        let of_output = |output: usize| {
            let column =
                |all: &[f32]| Vec::from_iter(all.iter().skip(output).step_by(*width).copied());
            let (predictions, targets) =
                (column(predictions), Targets::Values { values: column(values), width: 1 });
            let scales = Vec::from_iter(self.scales.get(output).copied());
            let mut sums = MetricSums::new(&targets, &scales);
            let n = predictions.len();
            sums.add(&predictions, &targets, &Vec::from_iter(0..n as u32));
            let (metrics, predictions) =
                (sums.metrics(f64::NAN, n), Tensor::new([n, 1], predictions));
            Self { metrics, predictions, scales, ..*self }.measure(&targets)
        };
        let outputs = if *width > 1 { 0..*width } else { 0..0 };
        outputs.map(of_output).collect()
    }

    /// The predictions with the labels of the part; none for values.
    ///
    /// # Panics
    ///
    /// As [`measure`](Self::measure).
    pub fn class_predictions<'a>(&'a self, targets: &'a Targets) -> Option<ClassPredictions<'a>> {
        let Targets::Labels { values, classes } = targets else { return None };
        let found =
            ClassPredictions::new(self.predictions.values(), values, *classes, self.meaning);
        Some(match self.threshold {
            Some(threshold) => found.with_threshold(threshold).expect("checked when it was set"),
            None => found,
        })
    }

    /// The same, where the second of two classes is predicted from this probability of it on: in the metrics of classes, in the
    /// accuracy, and in the mistakes.
    ///
    /// # Errors
    ///
    /// As [`ClassPredictions::with_threshold`], and that the targets are values.
    ///
    /// # Panics
    ///
    /// As [`measure`](Self::measure).
    pub fn with_threshold(
        mut self,
        threshold: f64,
        targets: &Targets,
    ) -> Result<Self, &'static str> {
        self.threshold = None;
        let predictions = self.class_predictions(targets).ok_or("expected two classes")?;
        let accuracy = predictions.with_threshold(threshold)?.accuracy();
        self.metrics = self.metrics.with(ACCURACY.name, accuracy);
        self.threshold = Some(threshold);
        Ok(self)
    }

    fn value_predictions<'a>(&'a self, targets: &'a Targets) -> Option<ValuePredictions<'a>> {
        let Targets::Values { values, width } = targets else { return None };
        let predictions = ValuePredictions::new(self.predictions.values(), values, *width);
        Some(predictions.with_scales(&self.scales))
    }
}

#[cfg(test)]
mod tests;
