//! How each op is written: a file for each kind, and a line for each op. This list is the whole registry.

mod batch_matmul;
mod binary;
mod concat;
mod conv2d;
mod depthwise_conv2d;
mod dropout;
mod embedding;
mod formulas;
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

use crate::writer::GraphWriter;

/// A node that is written.
pub(crate) struct OpNode {
    pub(crate) id: NodeId,
    /// The name of its op.
    pub(crate) op: &'static str,
    pub(crate) operands: Vec<NodeId>,
    pub(crate) attributes: Attributes,
    /// What it is called in the file.
    pub(crate) label: String,
}

impl OpNode {
    fn sizes(&self, name: &str) -> &[usize] {
        self.attributes.sizes(name).expect("a setting of the op")
    }

    fn number(&self, name: &str) -> f64 {
        self.attributes.number(name).expect("a setting of the op")
    }
}

/// Writes a node, or says why it cannot.
type Write = fn(&mut GraphWriter<'_>, &OpNode) -> Result<(), String>;

macro_rules! ops {
    ($($module:ident: $($op:ident),+;)+) => {
        const ALL: &[(&str, Write)] = &[$($((stringify!($op), $module::write)),+),+];
    };
}

ops! {
    batch_matmul: batch_matmul;
    binary: add, div, maximum, minimum, mul, pow, sub;
    concat: concat;
    conv2d: conv2d;
    depthwise_conv2d: depthwise_conv2d;
    dropout: dropout;
    embedding: embedding;
    formulas: gelu, hard_swish, log10, mish, selu, silu, step;
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
    unary: abs, cos, elu, exp, leaky_relu, ln, neg, relu, sigmoid, sin, softplus, sqrt, tanh;
}

/// Writes a node of the graph.
///
/// # Errors
///
/// Why it cannot.
pub(crate) fn write(writer: &mut GraphWriter<'_>, id: NodeId) -> Result<(), String> {
    let node = writer.graph.node(id);
    let (op, label) = (node.op_name(), writer.label(id));
    let write = ALL.iter().find(|(name, _)| *name == op).map(|(_, write)| write);
    let write = write.ok_or_else(|| format!("`{op}` ({label})"))?;
    let (operands, attributes) = (node.operands().to_vec(), writer.graph.attributes(id));
    let node = OpNode { id, op, operands, attributes, label };
    write(writer, &node).map_err(|why| format!("`{op}` ({}): {why}", node.label))
}
