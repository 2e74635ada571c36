//! What a step did to one element of the parameters.

use std::collections::BTreeMap;
use std::path::Path;

use events::{Event, StepFinished};
use explain::element::{
    ElementName, GradientShares, NamedNumber, RemainingTerms, UpdateLine, rest_of, update_lines,
};
use nn::optim::{MAX_STATE, StepFormula};
use serde::{Deserialize, Serialize};

use super::ExplanationError;
use super::repeat::events;
use super::share::{parameter, train_label};
use crate::Trainer;
use crate::trainer::{TracedElement, TracedStep};

/// What a step did to one element of the parameters.
///
/// Loss, gradient and what was before and after are the numbers of the step itself. The shares of the samples were
/// computed again, and the lines in `f64`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpdateExplanation {
    /// The element.
    pub of: ElementName,
    /// The step, 1 for the first.
    pub step: u64,
    /// Its learning rate.
    pub learning_rate: f64,
    /// The loss on the batch, without the penalty.
    pub loss: f64,
    /// The L2 norm of all gradients, before clipping.
    pub grad_norm: f64,
    /// The gradient of the element, before clipping.
    pub gradient: f64,
    /// The element and what is kept for it, before the step: `w`, the state of the optimizer, `slow`, `averaged`.
    pub before: Vec<NamedNumber>,
    /// The same after it.
    pub after: Vec<NamedNumber>,
    /// Numbers of the settings, and what depends on the step alone.
    pub given: Vec<NamedNumber>,
    /// Clipping, the rule of the optimizer and what follows it, line by line. Empty for one that states no formula.
    pub lines: Vec<UpdateLine>,
    /// A name in the lines that follows from a whole matrix; its number is the one that gives the new value.
    pub of_matrix: Option<String>,
    /// What each sample of the batch adds to the gradient, largest first: computed again.
    pub shares: Vec<SampleShare>,
    /// The samples that are not listed.
    pub rest: Option<RemainingTerms>,
    /// What the penalty on large weights adds: computed again.
    pub penalty: f64,
    /// Whether the log of the run has the same loss, gradient norm and learning rate, to the last bit; none if it does not
    /// have the step, or there is no log.
    pub is_as_logged: Option<bool>,
}

/// What a sample of a batch adds to a gradient.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SampleShare {
    /// Its number in the training set.
    pub sample: u32,
    /// Its position in the batch.
    pub position: usize,
    /// The name of its class, if it has one.
    pub label: Option<String>,
    /// What it adds.
    pub share: f64,
}

/// The state of an optimizer that states no formula, and so no names.
const STATE: [&str; MAX_STATE] = ["state_1", "state_2", "state_3", "state_4"];

/// Does the next step of `trainer`, and explains what it does to an element of a parameter, with at most `terms`
/// samples. With the folder of the `run`, the step is compared with its log.
///
/// # Errors
///
/// If there is no such parameter, it is frozen, or the step differs from that of the log.
pub fn explain_update(
    trainer: &mut Trainer,
    of: &ElementName,
    terms: usize,
    run: Option<&Path>,
) -> Result<UpdateExplanation, ExplanationError> {
    let element = parameter(trainer, of)?;
    let (pass, _) = trainer.explained_pass()?;
    let name = ElementName::value(of.path.clone(), of.index.clone());
    let GradientShares { of_samples, of_all: penalty } = pass.gradient_shares(&name)?;
    drop(pass);
    let TracedStep { finished, batch, gradient, before, after, formulas } =
        trainer.traced_step(element)?;
    let is_as_logged = match run {
        Some(run) => compare(&finished, run)?,
        None => None,
    };
    let samples = batch.iter().zip(of_samples).enumerate();
    let mut shares: Vec<SampleShare> = samples
        .map(|(position, (&sample, share))| SampleShare {
            sample,
            position,
            label: train_label(trainer, sample),
            share,
        })
        .collect();
    let rest = rest_of(&mut shares, terms, |share| share.share);
    let names = match &formulas {
        Some(formulas) => {
            formulas.iter().flat_map(|formula| formula.state.iter().copied()).collect()
        }
        None => STATE.to_vec(),
    };
    let formulas = formulas.unwrap_or_default();
    let mut numbers: BTreeMap<&'static str, f64> = named(&before, &names).into_iter().collect();
    numbers.insert("g", gradient.into());
    let (mut lines, mut given, mut of_matrix) = (Vec::new(), Vec::new(), None);
    for (i, formula) in formulas.iter().enumerate() {
        if let Some(name) = formula.of_matrix {
            numbers.insert(name, solved(&formulas[i..], name, &numbers, after.parameter.into())?);
            of_matrix = Some(name.to_owned());
        }
        given.extend(formula.given.iter().copied());
        lines.extend(update_lines(formula, &mut numbers)?);
    }
    Ok(UpdateExplanation {
        of: name,
        step: finished.step,
        learning_rate: finished.learning_rate,
        loss: finished.metrics.loss(),
        grad_norm: finished.grad_norm,
        gradient: gradient.into(),
        before: listed(named(&before, &names)),
        after: listed(named(&after, &names)),
        given: listed(given),
        lines,
        of_matrix,
        shares,
        rest,
        penalty,
        is_as_logged,
    })
}

/// Compares a step with the log of the run.
fn compare(found: &StepFinished, run: &Path) -> Result<Option<bool>, ExplanationError> {
    let logged = events(run).find_map(|event| match event {
        Event::StepFinished(step) if step.step == found.step => Some(step),
        _ => None,
    });
    let Some(logged) = logged else { return Ok(None) };
    let bits = |step: &StepFinished| {
        [step.metrics.loss(), step.grad_norm, step.learning_rate].map(f64::to_bits)
    };
    if bits(&logged) == bits(found) {
        return Ok(Some(true));
    }
    let (logged, again) = (logged.metrics.loss(), found.metrics.loss());
    Err(ExplanationError::Diverged { step: found.step, logged, found: again })
}

fn named(element: &TracedElement, state: &[&'static str]) -> Vec<(&'static str, f64)> {
    let of_state = state.iter().copied().zip(element.state.iter().copied());
    let others = [("slow", element.slow), ("averaged", element.averaged)];
    let others = others.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let all = [("w", element.parameter)].into_iter().chain(of_state).chain(others);
    all.map(|(name, value)| (name, f64::from(value))).collect()
}

fn listed(numbers: Vec<(&'static str, f64)>) -> Vec<NamedNumber> {
    let numbers = numbers.into_iter();
    numbers.map(|(name, value)| NamedNumber { name: name.to_owned(), value }).collect()
}

/// The number of a name with which the formulas give the new parameter, which depends on it linearly.
fn solved(
    formulas: &[StepFormula],
    name: &'static str,
    numbers: &BTreeMap<&'static str, f64>,
    after: f64,
) -> Result<f64, ExplanationError> {
    let with = |value: f64| {
        let mut numbers = numbers.clone();
        numbers.insert(name, value);
        for formula in formulas {
            update_lines(formula, &mut numbers)?;
        }
        Ok::<f64, ExplanationError>(numbers["w"])
    };
    let [at_zero, at_one] = [with(0.0)?, with(1.0)?];
    // A learning rate of 0 leaves the parameter alone.
    Ok(if at_one == at_zero { 0.0 } else { (after - at_zero) / (at_one - at_zero) })
}
