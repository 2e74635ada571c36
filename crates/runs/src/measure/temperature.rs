//! Temperature scaling: the one number by which logits are divided so that the log-loss of a part is least. It changes
//! probabilities and no predicted class.
//!
//! Source: Guo, Pleiss, Sun, Weinberger (2017), "On calibration of modern neural networks".

use crate::metrics::{ClassPredictions, ClassProbabilities, MetricValue};

/// The lowest temperature that is searched.
pub const LOWEST_TEMPERATURE: f64 = 0.01;
/// The highest temperature that is searched.
pub const HIGHEST_TEMPERATURE: f64 = 100.0;

/// The search ends where the next step is smaller than this fraction of 1 / temperature.
const TOLERANCE: f64 = 1e-12;
/// Newton's method needs five to ten steps, and halving alone sixty for all digits.
const MOST_STEPS: usize = 100;

/// The temperature with the least log-loss: that of the validation set is the one to use.
///
/// The log-loss is convex in 1 / temperature, so Newton's method finds the place where its derivative is 0; a step that
/// leaves the interval in which it must lie is replaced by its geometric mean.
///
/// # Errors
///
/// As [`ClassPredictions::probabilities`], and that there is none from [`LOWEST_TEMPERATURE`] to
/// [`HIGHEST_TEMPERATURE`]: the log-loss falls to 0 with the temperature if every label has the largest output.
pub fn fit_temperature(predictions: &ClassPredictions<'_>) -> MetricValue {
    let (probabilities, labels) = (predictions.probabilities()?, predictions.labels());
    let derivatives = |scale| derivatives(&probabilities.with_temperature(1.0 / scale), labels);
    let (mut low, mut high) = (1.0 / HIGHEST_TEMPERATURE, 1.0 / LOWEST_TEMPERATURE);
    if derivatives(low)[0] >= 0.0 || derivatives(high)[0] <= 0.0 {
        return Err("no temperature from 0.01 to 100 has the least log-loss");
    }
    let mut scale = 1.0;
    for _ in 0..MOST_STEPS {
        let [first, second] = derivatives(scale);
        *(if first < 0.0 { &mut low } else { &mut high }) = scale;
        let newton = scale - first / second;
        let next = if (low..=high).contains(&newton) { newton } else { (low * high).sqrt() };
        let step = (next - scale).abs();
        scale = next;
        if step <= TOLERANCE * scale {
            break;
        }
    }
    Ok(1.0 / scale)
}

/// The first and the second derivative by 1 / temperature of the log-loss of all samples.
fn derivatives(probabilities: &ClassProbabilities<'_>, labels: &[u32]) -> [f64; 2] {
    let mut sums = [0.0; 2];
    for (sample, &label) in labels.iter().enumerate() {
        // Relative to the label's logit, which costs no digits of the mean.
        let own = probabilities.logit(sample, label as usize);
        let (mut mean, mut mean_square) = (0.0, 0.0);
        for class in 0..probabilities.classes() {
            let difference = probabilities.logit(sample, class) - own;
            let term = probabilities.of(sample, class) * difference;
            mean += term;
            mean_square += term * difference;
        }
        sums[0] += mean;
        sums[1] += mean_square - mean * mean;
    }
    sums
}

#[cfg(test)]
mod tests {
    use nn::losses::Prediction;

    use super::*;

    #[test]
    fn logits_that_were_multiplied_are_divided_again() {
        // In each group of four the class with p = 3/4 is the label three times: a temperature of 1 is right.
        let logit = 3_f64.ln();
        for factor in [0.02, 0.5, 1.0, 7.0, 90.0] {
            let outputs = [0.0, (factor * logit) as f32].repeat(8);
            let labels = [1, 1, 1, 0, 1, 0, 1, 1];
            let predictions = ClassPredictions::new(&outputs, &labels, 2, Prediction::Logits);
            let found = fit_temperature(&predictions).unwrap();
            // The logits are `f32`.
            assert!((found / factor - 1.0).abs() < 1e-7, "{factor}: {found}");
            let one: Vec<f32> = outputs.chunks(2).map(|row| row[1]).collect();
            let predictions = ClassPredictions::new(&one, &labels, 2, Prediction::SeparateLogits);
            assert!((fit_temperature(&predictions).unwrap() / found - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn there_is_none_if_every_label_has_the_largest_output_or_the_outputs_say_nothing() {
        for outputs in [[0.0, 1.0, 2.0, 0.0], [1.0, 0.0, 0.0, 1.0], [0.5; 4]] {
            let predictions = ClassPredictions::new(&outputs, &[1, 0], 2, Prediction::Logits);
            let error = fit_temperature(&predictions).unwrap_err();
            assert!(error.starts_with("no temperature from 0.01 to 100"), "{error}");
        }
        let predictions = ClassPredictions::new(&[0.0; 4], &[1, 0], 2, Prediction::Scores);
        assert_eq!(fit_temperature(&predictions), Err("the loss defines no probabilities"));
    }

    #[test]
    fn the_log_loss_is_least_at_the_temperature() {
        // Scores that say something, and labels that they do not always give.
        let outputs: Vec<f32> =
            (0..600).map(|i| ((i * 37 % 101) as f32 / 20.0).sin() * 6.0).collect();
        let labels: Vec<u32> = (0..200)
            .map(|i| match i % 3 {
                0 => (i / 3 % 3) as u32,
                _ => crate::metrics::accuracy::argmax(&outputs[3 * i..][..3]) as u32,
            })
            .collect();
        let predictions = ClassPredictions::new(&outputs, &labels, 3, Prediction::Logits);
        let log_loss = |temperature| {
            let at = predictions.with_temperature(temperature);
            let probabilities = at.probabilities().unwrap();
            let terms = (0..200).map(|i| -probabilities.ln(i, labels[i] as usize));
            terms.sum::<f64>() / 200.0
        };
        let found = fit_temperature(&predictions).unwrap();
        assert!(found > 1.1, "{found}");
        for factor in [0.9, 0.999, 1.001, 1.1] {
            assert!(log_loss(found) < log_loss(found * factor), "{factor}");
        }
    }
}
