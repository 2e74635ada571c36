//! The inputs of a model, by role.

use graph::op::Tile;
use graph::{Float, InputSource};

use super::Model;

/// What an input of a model's graph takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputRole {
    /// The samples.
    Samples,
    /// Their targets.
    Targets,
    /// The running statistics with this index in [`Model::running_statistics`].
    RunningStatistics(usize),
}

/// Samples and their targets, one tile at a time.
pub trait ModelSource<T>: Sync {
    /// Whether no sample has a magnitude above [`graph::BOUND`].
    fn is_bounded(&self) -> bool {
        false
    }

    /// Writes the samples of a tile, samples innermost: see [`InputSource::load`].
    fn load_samples(&self, tile: Tile, out: &mut [T]);

    /// Writes the targets of a tile. Predictions need none.
    fn load_targets(&self, tile: Tile, out: &mut [T]);
}

/// The inputs of a model's graph.
#[derive(Clone, Copy, Debug)]
pub struct ModelInputs<'a, T, S> {
    /// The model.
    pub model: &'a Model<T>,
    /// Samples and targets.
    pub source: S,
    /// All running statistics, those of one layer after the other.
    pub running_statistics: &'a [T],
}

impl<T: Float, S: ModelSource<T>> InputSource<T> for ModelInputs<'_, T, S> {
    fn is_bounded(&self, input: usize) -> bool {
        self.model.inputs[input] == InputRole::Samples && self.source.is_bounded()
    }

    fn load(&self, input: usize, tile: Tile, out: &mut [T]) {
        match self.model.inputs[input] {
            InputRole::Samples => self.source.load_samples(tile, out),
            InputRole::Targets => self.source.load_targets(tile, out),
            InputRole::RunningStatistics(i) => {
                let range = self.model.running_statistics[i].range.clone();
                out.copy_from_slice(&self.running_statistics[range]);
            }
        }
    }
}
