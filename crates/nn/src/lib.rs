//! Layers, losses, initializers, optimizers and schedules, and the description of a network that becomes a graph.
//!
//! Each kind is one file in the folder of its registry and one entry in the registry's list.

pub mod init;
pub mod layers;
pub mod losses;
mod network;
pub mod optim;
pub mod registry;
pub mod schedule;
mod setting;

pub use layers::LayerKind;
pub use losses::Loss;
pub use network::{
    Builder, InputRole, Layer, LayerFault, LayerInput, LayerSummary, Mode, Model, ModelInputs,
    ModelSource, Network, NetworkBuilder, NetworkError, Objective, ParameterRole, ParameterSpec,
    Penalty, RoleFactors, RunningStatistics, TrainedGraph,
};
#[doc(hidden)]
pub use serde;
pub use setting::{Bias, PaddingSetting, Pair};
