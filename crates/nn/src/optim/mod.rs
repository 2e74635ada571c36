//! Optimizers: from gradients to new parameters.
//!
//! A rule works element by element on any piece of the parameters, so the threads of a pool may share
//! one step and the result is the same, bit for bit. A rule for whole matrices comes after that:
//! [`UpdateWhole`].
//!
//! In the formulas `w` is a parameter, `g` the gradient of the **mean** loss, `η` the learning rate
//! and `t` the step, 1 for the first.
//! A rate published for a multiple of that loss must be multiplied likewise for [`sgd`], [`momentum`] and
//! [`nesterov`]: 0.005 on 100 times the mean loss is 0.5 here. The others divide by the gradient's size.

pub mod adadelta;
pub mod adagrad;
pub mod adam;
pub mod adamw;
pub mod clip;
pub mod ema;
mod formula;
pub mod lion;
pub mod lookahead;
pub mod momentum;
pub mod muon;
pub mod nadam;
pub mod nesterov;
pub mod radam;
pub mod rmsprop;
pub mod sgd;
#[cfg(test)]
mod testing;

use std::fmt;
use std::ops::Range;

// What the files of optimizers take by `use super::*`.
use kernels::{Float, Pool, inlined, vectorize};

use crate::registry::{fraction, not_negative, positive};
use crate::{ParameterRole, ParameterSpec, registry, settings};
pub use formula::StepFormula;

registry! {
    /// An optimizer chosen by name.
    pub enum Optimizer: dyn Optimize<T: Float> {
        sgd::Sgd,
        momentum::Momentum,
        nesterov::Nesterov,
        adagrad::AdaGrad,
        adadelta::AdaDelta,
        rmsprop::RmsProp,
        adam::Adam,
        adamw::AdamW,
        nadam::NAdam,
        radam::RAdam,
        lion::Lion,
        muon::Muon,
    }
}

/// The most vectors of the parameters' size that a rule can keep between steps.
pub const MAX_STATE: usize = 4;

/// What a rule keeps between steps: vectors of the parameters' size, 0 before the first step, or pieces of them. Those
/// after the first [`state_vectors`](Optimize::state_vectors) are empty.
pub type OptimizerState<'a, T> = [&'a mut [T]; MAX_STATE];

/// The rule of an optimizer.
pub trait Optimize<T: Float>: Sync {
    /// How many vectors the rule keeps between steps: 0 to [`MAX_STATE`], mostly 1.
    fn state_vectors(&self) -> usize {
        1
    }

    /// Applies one step to `params`, a piece of a parameter; `grads` and `state` are the same piece of theirs.
    ///
    /// # Cost
    ///
    /// One pass over the slices; nothing is allocated.
    ///
    /// # Panics
    ///
    /// If the slices differ in length.
    fn update(&self, step: &StepInfo, params: &mut [T], grads: &[T], state: OptimizerState<'_, T>);

    /// One step of one parameter as formulas with the numbers of `step`, which is that of the parameter; none if the rule
    /// does not state them.
    fn formula(&self, step: &StepInfo, rule: &ParameterRule) -> Option<StepFormula> {
        let _ = (step, rule);
        None
    }

    /// The rule for parameters that are updated as a whole, if there is one: for all that have a
    /// [`matrix`](ParameterRule::matrix). It keeps the memory that it works in.
    fn whole(&self, parameters: &[ParameterRule]) -> Option<Box<dyn UpdateWhole<T>>> {
        let _ = parameters;
        None
    }

    /// The elements that [`whole`](Self::whole) takes memory for.
    fn whole_len(&self, parameters: &[ParameterRule]) -> usize {
        let _ = parameters;
        0
    }
}

/// The rule of an optimizer for parameters that it updates as a whole, when all gradients are known.
pub trait UpdateWhole<T>: fmt::Debug + Send + Sync {
    /// Applies one step to the parameters that have a matrix. All slices are whole vectors; `step` is that of the
    /// schedule, to which each parameter's [rule](ParameterRule::step) is applied.
    ///
    /// Nothing is allocated, and the result does not depend on the number of threads.
    fn update(
        &mut self,
        pool: &Pool,
        step: &StepInfo,
        params: &mut [T],
        grads: &[T],
        state: OptimizerState<'_, T>,
    );

