//! The MNIST digits inside the program.

use super::*;

settings! {
    /// The digits inside the program: 60,000 for training, 10,000 for testing.
    pub struct MnistDigits {}
}

impl ReadSource for MnistDigits {
    fn validates_on_last(&self) -> bool {
        true
    }

    fn read(&self, digits: Digits<'_>) -> Result<SourceData, ExperimentError> {
        Ok(digits()?.into())
    }
}
