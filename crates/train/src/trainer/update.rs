//! The update of a step: what an optimizer keeps between steps, and how all parameters are changed.

use std::array::from_fn;
use std::collections::BTreeMap;
use std::iter::repeat_n;

use graph::{ParameterPiece, RunArgs};
use nn::optim::{MAX_STATE, ParameterRule, StepInfo, UpdateWhole};
use nn::{Model, ModelInputs};
use runs::{SavedModel, TrainSpec};

use super::Trainer;

/// The parameters, their average, the slow weights and the optimizer's state, or pieces of them. What there is none of is
/// empty.
type UpdateVectors<'a> = [&'a mut [f32]; 3 + MAX_STATE];

/// What an optimizer keeps between steps beside the parameters, and how they differ for it.
#[derive(Debug)]
pub(super) struct OptimizerMemory {
    /// Of each parameter, in the order of the graph.
    rules: Vec<ParameterRule>,
    state: [Vec<f32>; MAX_STATE],
    /// The slow weights of lookahead; else empty.
    slow: Vec<f32>,
    whole: Option<Box<dyn UpdateWhole<f32>>>,
}

impl OptimizerMemory {
    /// The elements that it takes, and averaged parameters.
    pub(super) fn len(train: &TrainSpec, model: &Model<f32>) -> usize {
        let optimizer = train.optimizer.as_dyn::<f32>();
        let around = [train.lookahead.is_some(), train.ema.is_some()].map(usize::from);
        let vectors = optimizer.state_vectors() + around.iter().sum::<usize>();
        vectors * model.graph.n_parameters() + optimizer.whole_len(&rules(model))
    }

    /// Before the first step, from the first parameters.
    pub(super) fn new(train: &TrainSpec, model: &Model<f32>, parameters: &[f32]) -> Self {
        let optimizer = train.optimizer.as_dyn::<f32>();
        let rules = rules(model);
        // Zeros that are written. Pages of `vec![0.0; …]` would be made in the first step, once when they are read
        // and again, with a message to all threads, when they are written: 100 ms for 3 million parameters.
        let zeros = |vector| {
            let is_kept = vector < optimizer.state_vectors();
            repeat_n(0.0, if is_kept { parameters.len() } else { 0 }).collect()
        };
        Self {
            state: from_fn(zeros),
            slow: if train.lookahead.is_some() { parameters.to_vec() } else { Vec::new() },
            whole: optimizer.whole(&rules),
            rules,
        }
    }

    /// What is kept between steps, by name.
    pub(super) fn vectors(&self) -> BTreeMap<String, &[f32]> {
        let own = self.whole.iter().flat_map(|whole| whole.kept());
        let vectors = self.state.iter().map(Vec::as_slice).filter(|vector| !vector.is_empty());
        let slow = Some((SLOW.to_owned(), &self.slow[..])).filter(|(_, slow)| !slow.is_empty());
        numbered(STATE, vectors).chain(numbered(WHOLE, own)).chain(slow).collect()
    }

    /// The same, to be replaced.
    pub(super) fn vectors_mut(&mut self) -> BTreeMap<String, &mut [f32]> {
        let Self { state, slow, whole, .. } = self;
        let own = whole.iter_mut().flat_map(|whole| whole.kept_mut());
        let vectors = state.iter_mut().map(Vec::as_mut_slice).filter(|vector| !vector.is_empty());
        let slow = Some((SLOW.to_owned(), &mut slow[..])).filter(|(_, slow)| !slow.is_empty());
        numbered(STATE, vectors).chain(numbered(WHOLE, own)).chain(slow).collect()
    }
}

/// The names of what is kept between steps: the optimizer's state, what it keeps beside that, and slow weights.
const STATE: &str = "optimizer";
const WHOLE: &str = "optimizer.whole";
pub(super) const SLOW: &str = "lookahead";

/// `name.1`, `name.2` and so on.
fn numbered<V>(name: &str, vectors: impl Iterator<Item = V>) -> impl Iterator<Item = (String, V)> {
    (1..).zip(vectors).map(move |(number, vector): (usize, V)| (format!("{name}.{number}"), vector))
}

fn rules(model: &Model<f32>) -> Vec<ParameterRule> {
    model.parameters.iter().map(ParameterRule::from).collect()
}

