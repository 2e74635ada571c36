//! Mean 0 and variance 1, written as means, differences and a root: layer and group normalisation without their factors and
//! terms.

use super::file::attribute;
use super::producers::Producers;
use crate::proto::NodeProto;

/// Operators that compute `(x − mean) / √(variance + ε)`.
pub(super) struct Standardization<'a> {
    pub(super) x: &'a str,
    /// One of its means, which says along which axes it is.
    pub(super) mean: &'a NodeProto,
    pub(super) epsilon: f64,
    /// The operators before the last.
    pub(super) inner: Vec<usize>,
}

/// The standardisation that ends in an operator, if there is one.
pub(super) fn find<'a>(producers: &Producers<'a>, last: usize) -> Option<Standardization<'a>> {
    let mut parts = InnerNodes { producers, inner: Vec::new() };
    let node = &producers.nodes[last];
    let (centred, above_zero) = match (&*node.op_type, &node.input[..]) {
        ("Div", [centred, deviation]) => (centred, parts.under_root(deviation)?),
        ("Mul", [a, b]) => match parts.of_reciprocal(b) {
            Some(above_zero) => (a, above_zero),
            None => (b, parts.of_reciprocal(a)?),
        },
        _ => return None,
    };
    let [variance, epsilon] = parts.operands("Add", above_zero)? else { return None };
    let (variance, epsilon) = match producers.scalar(epsilon) {
        Some(epsilon) => (variance, epsilon),
        None => (epsilon, producers.scalar(variance)?),
    };
    let [squares, ..] = parts.operands("ReduceMean", variance)? else { return None };
    let same = match parts.operands("Mul", squares) {
        Some([a, b]) if a == b => a,
        Some(_) => return None,
        None => match parts.operands("Pow", squares)? {
            [base, exponent] if producers.scalar(exponent) == Some(2.0) => base,
            _ => return None,
        },
    };
    let [x, mean] = parts.operands("Sub", centred)? else { return None };
    parts.operands("ReduceMean", mean)?;
    let (_, mean_node) = producers.of_value(mean)?;
    let (_, variance_node) = producers.of_value(variance)?;
    let is_same = |node: &NodeProto| {
        let axes = attribute(node, "axes").map(|axes| &axes.ints);
        (axes.cloned(), node.input.get(1).cloned(), attribute(node, "keepdims").and_then(|a| a.i))
    };
    let [of, ..] = &mean_node.input[..] else { return None };
    // Some programs compute the difference twice.
    let is_centred = same == centred || parts.operands("Sub", same)? == [x.clone(), mean.clone()];
    let holds = is_centred && of == x && is_same(mean_node) == is_same(variance_node);
    let inner = parts.inner;
    let all = [&inner[..], &[last]].concat();
    let is_inside = |&index: &usize| {
        let result = producers.nodes[index].output.first();
        result
            .is_some_and(|name| producers.n_readers(name) == producers.n_readers_among(name, &all))
    };
    (holds && inner.iter().all(is_inside)).then_some(Standardization {
        x,
        mean: mean_node,
        epsilon,
        inner,
    })
}

/// The operators that were found.
struct InnerNodes<'a, 'b> {
    producers: &'b Producers<'a>,
    inner: Vec<usize>,
}

impl<'a> InnerNodes<'a, '_> {
    /// The operands of the operator that gives a value, if it is of this kind.
    fn operands(&mut self, operator: &str, value: &str) -> Option<&'a [String]> {
        let (index, node) = self.producers.of_value(value)?;
        (node.op_type == operator && node.domain.is_empty()).then(|| {
            if !self.inner.contains(&index) {
                self.inner.push(index);
            }
            &node.input[..]
        })
    }

    /// What a value is the root of.
    fn under_root(&mut self, value: &str) -> Option<&'a String> {
        if let Some([inner]) = self.operands("Sqrt", value) {
            return Some(inner);
        }
        let [base, exponent] = self.operands("Pow", value)? else { return None };
        (self.producers.scalar(exponent) == Some(0.5)).then_some(base)
    }

    /// What a value is one divided by the root of.
    fn of_reciprocal(&mut self, value: &str) -> Option<&'a String> {
        let root = match self.operands("Reciprocal", value) {
            Some([root]) => root,
            Some(_) => return None,
            None => match self.operands("Div", value)? {
                [one, root] if self.producers.scalar(one) == Some(1.0) => root,
                _ => return None,
            },
        };
        self.under_root(root)
    }
}
