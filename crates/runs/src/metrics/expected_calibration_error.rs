//! Expected calibration error: how far the probability of the predicted class, the confidence, is from the accuracy.
//! The samples are put into 15 bins of equal width by their confidence, `0 < c ≤ 1/15` and so on; the result is the mean
//! over samples of `|accuracy − mean confidence|` of their bin.
//!
//! Source: Guo, Pleiss, Sun, Weinberger (2017), "On calibration of modern neural networks".

use serde::Serialize;

use super::{ClassPredictions, Metric, MetricFormula, has_labels};

/// The number of bins: that of the source.
pub const BINS: usize = 15;

/// See the [module](self).
pub const EXPECTED_CALIBRATION_ERROR: Metric = Metric {
    name: "expected_calibration_error",
    unit: "fraction",
    higher_is_better: false,
    applies_to: has_labels,
    formula: MetricFormula::Classes(|predictions| {
        let bins = calibration(predictions)?;
        let gaps = bins
            .iter()
            .filter_map(|bin| Some(bin.samples as f64 * (bin.accuracy? - bin.confidence?).abs()));
        Ok(gaps.sum::<f64>() / predictions.labels().len() as f64)
    }),
};

/// The samples whose confidence is in one of [`BINS`] bins of equal width.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct CalibrationBin {
    /// The number of samples.
    pub samples: usize,
    /// Their mean confidence; none without samples.
    pub confidence: Option<f64>,
    /// The fraction of correct ones; none without samples.
    pub accuracy: Option<f64>,
}

/// The bins, from low to high confidence.
///
/// # Errors
///
/// As [`ClassPredictions::probabilities`].
pub fn calibration(
    predictions: &ClassPredictions<'_>,
) -> Result<[CalibrationBin; BINS], &'static str> {
    let probabilities = predictions.probabilities()?;
    let mut sums = [(0, 0.0, 0.0); BINS];
    let classes = predictions.predicted().iter().zip(predictions.labels());
    for (sample, (&predicted, &label)) in classes.enumerate() {
        let confidence = probabilities.of(sample, predicted as usize);
        let bin = ((confidence * BINS as f64).ceil() as usize).clamp(1, BINS) - 1;
        let (samples, sum, correct) = &mut sums[bin];
        *samples += 1;
        *sum += confidence;
        *correct += f64::from(predicted == label);
    }
    Ok(sums.map(|(samples, confidence, correct)| {
        let mean = |sum: f64| (samples > 0).then(|| sum / samples as f64);
        CalibrationBin { samples, confidence: mean(confidence), accuracy: mean(correct) }
    }))
}

#[cfg(test)]
mod tests {
    use nn::losses::Prediction;

    use super::*;

    #[test]
    fn the_gaps_of_the_bins_are_weighted_by_their_samples() {
        let outputs = [[0.65, 0.35, 0.0], [0.65, 0.35, 0.0], [0.0, 0.35, 0.65], [0.0, 0.0, 1.0]];
        let (outputs, labels) = (outputs.as_flattened(), [0, 0, 1, 2]);
        let predictions = ClassPredictions::new(outputs, &labels, 3, Prediction::Probabilities);
        let bins = calibration(&predictions).unwrap();
        let filled = (0..BINS).filter(|&bin| bins[bin].samples > 0);
        // 0.65 is between 9/15 and 10/15.
        assert_eq!(filled.collect::<Vec<_>>(), [9, 14]);
        assert_eq!((bins[9].samples, bins[9].accuracy), (3, Some(2.0 / 3.0)));
        assert!((bins[9].confidence.unwrap() - 0.65).abs() < 1e-7, "{bins:?}");
        assert_eq!(bins[0], CalibrationBin::default());
        let MetricFormula::Classes(formula) = EXPECTED_CALIBRATION_ERROR.formula else {
            unreachable!("a formula of classes")
        };
        let expected = 3.0 * (2.0 / 3.0 - 0.65) / 4.0;
        assert!((formula(&predictions).unwrap() - expected).abs() < 1e-7);
    }

    #[test]
    fn equal_outputs_are_as_confident_as_the_number_of_classes_says() {
        let predictions = ClassPredictions::new(&[0.0; 8], &[0; 2], 4, Prediction::Logits);
        let bin = calibration(&predictions).unwrap()[3];
        assert_eq!((bin.samples, bin.accuracy), (2, Some(1.0)));
        assert!((bin.confidence.unwrap() - 0.25).abs() < 1e-15, "{bin:?}");
    }
}
