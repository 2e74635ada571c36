//! Clipping: gradients held within bounds before the optimizer sees them.
//!
//! Source: Pascanu, Mikolov, Bengio (ICML 2013), "On the difficulty of training recurrent neural
//! networks", algorithm 1, for the norm.

use super::*;
use crate::registry::optional;

settings! {
    /// Bounds on the gradients: first on the norm of all of them together, then on each value.
    pub struct Clip {
        /// The largest L2 norm of all gradients together, above 0; the direction is kept.
        norm: Option<f64> = None, optional(positive);
        /// The largest magnitude of an element, above 0.
        value: Option<f64> = None, optional(positive);
    }
}

impl Clip {
    /// The factor for all gradients, given their global L2 `norm`: at most 1, and 1 for a norm of 0 or NaN.
    pub fn scale(&self, norm: f64) -> f64 {
        match self.norm {
            Some(limit) if norm > limit => limit / norm,
            _ => 1.0,
        }
    }

    /// What is done to a gradient `g`, given the global norm of all gradients; no lines if that is nothing.
    pub fn formula(&self, norm: f64) -> StepFormula {
        let mut formula = StepFormula::default();
        if self.scale(norm) != 1.0 {
            let limit = self.norm.unwrap_or(f64::INFINITY);
            formula = formula.with("norm", norm).with("norm_limit", limit);
            formula = formula.line("g", "g * norm_limit / norm");
        }
        if let Some(limit) = self.value {
            formula = formula.with("limit", limit).line("g", "max(min(g, limit), -limit)");
        }
        formula
    }

    /// Multiplies `grads`, a piece of the gradients, by `scale` and clips the values. NaN stays NaN.
    pub fn apply<T: Float>(&self, scale: f64, grads: &mut [T]) {
        if scale == 1.0 && self.value.is_none() {
            return;
        }
        let limit = T::from_f64(self.value.unwrap_or(f64::INFINITY));
        let scale = T::from_f64(scale);
        vectorize(inlined!(|| {
            for g in grads {
                *g = (*g * scale).maximum(-limit).minimum(limit);
            }
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Validate as _;

    fn clipped(clip: &Clip, mut grads: [f64; 3]) -> [f64; 3] {
        let norm = grads.iter().map(|g| g * g).sum::<f64>().sqrt();
        clip.apply(clip.scale(norm), &mut grads);
        grads
    }

    #[test]
    fn a_large_norm_is_scaled_down_and_then_values_are_clipped_one_by_one() {
        let by_norm = Clip { norm: Some(1.5), value: None };
        assert_eq!(clipped(&by_norm, [1.0, -2.0, 2.0]), [0.5, -1.0, 1.0]);
        assert_eq!(clipped(&by_norm, [0.1, -0.2, 0.2]), [0.1, -0.2, 0.2]);
        let by_value = Clip { norm: None, value: Some(1.0) };
        assert_eq!(clipped(&by_value, [0.5, -2.0, 3.0]), [0.5, -1.0, 1.0]);
        let both = Clip { norm: Some(1.5), value: Some(0.75) };
        assert_eq!(clipped(&both, [1.0, -2.0, 2.0]), [0.5, -0.75, 0.75]);
    }

    #[test]
    fn by_default_nothing_is_clipped_and_nan_is_never_hidden() {
        assert_eq!(clipped(&Clip::default(), [1e30, -1e30, 0.0]), [1e30, -1e30, 0.0]);
        let by_norm = Clip { norm: Some(1.0), value: None };
        assert_eq!((by_norm.scale(0.0), by_norm.scale(f64::NAN)), (1.0, 1.0));
        let by_value = Clip { norm: None, value: Some(1.0) };
        assert!(clipped(&by_value, [f64::NAN, 0.0, 0.0])[0].is_nan());
    }

    #[test]
    fn bounds_must_be_above_zero() {
        let names = [Clip { norm: Some(0.0), value: None }, Clip { norm: None, value: Some(-1.0) }]
            .map(|clip| clip.validate().unwrap_err().name);
        assert_eq!(names, ["norm", "value"]);
        assert_eq!(Clip::default().validate(), Ok(()));
    }
}
