//! How each operator of ONNX becomes a layer, or a part of one: a file for each kind, and a line for each. This list is the
//! whole registry.

mod activation;
mod arithmetic;
mod batch_norm;
mod cast;
mod concat;
mod constant;
mod conv;
mod dropout;
mod gather;
mod linear;
mod normalization;
mod pool;
mod reduction;
mod reshape;
mod shape;
mod softmax;
mod transpose;

use super::activations::is_function_of_elements;
use super::layers::{GraphReader, OnnxValue, OperatorNode, OperatorRefusal};

pub(super) use activation::read as activation;
pub(super) use normalization::standardization;

/// Reads an operator, or says why it cannot.
type Read = fn(&mut GraphReader<'_>, &OperatorNode<'_>) -> Result<OnnxValue, OperatorRefusal>;

macro_rules! operators {
    ($($module:ident: $($operator:ident),+;)+) => {
        const ALL: &[(&str, Read)] = &[$($((stringify!($operator), $module::read)),+),+];
    };
}

operators! {
    arithmetic: Add, Div, Mul, Sub, Sum;
    batch_norm: BatchNormalization;
    cast: Cast, Round;
    concat: Concat;
    constant: Constant;
    conv: Conv;
    dropout: Dropout;
    gather: Gather;
    linear: Gemm, MatMul;
    normalization: GroupNormalization, InstanceNormalization, LayerNormalization;
    pool: AveragePool, GlobalAveragePool, GlobalMaxPool, MaxPool;
    reduction: ReduceMax, ReduceMean;
    reshape: Flatten, Identity, Reshape, Squeeze, Unsqueeze;
    shape: Shape, Slice;
    softmax: LogSoftmax, Softmax;
    transpose: Transpose;
}

/// The names of all operators of the list.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|(name, _)| *name)
}

/// Reads an operator of the graph.
///
/// # Errors
///
/// Why it cannot.
pub(super) fn read(
    reader: &mut GraphReader<'_>,
    node: &OperatorNode<'_>,
) -> Result<OnnxValue, OperatorRefusal> {
    let domain = &node.proto.domain;
    if !domain.is_empty() && domain != "ai.onnx" {
        return Err(format!("an operator of {domain:?}").into());
    }
    let has_graph = node.proto.attribute.iter().any(|it| it.g.is_some() || !it.graphs.is_empty());
    if has_graph {
        return Err("it has a graph inside".into());
    }
    match ALL.iter().find(|(name, _)| *name == node.operator()) {
        Some((_, read)) => read(reader, node),
        None if is_function_of_elements(node.proto) => {
            Err("no layer computes this function of each element".into())
        }
        None => Err("no layer computes it".into()),
    }
}
