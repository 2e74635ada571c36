//! A dataset: samples and their targets.

use std::ops::Range;

use crate::features::{Features, shorten};
use crate::storage::FeatureStorage;
use crate::{DataError, DataFault};

/// Samples of one shape, each with its target: what transforms make of the rows of a table, or what a program passes. Their
/// numbers are in memory, or in a file where they would take too much of it; the targets are in memory.
///
/// What a network gets are the numbers of a sample, divided by [`Dataset::divisor`]. So bytes stay bytes in memory.
///
/// The lengths are checked once, by [`Dataset::new`], so that nothing that reads a dataset can fail.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    name: String,
    sample_shape: Vec<usize>,
    sample_len: usize,
    features: FeatureStorage,
    divisor: f32,
    targets: Targets,
}

/// The target of each sample.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// One class per sample, for classification.
    Labels {
        /// The class of each sample, below `classes`.
        values: Vec<u32>,
        /// Number of classes, at least 2.
        classes: usize,
    },
    /// Real numbers, for regression.
    Values {
        /// `width` numbers per sample, one sample after the other.
        values: Vec<f32>,
        /// Numbers per sample, at least 1.
        width: usize,
    },
}

impl Dataset {
    /// Puts a dataset together. Bytes are divided by 255, real numbers by 1: see [`Dataset::divided_by`].
    ///
    /// # Shapes
    ///
    /// `n` samples, perhaps 0, have `n` times the product of `sample_shape` features (images: `[rows,
    /// columns, channels]`; a plain number: `[]`), and `n` labels or `n * width` values.
    ///
    /// # Errors
    ///
    /// [`DataFault::SampleShape`], [`DataFault::Partial`], [`DataFault::Counts`], [`DataFault::Classes`] or
    /// [`DataFault::Label`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use gradus_data::{DataError, Dataset, Features, Targets};
    /// let xor = Dataset::new(
    ///     "xor",
    ///     [2],
    ///     Features::F32(vec![0., 0., 0., 1., 1., 0., 1., 1.]),
    ///     Targets::Labels { values: vec![0, 1, 1, 0], classes: 2 },
    /// )?;
    /// assert_eq!((xor.len(), xor.sample_len()), (4, 2));
    /// # Ok::<(), DataError>(())
    /// ```
    pub fn new(
        name: impl Into<String>,
        sample_shape: impl Into<Vec<usize>>,
        features: impl Into<FeatureStorage>,
        targets: Targets,
    ) -> Result<Self, DataError> {
        let (name, sample_shape, features) = (name.into(), sample_shape.into(), features.into());
        let divisor = if features.is_bytes() { 255.0 } else { 1.0 };
        match check(&sample_shape, &features, &targets) {
            Ok(sample_len) => {
                Ok(Self { name, sample_shape, sample_len, features, divisor, targets })
            }
            Err(fault) => Err(fault.of(name)),
        }
    }

    /// The same samples with another divisor.
    #[must_use]
    pub fn divided_by(self, divisor: f32) -> Self {
        Self { divisor, ..self }
    }

    /// The same samples with other targets, as many as before.
    pub(crate) fn map_targets(self, map: impl FnOnce(Targets) -> Targets) -> Self {
        Self { targets: map(self.targets), ..self }
    }

    /// The name of the dataset in messages and reports.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sizes of a sample's axes, outermost first.
    pub fn sample_shape(&self) -> &[usize] {
        &self.sample_shape
    }

