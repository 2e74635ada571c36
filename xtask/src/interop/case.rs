//! A case: its description for PyTorch, and the numbers that Gradus found.

use std::collections::BTreeMap;

use gradus::graph::Tensor;
use serde_json::{Value, json};

/// Vectors of numbers by name.
pub(super) type NumbersByName = BTreeMap<String, Vec<f64>>;

/// Something that both frameworks compute.
#[derive(Clone, Debug)]
pub(super) struct Case {
    /// The line of the table.
    pub(super) name: String,
    /// What `pytorch.py` reads.
    pub(super) description: Value,
    /// What Gradus found.
    pub(super) found: BTreeMap<String, Numbers>,
}

/// A vector of numbers, and the size that its errors are relative to.
#[derive(Clone, Debug)]
pub(super) struct Numbers {
    pub(super) values: Vec<f64>,
    pub(super) scale: f64,
}

impl Numbers {
    /// With errors relative to the largest of them.
    pub(super) fn new(values: Vec<f64>) -> Self {
        let scale = magnitude(&values);
        Self { values, scale }
    }

    /// With errors relative to the largest of them, but at least to this.
    pub(super) fn at_least(values: Vec<f64>, scale: f64) -> Self {
        let scale = magnitude(&values).max(scale);
        Self { values, scale }
    }
}

/// The largest magnitude.
pub(super) fn magnitude(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most, value| value.abs().max(most))
}

/// A tensor as `pytorch.py` reads it.
pub(super) fn described(shape: &[usize], values: &[f64]) -> Value {
    json!({ "shape": shape, "values": values })
}

/// The same of a tensor.
pub(super) fn described_tensor(tensor: &Tensor<f64>) -> Value {
    described(tensor.shape(), tensor.values())
}

/// A component with all its settings, its kind among them.
pub(super) fn settings_of(component: &impl serde::Serialize) -> anyhow::Result<Value> {
    Ok(match serde_json::to_value(component)? {
        Value::String(kind) => json!({ "kind": kind }),
        table => table,
    })
}
