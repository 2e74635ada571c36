//! Initializers: the parameters before the first step.
//!
//! One output of a layer sums `fan_in` inputs, one input feeds `fan_out` outputs; a convolution counts
//! its window in both. A bias has the fans of the weight beside it.

pub mod constant;
pub mod he_normal;
pub mod he_uniform;
pub mod normal;
pub mod orthogonal;
#[cfg(test)]
mod testing;
pub mod truncated_normal;
pub mod uniform;
pub mod xavier_normal;
pub mod xavier_uniform;
pub mod zeros;

// What the files of initializers take by `use super::*`.
use kernels::random::Stream;

use crate::registry::{finite, positive};
use crate::{registry, settings};

registry! {
    /// An initializer chosen by name.
    pub enum Initializer: dyn Initialize {
        constant::Constant,
        zeros::Zeros,
        normal::Normal,
        truncated_normal::TruncatedNormal,
        uniform::Uniform,
        xavier_uniform::XavierUniform,
        xavier_normal::XavierNormal,
        he_normal::HeNormal,
        he_uniform::HeUniform,
        orthogonal::Orthogonal,
    }
}

/// The rule of an initializer.
pub trait Initialize {
    /// Fills `values`, the next elements of one parameter, in order.
    ///
    /// Drawn in `f64`, so that parameters in `f32` and `f64` begin at the same point. A fan of 0 counts as 1.
    fn fill(&self, size: ParameterSize<'_>, random: &mut Stream, values: &mut [f64]);

    /// Whether each element is drawn by itself. If not, [`fill`](Self::fill) gets all elements at once.
    fn is_elementwise(&self) -> bool {
        true
    }
}

/// What an initializer knows of a parameter.
#[derive(Clone, Copy, Debug)]
pub struct ParameterSize<'a> {
    /// Its shape: a weight `[.., inputs, outputs]`, or a bias `[outputs]`.
    pub shape: &'a [usize],
    /// `fan_in` and `fan_out`.
    pub fans: [usize; 2],
}

/// Independent numbers with mean 0 and variance `gain / fan`, normally distributed.
fn fill_normal(gain: f64, fan: usize, random: &mut Stream, values: &mut [f64]) {
    let deviation = (gain / fan.max(1) as f64).sqrt();
    random.fill_normal(values);
    values.iter_mut().for_each(|value| *value *= deviation);
}

/// Independent numbers with mean 0 and variance `gain / fan`, uniformly distributed.
fn fill_uniform(gain: f64, fan: usize, random: &mut Stream, values: &mut [f64]) {
    // Uniform in ±limit has a variance of limit² / 3.
    let limit = (3.0 * (gain / fan.max(1) as f64)).sqrt();
    values.fill_with(|| limit * (2.0 * random.uniform() - 1.0));
}