    /// Numbers in a sample: the product of [`Dataset::sample_shape`], at least 1.
    pub fn sample_len(&self) -> usize {
        self.sample_len
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.features.len() / self.sample_len
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The numbers of all samples, if they are in memory; sample `i` starts at `i * sample_len()`.
    pub fn features(&self) -> Option<&Features> {
        match &self.features {
            FeatureStorage::Memory(features) => Some(features),
            FeatureStorage::File(_) => None,
        }
    }

    /// Whether the numbers are bytes.
    pub fn is_bytes(&self) -> bool {
        self.features.is_bytes()
    }

    /// A copy of the numbers of consecutive samples, not divided.
    ///
    /// # Panics
    ///
    /// If there are fewer samples.
    pub fn numbers(&self, samples: Range<usize>) -> Features {
        self.features.range(samples.start * self.sample_len..samples.end * self.sample_len)
    }

    /// Writes the numbers of a sample, not divided.
    ///
    /// # Panics
    ///
    /// If there is no such sample, or `to` does not have [`Dataset::sample_len`] numbers.
    pub fn read(&self, sample: usize, to: &mut [f32]) {
        assert_eq!(to.len(), self.sample_len, "numbers of a sample");
        self.features.read(sample * self.sample_len, to);
    }

    /// What the numbers are divided by when a batch of them is loaded.
    pub fn divisor(&self) -> f32 {
        self.divisor
    }

    /// The targets of all samples.
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// The numbers of a sample, not divided, and its class; none if there is no such sample, or it has no class.
    pub fn labelled_sample(&self, index: usize) -> Option<(Vec<f32>, u32)> {
        let Targets::Labels { values, .. } = &self.targets else { return None };
        let label = *values.get(index)?;
        Some((self.sample(index)?, label))
    }

    /// The numbers of a sample, not divided; none if there is no such sample.
    pub fn sample(&self, index: usize) -> Option<Vec<f32>> {
        (index < self.len()).then(|| {
            let mut numbers = vec![0.0; self.sample_len];
            self.read(index, &mut numbers);
            numbers
        })
    }

    /// The classes without a sample; none for a regression.
    pub fn empty_classes(&self) -> Vec<usize> {
        let Targets::Labels { values, classes } = &self.targets else { return Vec::new() };
        let mut is_empty = vec![true; *classes];
        values.iter().for_each(|&label| is_empty[label as usize] = false);
        (0..*classes).filter(|&class| is_empty[class]).collect()
    }

    /// Moves the samples of the numbers `chosen`, which ascend, to a dataset called `name`. The others keep their order.
    /// Numbers in a file are read into memory first.
    ///
    /// # Panics
    ///
    /// If the numbers do not ascend, or there is no such sample.
    #[must_use]
    pub fn split_off(&mut self, chosen: &[usize], name: impl Into<String>) -> Self {
        let len = self.sample_len;
        let features = match self.features.memory() {
            Features::U8(values) => Features::U8(split_off(values, chosen, len)),
            Features::F32(values) => Features::F32(split_off(values, chosen, len)),
        };
        let targets = match &mut self.targets {
            Targets::Labels { values, classes } => {
                Targets::Labels { values: split_off(values, chosen, 1), classes: *classes }
            }
            Targets::Values { values, width } => {
                Targets::Values { values: split_off(values, chosen, *width), width: *width }
            }
        };
        let (sample_shape, divisor) = (self.sample_shape.clone(), self.divisor);
        let (name, features) = (name.into(), features.into());
        Self { name, sample_shape, sample_len: len, features, divisor, targets }
    }

    /// A copy of the first `n` samples, or of all if there are fewer.
    #[must_use]
    pub fn first(&self, n: usize) -> Self {
        let n = n.min(self.len());
        let features = match &self.features {
            FeatureStorage::Memory(features) => features.range(0..n * self.sample_len).into(),
            file => {
                let mut file = file.clone();
                file.truncate(n * self.sample_len);
                file
            }
        };
        let targets = match &self.targets {
            Targets::Labels { values, classes } => {
                Targets::Labels { values: values[..n].to_vec(), classes: *classes }
            }
            Targets::Values { values, width } => {
                Targets::Values { values: values[..n * width].to_vec(), width: *width }
            }
        };
        let (name, sample_shape) = (self.name.clone(), self.sample_shape.clone());
        let Self { sample_len, divisor, .. } = *self;
        Self { name, sample_shape, sample_len, features, divisor, targets }
    }

    /// The first `n` samples, or all if there are fewer. The memory of the others is freed.
    pub fn take(mut self, n: usize) -> Self {
        let n = n.min(self.len());
        self.features.truncate(n * self.sample_len);
        match &mut self.targets {
            Targets::Labels { values, .. } => shorten(values, n),
            Targets::Values { values, width } => shorten(values, n * *width),
        }
        self
    }
}

impl Targets {
    /// Classes, or values of a sample.
    pub fn width(&self) -> usize {
        match self {
            Self::Labels { classes, .. } => *classes,
            Self::Values { width, .. } => *width,
        }
    }

