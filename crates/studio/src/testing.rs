//! What tests share.

use std::sync::Arc;

use data::{Dataset, Features, FittedTransforms, Targets};

/// The transforms of samples with so many numbers, of two classes or with one value.
pub(crate) fn of_numbers(numbers: usize, outputs: usize) -> Arc<FittedTransforms> {
    let targets = match outputs {
        1 => Targets::Values { values: Vec::new(), width: 1 },
        classes => Targets::Labels { values: Vec::new(), classes },
    };
    let none = Dataset::new("numbers", [numbers], Features::F32(Vec::new()), targets).unwrap();
    Arc::new(FittedTransforms::of_dataset(&none).unwrap())
}
