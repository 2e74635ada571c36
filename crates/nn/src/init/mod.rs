//! Initializers: the parameters before the first step.
//!
//! `fan_in` is the number of inputs that one output of the layer sums, `fan_out` the number of
//! outputs that one input feeds; a convolution counts its window in both.

pub mod constant;
pub mod he_normal;
pub mod he_uniform;
pub mod normal;
#[cfg(test)]
mod testing;
pub mod truncated_normal;
pub mod uniform;
pub mod xavier_normal;
pub mod xavier_uniform;

// What the files of initializers take by `use super::*`.
use kernels::random::Stream;

use crate::registry::{finite, positive, registry};
use crate::settings;

registry! {
    /// An initializer chosen by name.
    pub enum Initializer: dyn Initialize {
        constant::Constant,
        normal::Normal,
        truncated_normal::TruncatedNormal,
        uniform::Uniform,
        xavier_uniform::XavierUniform,
        xavier_normal::XavierNormal,
        he_normal::HeNormal,
        he_uniform::HeUniform,
    }
}

/// The rule of an initializer.
pub trait Initialize {
    /// Fills `values`, the next weights of one layer, in order.
    ///
    /// Numbers are drawn in `f64`, whatever the type of the parameters, so that `f32` and `f64` begin
    /// at the same point. A fan of 0 counts as 1: such a layer has no weights, or none that matter.
    fn fill(&self, fan_in: usize, fan_out: usize, random: &mut Stream, values: &mut [f64]);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_repeat_with_seed_and_stream_and_change_with_either() {
        for name in &Initializer::NAMES[1..] {
            let initializer = toml::from_str::<Initializer>(&format!("{name} = {{}}")).unwrap();
            let values = |seed, stream| {
                let mut values = [0.0; 9];
                let random = &mut Stream::new(seed, stream);
                initializer.as_dyn().fill(4, 5, random, &mut values);
                values
            };
            assert_eq!(values(1, 2), values(1, 2), "{name}");
            assert_ne!(values(1, 2), values(1, 3), "{name}");
            assert_ne!(values(1, 2), values(2, 2), "{name}");
        }
    }

    #[test]
    fn a_fan_of_zero_gives_finite_values() {
        for name in Initializer::NAMES {
            let initializer = toml::from_str::<Initializer>(&format!("{name} = {{}}")).unwrap();
            let mut values = [f64::NAN; 9];
            initializer.as_dyn().fill(0, 0, &mut Stream::new(1, 1), &mut values);
            assert!(values.iter().all(|v| v.is_finite()), "{name}: {values:?}");
        }
    }
}