    /// What it keeps between steps beside `state`: vectors whose lengths never change. A checkpoint holds them, and a run
    /// that continues has them back. Memory that each step fills anew is not among them.
    fn kept(&self) -> Vec<&[T]> {
        Vec::new()
    }

    /// The same, to be replaced.
    fn kept_mut(&mut self) -> Vec<&mut [T]> {
        Vec::new()
    }
}

/// What changes from step to step, and from parameter to parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepInfo {
    /// The learning rate, per unit of gradient or of direction, as the rule has it.
    pub learning_rate: f64,
    /// The number of this step: 1 for the first.
    pub step: u64,
    /// Replaces `momentum` or `beta1` of the optimizer, where the schedule sets it.
    pub momentum: Option<f64>,
    /// Whether the parameter is one that decays: see [`ParameterRule::decays`].
    pub decays: bool,
}

impl StepInfo {
    /// A step of a parameter that decays, with the optimizer's own momentum.
    pub fn new(learning_rate: f64, step: u64) -> Self {
        Self { learning_rate, step, momentum: None, decays: true }
    }

    /// The factor of decoupled weight decay, if the parameter decays.
    fn decay(&self, weight_decay: f64, decay_all: bool) -> Option<f64> {
        (weight_decay > 0.0 && (self.decays || decay_all)).then_some(weight_decay)
    }

    /// What decoupled weight decay multiplies a parameter by: `1 − η·λ`, or 1 if it does not decay.
    fn shrink(&self, weight_decay: f64, decay_all: bool) -> f64 {
        if self.decays || decay_all { 1.0 - self.learning_rate * weight_decay } else { 1.0 }
    }
}

/// How the update of one parameter differs from that of others.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterRule {
    /// Its elements of the parameter vector.
    pub range: Range<usize>,
    /// Factor of the learning rate: that of its layer.
    pub learning_rate_factor: f64,
    /// Whether weight decay applies: to weights, but not to biases, scales and offsets.
    pub decays: bool,
    /// Rows and columns of a weight `[.., inputs, outputs]` that maps vectors to vectors: a matrix, or a kernel of a
    /// convolution as `[height · width · inputs, outputs]`. Neither is 1. None if the parameter is frozen.
    pub matrix: Option<[usize; 2]>,
}

impl From<&ParameterSpec> for ParameterRule {
    fn from(spec: &ParameterSpec) -> Self {
        let is_weight = spec.role == ParameterRole::Weight;
        let matrix = match *spec.shape {
            // Each output is a sum over all rows: not so in an embedding or a depthwise convolution.
            [ref inputs @ .., outputs] if is_weight && !spec.is_frozen => {
                let rows = inputs.iter().product();
                (rows > 1 && outputs > 1 && spec.fans[0] == rows).then_some([rows, outputs])
            }
            _ => None,
        };
        let (range, learning_rate_factor) = (spec.range.clone(), spec.learning_rate_factor);
        Self { range, learning_rate_factor, decays: is_weight, matrix }
    }
}

impl ParameterRule {
    /// The step of this parameter, from that of the schedule.
    pub fn step(&self, of_schedule: &StepInfo) -> StepInfo {
        let learning_rate = of_schedule.learning_rate * self.learning_rate_factor;
        StepInfo { learning_rate, decays: self.decays, ..*of_schedule }
    }
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
    use super::testing::{after_steps, first_step};
    use super::*;
    use crate::{Mode, Network, Objective};
    use graph::Shape;

    #[test]
    #[should_panic(expected = "pieces of parameters, gradients and state differ")]
    fn pieces_of_different_length_are_a_bug() {
        let mut params = [0f32; 3];
        sgd::Sgd {}.update(&StepInfo::new(0.1, 1), &mut params, &[0.0; 2], Default::default());
    }

    #[test]
    fn a_zero_gradient_leaves_a_parameter_that_does_not_decay_alone() {
        for name in Optimizer::NAMES {
            let optimizer = testing::by_name(name);
            let info = StepInfo { decays: false, ..StepInfo::new(0.1, 1) };
            assert_eq!(first_step(optimizer.as_dyn(), &info, [1.5f32], [0.0]), [1.5], "{name}");
        }
    }

