//! Random 2 × 2 matrices and their exponentials, for regression.

use data::made::matrix_exponential::make;
use kernels::random::Stream;
use nn::registry::within_limit;

use super::*;

/// Random draws of the matrices: `"matr"`. Every purpose has its own.
const MATRICES: u64 = 0x6d61_7472;

/// Samples of the test set.
const TEST_SAMPLES: usize = 1_000;
/// The most samples of a training set: 320 MB.
const MOST_SAMPLES: usize = 10_000_000;

settings! {
    /// How many matrices to make, and from which seed: see [`data::made::matrix_exponential`].
    pub struct MatrixExponential {
        /// Samples of the training set: 1 to 10,000,000.
        samples: usize = 10_000, |name, &samples| within_limit(name, samples, MOST_SAMPLES);
        /// The seed of the matrices, below 2⁶³; not that of a run.
        seed: u64 = 0;
    }
}

impl ReadSource for MatrixExponential {
    fn read(&self, _: Digits<'_>) -> Result<SourceData, ExperimentError> {
        let set = |name, n_samples, stream| {
            let mut random = Stream::new(self.seed, MATRICES + stream);
            make(name, n_samples, || random.normal())
        };
        let train = set("matrix exponentials, training set", self.samples, 0);
        let test = set("matrix exponentials, test set", TEST_SAMPLES, 1);
        Ok(Split { train, test }.into())
    }
}
