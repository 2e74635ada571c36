//! Quantiles, exact or of a sample.

use kernels::random::Stream;

/// Random draws: `"quantile"`.
const DRAWS: u64 = 0x7175_616e_7469_6c65;

/// Numbers that are kept to be sorted: all of them up to a limit, then a random sample.
///
/// Which ones depends on their order alone. Source: Vitter (1985), "Random sampling with a reservoir", algorithm R.
#[derive(Clone, Debug)]
pub(crate) struct SampledNumbers {
    kept: Vec<f64>,
    count: u64,
    range: [f64; 2],
    random: Stream,
}

impl SampledNumbers {
    pub(crate) fn new() -> Self {
        let range = [f64::INFINITY, f64::NEG_INFINITY];
        Self { kept: Vec::new(), count: 0, range, random: Stream::new(0, DRAWS) }
    }

    /// Adds a finite number, and keeps at most `limit` of all, the same each time.
    pub(crate) fn add(&mut self, x: f64, limit: usize) {
        self.count += 1;
        self.range = [self.range[0].min(x), self.range[1].max(x)];
        if self.kept.len() < limit {
            self.kept.push(x);
        } else if let Some(kept) = self.kept.get_mut(self.random.below(self.count) as usize) {
            *kept = x;
        }
    }

    /// The lowest and highest of all numbers; none if there are no numbers.
    pub(crate) fn range(&self) -> Option<[f64; 2]> {
        (self.count > 0).then_some(self.range)
    }

    /// How many numbers were kept of how many, if not all of them were.
    pub(crate) fn sampled(&self) -> Option<(usize, u64)> {
        let kept = self.kept.len();
        (self.count > kept as u64).then_some((kept, self.count))
    }

    /// Quantiles of what was kept, interpolated linearly between the two numbers at both sides; none of no numbers.
    pub(crate) fn quantiles<const N: usize>(mut self, shares: [f64; N]) -> Option<[f64; N]> {
        self.kept.sort_unstable_by(f64::total_cmp);
        let last = self.kept.len().checked_sub(1)?;
        Some(shares.map(|share| {
            let position = share * last as f64;
            let below = (position as usize).min(last);
            let (a, b) = (self.kept[below], self.kept[(below + 1).min(last)]);
            let rest = position - below as f64;
            match b - a {
                0.0 => a,
                difference if difference.is_finite() => a + difference * rest,
                _ => a * (1.0 - rest) + b * rest,
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(numbers: impl IntoIterator<Item = f64>, limit: usize) -> SampledNumbers {
        let mut sampled = SampledNumbers::new();
        numbers.into_iter().for_each(|x| sampled.add(x, limit));
        sampled
    }

    #[test]
    fn quantiles_are_interpolated_between_neighbours() {
        let quartiles = [0.25, 0.5, 0.75];
        assert_eq!(of([4.0, 1.0, 3.0, 2.0], 9).quantiles(quartiles), Some([1.75, 2.5, 3.25]));
        assert_eq!(of([7.0], 9).quantiles(quartiles), Some([7.0; 3]));
        assert_eq!(
            of([-1.5e308, 1.5e308], 9).quantiles(quartiles),
            Some([-0.75e308, 0.0, 0.75e308])
        );
        assert_eq!(of([], 9).quantiles(quartiles), None);
        assert_eq!(of([], 9).range(), None);
    }

    #[test]
    fn beyond_the_limit_a_sample_of_all_numbers_is_kept() {
        let sampled = of((0..100_000).map(f64::from), 10_000);
        assert_eq!(sampled.sampled(), Some((10_000, 100_000)));
        assert_eq!(sampled.range(), Some([0.0, 99_999.0]));
        let [low, median, high] = sampled.quantiles([0.25, 0.5, 0.75]).unwrap();
        // Five standard errors of a quantile of 10,000 numbers are 2.5 % of the range.
        for (found, expected) in [(low, 25_000.0), (median, 50_000.0), (high, 75_000.0)] {
            assert!((found - expected).abs() < 2500.0, "{found}");
        }
        assert_eq!(of([1.0, 2.0], 2).sampled(), None);
    }
}
