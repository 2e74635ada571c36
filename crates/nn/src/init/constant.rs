//! The same value for every weight.

use super::*;

settings! {
    /// One value for all weights: for biases. The units of a hidden layer would stay equal for ever.
    pub struct Constant {
        /// The value of every weight, finite.
        value: f64 = 0.0, finite;
    }
}

impl Initialize for Constant {
    fn fill(&self, _: ParameterSize<'_>, _: &mut Stream, values: &mut [f64]) {
        values.fill(self.value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_its_value_and_draws_nothing() {
        let (mut values, mut random) = ([0.0; 3], Stream::new(1, 1));
        let size = ParameterSize { shape: &[3], fans: [4, 5] };
        Constant { value: 0.1 }.fill(size, &mut random, &mut values);
        assert_eq!(values, [0.1; 3]);
        assert_eq!(random.next_u64(), Stream::new(1, 1).next_u64());
    }
}
