//! Nothing yet: of a network that came without data.

use super::*;

settings! {
    /// Nothing yet: a network that another program trained comes without data. It answers, and is explained and written;
    /// whatever needs data says so.
    pub struct NoData {}
}

impl ReadSource for NoData {
    fn read(&self, _: Digits<'_>) -> Result<SourceData, ExperimentError> {
        Err(ExperimentError::NoData)
    }
}
