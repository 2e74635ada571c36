//! Cross-validation: an experiment is trained once for each fold of a table and measured on it, so that each row is a test
//! row once; and the comparison of two experiments on the same folds.

use std::sync::Arc;

use data::{DataFault, Dataset, Targets};
use graph::Pool;
use runs::splits::fold::Fold;
use runs::{Experiment, SavedModel};
use serde::Serialize;

use crate::baselines::score_of;
use crate::tune::OpenParts;
use crate::{Observer, TrainError, Trainer};

/// How the rows of a table are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrossValidation {
    /// Folds, at least 2.
    pub folds: usize,
    /// How often the rows are dealt anew, at least once. The seeds of the data and of the run are one more each time.
    pub repeats: usize,
}

/// What one experiment reaches on one fold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FoldScore {
    /// Which dealing, counted from 1.
    pub repeat: usize,
    /// Which fold is tested, counted from 1.
    pub fold: usize,
    /// Rows of the training and of the validation set.
    pub known_rows: usize,
    /// Rows of the fold.
    pub test_rows: usize,
    /// What the score is: `accuracy`, or `rmse` in the unit of the target.
    pub metric: &'static str,
    /// The score.
    pub score: f64,
}

/// Mean and standard deviation of scores.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ScoreSummary {
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation, with one less than their number in the denominator; NaN of a single one.
    pub deviation: f64,
}

/// Whether two experiments differ by more than the choice of the training rows explains.
///
/// The corrected resampled t-test: scores of different folds share training rows, so that the plain t-test finds differences
/// where there are none. Source: Nadeau and Bengio (2003), "Inference for the generalization error".
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PairedComparison {
    /// The first score minus the second one, for each fold.
    pub difference: ScoreSummary,
    /// The statistic; infinite if all differences are the same, and not 0.
    pub t: f64,
    /// One less than the number of scores.
    pub degrees_of_freedom: usize,
    /// The probability of a difference as large or larger, in either direction, if there is none; 1 if all are 0.
    pub p: f64,
}

impl CrossValidation {
    /// Trains `experiment` once for each fold, and passes each score to `each`, which says whether to continue. Where the
    /// experiment has a validation set, the network with the best value on it is measured; else that of the last step.
    ///
    /// # Errors
    ///
    /// If the data is not a table, or has a test table, or the experiment cannot be trained.
    pub fn run(
        self,
        experiment: &Experiment,
        open_data: OpenParts<'_>,
        pool: &Arc<Pool>,
        each: &mut dyn FnMut(FoldScore) -> bool,
    ) -> Result<Vec<FoldScore>, TrainError> {
        let Self { folds, repeats } = self;
        let mut scores = Vec::new();
        for repeat in 1..=repeats {
            for fold in 1..=folds {
                let mut experiment = experiment.clone();
                let more = repeat as u64 - 1;
                experiment.data.split = Some(Fold { number: fold, of: folds }.into());
                experiment.data.seed = experiment.data.seed.wrapping_add(more);
                experiment.train.seed = experiment.train.seed.wrapping_add(more);
                let parts = open_data(&experiment.data)?;
                let mut trainer = Trainer::new(experiment, parts, Arc::clone(pool))?;
                let mut best = BestModel::default();
                trainer.run(None, &mut [&mut best]);
                let (test, validation) = (trainer.test_set(), trainer.validation_set());
                let known_rows = trainer.train_set().len() + validation.map_or(0, Dataset::len);
                let test_rows = test.len();
                let model = best.0.filter(|_| validation.is_some());
                let score = score_of(model.as_ref().unwrap_or(trainer.saved()), test, pool)?;
                let metric = match test.targets() {
                    Targets::Labels { .. } => "accuracy",
                    Targets::Values { .. } => "rmse",
                };
                let score = FoldScore { repeat, fold, known_rows, test_rows, metric, score };
                scores.push(score);
                if !each(score) {
                    return Ok(scores);
                }
            }
        }
        Ok(scores)
    }
}

/// Keeps the network of the best evaluation.
#[derive(Default)]
struct BestModel(Option<SavedModel>);

impl Observer for BestModel {
    fn event(&mut self, event: &events::Event, trainer: &Trainer) {
        if let events::Event::EvaluationFinished(evaluation) = event
            && trainer.is_best(evaluation)
        {
            self.0 = Some(trainer.saved().clone());
        }
    }
}

impl ScoreSummary {
    /// Of some numbers.
    pub fn of(scores: impl IntoIterator<Item = f64>) -> Self {
        let scores: Vec<f64> = scores.into_iter().collect();
        let n = scores.len() as f64;
        let mean = scores.iter().sum::<f64>() / n;
        let squares: f64 = scores.iter().map(|score| (score - mean).powi(2)).sum();
        Self { mean, deviation: (squares / (n - 1.0)).sqrt() }
    }
}

