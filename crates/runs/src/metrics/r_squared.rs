//! R², the coefficient of determination: `1 − Σ(prediction − target)² / Σ(target − mean target)²`. It is 1 of perfect
//! predictions, 0 of the mean of the targets as every prediction, and below 0 of worse ones.
//!
//! Of several outputs it is the mean over those whose targets differ; it is undefined where all targets are equal.

use super::{Metric, MetricFormula, MetricValue, ValuePredictions, has_values};

/// See the [module](self).
pub const R_SQUARED: Metric = Metric {
    name: "r_squared",
    unit: "none",
    higher_is_better: true,
    applies_to: has_values,
    formula: MetricFormula::Values(r_squared),
};

fn r_squared(values: &ValuePredictions<'_>) -> MetricValue {
    let of_outputs = (0..values.width()).filter_map(|output| of_output(values.output(output)));
    let (sum, n) = of_outputs.fold((0.0, 0), |(sum, n), value| (sum + value, n + 1));
    if n > 0 { Ok(sum / f64::from(n)) } else { Err("all targets are equal") }
}

/// Of one output; none if its targets are equal.
fn of_output(pairs: impl Iterator<Item = [f64; 2]> + Clone) -> Option<f64> {
    let targets = || pairs.clone().map(|[_, target]| target);
    let first = targets().next()?;
    if targets().all(|target| target == first) {
        return None;
    }
    // From the first target on, so that a large offset of all targets costs no digits.
    let (sum, n) = targets().fold((0.0, 0.0), |(sum, n), target| (sum + (target - first), n + 1.0));
    let mean = first + sum / n;
    let total: f64 = targets().map(|target| (target - mean).powi(2)).sum();
    let rest: f64 = pairs.map(|[prediction, target]| (prediction - target).powi(2)).sum();
    Some(1.0 - rest / total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_count_alike_and_constant_ones_not() {
        for (targets, predictions, width, expected) in [
            // The first example of scikit-learn's `r2_score`: 0.948….
            (&[3.0, -0.5, 2.0, 7.0][..], &[2.5, 0.0, 2.0, 8.0][..], 1, Ok(1.0 - 1.5 / 29.1875)),
            // Its example with two outputs: 0.965… and 0.908….
            (
                &[0.5, 1.0, -1.0, 1.0, 7.0, -6.0],
                &[0.0, 2.0, -1.0, 2.0, 8.0, -5.0],
                2,
                Ok((1.0 - 1.25 / (217.0 / 6.0) + 1.0 - 3.0 / (98.0 / 3.0)) / 2.0),
            ),
            (&[1.0, 5.0, 3.0, 5.0], &[1.0, 4.0, 2.0, 4.0], 2, Ok(0.5)),
            (&[2.0, 2.0], &[2.0, 2.0], 1, Err("all targets are equal")),
            (&[2.0], &[1.0], 1, Err("all targets are equal")),
            // Targets whose mean is predicted.
            (&[16_777_214.0, 16_777_216.0], &[16_777_215.0; 2], 1, Ok(0.0)),
        ] {
            let found = r_squared(&ValuePredictions::new(predictions, targets, width));
            let is_near = found.ok().zip(expected.ok()).is_none_or(|(a, b)| (a - b).abs() < 1e-15);
            assert!(is_near && found.err() == expected.err(), "expected {expected:?}: {found:?}");
        }
    }
}
