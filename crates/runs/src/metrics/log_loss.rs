//! Log-loss: the mean of `−ln p`, with `p` the probability of the label, in nats. It is the cross-entropy, without label
//! smoothing and penalties.

use super::{ClassPredictions, Metric, MetricFormula, MetricValue, has_labels};

/// See the [module](self).
pub const LOG_LOSS: Metric = Metric {
    name: "log_loss",
    unit: "nats",
    higher_is_better: false,
    applies_to: has_labels,
    formula: MetricFormula::Classes(log_loss),
};

fn log_loss(predictions: &ClassPredictions<'_>) -> MetricValue {
    let (probabilities, labels) = (predictions.probabilities()?, predictions.labels());
    let logarithms = labels.iter().enumerate();
    let sum: f64 = logarithms.map(|(i, &label)| probabilities.ln(i, label as usize)).sum();
    Ok(-sum / labels.len() as f64)
}

#[cfg(test)]
mod tests {
    use nn::losses::Prediction;

    use super::*;

    #[test]
    fn a_certain_mistake_costs_its_logit() {
        let of = |outputs, labels| {
            log_loss(&ClassPredictions::new(outputs, labels, 2, Prediction::Logits)).unwrap()
        };
        assert_eq!(of(&[0.0, 1000.0], &[0]), 1000.0);
        assert_eq!(of(&[0.0, 0.0, 1000.0, 0.0], &[0, 0]), 2_f64.ln() / 2.0);
    }

    #[test]
    fn it_is_that_of_the_example_of_scikit_learn() {
        // 0.21616…, of `log_loss`.
        let outputs = [[0.1, 0.9], [0.9, 0.1], [0.8, 0.2], [0.35, 0.65]];
        let labels = [1, 0, 0, 1];
        let predictions =
            ClassPredictions::new(outputs.as_flattened(), &labels, 2, Prediction::Probabilities);
        let expected = -(0.9_f64 * 0.9 * 0.8 * 0.65).ln() / 4.0;
        let found = log_loss(&predictions).unwrap();
        // The probabilities are `f32`.
        assert!((found - expected).abs() < 1e-7 && (0.21616..0.21617).contains(&found), "{found}");
    }
}
