//! Probabilities of classes.

use nn::losses::Prediction;

use crate::metrics::NOT_FINITE;

/// The probability of each class for each sample of a part. Those of a sample add up to 1: independent probabilities,
/// each by a logit of its own, are divided by their sum.
#[derive(Clone, Debug)]
pub struct ClassProbabilities<'a> {
    outputs: &'a [f32],
    classes: usize,
    /// The logit of a class, from the outputs for a sample.
    logit: fn(&[f32], usize) -> f64,
    /// What logits are multiplied by: 1 / temperature.
    scale: f64,
    /// For each sample the largest scaled logit, and the sum of the exponentials of all, relative to it.
    sums: Vec<[f64; 2]>,
}

impl<'a> ClassProbabilities<'a> {
    /// Of the outputs for so many samples, at least one, whose meaning the loss states.
    ///
    /// # Errors
    ///
    /// That they have no probabilities as their meaning, or that one is not finite.
    pub(crate) fn new(
        outputs: &'a [f32],
        samples: usize,
        classes: usize,
        meaning: Prediction,
    ) -> Result<Self, &'static str> {
        let is_single = outputs.len() == samples;
        let logit: fn(&[f32], usize) -> f64 = match meaning {
            Prediction::Logits => |row, class| row[class].into(),
            Prediction::SeparateLogits if is_single => {
                |row, class| if class == 1 { row[0].into() } else { 0.0 }
            }
            Prediction::SeparateLogits => |row, class| log_sigmoid(row[class].into()),
            // A network that computes in `f32` cannot tell smaller ones from 0, whose logarithm is infinite.
            Prediction::Probabilities => {
                |row, class| f64::from(row[class].max(f32::MIN_POSITIVE)).ln()
            }
            Prediction::Scores => return Err("the loss defines no probabilities"),
        };
        if !outputs.iter().all(|output| output.is_finite()) {
            return Err(NOT_FINITE);
        }
        let sums = vec![[0.0; 2]; samples];
        Ok(Self { outputs, classes, logit, scale: 1.0, sums }.with_temperature(1.0))
    }

    /// The probabilities of these logits divided by a temperature above 0. One above 1 makes them more even.
    #[must_use]
    pub fn with_temperature(&self, temperature: f64) -> Self {
        let scale = 1.0 / temperature;
        let sums = (0..self.sums.len()).map(|sample| {
            let logits = || (0..self.classes).map(|class| scale * self.logit(sample, class));
            let largest = logits().fold(f64::NEG_INFINITY, f64::max);
            // The exponents are at most 0, so nothing overflows, and one of them is 0, so the sum is not 0.
            [largest, logits().map(|logit| (logit - largest).exp()).sum()]
        });
        Self { scale, sums: sums.collect(), ..self.clone() }
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The probability of a class for a sample. Samples whose logits differ by the same number have equal ones.
    pub fn of(&self, sample: usize, class: usize) -> f64 {
        let [largest, sum] = self.sums[sample];
        (self.scale * self.logit(sample, class) - largest).exp() / sum
    }

    /// Its natural logarithm, which is finite.
    pub fn ln(&self, sample: usize, class: usize) -> f64 {
        let [largest, sum] = self.sums[sample];
        self.scale * self.logit(sample, class) - largest - sum.ln()
    }

    /// The logit of a class for a sample, up to a number that is the same for all classes, and before it is divided by
    /// a temperature.
    pub(crate) fn logit(&self, sample: usize, class: usize) -> f64 {
        let width = self.outputs.len() / self.sums.len();
        (self.logit)(&self.outputs[sample * width..][..width], class)
    }
}

/// `ln σ(z)`, without the logarithm of 0.
fn log_sigmoid(z: f64) -> f64 {
    z.min(0.0) - (-z.abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_those_of_the_loss_divided_by_their_sum() {
        for (meaning, outputs, samples) in [
            (Prediction::Logits, &[3.2, 5.1, -1.7, 80.0, -80.0, 0.0][..], 2),
            (Prediction::SeparateLogits, &[3.2, 5.1, -1.7, 80.0, -40.0, 0.0], 2),
            (Prediction::SeparateLogits, &[3.2, -5.1, 0.0], 3),
            (Prediction::Probabilities, &[0.25, 0.5, 0.25, 0.3, 0.3, 0.6], 2),
        ] {
            let width = outputs.len() / samples;
            let classes = width.max(2);
            let found = ClassProbabilities::new(outputs, samples, classes, meaning).unwrap();
            for (sample, row) in outputs.chunks(width).enumerate() {
                let expected = meaning.probabilities(row).unwrap();
                let sum: f64 = expected.iter().sum();
                for (class, expected) in expected.iter().map(|value| value / sum).enumerate() {
                    let error = (found.of(sample, class) - expected).abs();
                    assert!(error < 1e-14, "{meaning:?} {row:?} class {class}: off by {error}");
                    let error = (found.ln(sample, class) - expected.ln()).abs();
                    assert!(error < 1e-13, "{meaning:?} {row:?} class {class}: off by {error}");
                }
            }
        }
    }

    #[test]
    fn a_temperature_divides_the_logits() {
        let outputs = [1.0, -2.0, 0.5];
        let divided = outputs.map(|logit| logit / 4.0);
        let of = |outputs| ClassProbabilities::new(outputs, 1, 3, Prediction::Logits).unwrap();
        let (found, expected) = (of(&outputs).with_temperature(4.0), of(&divided));
        for class in 0..3 {
            assert!((found.of(0, class) - expected.of(0, class)).abs() < 1e-15, "class {class}");
        }
        // From the logits, and not from what another temperature made of them.
        assert_eq!(found.with_temperature(1.0).of(0, 1), of(&outputs).of(0, 1));
    }

    #[test]
    fn a_probability_of_0_has_a_logarithm_and_outputs_without_probabilities_are_refused() {
        fn of(
            outputs: &[f32; 2],
            meaning: Prediction,
        ) -> Result<ClassProbabilities<'_>, &'static str> {
            ClassProbabilities::new(outputs, 1, 2, meaning)
        }
        let certain = of(&[1.0, 0.0], Prediction::Probabilities).unwrap();
        assert!((certain.ln(0, 1) - f64::from(f32::MIN_POSITIVE).ln()).abs() < 1e-12);
        assert!(of(&[1.0, 0.0], Prediction::Scores).is_err());
        for output in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(of(&[1.0, output], Prediction::Logits).unwrap_err(), NOT_FINITE);
        }
    }
}
