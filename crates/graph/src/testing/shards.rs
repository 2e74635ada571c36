//! The check that a shard's sums are those of its samples alone.

use std::ops::Range;

use super::{OpTrial, TrialLayout};
use crate::{Compile, Float, NodeId};

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
        let options = Compile { loss: Some(self.loss), ..Compile::default() };
        let sums = |shards: Range<usize>| {
            let program = self.program_of(shards, options.clone());
            [program.gradients(), &[program.scalar(self.loss)]].concat()
        };
        let expected = tree(batch, shards, |i| sums(i..i + 1), add);
        let bits = |values: Vec<T>| values.into_iter().map(|v| v.to_f64().to_bits());
        let is_equal = bits(sums(0..shards)).eq(bits(expected));
        assert!(is_equal, "{place}: not the sums of the shards alone");
    }
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
