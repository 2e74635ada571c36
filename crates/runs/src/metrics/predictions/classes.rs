//! Predictions of classes.

use nn::losses::Prediction;

use super::{ClassProbabilities, Ranking};
use crate::metrics::accuracy::predicted_class;
use crate::metrics::{MetricValue, NOT_FINITE};

/// The predictions for all samples of a part, and their labels.
///
/// # Examples
///
/// ```
/// use nn::losses::Prediction;
/// use gradus_runs::metrics::ClassPredictions;
///
/// // Three samples of two classes, with two outputs each.
/// let outputs = [2.0, 1.0, 0.0, 3.0, 1.0, 0.0];
/// let predictions = ClassPredictions::new(&outputs, &[0, 1, 1], 2, Prediction::Logits);
/// assert_eq!(predictions.predicted(), [0, 1, 0]);
/// assert_eq!(predictions.confusion(), [[1, 0], [1, 1]]);
/// ```
#[derive(Clone, Debug)]
pub struct ClassPredictions<'a> {
    outputs: &'a [f32],
    labels: &'a [u32],
    predicted: Vec<u32>,
    counts: Vec<ClassCounts>,
    probabilities: Result<ClassProbabilities<'a>, &'static str>,
}

/// The samples of a class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassCounts {
    /// Samples with its label.
    pub samples: usize,
    /// Samples for which it is predicted.
    pub predicted: usize,
    /// Samples that are both.
    pub correct: usize,
}

impl<'a> ClassPredictions<'a> {
    /// Outputs of a network, sample after sample, whose meaning the loss states, and the labels of the samples.
    ///
    /// # Panics
    ///
    /// If there is no sample, if there are not as many outputs of each as classes (or one, for two classes), or if a
    /// label is not below `classes`.
    pub fn new(outputs: &'a [f32], labels: &'a [u32], classes: usize, meaning: Prediction) -> Self {
        let width = outputs.len() / labels.len();
        assert!(
            outputs.len() == width * labels.len()
                && (width == classes || (width, classes) == (1, 2)),
            "{} outputs for {} samples of {classes} classes",
            outputs.len(),
            labels.len()
        );
        let rows = outputs.chunks_exact(width);
        let predicted: Vec<u32> = rows.map(|row| predicted_class(row) as u32).collect();
        let counts = counts(labels, &predicted, classes);
        let probabilities = ClassProbabilities::new(outputs, labels.len(), classes, meaning);
        Self { outputs, labels, predicted, counts, probabilities }
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.counts.len()
    }

