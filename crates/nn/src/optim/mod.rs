//! Optimizers: from gradients to new parameters.
//!
//! A rule works element by element on any piece of the parameters, so the threads of a pool may share
//! one step and the result is the same, bit for bit.
//!
//! In the formulas `w` is a parameter, `g` the gradient of the **mean** loss, `η` the learning rate
//! and `t` the step, 1 for the first.
//! A rate published for a multiple of that loss must be multiplied likewise for [`sgd`], [`momentum`] and
//! [`nesterov`]: 0.005 on 100 times the mean loss is 0.5 here. The others divide by the gradient's size.

pub mod adagrad;
pub mod adam;
pub mod adamw;
pub mod clip;
pub mod momentum;
pub mod nesterov;
pub mod rmsprop;
pub mod sgd;
#[cfg(test)]
mod testing;

// What the files of optimizers take by `use super::*`.
use kernels::{Float, inlined, vectorize};

use crate::registry::{fraction, positive};
use crate::{registry, settings};

registry! {
    /// An optimizer chosen by name.
    pub enum Optimizer: dyn Optimize<T: Float> {
        sgd::Sgd,
        momentum::Momentum,
        nesterov::Nesterov,
        adagrad::AdaGrad,
        rmsprop::RmsProp,
        adam::Adam,
        adamw::AdamW,
    }
}

/// The rule of an optimizer.
pub trait Optimize<T: Float>: Sync {
    /// How many vectors of the parameters' size the rule keeps between steps: 0, 1 or 2, mostly 1.
    fn state_vectors(&self) -> usize {
        1
    }

    /// Applies one step to `params`, a piece of the parameters.
    ///
    /// `grads` and the first [`state_vectors`](Self::state_vectors) slices of `state` are the same piece of their
    /// vectors; further slices are empty. The state is 0 before the first step.
    ///
    /// # Cost
    ///
    /// One pass over the slices; nothing is allocated.
    ///
    /// # Panics
    ///
    /// If the slices differ in length.
    fn update(&self, step: &StepInfo, params: &mut [T], grads: &[T], state: [&mut [T]; 2]);
}

/// What changes from step to step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepInfo {
    /// The learning rate, per unit of gradient or of direction, as the rule has it.
    pub learning_rate: f64,
    /// The number of this step: 1 for the first.
    pub step: u64,
}

/// Panics unless all pieces have one length: a loop over them would end at the shortest.
#[track_caller]
fn assert_same_length<const N: usize>(lengths: [usize; N]) {
    let is_same = lengths.iter().all(|length| *length == lengths[0]);
    assert!(is_same, "pieces of parameters, gradients and state differ: {lengths:?}");
}

/// Parameters, their gradients and their state: pieces of the same length.
struct Pieces<'a, T, S> {
    params: &'a mut [T],
    grads: &'a [T],
    state: &'a mut [S],
}

impl<T: Float, S> Pieces<'_, T, S> {
    /// Applies `rule` to each parameter, its gradient and its state.
    #[track_caller]
    #[inline(always)]
    fn update_each(self, rule: impl Fn(&mut T, T, &mut S)) {
        let Self { params, grads, state } = self;
        assert_same_length([params.len(), grads.len(), state.len()]);
        vectorize(inlined!(|| {
            for ((w, &g), state) in params.iter_mut().zip(grads).zip(state) {
                rule(w, g, state);
            }
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::testing::first_step;
    use super::*;

    #[test]
    #[should_panic(expected = "pieces of parameters, gradients and state differ")]
    fn pieces_of_different_length_are_a_bug() {
        let info = StepInfo { learning_rate: 0.1, step: 1 };
        sgd::Sgd {}.update(&info, &mut [0f32; 3], &[0.0; 2], [&mut [], &mut []]);
    }

    #[test]
    fn a_zero_gradient_leaves_the_parameter_alone() {
        // Weight decay is not through the gradient.
        for name in Optimizer::NAMES.iter().filter(|name| **name != "adamw") {
            let optimizer: Optimizer = toml::from_str(&format!("kind = '{name}'")).unwrap();
            assert_eq!(first_step(optimizer.as_dyn(), 0.1, [1.5f32], [0.0]), [1.5], "{name}");
        }
    }
}
