//! Facts about each node, from the graph and the options alone.

use kernels::Float;

use super::FORWARD_BATCH;
use crate::graph::{Graph, Node, NodeId};
use crate::ops::matmul::{MatMulOp, WEIGHT};
use crate::program::options::Compile;

/// Batches from this one on have tiles so large that each may read all weights.
const ROW_PARALLEL_MAX_BATCH: usize = 1024;
/// Elements of a weight that is read once for all tiles.
const ROW_PARALLEL_WEIGHT: usize = 1 << 18;

pub(super) struct Analysis<'a, T> {
    pub(super) graph: &'a Graph<T>,
    pub(super) loss: Option<usize>,
    pub(super) needed: Vec<bool>,
    /// Whether the node has a gradient: something needs it, and the loss depends on it.
    pub(super) has_gradient: Vec<bool>,
    /// Whether the node makes the gradient of its weight in rows.
    pub(super) by_rows: Vec<bool>,
    /// Whether the weight is so large that all tiles are computed at once.
    pub(super) row_parallel: Vec<bool>,
    /// For each node the nodes with a gradient that read it, and the operand they read it as.
    pub(super) readers: Vec<Vec<(usize, usize)>>,
}

impl<'a, T: Float> Analysis<'a, T> {
    /// `is_trained` tells which parameters have a gradient.
    pub(super) fn new(
        graph: &'a Graph<T>,
        options: &Compile,
        is_trained: fn(&Node<T>) -> bool,
    ) -> Self {
        let n = graph.nodes().len();
        let needed =
            with_operands(graph, options.keep_all, options.loss.iter().chain(&options.keep));
        let mut has_gradient = vec![false; n];
        for (id, node) in graph.nodes() {
            let mut operands = node.operands().iter();
            has_gradient[id.index()] = match node.is_parameter() {
                true => is_trained(node),
                false => options.keep_all || operands.any(|operand| has_gradient[operand.index()]),
            };
        }
        let reaches_loss = with_operands(graph, false, &options.loss);
        has_gradient.iter_mut().zip(reaches_loss).for_each(|(has, reaches)| *has &= reaches);
        let mut readers = vec![Vec::new(); n];
        for (id, node) in graph.nodes().filter(|(id, _)| has_gradient[id.index()]) {
            for (k, operand) in node.operands().iter().enumerate() {
                readers[operand.index()].push((id.index(), k));
            }
        }
        let loss = options.loss.map(NodeId::index);
        let [by_rows, row_parallel] = [(); 2].map(|()| vec![false; n]);
        let mut analysis =
            Self { graph, loss, needed, has_gradient, by_rows, row_parallel, readers };
        analysis.choose_layers(options.batch);
        analysis
    }

    fn choose_layers(&mut self, batch: usize) {
        let n_tiles = batch.div_ceil(32);
        for (id, node) in self.graph.nodes() {
            let Some(weight) = layer_weight(self.graph, node) else { continue };
            let weight = self.graph.shape(weight);
            let i = id.index();
            // A weight too large for a core's second-level cache, and few samples to make up for that.
            let is_small = batch < self.loss.map_or(FORWARD_BATCH, |_| ROW_PARALLEL_MAX_BATCH);
            let is_far = is_small && weight.len() >= ROW_PARALLEL_WEIGHT;
            self.row_parallel[i] = is_far && self.needed[i];
            // Parts of so large a gradient would cost more memory traffic than reading the activations.
            let (x, y) = (self.graph.shape(node.operands()[0]), node.shape());
            let activations = x.len().saturating_add(y.len()).saturating_mul(batch);
            let is_large = weight.len().saturating_mul(n_tiles) > activations;
            self.by_rows[i] = self.has_gradient[node.operands()[WEIGHT].index()]
                && (self.row_parallel[i] || is_large);
        }
    }

    pub(super) fn is_batched(&self, i: usize) -> bool {
        self.graph.at(i).shape().is_batched()
    }

    /// Whether the node is a shared result of batched operands.
    pub(super) fn is_reduction(&self, i: usize) -> bool {
        let reads_batch = self.graph.at(i).operands().iter().any(|id| self.is_batched(id.index()));
        !self.is_batched(i) && reads_batch
    }

    pub(super) fn is_tiled(&self, i: usize) -> bool {
        self.is_batched(i) || self.is_reduction(i)
    }

    /// Whether the gradient of this operand is made in rows, after the last stage.
    pub(super) fn is_by_rows(&self, i: usize, operand: usize) -> bool {
        self.by_rows[i] && operand == WEIGHT
    }

    /// Whether an untiled stage adds to the node's gradient.
    pub(super) fn has_untiled_reader(&self, i: usize) -> bool {
        self.loss == Some(i) || self.readers[i].iter().any(|&(reader, _)| !self.is_tiled(reader))
    }

    /// Whether tiles have parts of the gradient of this shared value.
    pub(super) fn has_parts(&self, i: usize) -> bool {
        let in_tiles =
            |&(reader, k): &(usize, usize)| self.is_tiled(reader) && !self.is_by_rows(reader, k);
        !self.is_batched(i) && self.readers[i].iter().any(in_tiles)
    }
}

/// The weight of a layer, the product of samples and a parameter: only there can rows be separated.
pub(in crate::program) fn layer_weight<T: Float>(
    graph: &Graph<T>,
    node: &Node<T>,
) -> Option<NodeId> {
    let is_layer = node.is::<MatMulOp>() && node.shape().is_batched();
    let weight = is_layer.then(|| node.operands()[WEIGHT])?;
    graph.node(weight).is_parameter().then_some(weight)
}

/// Marks nodes, or all, and what they are computed from.
fn with_operands<'a, T: Float>(
    graph: &Graph<T>,
    all: bool,
    ids: impl IntoIterator<Item = &'a NodeId>,
) -> Vec<bool> {
    let mut marked = vec![all; graph.nodes().len()];
    ids.into_iter().for_each(|id| marked[id.index()] = true);
    for (id, node) in graph.nodes().rev() {
        if marked[id.index()] {
            node.operands().iter().for_each(|operand| marked[operand.index()] = true);
        }
    }
    marked
}