    /// The label of each sample.
    pub fn labels(&self) -> &'a [u32] {
        self.labels
    }

    /// The predicted class of each sample: [`predicted_class`].
    pub fn predicted(&self) -> &[u32] {
        &self.predicted
    }

    /// The outputs of the network for each sample.
    pub fn rows(&self) -> impl Iterator<Item = &'a [f32]> {
        self.outputs.chunks_exact(self.width())
    }

    /// The samples of each class.
    pub fn counts(&self) -> &[ClassCounts] {
        &self.counts
    }

    /// The probability of each class for each sample.
    ///
    /// # Errors
    ///
    /// That the loss defines none, or that an output is not finite.
    pub fn probabilities(&self) -> Result<&ClassProbabilities<'a>, &'static str> {
        self.probabilities.as_ref().map_err(|reason| *reason)
    }

    /// The same with other probabilities: [`ClassProbabilities::with_temperature`].
    #[must_use]
    pub fn with_temperature(&self, temperature: f64) -> Self {
        let probabilities = self.probabilities().map(|all| all.with_temperature(temperature));
        Self { probabilities, ..self.clone() }
    }

    /// The same, where the second of two classes is predicted from this probability of it on.
    ///
    /// # Errors
    ///
    /// That there are not two classes, that the loss defines no probabilities, or that an output is not finite.
    pub fn with_threshold(&self, threshold: f64) -> Result<Self, &'static str> {
        if self.classes() != 2 {
            return Err("expected two classes");
        }
        let probabilities = self.probabilities()?;
        let samples = 0..self.labels.len();
        let is_second = |sample| probabilities.of(sample, 1) >= threshold;
        let predicted: Vec<u32> = samples.map(|sample| is_second(sample).into()).collect();
        Ok(Self { counts: counts(self.labels, &predicted, 2), predicted, ..self.clone() })
    }

    /// The share of samples whose predicted class is their label.
    pub fn accuracy(&self) -> f64 {
        let correct: usize = self.counts.iter().map(|counts| counts.correct).sum();
        correct as f64 / self.labels.len() as f64
    }

    /// `[l][p]`: samples with label `l` and prediction `p`.
    pub fn confusion(&self) -> Vec<Vec<usize>> {
        let mut confusion = vec![vec![0; self.classes()]; self.classes()];
        for (&label, &class) in self.labels.iter().zip(&self.predicted) {
            confusion[label as usize][class as usize] += 1;
        }
        confusion
    }

    /// The samples in the order of the probability of a class or, without probabilities, of its output. Of two classes
    /// with an output each it is the difference of both.
    ///
    /// # Errors
    ///
    /// That an output is not finite.
    pub fn ranking(&self, class: usize) -> Result<Ranking, &'static str> {
        let score = |sample: usize, row: &[f32]| match (&self.probabilities, row) {
            (Ok(probabilities), _) => probabilities.of(sample, class),
            (Err(_), &[output]) => {
                if class == 1 {
                    output.into()
                } else {
                    -f64::from(output)
                }
            }
            (Err(_), &[_, _]) => f64::from(row[class]) - f64::from(row[1 - class]),
            (Err(_), _) => row[class].into(),
        };
        let is_finite = self.probabilities.is_ok() || self.outputs.iter().all(|y| y.is_finite());
        let samples = self.rows().zip(self.labels).enumerate();
        let scored = samples.map(|(i, (row, &label))| (score(i, row), label as usize == class));
        if is_finite { Ok(Ranking::new(scored)) } else { Err(NOT_FINITE) }
    }

    /// What `measure` makes of the ranking by class 1, if there are two classes, or else the mean over the rankings by
    /// each class for which it is defined.
    ///
    /// # Errors
    ///
    /// As [`ranking`](Self::ranking), and that it is undefined for all of them.
    pub(crate) fn one_vs_rest(&self, measure: impl Fn(&Ranking) -> Option<f64>) -> MetricValue {
        let chosen = if self.classes() == 2 { 1..2 } else { 0..self.classes() };
        let (mut sum, mut n) = (0.0, 0);
        for class in chosen {
            if let Some(value) = measure(&self.ranking(class)?) {
                sum += value;
                n += 1;
            }
        }
        if n > 0 { Ok(sum / f64::from(n)) } else { Err("all samples have the same label") }
    }

    /// The mean of a measure over the classes that are the label or the prediction of a sample.
    pub(crate) fn macro_mean(&self, measure: impl Fn(&ClassCounts) -> f64) -> f64 {
        let found = self.counts.iter().filter(|counts| counts.samples + counts.predicted > 0);
        let (sum, n) = found.fold((0.0, 0.0), |(sum, n), counts| (sum + measure(counts), n + 1.0));
        sum / n
    }

    /// The mean of a measure over the classes, weighted by their samples.
    pub(crate) fn weighted_mean(&self, measure: impl Fn(&ClassCounts) -> f64) -> f64 {
        let terms = self.counts.iter().map(|counts| counts.samples as f64 * measure(counts));
        terms.sum::<f64>() / self.labels.len() as f64
    }

    fn width(&self) -> usize {
        self.outputs.len() / self.labels.len()
    }
}

