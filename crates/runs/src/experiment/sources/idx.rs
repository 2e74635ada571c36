//! IDX files, as MNIST is published.

use std::path::PathBuf;

use data::readers::idx;
use nn::registry::{MAX_WIDTH, require};

use super::*;

settings! {
    /// Four IDX files, plain or gzipped.
    pub struct Idx {
        /// Training images.
        train_images: PathBuf;
        /// Training labels.
        train_labels: PathBuf;
        /// Test images.
        test_images: PathBuf;
        /// Test labels.
        test_labels: PathBuf;
        /// Number of classes: 2 to 2²⁰.
        classes: usize, |name, &classes| {
            require((2..=MAX_WIDTH).contains(&classes), name, classes, format!("2 to {MAX_WIDTH}"))
        };
    }
}

impl ReadSource for Idx {
    fn files(&self) -> Vec<PathBuf> {
        let Self { train_images, train_labels, test_images, test_labels, .. } = self;
        [train_images, train_labels, test_images, test_labels].map(PathBuf::clone).into()
    }

    fn read(&self, _: Digits<'_>) -> Result<SourceData, ExperimentError> {
        let Self { train_images, train_labels, test_images, test_labels, classes } = self;
        let train = idx::read(train_images, train_labels, *classes)?;
        Ok(Split { train, test: idx::read(test_images, test_labels, *classes)? }.into())
    }
}
