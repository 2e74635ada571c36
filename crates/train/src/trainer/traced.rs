//! A step of which one element of the parameters is traced.

use events::{NotFinite, StepFinished};
use explain::element::ExplainedPass;
use graph::{CompileError, RunArgs};
use nn::ModelInputs;
use nn::optim::{ParameterRule, StepFormula, StepInfo};

use super::Trainer;
use super::update::SLOW;

/// What a step did to one element of the parameters. All numbers are those of the step itself.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TracedStep {
    pub(crate) finished: StepFinished,
    /// The samples of the batch, by their number in the training set.
    pub(crate) batch: Vec<u32>,
    /// Before clipping.
    pub(crate) gradient: f32,
    pub(crate) before: TracedElement,
    pub(crate) after: TracedElement,
    /// What is done to the gradient, what the optimizer does, and what follows it; none if the optimizer does not
    /// state it.
    pub(crate) formulas: Option<Vec<StepFormula>>,
}

/// One element of the parameters and of what is kept for it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TracedElement {
    pub(crate) parameter: f32,
    /// Of each vector of the optimizer's state.
    pub(crate) state: Vec<f32>,
    /// Of the slow weights.
    pub(crate) slow: Option<f32>,
    /// Of the averaged parameters.
    pub(crate) averaged: Option<f32>,
}

impl Trainer {
    /// The batch of the next step, forward and backward as the step does it, dropout included, with everything kept; and
    /// the number of each of its samples in the training set. It is computed beside the step: numbers may differ from those
    /// of the step in rounding.
    ///
    /// # Errors
    ///
    /// If the values take more than 4 GiB.
    pub fn explained_pass(&mut self) -> Result<(ExplainedPass<f32>, Vec<u32>), CompileError> {
        self.batches.draw(self.step);
        let (experiment, step) = (&self.current.experiment, self.step);
        let (batch, seed) = (experiment.train.batch, experiment.train.seed);
        let running_statistics = &self.current.running_statistics[..];
        let inputs =
            ModelInputs { model: &self.model, source: self.batches.source(), running_statistics };
        let (pool, parameters) = (Some(&*self.pool), &self.current.parameters[..]);
        let run = RunArgs { pool, parameters, inputs: &inputs, seed, step, ..RunArgs::default() };
        let prediction = experiment.train.loss.prediction();
        let pass = ExplainedPass::new(&self.model, prediction, batch, &run)?;
        Ok((pass, self.batches.indices.clone()))
    }

    /// Does the next step, and tells what it did to an element of the parameters that is trained.
    pub(crate) fn traced_step(&mut self, element: usize) -> Result<TracedStep, NotFinite> {
        // The gradients before the step clips them: the same program on the same batch.
        self.batches.draw(self.step);
        let (experiment, step) = (&self.current.experiment, self.step);
        let seed = experiment.train.seed;
        let running_statistics = &self.current.running_statistics[..];
        let inputs =
            ModelInputs { model: &self.model, source: self.batches.source(), running_statistics };
        let (pool, parameters) = (Some(&*self.pool), &self.current.parameters[..]);
        let run = RunArgs { pool, parameters, inputs: &inputs, seed, step, ..RunArgs::default() };
        self.program.run(&run);
        let gradient = self.program.gradients()[element];
        let before = self.traced_element(element);
        let info = self.step_info();
        let finished = self.step()?;
        let formulas = self.formulas(element, &info, finished.grad_norm);
        let (batch, after) = (self.batches.indices.clone(), self.traced_element(element));
        Ok(TracedStep { finished, batch, gradient, before, after, formulas })
    }

    fn traced_element(&self, element: usize) -> TracedElement {
        let vectors = self.memory.vectors();
        let n = self.current.parameters.len();
        // What an optimizer keeps for whole matrices is not element by element.
        let of_elements =
            vectors.iter().filter(|(name, vector)| *name != SLOW && vector.len() == n);
        TracedElement {
            parameter: self.current.parameters[element],
            state: of_elements.map(|(_, vector)| vector[element]).collect(),
            slow: vectors.get(SLOW).map(|slow| slow[element]),
            averaged: self.averaged.as_ref().map(|averaged| averaged.parameters[element]),
        }
    }

    fn formulas(&self, element: usize, info: &StepInfo, norm: f64) -> Option<Vec<StepFormula>> {
        let train = &self.current.experiment.train;
        let spec = self.model.parameters.iter().find(|spec| spec.range.contains(&element))?;
        let rule = ParameterRule::from(spec);
        let optimizer = train.optimizer.as_dyn::<f32>();
        let of_optimizer = optimizer.formula(&rule.step(info), &rule)?;
        let slow = train.lookahead.as_ref().map(|lookahead| lookahead.formula(info.step));
        let averaged = train.ema.as_ref().map(|ema| ema.formula(info.step));
        let formulas = [Some(train.clip.formula(norm)), Some(of_optimizer), slow, averaged];
        Some(formulas.into_iter().flatten().collect())
    }
}
