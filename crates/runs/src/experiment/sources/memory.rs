//! Data that a program passes.

use super::*;

settings! {
    /// Datasets that a program passes to the trainer: they cannot be read again.
    pub struct MemoryData {}
}

impl ReadSource for MemoryData {
    fn read(&self, _: Digits<'_>) -> Result<SourceData, ExperimentError> {
        Err(ExperimentError::Memory)
    }
}
