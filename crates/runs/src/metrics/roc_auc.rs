//! The area under the ROC curve: the probability that a sample of a class has a higher score than one of another class;
//! equal scores count half.
//!
//! The score is the probability of the class or, without probabilities, its output. Of two classes it is the area of
//! class 1, of more the mean of the areas of each class against all others. It is undefined for a class that no sample
//! or every sample has; such classes are left out of the mean.

use super::{Metric, MetricFormula, Ranking, has_labels};

/// See the [module](self).
pub const ROC_AUC: Metric = Metric {
    name: "roc_auc",
    unit: "fraction",
    higher_is_better: true,
    applies_to: has_labels,
    formula: MetricFormula::Classes(|predictions| predictions.one_vs_rest(roc_auc)),
};

/// The area of a class; none if all samples are of it, or none is.
pub fn roc_auc(ranking: &Ranking) -> Option<f64> {
    let [others, own] = ranking.both()?;
    // Exact: an equal pair counts 1, one in the right order 2.
    let (mut points, mut others_below) = (0_u128, 0);
    for &[others, own] in ranking.counts() {
        points += own as u128 * (2 * others_below + others) as u128;
        others_below += others;
    }
    Some(points as f64 / (2.0 * own as f64 * others as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_count_half() {
        for (own, others, expected) in [
            // The example of scikit-learn's `roc_auc_score`.
            (&[0.35, 0.8][..], &[0.1, 0.4][..], 0.75),
            (&[0.5], &[0.5], 0.5),
            (&[0.5, 0.5, 0.9], &[0.5, 0.1], (0.5 + 1.0 + 0.5 + 1.0 + 1.0 + 1.0) / 6.0),
            (&[0.1], &[0.2, 0.3], 0.0),
        ] {
            let own = own.iter().map(|&score| (score, true));
            let scored = own.chain(others.iter().map(|&score| (score, false)));
            assert_eq!(roc_auc(&Ranking::new(scored)), Some(expected));
        }
    }
}