    #[test]
    fn the_rule_of_a_parameter_is_that_of_its_role_its_shape_and_its_layer() {
        let network: Network = toml::from_str(
            "input = [4, 4, 1]\nlearning_rate_factors = { bias = 0.1, scale = 6 }\nlayers = [
                { kind = 'conv2d', filters = 3, kernel = 2, learning_rate_factor = 0.5 }, 'batch_norm', 'flatten',
                { kind = 'linear', units = 2, freeze = true }, { kind = 'linear', units = 5 },
                { kind = 'linear', units = 1, bias = false },
            ]",
        )
        .unwrap();
        let (objective, target) = (Objective::default(), Shape::batch([]));
        let model = network.model::<f32>(Mode::Train, &objective, 1, target).unwrap();
        let rules = model.parameters.iter().map(|spec| {
            let rule = ParameterRule::from(spec);
            assert_eq!(rule.range, spec.range);
            (spec.path.as_str(), rule.learning_rate_factor, rule.decays, rule.matrix)
        });
        let expected = [
            ("1.conv2d.weight", 0.5, true, Some([4, 3])),
            ("1.conv2d.bias", 0.05, false, None),
            ("2.batch_norm.scale", 6.0, false, None),
            ("2.batch_norm.offset", 1.0, false, None),
            ("4.linear.weight", 1.0, true, None),
            ("4.linear.bias", 0.1, false, None),
            ("5.linear.weight", 1.0, true, Some([2, 5])),
            ("5.linear.bias", 0.1, false, None),
            ("6.linear.weight", 1.0, true, None),
        ];
        assert_eq!(rules.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_decay_is_of_weights_alone_unless_it_is_asked_for() {
        type WithDecay = fn(bool) -> Optimizer;
        let optimizers: [WithDecay; 3] = [
            |decay_all| adamw::AdamW { weight_decay: 0.5, decay_all, ..Default::default() }.into(),
            |decay_all| lion::Lion { weight_decay: 0.5, decay_all, ..Default::default() }.into(),
            // Half the rate, twice the decay.
            |decay_all| {
                let (weight_decay, adamw_learning_rate_factor) = (1.0, 0.5);
                let other = muon::Muon::default();
                muon::Muon { weight_decay, decay_all, adamw_learning_rate_factor, ..other }.into()
            },
        ];
        for optimizer in optimizers {
            for (decays, decay_all, want) in
                [(true, false, 1.9), (false, false, 2.0), (false, true, 1.9)]
            {
                let (optimizer, info) = (optimizer(decay_all), StepInfo::new(0.1, 1));
                let info = StepInfo { decays, ..info };
                let [w] = first_step(optimizer.as_dyn(), &info, [2.0f64], [0.0]);
                assert!((w - want).abs() < 1e-12, "{}: {w}, expected {want}", optimizer.name());
            }
        }
    }

    #[test]
    fn a_momentum_of_the_schedule_replaces_that_of_the_optimizer() {
        let fixed: [(Optimizer, Optimizer); 7] = [
            (momentum::Momentum::default().into(), momentum::Momentum { momentum: 0.8 }.into()),
            (nesterov::Nesterov::default().into(), nesterov::Nesterov { momentum: 0.8 }.into()),
            (adam::Adam::default().into(), adam::Adam { beta1: 0.8, ..Default::default() }.into()),
            (
                adamw::AdamW::default().into(),
                adamw::AdamW { beta1: 0.8, ..Default::default() }.into(),
            ),
            (
                nadam::NAdam::default().into(),
                nadam::NAdam { beta1: 0.8, ..Default::default() }.into(),
            ),
            (
                radam::RAdam::default().into(),
                radam::RAdam { beta1: 0.8, ..Default::default() }.into(),
            ),
            (lion::Lion::default().into(), lion::Lion { beta1: 0.8, ..Default::default() }.into()),
        ];
        for (of_schedule, own) in fixed {
            let after = |optimizer: &Optimizer, momentum| {
                let info = |step| StepInfo { momentum, ..StepInfo::new(0.1, step) };
                let steps = (1..=10).map(|step| (info(step), [1.0 / step as f64 - 0.3]));
                after_steps(optimizer.as_dyn(), [1.0], steps)
            };
            let (found, want) = (after(&of_schedule, Some(0.8)), after(&own, None));
            assert_eq!(found, want, "{}", own.name());
            assert_ne!(found, after(&of_schedule, None), "{}", own.name());
        }
    }
}
