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
    fn fill(&self, _: usize, _: usize, _: &mut Stream, values: &mut [f64]) {
        values.fill(self.value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_its_value_and_draws_nothing() {
        let (mut values, mut random) = ([0.0; 3], Stream::new(1, 1));
        Constant { value: 0.1 }.fill(4, 5, &mut random, &mut values);
        assert_eq!(values, [0.1; 3]);
        assert_eq!(random.next_u64(), Stream::new(1, 1).next_u64());
    }
}
