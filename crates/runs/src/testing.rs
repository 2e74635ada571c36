//! What tests share.

use std::sync::Arc;

use data::{Dataset, Features, FittedTransforms, Targets};

/// The transforms of samples in bytes, divided by 255.
pub(crate) fn of_bytes(shape: &[usize], classes: usize) -> Arc<FittedTransforms> {
    let targets = Targets::Labels { values: Vec::new(), classes };
    let none = Dataset::new("bytes", shape, Features::U8(Vec::new()), targets).unwrap();
    Arc::new(FittedTransforms::of_dataset(&none).unwrap())
}
