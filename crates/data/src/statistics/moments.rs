//! Mean and standard deviation.

/// A power of two whose square is far from overflowing.
const LARGEST_DIFFERENCE: f64 = 1.6e60;

/// Mean and standard deviation of finite numbers of any size.
///
/// Differences to the first number are summed, in a unit that is a power of two of their size: numbers that are large
/// and close to each other keep their digits, and squares do not overflow.
///
/// Source: Welford (1962), "Note on a method for calculating corrected sums of squares and products".
#[derive(Clone, Debug, Default)]
pub(crate) struct RunningMoments {
    count: u64,
    first: f64,
    /// 0 until a number differs from the first one.
    unit: f64,
    mean: f64,
    squares: f64,
}

impl RunningMoments {
    /// Adds a finite number.
    pub(crate) fn add(&mut self, x: f64) {
        if self.count == 0 {
            self.first = x;
        }
        self.count += 1;
        let mut difference = self.difference(x);
        // Infinite and NaN are not below.
        let fits = difference.abs() < LARGEST_DIFFERENCE;
        if x != self.first && (self.unit == 0.0 || !fits) {
            // Halves, since the difference of two finite numbers may be infinite.
            self.change_unit(power_of_two(x / 2.0 - self.first / 2.0));
            difference = self.difference(x);
        }
        let from_mean = difference - self.mean;
        self.mean += from_mean / self.count as f64;
        self.squares += from_mean * (difference - self.mean);
    }

    /// The difference to the first number, in the unit.
    fn difference(&self, x: f64) -> f64 {
        if self.unit == 0.0 { 0.0 } else { x / self.unit - self.first / self.unit }
    }

    fn change_unit(&mut self, unit: f64) {
        let factor = self.unit / unit;
        self.unit = unit;
        self.mean *= factor;
        self.squares *= factor * factor;
    }

    /// The mean; 0 of no numbers.
    pub(crate) fn mean(&self) -> f64 {
        match self.unit == 0.0 {
            true => self.first,
            false => (self.first / self.unit + self.mean) * self.unit,
        }
    }

    /// The standard deviation of the numbers themselves (divided by their count); 0 if all are equal.
    pub(crate) fn deviation(&self) -> f64 {
        if self.count == 0 { 0.0 } else { (self.squares / self.count as f64).sqrt() * self.unit }
    }

    /// What standardised numbers are relative to: the mean, and the standard deviation or, if that is 0, 1.
    pub(crate) fn center_and_scale(&self) -> (f64, f64) {
        match self.deviation() {
            0.0 => (self.mean(), 1.0),
            deviation => (self.mean(), deviation),
        }
    }
}

/// The largest power of two that is not above the magnitude of a number, and normal.
fn power_of_two(x: f64) -> f64 {
    const EXPONENT: u64 = 0x7ff0_0000_0000_0000;
    f64::from_bits(x.to_bits() & EXPONENT).max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(numbers: &[f64]) -> (f64, f64) {
        let mut moments = RunningMoments::default();
        numbers.iter().for_each(|&x| moments.add(x));
        (moments.mean(), moments.deviation())
    }

    #[test]
    fn large_numbers_that_are_close_keep_their_digits() {
        assert_eq!(of(&[1e9, 1e9 + 1.0]), (1e9 + 0.5, 0.5));
        assert_eq!(of(&[1_707_954_127_791.0, 1_707_954_127_790.0]), (1_707_954_127_790.5, 0.5));
        assert_eq!(of(&[14.62; 1000]), (14.62, 0.0));
    }

    #[test]
    fn numbers_of_any_size_have_finite_moments() {
        let (mean, deviation) = of(&[-1.5e308, 1.5e308, 1.5e308]);
        assert!((mean / 0.5e308 - 1.0).abs() < 1e-15, "{mean}");
        assert!((deviation / (1e308 * 2_f64.sqrt()) - 1.0).abs() < 1e-15, "{deviation}");
        assert!((of(&[3e-300, 5e-300]).1 / 1e-300 - 1.0).abs() < 1e-15);
        // Small differences first, then one that is 10³⁰⁰ times as large.
        let (mean, deviation) = of(&[1.0, 1.0 + f64::EPSILON, 4e300, 4e300]);
        assert!((mean / 2e300 - 1.0).abs() < 1e-15 && (deviation / 2e300 - 1.0).abs() < 1e-15);
        assert_eq!(of(&[]), (0.0, 0.0));
        assert_eq!(of(&[5e-324, 0.0]).0, 0.0);
    }
}