impl Trainer {
    /// Runs the program on the batch and updates the parameters and what follows them: the slow weights and the
    /// averaged ones. Returns whether it did: if the loss or a gradient is not finite, nothing has changed.
    pub(super) fn run_and_update(&mut self, info: &StepInfo) -> bool {
        let Self { program, memory, current, averaged, .. } = self;
        let SavedModel { experiment, parameters, running_statistics, .. } = current;
        let OptimizerMemory { rules, state, slow, whole } = memory;
        let train = &experiment.train;
        let optimizer = train.optimizer.as_dyn::<f32>();
        let has_whole = whole.is_some();
        let is_whole = |rule: &ParameterRule| has_whole && rule.matrix.is_some();
        let follow = |parameters: &mut [f32], averaged: &mut [f32], slow: &mut [f32]| {
            if let Some(lookahead) = &train.lookahead {
                lookahead.apply(info.step, parameters, slow);
            }
            if let Some(ema) = &train.ema {
                ema.apply(info.step, parameters, averaged);
            }
        };
        let update =
            |scale, piece: ParameterPiece, gradients: &mut [f32], vectors: UpdateVectors<'_>| {
                let [parameters, averaged, slow, state @ ..] = vectors;
                train.clip.apply(scale, gradients);
                let rule = &rules[piece.parameter];
                if !is_whole(rule) {
                    optimizer.update(&rule.step(info), parameters, gradients, state);
                    follow(parameters, averaged, slow);
                }
            };

        let source = self.batches.source();
        let inputs = ModelInputs { model: &self.model, source, running_statistics };
        let (pool, times) = (Some(&*self.pool), self.times.as_ref());
        let (seed, step) = (train.seed, self.step);
        let run = RunArgs {
            pool,
            parameters: &[],
            inputs: &inputs,
            seed,
            step,
            times,
            ..RunArgs::default()
        };
        let averaged = averaged.as_mut().map_or(&mut [][..], |model| &mut model.parameters);
        let [first, second, third, fourth] = state.each_mut().map(Vec::as_mut_slice);
        let mut vectors: UpdateVectors<'_> =
            [&mut parameters[..], averaged, slow, first, second, third, fourth];
        let is_finite = if train.clip.norm.is_none() {
            program.step(&run, reborrow(&mut vectors), |piece, gradients, vectors| {
                update(1.0, piece, gradients, vectors);
            })
        } else {
            program.run(&RunArgs { parameters: vectors[0], ..run });
            let norm = program.gradient_norm();
            let is_finite = norm.is_finite() && program.scalar(self.model.loss).is_finite();
            if is_finite {
                let scale = train.clip.scale(norm);
                program.update(pool, reborrow(&mut vectors), |piece, gradients, vectors| {
                    update(scale, piece, gradients, vectors);
                });
            }
            is_finite
        };
        if let Some(whole) = whole.as_mut().filter(|_| is_finite) {
            let [parameters, averaged, slow, state @ ..] = reborrow(&mut vectors);
            program.gather_gradients();
            whole.update(&self.pool, info, parameters, program.gradients(), state);
            if train.lookahead.is_some() || train.ema.is_some() {
                program.update(pool, [parameters, averaged, slow], |piece, _, vectors| {
                    let [parameters, averaged, slow] = vectors;
                    if is_whole(&rules[piece.parameter]) {
                        follow(parameters, averaged, slow);
                    }
                });
            }
        }
        if is_finite {
            program.gather(vectors[0]);
            self.is_gathered = program.group().is_none();
        }
        is_finite
    }

    /// Collects what each of several processes keeps and updates of its own pieces of the parameters only: what the optimizer
    /// keeps, slow and averaged weights. All processes call it together.
    pub(super) fn gather(&mut self) {
        if self.is_gathered {
            return;
        }
        let Self { program, memory, averaged, .. } = self;
        let averaged = averaged.as_mut().map(|averaged| &mut averaged.parameters[..]);
        let n = program.gradients().len();
        // What belongs to whole matrices is updated by every process.
        let kept = memory.vectors_mut().into_values().filter(|vector| vector.len() == n);
        kept.chain(averaged).for_each(|vector| program.gather(vector));
        self.is_gathered = true;
    }
}

fn reborrow<'a, const N: usize>(vectors: &'a mut [&mut [f32]; N]) -> [&'a mut [f32]; N] {
    vectors.each_mut().map(|vector| &mut **vector)
}
