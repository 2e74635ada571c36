//! The forward pass of a network, node by node.

use graph::NodeId;
use nn::TrainedGraph;

use crate::source::{PassSource, SourceWriter};
use crate::weights::WeightFormat;
use crate::{StaticCrateError, ops};

/// Writes the forward pass of a network.
///
/// # Errors
///
/// If it has nodes that cannot be written; all are named.
pub(crate) fn write(
    trained: TrainedGraph<'_>,
    format: WeightFormat,
) -> Result<PassSource, StaticCrateError> {
    let nodes: Vec<NodeId> = trained.nodes().collect();
    let mut writer = SourceWriter::new(trained, format);
    let mut unsupported = Vec::new();
    for id in nodes {
        if let Err(why) = ops::write(&mut writer, id) {
            unsupported.push(why);
            writer.result(id);
        }
    }
    match unsupported.is_empty() {
        true => Ok(writer.finish()),
        false => Err(StaticCrateError::Unsupported(unsupported)),
    }
}
