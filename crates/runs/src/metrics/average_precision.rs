//! Average precision: the mean over the samples of a class of the precision with the threshold at their score, that is
//! `Σ (Rₙ − Rₙ₋₁)·Pₙ` over the distinct scores from the highest, of the recall `Rₙ` and the precision `Pₙ` of the samples
//! with at least that score.
//!
//! The score is the probability of the class or, without probabilities, its output. Of two classes it is that of class
//! 1, of more the mean of those of each class against all others. It is undefined for a class that no sample or every
//! sample has; such classes are left out of the mean.

use super::{Metric, MetricFormula, Ranking, has_labels};

/// See the [module](self).
pub const AVERAGE_PRECISION: Metric = Metric {
    name: "average_precision",
    unit: "fraction",
    higher_is_better: true,
    applies_to: has_labels,
    formula: MetricFormula::Classes(|predictions| predictions.one_vs_rest(average_precision)),
};

/// The average precision of a class; none if all samples are of it, or none is.
pub fn average_precision(ranking: &Ranking) -> Option<f64> {
    let [_, all] = ranking.both()?;
    let (mut sum, mut seen, mut found) = (0.0, 0, 0);
    for &[others, own] in ranking.counts().iter().rev() {
        seen += others + own;
        found += own;
        sum += own as f64 * (found as f64 / seen as f64);
    }
    Some(sum / all as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_scores_are_one_threshold() {
        for (own, others, expected) in [
            // The example of scikit-learn's `average_precision_score`: 0.83…
            (&[0.35, 0.8][..], &[0.1, 0.4][..], (1.0 + 2.0 / 3.0) / 2.0),
            (&[0.5], &[0.5, 0.5], 1.0 / 3.0),
            (&[0.9, 0.5], &[0.5, 0.1], (1.0 + 2.0 / 3.0) / 2.0),
            (&[0.1], &[0.2, 0.3], 1.0 / 3.0),
        ] {
            let own = own.iter().map(|&score| (score, true));
            let scored = own.chain(others.iter().map(|&score| (score, false)));
            let found = average_precision(&Ranking::new(scored)).unwrap();
            assert!((found - expected).abs() < 1e-15, "expected {expected}, found {found}");
        }
    }
}
