//! The paths of all nodes of a network.

use std::collections::{BTreeMap, HashMap};

use diagnostics::{did_you_mean, printable};
use graph::elements::ElementId;
use graph::{Float, Graph, NodeId, Shape};
use nn::Model;
use nn::losses::Prediction;

use super::name::{ElementName, NameError};

/// Why an element cannot be explained.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ElementError {
    /// The text is not a name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// No node has the path.
    #[error("the network has no `{}`{hint}", printable(path))]
    Path {
        /// The path.
        path: String,
        /// The nearest one, if one is near.
        hint: String,
    },
    /// The index is not within the shape.
    #[error("{}: expected {expected}, found {found:?}", printable(path))]
    Index {
        /// The path.
        path: String,
        /// The valid indices.
        expected: String,
        /// The index.
        found: Vec<usize>,
    },
    /// The batch has no such sample.
    #[error("the batch has no sample {found}: expected 0 to {}", samples - 1)]
    Sample {
        /// The position.
        found: usize,
        /// The samples of the batch.
        samples: usize,
    },
    /// The loss does not depend on the element, or it is frozen.
    #[error("{}: has no gradient: {reason}", printable(path))]
    NoGradient {
        /// The path.
        path: String,
        /// Why.
        reason: &'static str,
    },
}

/// The paths of all nodes, and the node of each path.
#[derive(Clone, Debug)]
pub(super) struct NodePaths {
    /// Of each node the one that explanations show.
    of_nodes: Vec<String>,
    /// Those, and other names of some.
    nodes: BTreeMap<String, NodeId>,
}

impl NodePaths {
    /// `probabilities` is the node of the probabilities, if there are any.
    ///
    /// A layer's path is its output. Other nodes are called by their op, behind the path of the layer: `8.linear.matmul`,
    /// with a number from the second of one op on.
    pub(super) fn new<T: Float>(
        model: &Model<T>,
        graph: &Graph<T>,
        (prediction, probabilities): (Prediction, Option<NodeId>),
    ) -> Self {
        let mut names: HashMap<NodeId, String> = HashMap::new();
        let mut name = |id, path: &str| {
            names.entry(id).or_insert_with(|| path.to_owned());
        };
        model.parameters.iter().for_each(|spec| name(spec.node, &spec.path));
        model.running_statistics.iter().for_each(|each| name(each.moments, &each.path));
        name(model.input, "input");
        name(model.target, "target");
        model.layers.iter().for_each(|layer| name(layer.node, &layer.path));
        name(model.loss, "loss");
        name(model.data_loss, "data_loss");
        probabilities.into_iter().for_each(|id| name(id, "probabilities"));
        let mut of_op: HashMap<(&str, &str), usize> = HashMap::new();
        let of_nodes = graph.nodes().map(|(id, node)| match names.get(&id) {
            Some(path) => path.clone(),
            None if node.name() == "penalty" => "penalty".to_owned(),
            None => {
                let (scope, op) = (graph.scope(id), node.op_name());
                let count = of_op.entry((scope, op)).or_default();
                *count += 1;
                let number = if *count > 1 { format!(".{count}") } else { String::new() };
                format!("{scope}.{op}{number}")
            }
        });
        let of_nodes: Vec<String> = of_nodes.collect();
        let ids = graph.nodes().map(|(id, _)| id);
        let mut nodes: BTreeMap<String, NodeId> = of_nodes.iter().cloned().zip(ids).collect();
        let mut alias = |path: &str, id| {
            nodes.entry(path.to_owned()).or_insert(id);
        };
        model.layers.iter().for_each(|layer| alias(&layer.path, layer.node));
        alias("data_loss", model.data_loss);
        alias("prediction", model.prediction);
        match prediction {
            Prediction::Logits | Prediction::SeparateLogits => alias("logits", model.prediction),
            Prediction::Probabilities => alias("probabilities", model.prediction),
            Prediction::Scores => alias("scores", model.prediction),
        }
        Self { of_nodes, nodes }
    }

    pub(super) fn of(&self, id: NodeId) -> &str {
        &self.of_nodes[id.index()]
    }

    pub(super) fn node(&self, path: &str) -> Result<NodeId, ElementError> {
        self.nodes.get(path).copied().ok_or_else(|| {
            let hint = did_you_mean(path, self.nodes.keys().map(String::as_str));
            ElementError::Path { path: path.to_owned(), hint }
        })
    }

    /// The name of an element; its sample is named where the batch has several.
    pub(super) fn name<T: Float>(
        &self,
        graph: &Graph<T>,
        of: ElementId,
        batch: usize,
    ) -> ElementName {
        let shape = graph.shape(of.node);
        let sample = (batch > 1 && shape.is_batched()).then_some(of.sample);
        let name = ElementName::value(self.of(of.node), index_of(of.index, shape));
        ElementName { sample, ..name }
    }
}

/// The element that a name means; `sample` where it names none.
pub(super) fn resolve<T: Float>(
    paths: &NodePaths,
    graph: &Graph<T>,
    name: &ElementName,
    (sample, batch): (usize, usize),
) -> Result<ElementId, ElementError> {
    let node = paths.node(&name.path)?;
    let shape = graph.shape(node);
    let dims = shape.dims();
    let is_inside = dims.len() == name.index.len()
        && name.index.iter().zip(dims).all(|(index, size)| index < size);
    if !is_inside {
        let (path, found) = (name.path.clone(), name.index.clone());
        return Err(ElementError::Index { path, expected: valid_range(shape), found });
    }
    let sample = name.sample.unwrap_or(sample);
    if sample >= batch {
        return Err(ElementError::Sample { found: sample, samples: batch });
    }
    let sample = if shape.is_batched() { sample } else { 0 };
    let index = name.index.iter().zip(dims).fold(0, |at, (index, size)| at * size + index);
    Ok(ElementId { node, sample, index })
}

/// The index of element `at` of a sample.
fn index_of(mut at: usize, shape: &Shape) -> Vec<usize> {
    let mut index = vec![0; shape.dims().len()];
    for (index, &size) in index.iter_mut().zip(shape.dims()).rev() {
        (*index, at) = (at % size, at / size);
    }
    index
}

/// The indices that a node has, in words.
fn valid_range(shape: &Shape) -> String {
    let dims = shape.dims();
    if dims.is_empty() {
        return "no index: it is one number".to_owned();
    }
    if shape.is_empty() {
        return format!("nothing: its shape {dims:?} has no elements");
    }
    let last: Vec<usize> = dims.iter().map(|size| size - 1).collect();
    format!("an index from {:?} to {last:?}", vec![0; dims.len()])
}