    /// Appends the targets of other samples.
    ///
    /// # Panics
    ///
    /// If they are of another kind.
    pub fn append(&mut self, others: Self) {
        match (self, others) {
            (Self::Labels { values, .. }, Self::Labels { values: others, .. }) => {
                values.extend(others);
            }
            (Self::Values { values, .. }, Self::Values { values: others, .. }) => {
                values.extend(others);
            }
            _ => panic!("classes and values"),
        }
    }

    /// The number of samples these targets belong to.
    pub(crate) fn check(&self) -> Result<usize, DataFault> {
        let (values, classes) = match self {
            Self::Values { values, width } => return whole("values", values.len(), *width),
            Self::Labels { values, classes } => (values, *classes),
        };
        if classes < 2 {
            return Err(DataFault::Classes(classes));
        }
        let Some(index) = values.iter().position(|&label| label as usize >= classes) else {
            return Ok(values.len());
        };
        let begins_at_1 = values.iter().min() == Some(&1)
            && values.iter().all(|&label| label as usize <= classes);
        Err(DataFault::Label { index, found: values[index], classes, begins_at_1 })
    }
}

/// The numbers of a sample, if there are as many samples as targets, and all are whole.
fn check(
    shape: &[usize],
    features: &FeatureStorage,
    targets: &Targets,
) -> Result<usize, DataFault> {
    let sample_len = shape.iter().try_fold(1, |len: usize, &axis| len.checked_mul(axis));
    let Some(sample_len @ 1..) = sample_len else {
        return Err(DataFault::SampleShape(shape.to_vec()));
    };
    let n_samples = whole("features", features.len(), sample_len)?;
    match targets.check()? {
        n_targets if n_targets == n_samples => Ok(sample_len),
        n_targets => Err(DataFault::Counts { n_samples, n_targets }),
    }
}

/// How many samples `found` numbers are, at `per_sample` each.
fn whole(what: &'static str, found: usize, per_sample: usize) -> Result<usize, DataFault> {
    match per_sample {
        1.. if found.is_multiple_of(per_sample) => Ok(found / per_sample),
        _ => Err(DataFault::Partial { what, found, per_sample }),
    }
}

/// Moves the chosen rows of `len` values to a vector of their own. Where they are the last ones, the others stay where
/// they are.
fn split_off<T: Copy>(values: &mut Vec<T>, chosen: &[usize], len: usize) -> Vec<T> {
    let mut moved = Vec::with_capacity(chosen.len() * len);
    let mut kept = chosen.first().map_or(values.len(), |&row| row * len);
    for (i, &row) in chosen.iter().enumerate() {
        moved.extend_from_slice(&values[row * len..][..len]);
        let rest = (row + 1) * len..chosen.get(i + 1).map_or(values.len(), |&next| next * len);
        values.copy_within(rest.clone(), kept);
        kept += rest.len();
    }
    shorten(values, kept);
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(values: &[u32]) -> Targets {
        Targets::Labels { values: values.to_vec(), classes: 3 }
    }

    fn values(values: &[f32], width: usize) -> Targets {
        Targets::Values { values: values.to_vec(), width }
    }

    #[test]
    fn numbers_that_do_not_fit_are_errors_that_say_how() {
        let one_class = Targets::Labels { values: vec![0; 2], classes: 1 };
        let cases: [(&[usize], usize, Targets, &str); 9] = [
            (&[2, 0], 0, labels(&[]), "toy: a sample of shape [2, 0] has no usable size"),
            (&[usize::MAX, 2], 0, labels(&[]), "has no usable size"),
            (&[2, 2], 6, labels(&[0]), "toy: 6 features are not a multiple of the 4 of a sample"),
            (&[2, 2], 8, labels(&[0]), "toy: 2 samples but 1 targets"),
            (&[2], 4, one_class, "toy: expected two classes or more, found 1"),
            (&[2], 4, labels(&[2, 3]), "toy: label 3 at index 1, expected below 3"),
            (&[2], 4, values(&[0.0], 2), "toy: 1 values are not a multiple of the 2 of a sample"),
            (&[2], 4, values(&[], 0), "toy: 0 values are not a multiple of the 0 of a sample"),
            (&[2], 4, values(&[0.0; 6], 2), "toy: 2 samples but 3 targets"),
        ];
        for (shape, n_features, targets, expected) in cases {
            let error = Dataset::new("toy", shape, Features::U8(vec![0; n_features]), targets)
                .expect_err(expected)
                .to_string();
            assert!(error.ends_with(expected), "{error:?} instead of {expected:?}");
        }
    }

    #[test]
    fn labels_counted_from_1_are_pointed_out() {
        let message = |labels: &[u32], classes| {
            let targets = Targets::Labels { values: labels.to_vec(), classes };
            let features = Features::U8(vec![0; labels.len()]);
            Dataset::new("letters", [1], features, targets).map(|set| set.empty_classes())
        };
        let error = message(&[1, 2, 26], 26).unwrap_err().to_string();
        let hint = "; labels seem to begin at 1, classes are counted from 0";
        assert_eq!(error, format!("letters: label 26 at index 2, expected below 26{hint}"));
        for (labels, classes) in [(&[0, 2, 26][..], 26), (&[1, 2, 27], 26)] {
            let error = message(labels, classes).unwrap_err().to_string();
            assert!(error.ends_with("expected below 26"), "{error}");
        }
        assert_eq!(message(&[1, 2, 4], 5).unwrap(), [0, 3]);
    }

    #[test]
    fn plain_numbers_and_no_samples_are_datasets() -> Result<(), DataError> {
        let scalars = Dataset::new("line", [], Features::F32(vec![1.0; 3]), values(&[0.5; 3], 1))?;
        assert_eq!((scalars.len(), scalars.sample_len()), (3, 1));
        let none = Dataset::new("none", [28, 28, 1], Features::U8(vec![]), labels(&[]))?;
        assert!(none.is_empty());
        Ok(())
    }

    #[test]
    fn chosen_samples_are_moved_with_their_targets_and_all_keep_their_order()
    -> Result<(), DataError> {
        let set = |name: &str, samples: &[u8]| {
            let features = samples.iter().flat_map(|&i| [i, 2 * i]).collect();
            let targets = samples.iter().map(|&i| u32::from(i) % 3).collect::<Vec<_>>();
            Dataset::new(name, [2], Features::U8(features), labels(&targets))
        };
        let cases: [(&[usize], &[u8], &[u8]); 5] = [
            (&[], &[], &[0, 1, 2, 3, 4, 5]),
            (&[4, 5], &[4, 5], &[0, 1, 2, 3]),
            (&[0, 1, 4], &[0, 1, 4], &[2, 3, 5]),
            (&[1, 3], &[1, 3], &[0, 2, 4, 5]),
            (&[0, 1, 2, 3, 4, 5], &[0, 1, 2, 3, 4, 5], &[]),
        ];
        for (chosen, moved, kept) in cases {
            let mut rest = set("all", &[0, 1, 2, 3, 4, 5])?;
            assert_eq!(rest.split_off(chosen, "moved"), set("moved", moved)?, "{chosen:?}");
            assert_eq!(rest, set("all", kept)?, "{chosen:?}");
        }
        let line = |n: u8| {
            let numbers = (0..2 * n).map(f32::from).collect::<Vec<_>>();
            Dataset::new(
                "line",
                [],
                Features::F32(numbers[..n.into()].to_vec()),
                values(&numbers, 2),
            )
        };
        let mut rest = line(5)?;
        assert_eq!(rest.split_off(&[3, 4], "end").targets(), &values(&[6., 7., 8., 9.], 2));
        assert_eq!(rest, line(3)?);
        Ok(())
    }

    #[test]
    fn take_keeps_the_first_samples_with_their_targets() -> Result<(), DataError> {
        let dataset = |n: usize| {
            let features = (0..2 * n).map(|i| i as f32).collect();
            let targets: Vec<f32> = (0..3 * n).map(|i| -(i as f32)).collect();
            Dataset::new("toy", [2], Features::F32(features), values(&targets, 3))
        };
        for (n, expected) in [(0, 0), (2, 2), (5, 5), (6, 5)] {
            assert_eq!(dataset(5)?.take(n), dataset(expected)?, "take({n})");
            assert_eq!(dataset(5)?.first(n), dataset(expected)?, "first({n})");
        }
        Ok(())
    }
}
