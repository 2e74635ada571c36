//! The check that a shard's sums are those of its samples alone.

use std::ops::Range;

use super::thread_group::in_threads;
use super::{OpTrial, TrialLayout};
use crate::{Compile, CompileError, Float, Graph, NodeId, Program};

impl<T: Float> OpTrial<'_, T> {
    /// Loss and gradients are those of programs that have one shard each, combined by the tree, to the bit; unless a value
    /// before the loss depends on all samples.
    pub(super) fn check_shards(&self, place: &str) {
        let TrialLayout { batch, shards, .. } = self.layout;
        let is_batched = |id: &NodeId| self.graph.shape(*id).is_batched();
        let mut reductions = self
            .graph
            .nodes()
            .filter(|(id, node)| !is_batched(id) && node.operands().iter().any(is_batched));
        if !reductions.all(|(id, _)| id == self.loss) || !is_batched(&self.y) {
            return;
        }
        let sums = |own: Range<usize>| {
            self.sums(|graph, options| Program::of_shards(graph.into(), options, own))
        };
        let expected = tree(batch, shards, |i| sums(i..i + 1), add);
        let is_equal = bits(sums(0..shards)).eq(bits(expected));
        assert!(is_equal, "{place}: not the sums of the shards alone");
    }

    /// Loss and gradients are those of processes that share the batch, to the bit.
    pub(super) fn check_processes(&self, place: &str) {
        let TrialLayout { batch, shards, .. } = self.layout;
        let expected = self.sums(|graph, options| Program::new(graph, options));
        for n in [2, 3, 5].into_iter().filter(|&n| n <= shards && shards <= batch) {
            let found = in_threads(n, |group| {
                self.sums(|graph, options| Program::in_group(graph, options, group))
            });
            for (rank, found) in found.into_iter().enumerate() {
                let is_equal = bits(found).eq(bits(expected.clone()));
                assert!(is_equal, "{place}: process {rank} of {n} has not the sums of one");
            }
        }
    }

    /// The gradients and the loss.
    fn sums(
        &self,
        compile: impl FnOnce(Graph<T>, &Compile) -> Result<Program<T>, CompileError>,
    ) -> Vec<T> {
        let options = Compile { loss: Some(self.loss), ..Compile::default() };
        let mut program = self.compiled_by(options, compile);
        program.gather_gradients();
        [program.gradients(), &[program.scalar(self.loss)]].concat()
    }
}

fn bits<T: Float>(values: Vec<T>) -> impl Iterator<Item = u64> {
    values.into_iter().map(|value| value.to_f64().to_bits())
}

/// What shards have together, by the tree: `of_shard` gives it for one that has samples, `join` for two branches.
pub(crate) fn tree<V>(
    batch: usize,
    shards: usize,
    of_shard: impl Fn(usize) -> V,
    join: impl Fn(V, V) -> V,
) -> V {
    let has_samples = |i: usize| i * batch / shards < (i + 1) * batch / shards;
    let mut level: Vec<Option<V>> =
        (0..shards).map(|i| has_samples(i).then(|| of_shard(i))).collect();
    while level.len() > 1 {
        let mut branches = level.into_iter();
        level = Vec::new();
        while let Some(first) = branches.next() {
            level.push(match (first, branches.next().flatten()) {
                (Some(first), Some(second)) => Some(join(first, second)),
                (first, second) => first.or(second),
            });
        }
    }
    level.pop().flatten().expect("a batch has samples")
}

/// The sum of each element.
pub(crate) fn add<T: Float>(a: Vec<T>, b: Vec<T>) -> Vec<T> {
    a.into_iter().zip(b).map(|(a, b)| a + b).collect()
}
