//! Sizes that follow from the data and the network.

use data::{Dataset, Targets};
use graph::Shape;
use nn::RunningStatistics;

/// Where each batch normalisation's running statistics begin.
pub fn statistics_starts(running_statistics: &[RunningStatistics]) -> Vec<usize> {
    let ends = running_statistics.iter().scan(0, |end, statistic| {
        let start = *end;
        *end += 2 * statistic.channels;
        Some(start)
    });
    ends.collect()
}

/// Outputs that a network for this dataset needs.
pub fn outputs_of(dataset: &Dataset) -> usize {
    match dataset.targets() {
        Targets::Labels { classes, .. } => *classes,
        Targets::Values { width, .. } => *width,
    }
}

/// The shape of the target input for this dataset.
pub fn target_shape(dataset: &Dataset) -> Shape {
    match dataset.targets() {
        Targets::Labels { .. } => Shape::batch([]),
        Targets::Values { width, .. } => Shape::batch([*width]),
    }
}