fn counts(labels: &[u32], predicted: &[u32], classes: usize) -> Vec<ClassCounts> {
    let mut counts = vec![ClassCounts::default(); classes];
    for (&label, &class) in labels.iter().zip(predicted) {
        counts[label as usize].samples += 1;
        counts[class as usize].predicted += 1;
        counts[label as usize].correct += usize::from(class == label);
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_the_sums_of_the_confusion_matrix() {
        let outputs = [[3., 1., 2.], [0., 5., 1.], [0., 1., 9.], [7., 1., 2.], [1., 2., 3.]];
        let labels = [0, 1, 1, 2, 2];
        let predictions =
            ClassPredictions::new(outputs.as_flattened(), &labels, 3, Prediction::Scores);
        assert_eq!(predictions.predicted(), [0, 1, 2, 0, 2]);
        let confusion = predictions.confusion();
        assert_eq!(confusion, [[1, 0, 0], [0, 1, 1], [1, 0, 1]]);
        for (class, counts) in predictions.counts().iter().enumerate() {
            let expected = ClassCounts {
                samples: confusion[class].iter().sum(),
                predicted: confusion.iter().map(|row| row[class]).sum(),
                correct: confusion[class][class],
            };
            assert_eq!(*counts, expected, "class {class}");
        }
        assert_eq!(predictions.macro_mean(|counts| counts.samples as f64), 5.0 / 3.0);
        assert_eq!(predictions.weighted_mean(|counts| counts.predicted as f64), 8.0 / 5.0);
    }

    #[test]
    fn a_threshold_moves_samples_from_one_of_two_classes_to_the_other() {
        // Probabilities of class 1 of 0.27, 0.5, 0.73 and 0.88.
        let (logits, labels) = ([-1.0, 0.0, 1.0, 2.0], [1, 0, 0, 1]);
        let predictions = ClassPredictions::new(&logits, &labels, 2, Prediction::SeparateLogits);
        for (threshold, predicted, accuracy) in [
            (0.0, [1, 1, 1, 1], 0.5),
            (0.25, [1, 1, 1, 1], 0.5),
            (0.5, [0, 1, 1, 1], 0.25),
            (0.75, [0, 0, 0, 1], 0.75),
            (1.0, [0, 0, 0, 0], 0.5),
        ] {
            let found = predictions.with_threshold(threshold).unwrap();
            assert_eq!((found.predicted(), found.accuracy()), (&predicted[..], accuracy));
            let sums = found.confusion().into_iter().map(|row| row.iter().sum::<usize>());
            assert_eq!(sums.collect::<Vec<_>>(), [2, 2]);
            assert_eq!(found.ranking(1), predictions.ranking(1));
        }
        let three = ClassPredictions::new(&[0.0; 3], &[1], 3, Prediction::Logits);
        assert_eq!(three.with_threshold(0.5).err(), Some("expected two classes"));
        let scores = ClassPredictions::new(&[0.0], &[1], 2, Prediction::Scores);
        assert_eq!(scores.with_threshold(0.5).err(), Some("the loss defines no probabilities"));
    }

    #[test]
    fn without_probabilities_two_classes_are_ranked_by_the_difference_of_their_outputs() {
        let expected = Ranking::new([(1.0, true), (-3.0, false), (0.5, true)].into_iter());
        let (one, two) = ([1.0, -3.0, 0.5], [[2.0, 3.0], [2.0, -1.0], [0.0, 0.5]]);
        for outputs in [&one[..], two.as_flattened()] {
            let predictions = ClassPredictions::new(outputs, &[1, 0, 1], 2, Prediction::Scores);
            assert_eq!(predictions.ranking(1), Ok(expected.clone()));
            let reversed = Ranking::new([(-1.0, false), (3.0, true), (-0.5, false)].into_iter());
            assert_eq!(predictions.ranking(0), Ok(reversed));
        }
        let predictions = ClassPredictions::new(&[1.0, f32::NAN], &[1, 0], 2, Prediction::Scores);
        assert_eq!(predictions.ranking(1), Err(NOT_FINITE));
    }

    #[test]
    #[should_panic(expected = "5 outputs for 3 samples of 2 classes")]
    fn outputs_of_another_number_of_samples_are_refused() {
        let _ = ClassPredictions::new(&[0.0; 5], &[0; 3], 2, Prediction::Logits);
    }
}
