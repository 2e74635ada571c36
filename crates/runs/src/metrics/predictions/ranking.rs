//! Samples in the order of a score.

/// The samples of a part in the order of a score of a class: for each distinct score, from the least, how many samples
/// are not of the class, and how many are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranking(Vec<[usize; 2]>);

impl Ranking {
    /// Of scores, none of them NaN, each with whether its sample is of the class.
    pub fn new(scored: impl Iterator<Item = (f64, bool)>) -> Self {
        let mut scored: Vec<(f64, bool)> = scored.collect();
        scored.sort_unstable_by(|(a, _), (b, _)| a.total_cmp(b));
        let counts = scored.chunk_by(|(a, _), (b, _)| a == b).map(|equal| {
            let own = equal.iter().filter(|(_, is_own)| *is_own).count();
            [equal.len() - own, own]
        });
        Self(counts.collect())
    }

    /// For each distinct score, from the least: samples that are not of the class, and samples that are.
    pub fn counts(&self) -> &[[usize; 2]] {
        &self.0
    }

    /// The samples that are not of the class, and those that are; none unless there are some of both.
    pub fn both(&self) -> Option<[usize; 2]> {
        let add = |[a, b]: [usize; 2], [x, y]: &[usize; 2]| [a + x, b + y];
        Some(self.0.iter().fold([0; 2], add)).filter(|sums| !sums.contains(&0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_scores_are_one_group_zeros_of_both_signs_too() {
        let scored = [(0.0, true), (1.0, false), (-0.0, false), (-2.0, true), (0.0, false)];
        let ranking = Ranking::new(scored.into_iter());
        assert_eq!(ranking.counts(), [[0, 1], [2, 1], [1, 0]]);
        assert_eq!(ranking.both(), Some([3, 2]));
        assert_eq!(Ranking::new([(1.0, true)].into_iter()).both(), None);
    }
}
