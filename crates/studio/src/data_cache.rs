//! The data of runs, shared by those that are of the same.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use runs::{DataSpec, Parts};

use crate::error::RunError;
use crate::{OpenData, lock};

/// How many are kept: a page compares runs of few.
const MAX_KEPT: usize = 4;

/// Data as it was read.
#[derive(Debug)]
pub(crate) struct DataCache {
    open: OpenData,
    /// The last used at the end.
    kept: Mutex<Vec<(DataKey, DataSlot)>>,
}

/// Which data: the settings, and of each file when it was changed last and its length.
type DataKey = (DataSpec, Vec<Option<(SystemTime, u64)>>);

/// Data, once it has been read. Whoever wants the same waits, and nobody else.
type DataSlot = Arc<Mutex<Option<Arc<Parts>>>>;

impl DataCache {
    pub(crate) fn new(open: OpenData) -> Self {
        Self { open, kept: Mutex::default() }
    }

    /// The data of an experiment. It is read once.
    pub(crate) fn get(&self, spec: &DataSpec) -> Result<Arc<Parts>, RunError> {
        let slot = self.slot(spec);
        let mut data = lock(&slot);
        if let Some(parts) = &*data {
            return Ok(Arc::clone(parts));
        }
        let parts = Arc::new((self.open)(spec)?);
        *data = Some(Arc::clone(&parts));
        Ok(parts)
    }

    fn slot(&self, spec: &DataSpec) -> DataSlot {
        let stamp = |path: &PathBuf| {
            let about = path.metadata().ok()?;
            Some((about.modified().ok()?, about.len()))
        };
        let key = (spec.clone(), spec.source.as_dyn().files().iter().map(stamp).collect());
        let mut kept = lock(&self.kept);
        let entry = match kept.iter().position(|(other, _)| *other == key) {
            Some(at) => kept.remove(at),
            None => (key, DataSlot::default()),
        };
        let slot = Arc::clone(&entry.1);
        kept.push(entry);
        if kept.len() > MAX_KEPT {
            kept.remove(0);
        }
        slot
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use runs::{Experiment, ExperimentError};

    use super::*;

    static READ: AtomicUsize = AtomicUsize::new(0);

    fn open(spec: &DataSpec) -> Result<Parts, ExperimentError> {
        READ.fetch_add(1, Ordering::Relaxed);
        spec.open(|| Err(std::fmt::Error))
    }

    #[test]
    fn data_is_read_once_for_all_runs_that_have_the_same_and_few_are_kept() {
        let spec = |samples: usize| {
            let text = format!(
                "data.source = {{ kind = 'made', samples = {samples} }}\n\
                 model = {{ input = [2], layers = [{{ kind = 'linear', units = 2 }}] }}\ntrain = {{ steps = 1 }}"
            );
            Experiment::parse("circle.toml", &text).unwrap().data
        };
        let cache = DataCache::new(open);
        let first = cache.get(&spec(100)).unwrap();
        assert!(Arc::ptr_eq(&first, &cache.get(&spec(100)).unwrap()));
        assert_eq!(READ.load(Ordering::Relaxed), 1);
        for samples in 101..=100 + MAX_KEPT {
            cache.get(&spec(samples)).unwrap();
        }
        assert!(!Arc::ptr_eq(&first, &cache.get(&spec(100)).unwrap()), "read anew");
        assert_eq!(lock(&cache.kept).len(), MAX_KEPT);
    }
}
