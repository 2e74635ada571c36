//! How each op is written: a file for each kind, and a line for each op. This list is the whole registry.

mod batch_matmul;
mod binary;
mod concat;
mod conv2d;
mod depthwise_conv2d;
mod dropout;
mod embedding;
mod gelu;
mod linear_units;
mod matmul;
mod normalize;
mod one_hot;
mod pool;
mod reduction;
mod reshape;
mod slice;
mod softmax;
mod standardize;
mod transpose;
mod unary;

use graph::NodeId;
use graph::op::Attributes;

use crate::source::SourceWriter;

/// A node that is written.
pub(crate) struct SourceNode {
    pub(crate) id: NodeId,
    /// The name of its op.
    op: &'static str,
    operands: Vec<NodeId>,
    attributes: Attributes,
}

impl SourceNode {
    fn sizes(&self, name: &str) -> &[usize] {
        self.attributes.sizes(name).expect("a setting of the op")
    }

    fn number(&self, name: &str) -> f32 {
        self.attributes.number(name).expect("a setting of the op") as f32
    }
}

/// Writes a node, or says why it cannot.
type WriteSource = fn(&mut SourceWriter<'_>, &SourceNode) -> Result<(), String>;

macro_rules! ops {
    ($($module:ident: $($op:ident),+;)+) => {
        const ALL: &[(&str, WriteSource)] = &[$($((stringify!($op), $module::write)),+),+];
    };
}

ops! {
    batch_matmul: batch_matmul;
    binary: add, div, maximum, minimum, mul, sub;
    concat: concat;
    conv2d: conv2d;
    depthwise_conv2d: depthwise_conv2d;
    dropout: dropout;
    embedding: embedding;
    gelu: gelu;
    linear_units: elu, leaky_relu, selu;
    matmul: matmul;
    normalize: normalize;
    one_hot: one_hot;
    pool: avg_pool2d, max_pool2d;
    reduction: max, mean, min, sum;
    reshape: reshape;
    slice: slice;
    softmax: log_softmax, softmax;
    standardize: standardize;
    transpose: transpose;
    unary: abs, exp, hard_swish, ln, mish, neg, relu, sigmoid, silu, softplus, sqrt, step, tanh;
}

/// Writes a node of the graph.
///
/// # Errors
///
/// Why it cannot.
pub(crate) fn write(writer: &mut SourceWriter<'_>, id: NodeId) -> Result<(), String> {
    let graph = &writer.trained().model().graph;
    let node = graph.node(id);
    let (op, label) = (node.op_name(), writer.trained().label(id));
    let (operands, attributes) = (node.operands().to_vec(), graph.attributes(id));
    let write = ALL.iter().find(|(name, _)| *name == op).map(|(_, write)| write);
    let write = write.ok_or_else(|| format!("`{op}` ({label})"))?;
    let because = |why: &str| format!("`{op}` ({label}): {why}");
    if !node.shape().is_batched() {
        return Err(because("it depends on all samples of a batch"));
    }
    if std::iter::once(&id).chain(&operands).any(|&id| writer.shape(id).is_empty()) {
        return Err(because("it has a size of 0"));
    }
    let node = SourceNode { id, op, operands, attributes };
    writer.begin(id);
    write(writer, &node).map_err(|why| because(&why))?;
    writer.end_reads(&node.operands);
    Ok(())
}
