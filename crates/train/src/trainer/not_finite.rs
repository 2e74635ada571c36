//! The search for the first value or gradient that is infinite or NaN.

use std::ops::Range;

use events::{NotFinite, NotFiniteKind};
use graph::{Compile, NodeId, Program, RunArgs};

use nn::ModelInputs;

use super::Trainer;

/// Samples whose values are all kept at a time. A batch of all digits would want many times the memory of a step.
const MOST_KEPT: usize = 1000;

impl Trainer {
    /// Runs the step that failed again with every value kept, and names the first one that is not finite: values from
    /// the input on, then gradients from the loss down.
    ///
    /// A large batch is run in parts. If their values are finite, only the norm of the gradient is named.
    pub(super) fn find_not_finite(&self) -> NotFinite {
        let (mut value, mut gradient): (Option<NodeId>, Option<NodeId>) = (None, None);
        let batch = self.batches.indices.len();
        for first in (0..batch).step_by(MOST_KEPT) {
            // All values at once may need more memory than there is.
            let samples = first..batch.min(first + MOST_KEPT);
            let Some(program) = self.run_with_all_kept(samples) else { break };
            let is_bad = |tensor: Option<graph::Tensor<f32>>| {
                tensor.is_some_and(|tensor| tensor.values().iter().any(|value| !value.is_finite()))
            };
            let ids = || self.model.graph.nodes().map(|(id, _)| id);
            let first = ids().find(|&id| is_bad(program.value(id)));
            value = first.into_iter().chain(value).min();
            // A bad value spoils the gradients of its part.
            if value.is_none() {
                gradient = ids().rfind(|&id| is_bad(program.gradient(id))).max(gradient);
            }
        }
        let value = value.map(|id| self.not_finite(id, NotFiniteKind::Value));
        let gradient = || gradient.map(|id| self.not_finite(id, NotFiniteKind::Gradient));
        let (step, what) = (self.step + 1, NotFiniteKind::GradientNorm);
        let norm = NotFinite { step, what, layer: None, node: None, shape: Vec::new() };
        value.or_else(gradient).unwrap_or(norm)
    }

    /// A program that has run on some samples of the batch.
    fn run_with_all_kept(&self, samples: Range<usize>) -> Option<Program<f32>> {
        let batch = samples.len();
        let loss = Some(self.model.loss);
        let options = Compile { batch, loss, keep_all: true, ..Compile::default() };
        let mut program = Program::new(self.model.graph.clone(), &options).ok()?;
        let inputs = ModelInputs {
            model: &self.model,
            source: self.batches.source_of(samples),
            running_statistics: &self.current.running_statistics,
        };
        program.run(&RunArgs {
            parameters: &self.current.parameters,
            inputs: &inputs,
            seed: self.current.experiment.train.seed,
            step: self.step,
            ..RunArgs::default()
        });
        Some(program)
    }

    fn not_finite(&self, id: NodeId, what: NotFiniteKind) -> NotFinite {
        let node = self.model.graph.node(id);
        let parameter = self.model.parameters.iter().find(|spec| spec.node == id);
        let name = match (parameter, node.name()) {
            (Some(spec), _) => spec.part(),
            (None, "input" | "target") => node.name(),
            _ => node.op_name(),
        };
        let batch = node.shape().is_batched().then_some(None);
        let shape =
            batch.into_iter().chain(node.shape().dims().iter().copied().map(Some)).collect();
        let (layer, node) =
            (self.model.layer_of(id).map(|layer| layer.path.clone()), Some(name.to_owned()));
        NotFinite { step: self.step + 1, what, layer, node, shape }
    }
}
