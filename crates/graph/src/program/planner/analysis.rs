//! Facts about each node, from the graph and the options alone.

use kernels::Float;

use crate::graph::{Graph, Leaf, Node, NodeId};
use crate::op::Op;
use crate::ops::matmul::{MatMulOp, WEIGHT};
use crate::program::options::Compile;
use crate::shape::Shape;

/// Batches from this one on have tiles so large that each may read all weights.
const ROW_PARALLEL_MAX_BATCH: usize = 1024;
/// Elements of a weight that is read once for all tiles.
const ROW_PARALLEL_WEIGHT: usize = 1 << 18;

/// Facts about each node, by its index.
pub(super) struct Analysis<'a, T> {
    pub(super) graph: &'a Graph<T>,
    pub(super) loss: Option<usize>,
    /// Whether the value is computed.
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
    pub(super) fn new(graph: &'a Graph<T>, options: &Compile) -> Self {
        let n = graph.nodes().len();
        let mut analysis = Self {
            graph,
            loss: options.loss.map(NodeId::index),
            needed: vec![options.keep_all; n],
            has_gradient: vec![false; n],
            by_rows: vec![false; n],
            row_parallel: vec![false; n],
            readers: vec![Vec::new(); n],
        };
        for id in options.loss.iter().chain(&options.keep) {
            analysis.needed[id.index()] = true;
        }
        for (id, node) in graph.nodes().rev() {
            if analysis.needed[id.index()] {
                node.operands().iter().for_each(|operand| analysis.needed[operand.index()] = true);
            }
        }
        analysis.find_gradients(options);
        for (id, node) in graph.nodes().filter(|(id, _)| analysis.has_gradient[id.index()]) {
            for (k, operand) in node.operands().iter().enumerate() {
                analysis.readers[operand.index()].push((id.index(), k));
            }
        }
        analysis.choose_row_parallel(options.batch);
        analysis.choose_by_rows(options.batch);
        analysis
    }

    fn find_gradients(&mut self, options: &Compile) {
        let mut wanted = vec![options.keep_all; self.needed.len()];
        for (id, node) in self.graph.nodes() {
            wanted[id.index()] |= matches!(node.leaf(), Some(Leaf::Parameter(_)))
                || node.operands().iter().any(|operand| wanted[operand.index()]);
        }
        let mut reaches = vec![false; self.needed.len()];
        self.loss.iter().for_each(|&loss| reaches[loss] = true);
        for (id, node) in self.graph.nodes().rev() {
            if reaches[id.index()] {
                node.operands().iter().for_each(|operand| reaches[operand.index()] = true);
                self.has_gradient[id.index()] = wanted[id.index()];
            }
        }
    }

    /// The weight of a layer, the product of samples and a parameter: only there can rows be separated.
    fn layer_weight(&self, node: &Node<T>) -> Option<&'a Shape> {
        if !(node.op().is_some_and(MatMulOp::is) && node.shape().is_batched()) {
            return None;
        }
        let weight = self.graph.node(node.operands()[WEIGHT]);
        matches!(weight.leaf(), Some(Leaf::Parameter(_))).then_some(weight.shape())
    }

    /// A weight that does not fit into a core's second-level cache beside the activations, and a batch whose
    /// tiles have too few samples to make up for that.
    fn choose_row_parallel(&mut self, batch: usize) {
        if batch >= ROW_PARALLEL_MAX_BATCH {
            return;
        }
        for (id, node) in self.graph.nodes() {
            let weight = self.layer_weight(node);
            self.row_parallel[id.index()] = self.needed[id.index()]
                && weight.is_some_and(|weight| weight.len() >= ROW_PARALLEL_WEIGHT);
        }
    }

    /// A weight that is large beside the activations has its gradient made in rows: parts for each tile
    /// would cost more memory traffic than reading the activations again.
    fn choose_by_rows(&mut self, batch: usize) {
        let n_tiles = batch.div_ceil(32);
        for (id, node) in self.graph.nodes() {
            let Some(weight) = self.layer_weight(node) else { continue };
            let (x, y) = (self.graph.shape(node.operands()[0]), node.shape());
            let activations = x.len().saturating_add(y.len()).saturating_mul(batch);
            let is_large = weight.len().saturating_mul(n_tiles) > activations;
            self.by_rows[id.index()] = self.has_gradient[node.operands()[WEIGHT].index()]
                && (self.row_parallel[id.index()] || is_large);
        }
    }

    pub(super) fn node(&self, i: usize) -> &'a Node<T> {
        self.graph.node(NodeId::new(i))
    }

    pub(super) fn op(&self, i: usize) -> &'a dyn Op<T> {
        self.node(i).op().expect("only ops have forward and backward passes")
    }

    pub(super) fn is_batched(&self, i: usize) -> bool {
        self.node(i).shape().is_batched()
    }

    /// Whether the node is a shared result of batched operands.
    pub(super) fn is_reduction(&self, i: usize) -> bool {
        let reads_batch = self.node(i).operands().iter().any(|id| self.is_batched(id.index()));
        !self.is_batched(i) && reads_batch
    }

    /// Whether the node is computed in tiles.
    pub(super) fn is_tiled(&self, i: usize) -> bool {
        self.is_batched(i) || self.is_reduction(i)
    }

    pub(super) fn is_parameter(&self, i: usize) -> bool {
        matches!(self.node(i).leaf(), Some(Leaf::Parameter(_)))
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
