//! An ONNX file with batches that go in, and what is to come out.

use std::collections::BTreeMap;

use gradus::graph::Tensor;
use serde::Serialize;

/// The sizes of the batches.
pub(super) const BATCHES: [usize; 3] = [1, 2, 7];
/// A file, and what it is to answer.
#[derive(Serialize)]
pub(super) struct OnnxCase {
    pub(super) name: String,
    pub(super) file: String,
    pub(super) batches: Vec<OnnxBatch>,
}

impl OnnxCase {
    pub(super) fn has_texts(&self) -> bool {
        let arrays = self.batches.iter().flat_map(|batch| batch.inputs.values());
        arrays.into_iter().any(|array| matches!(array.values, ArrayElements::Texts(_)))
    }
}

/// Inputs and outputs by their names.
#[derive(Serialize)]
pub(super) struct OnnxBatch {
    pub(super) inputs: BTreeMap<String, ArrayText>,
    pub(super) expected: BTreeMap<String, ArrayText>,
}

#[derive(Serialize)]
pub(super) struct ArrayText {
    shape: Vec<usize>,
    values: ArrayElements,
}

/// The elements of an array: what is not finite is `null`.
#[derive(Serialize)]
#[serde(untagged)]
enum ArrayElements {
    Numbers(Vec<f32>),
    Texts(Vec<String>),
}

impl ArrayText {
    pub(super) fn of(tensor: &Tensor<f32>) -> Self {
        Self::of_numbers(tensor.shape().to_vec(), tensor.values().to_vec())
    }

    pub(super) fn of_numbers(shape: Vec<usize>, values: Vec<f32>) -> Self {
        Self { shape, values: ArrayElements::Numbers(values) }
    }

    pub(super) fn of_texts(shape: Vec<usize>, values: Vec<String>) -> Self {
        Self { shape, values: ArrayElements::Texts(values) }
    }
}
