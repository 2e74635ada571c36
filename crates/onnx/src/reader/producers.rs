//! Which operator gives a value, and how many read it.

use std::collections::HashMap;

use super::file::{OnnxFile, attribute, scalar};
use crate::proto::NodeProto;

/// The operators of a file by the values that they give and read.
pub(crate) struct Producers<'a> {
    pub(crate) nodes: &'a [NodeProto],
    /// The index of the operator that gives a value.
    by_value: HashMap<&'a str, usize>,
    n_readers: HashMap<&'a str, usize>,
    scalars: HashMap<&'a str, f64>,
}

impl<'a> Producers<'a> {
    pub(crate) fn of(file: &'a OnnxFile) -> Self {
        let mut producers = Self {
            nodes: &file.nodes,
            by_value: HashMap::new(),
            n_readers: [(&*file.output, 1)].into(),
            scalars: HashMap::new(),
        };
        for (name, tensor) in &file.tensors {
            producers.scalars.extend(scalar(tensor).map(|value| (&**name, value)));
        }
        for (index, node) in file.nodes.iter().enumerate() {
            for name in &node.input {
                *producers.n_readers.entry(name).or_default() += 1;
            }
            producers.by_value.extend(node.output.iter().map(|name| (&**name, index)));
            let number = |name: &str| {
                let attribute = attribute(node, name)?;
                attribute.t.as_ref().and_then(scalar).or(attribute.f.map(f64::from))
            };
            if node.op_type == "Constant"
                && let Some(output) = node.output.first()
            {
                let value = number("value").or_else(|| number("value_float"));
                producers.scalars.extend(value.map(|value| (&**output, value)));
            }
        }
        producers
    }

    /// The operator that gives a value.
    pub(crate) fn of_value(&self, name: &str) -> Option<(usize, &'a NodeProto)> {
        let index = *self.by_value.get(name)?;
        Some((index, &self.nodes[index]))
    }

    /// How many operands a value is; the output of the graph counts as one.
    pub(crate) fn n_readers(&self, name: &str) -> usize {
        self.n_readers.get(name).copied().unwrap_or(0)
    }

    /// A number that stands in the file.
    pub(crate) fn scalar(&self, name: &str) -> Option<f64> {
        self.scalars.get(name).copied()
    }

    /// How many of the operands of some operators a value is.
    pub(crate) fn n_readers_among(&self, name: &str, indices: &[usize]) -> usize {
        let operands = indices.iter().flat_map(|&index| &self.nodes[index].input);
        operands.filter(|operand| *operand == name).count()
    }
}
