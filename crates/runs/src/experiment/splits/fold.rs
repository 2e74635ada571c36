//! Cross-validation: rows are dealt into folds of equal size, of each class in proportion, and one of the folds is the test
//! set. With every fold as the test set once, each row is tested once.

use nn::registry::within_limit;

use super::super::validation::fold;
use super::*;

/// The most folds.
const MOST_FOLDS: usize = 1000;

settings! {
    /// The folds depend on the seed of the data alone.
    pub struct Fold {
        /// Which fold is the test set, counted from 1.
        number: usize = 1, |name, &number| within_limit(name, number, MOST_FOLDS);
        /// How many folds there are, at least 2.
        of: usize = 5, |name, &of| within_limit(name, of, MOST_FOLDS);
    }
}

impl SplitRows for Fold {
    fn split(&self, rows: &mut RowParts<'_>) -> Result<(), ExperimentError> {
        let &Self { number, of } = self;
        if number > of || of < 2 || of > rows.samples() {
            let samples = rows.samples();
            return Err(rows.fault(format!(
                "found fold {number} of {of}, expected one of 2 to {samples} folds, counted from 1"
            )));
        }
        let chosen = fold(&rows.training_targets(), [number - 1, of], rows.seed());
        rows.set_training(chosen, Part::Test);
        Ok(())
    }
}