impl PairedComparison {
    /// Compares the scores of two experiments on the same folds.
    ///
    /// # Errors
    ///
    /// [`DataFault::Columns`] if they are not of the same folds, of as many rows, or fewer than two.
    pub fn new(first: &[FoldScore], second: &[FoldScore]) -> Result<Self, TrainError> {
        let of = |score: &FoldScore| {
            (score.repeat, score.fold, score.known_rows, score.test_rows, score.metric)
        };
        let is_same = first.iter().map(of).eq(second.iter().map(of));
        if !is_same || first.len() < 2 {
            let what = "expected the scores of two experiments on the same folds, two or more, of the same table";
            return Err(DataFault::Columns(what.to_owned()).of("cross-validation").into());
        }
        let differences = first.iter().zip(second).map(|(a, b)| a.score - b.score);
        let difference = ScoreSummary::of(differences);
        let n = first.len() as f64;
        let rows = |rows: fn(&FoldScore) -> usize| first.iter().map(rows).sum::<usize>() as f64;
        let share = rows(|score| score.test_rows) / rows(|score| score.known_rows);
        let error = (1.0 / n + share).sqrt() * difference.deviation;
        let t = if difference.mean == 0.0 { 0.0 } else { difference.mean / error };
        let degrees_of_freedom = first.len() - 1;
        Ok(Self { difference, t, degrees_of_freedom, p: two_sided(t, degrees_of_freedom) })
    }
}

/// The probability that the absolute value of Student's t with whole degrees of freedom exceeds that of `t`.
///
/// Source: Abramowitz and Stegun (1964), 26.7.3 and 26.7.4.
fn two_sided(t: f64, degrees_of_freedom: usize) -> f64 {
    let angle = (t.abs() / (degrees_of_freedom as f64).sqrt()).atan();
    let square = angle.cos().powi(2);
    let is_odd = degrees_of_freedom % 2 == 1;
    // The series of cos² with coefficients 2/3 · 4/5 · … or 1/2 · 3/4 · …
    let n_terms = degrees_of_freedom / 2;
    let (mut term, mut sum) = (1.0, 0.0);
    for i in 0..n_terms {
        sum += term;
        let above = 2 * i + if is_odd { 2 } else { 1 };
        term *= above as f64 / (above + 1) as f64 * square;
    }
    let within = match is_odd {
        true => (angle + angle.sin() * angle.cos() * sum) * std::f64::consts::FRAC_2_PI,
        false => angle.sin() * sum,
    };
    (1.0 - within).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_those_of_the_tables() {
        // Critical values of both sides together at 5 %, 1 % and 10 %.
        for (t, degrees, p) in [
            (12.7062, 1, 0.05),
            (4.30265, 2, 0.05),
            (3.18245, 3, 0.05),
            (2.77645, 4, 0.05),
            (2.26216, 9, 0.05),
            (2.09302, 19, 0.05),
            (2.00958, 49, 0.05),
            (63.6567, 1, 0.01),
            (4.60409, 4, 0.01),
            (3.24984, 9, 0.01),
            (1.83311, 9, 0.10),
            (1.72913, 19, 0.10),
        ] {
            let found = two_sided(t, degrees);
            assert!((found - p).abs() < 2e-6, "t {t}, {degrees} degrees: {found}, expected {p}");
            assert_eq!(two_sided(-t, degrees), found);
        }
        assert_eq!(two_sided(0.0, 7), 1.0);
        assert_eq!(two_sided(f64::INFINITY, 8), 0.0);
    }

    fn scores(scores: &[f64]) -> Vec<FoldScore> {
        let score = |(i, &score): (usize, &f64)| FoldScore {
            repeat: 1 + i / 2,
            fold: 1 + i % 2,
            known_rows: 40,
            test_rows: 10,
            metric: "accuracy",
            score,
        };
        scores.iter().enumerate().map(score).collect()
    }

    #[test]
    fn the_test_is_corrected_for_shared_training_rows() {
        let (a, b) = (scores(&[0.9, 0.8, 0.85, 0.95]), scores(&[0.8, 0.8, 0.75, 0.75]));
        let found = PairedComparison::new(&a, &b).unwrap();
        // Differences 0.1, 0, 0.1, 0.2: mean 0.1, variance 0.02 / 3; 1/4 + 10/40 instead of 1/4.
        let variance: f64 = 0.02 / 3.0;
        let t = 0.1 / (0.5 * variance).sqrt();
        assert!((found.difference.mean - 0.1).abs() < 1e-12);
        assert!((found.difference.deviation - variance.sqrt()).abs() < 1e-12);
        assert!((found.t - t).abs() < 1e-9 && found.degrees_of_freedom == 3);
        // p of t = 1.7321 with 3 degrees, by hand: 1 − 2/π (π/4 + 1/2) = 0.1817.
        assert!((found.p - 0.18169).abs() < 1e-4, "{}", found.p);
        let none = PairedComparison::new(&a, &a).unwrap();
        assert_eq!((none.t, none.p), (0.0, 1.0));
        assert!(PairedComparison::new(&a, &b[..3]).is_err());
        assert!(PairedComparison::new(&a[..1], &b[..1]).is_err());
    }
}
