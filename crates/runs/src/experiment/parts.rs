//! The parts of the data: training, validation and test set.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

use data::{DataError, Dataset, Features, FittedTarget, FittedTransforms, Targets};
use events::Part;

use super::part_rows::PartRows;
use super::sources::Split;
use super::validation::{RowPurpose, ValidationChoice, drawn};

/// The data of a run: what it trains on, what it chooses by, and what it is measured on.
///
/// ```
/// # use data::{Dataset, Features, Targets};
/// use gradus_runs::{Parts, Split};
///
/// # let set = |name, first: u8| {
/// #     let targets = Targets::Labels { values: vec![0, 1], classes: 2 };
/// #     Dataset::new(name, [1], Features::U8(vec![first, first + 1]), targets)
/// # };
/// # let (train, validation, test) = (set("training", 0)?, set("validation", 2)?, set("test", 4)?);
/// // Without a validation set, the test set chooses.
/// let parts = Parts::from(Split { train: train.clone(), test: test.clone() });
/// assert!(parts.validation.is_none());
/// let parts = Parts::new(train, Some(validation), test)?;
/// assert!(parts.warnings().is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Parts {
    /// The training set.
    pub train: Dataset,
    /// The validation set, by which a run chooses: its best values, and whether it ends early.
    pub validation: Option<Dataset>,
    /// The test set. Without a validation set the run chooses by it.
    pub test: Dataset,
    rows: PartRows,
    /// Validation samples that are in the test set as well.
    n_repeated: usize,
    /// What made the features, once it is known.
    transforms: Option<Arc<FittedTransforms>>,
    /// What is to be known of the data.
    notes: Vec<String>,
}

/// Why the parts of the data do not fit together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PartsError {
    /// Not enough samples would be left to train on.
    #[error(
        "data.{part}: expected at most {most} of the {samples} training samples, found {found}"
    )]
    TooLarge {
        /// The set: validation or test.
        part: Part,
        /// Its samples.
        found: usize,
        /// The most that leave a sample, and with classes one of each class, to train on.
        most: usize,
        /// Samples of the training set as it was read.
        samples: usize,
    },
    /// A class is in one of the two sets only.
    #[error(
        "data.validation: class {class} has no sample among the {samples} of the {set} set, expected at least one in \
         the training and in the validation set"
    )]
    LeavesOut {
        /// The class.
        class: usize,
        /// The set that does not have it.
        set: &'static str,
        /// Samples of that set.
        samples: usize,
    },
    /// The samples are not what the transforms make.
    #[error("transforms that make {found}: expected {expected}, as the training set has")]
    Transforms {
        /// What the transforms make.
        found: String,
        /// What the training set has.
        expected: String,
    },
    /// The same samples choose and measure.
    #[error(
        "{repeated} of {samples} validation samples are in the test set as well: expected a test set with samples of \
         its own; is a training file named as test file?"
    )]
    Overlap {
        /// Validation samples with an equal test sample.
        repeated: usize,
        /// Samples of the validation set.
        samples: usize,
    },
}

impl Parts {
    /// Puts the sets of a program together.
    ///
    /// # Errors
    ///
    /// [`PartsError::LeavesOut`] if a class is in the training or in the validation set only, [`PartsError::Overlap`] if
    /// half of the validation samples or more are test samples too, although they are not training samples too.
    pub fn new(
        train: Dataset,
        validation: Option<Dataset>,
        test: Dataset,
    ) -> Result<Self, PartsError> {
        let mut rows = PartRows::default();
        rows.add(Part::Train, Part::Train, 0..train.len());
        let n_validation = validation.as_ref().map_or(0, Dataset::len);
        rows.add(Part::Validation, Part::Validation, 0..n_validation);
        rows.add(Part::Test, Part::Test, 0..test.len());
        Self::with_rows(train, validation, test, rows)
    }

    pub(super) fn with_rows(
        train: Dataset,
        validation: Option<Dataset>,
        test: Dataset,
        rows: PartRows,
    ) -> Result<Self, PartsError> {
        let n_repeated = match &validation {
            Some(validation) => {
                check_classes(&train, validation)?;
                check_overlap(&train, validation, &test)?
            }
            None => 0,
        };
        Ok(Self { train, validation, test, rows, n_repeated, transforms: None, notes: Vec::new() })
    }

    /// The same parts, whose samples these transforms have made: a model then takes the rows from which they made them.
    /// Where all that is done to a row is to divide an array, the samples are its numbers before that.
    ///
    /// # Errors
    ///
    /// [`PartsError::Transforms`] if they make other features, or another target.
    pub fn with_transforms(self, transforms: FittedTransforms) -> Result<Self, PartsError> {
        let width = self.train.targets().width();
        let divisor = transforms.divisor();
        let is_raw = divisor.is_none() && self.train.is_bytes();
        let describe = |features, width| format!("{features} features and {width} outputs");
        let expected = describe(self.train.sample_len(), width);
        let width = transforms.target().map_or(0, FittedTarget::width);
        let found = describe(transforms.width(), width);
        if is_raw || found != expected {
            let expected = if is_raw { "samples in bytes".to_owned() } else { expected };
            return Err(PartsError::Transforms { found, expected });
        }
        let divided = |set: Dataset| {
            Ok(match divisor {
                Some(divisor) => set.divided_by(divisor),
                None => set,
            })
        };
        self.map(divided, Arc::new(transforms))
    }

    /// The same parts, which transforms have made of tables.
    pub(super) fn of_tables(self, transforms: Arc<FittedTransforms>, notes: Vec<String>) -> Self {
        Self { transforms: Some(transforms), notes, ..self }
    }

    /// The same parts with what the transforms make of each.
    pub(super) fn encoded(self, transforms: Arc<FittedTransforms>) -> Result<Self, DataError> {
        let fitted = Arc::clone(&transforms);
        self.map(|set| fitted.encode_dataset(set), transforms)
    }

    fn map<E>(
        self,
        map: impl Fn(Dataset) -> Result<Dataset, E>,
        transforms: Arc<FittedTransforms>,
    ) -> Result<Self, E> {
        Ok(Self {
            train: map(self.train)?,
            validation: self.validation.map(&map).transpose()?,
            test: map(self.test)?,
            transforms: Some(transforms),
            ..self
        })
    }

    /// The parts of data that was read: `n_validation` samples of the training set, the last ones or drawn by `seed`, are
    /// the validation set, and of the others the first `limit` the training set.
    pub(super) fn of_split(
        Split { mut train, test }: Split,
        validation: Option<(usize, ValidationChoice)>,
        limit: usize,
    ) -> Result<Self, PartsError> {
        let samples = train.len();
        let chosen = match validation {
            None => Vec::new(),
            Some((found, ValidationChoice::Last)) => {
                (samples.saturating_sub(found).max(1)..samples).collect()
            }
            Some((found, ValidationChoice::Drawn { seed })) => {
                drawn(train.targets(), found, seed, RowPurpose::Validation)
            }
        };
        let found = validation.map_or(0, |(found, _)| found);
        if chosen.len() < found {
            let (part, most) = (Part::Validation, chosen.len());
            return Err(PartsError::TooLarge { part, found, most, samples });
        }
        let name = format!("validation set of {}", train.name());
        let validation = validation.map(|_| train.split_off(&chosen, name));
        let is_chosen = |row: &usize| chosen.binary_search(row).is_ok();
        let mut rows = PartRows::default();
        let others = (0..samples).filter(|row| !is_chosen(row));
        rows.add(Part::Train, Part::Train, others.take(limit));
        rows.add(Part::Validation, Part::Train, chosen.iter().copied());
        rows.add(Part::Test, Part::Test, 0..test.len());
        let parts = Self::with_rows(train, validation, test, rows)?;
        Ok(Self { train: parts.train.take(limit), ..parts })
    }

    /// A part, if there is one.
    pub fn get(&self, part: Part) -> Option<&Dataset> {
        match part {
            Part::Train => Some(&self.train),
            Part::Validation => self.validation.as_ref(),
            Part::Test => Some(&self.test),
        }
    }

    /// What made the features, and what is predicted; none before [`DataSpec::prepare`](super::DataSpec::prepare).
    pub fn transforms(&self) -> Option<&Arc<FittedTransforms>> {
        self.transforms.as_ref()
    }

    /// Where the samples of each part come from.
    pub fn rows(&self) -> &PartRows {
        &self.rows
    }

    /// What is to be known of the data, and properties of it that are probably mistakes.
    pub fn warnings(&self) -> Vec<String> {
        let (name, empty) = (self.train.name(), self.train.empty_classes());
        let class = empty.first().map(|class| match empty.len() {
            1 => format!("{name}: class {class} has no sample"),
            n => format!("{name}: {n} classes have no sample, such as {class}"),
        });
        let (repeated, samples) =
            (self.n_repeated, self.validation.as_ref().map_or(0, Dataset::len));
        let overlap = (repeated > 0).then(|| {
            format!("{repeated} of {samples} validation samples are in the test set as well")
        });
        self.notes.iter().cloned().chain(class).chain(overlap).collect()
    }
}

impl From<Split> for Parts {
    /// Without a validation set.
    fn from(split: Split) -> Self {
        Self::of_split(split, None, usize::MAX).expect("only a validation set can be refused")
    }
}

/// An error if a class is in one of both sets only.
fn check_classes(train: &Dataset, validation: &Dataset) -> Result<(), PartsError> {
    let sets = [("training", train), ("validation", validation)];
    let [in_training, in_validation] = sets.map(|(_, set)| set.empty_classes());
    for ((set, dataset), empty, others) in
        [(sets[0], &in_training, &in_validation), (sets[1], &in_validation, &in_training)]
    {
        if let Some(&class) = empty.iter().find(|class| others.binary_search(class).is_err()) {
            return Err(PartsError::LeavesOut { class, set, samples: dataset.len() });
        }
    }
    Ok(())
}

/// How many validation samples are test samples too; an error if they are half of them or more. Data in which samples
/// occur again and again by nature repeats them in the training set as well: then it is none.
fn check_overlap(
    train: &Dataset,
    validation: &Dataset,
    test: &Dataset,
) -> Result<usize, PartsError> {
    let mut hashes: HashMap<u64, usize> = HashMap::new();
    sample_hashes(validation).for_each(|hash| *hashes.entry(hash).or_default() += 1);
    // Only what the smaller set has is kept of the others.
    let repeated_in = |set: &Dataset| {
        let found: HashSet<u64> =
            sample_hashes(set).filter(|hash| hashes.contains_key(hash)).collect();
        found.iter().map(|hash| hashes[hash]).sum::<usize>()
    };
    let (samples, repeated) = (validation.len(), repeated_in(test));
    let is_half = |n: usize| n > 0 && 2 * n >= samples;
    if is_half(repeated) && !is_half(repeated_in(train)) {
        return Err(PartsError::Overlap { repeated, samples });
    }
    Ok(repeated)
}

/// A hash of the features and the target of each sample, bit by bit.
fn sample_hashes(set: &Dataset) -> impl Iterator<Item = u64> {
    fn add(hasher: &mut DefaultHasher, values: &[f32]) {
        values.iter().for_each(|value| hasher.write_u32(value.to_bits()));
    }
    (0..set.len()).map(move |row| {
        let mut hasher = DefaultHasher::new();
        match set.numbers(row..row + 1) {
            Features::U8(bytes) => hasher.write(&bytes),
            Features::F32(values) => add(&mut hasher, &values),
        }
        match set.targets() {
            Targets::Labels { values, .. } => hasher.write_u32(values[row]),
            Targets::Values { values, width } => add(&mut hasher, &values[row * width..][..*width]),
        }
        hasher.finish()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples with one number each, all different, from `first` on; the classes go round.
    fn set(first: usize, n: usize, classes: usize) -> Dataset {
        let values = (0..n).map(|i| (i % classes) as u32).collect();
        let features = (first..first + n).map(|i| i as f32).collect();
        let targets = Targets::Labels { values, classes };
        Dataset::new("set", [1], Features::F32(features), targets).unwrap()
    }

    fn numbers(set: &Dataset) -> Vec<usize> {
        let Some(Features::F32(values)) = set.features() else { panic!("bytes") };
        values.iter().map(|&value| value as usize).collect()
    }

    fn split() -> Split {
        Split { train: set(0, 100, 3), test: set(100, 30, 3) }
    }

    fn parts(split: Split, n: usize, seed: u64) -> Result<Parts, PartsError> {
        Parts::of_split(split, Some((n, ValidationChoice::Drawn { seed })), usize::MAX)
    }

    #[test]
    fn drawn_samples_are_of_all_classes_and_depend_on_the_seed_alone() {
        let found = parts(split(), 9, 1).unwrap();
        let validation = found.validation.as_ref().unwrap();
        let Targets::Labels { values, .. } = validation.targets() else { panic!("no classes") };
        // 34, 33 and 33 samples of the classes.
        assert_eq!(
            (0..3).map(|c| values.iter().filter(|v| **v == c).count()).collect::<Vec<_>>(),
            [3; 3]
        );
        let mut all = [numbers(validation), numbers(&found.train)].concat();
        assert!(all[..9].is_sorted() && all[9..].is_sorted(), "the order is kept: {all:?}");
        all.sort_unstable();
        assert_eq!(all, Vec::from_iter(0..100));
        let again = parts(split(), 9, 1).unwrap();
        assert_eq!(again.validation.as_ref(), Some(validation));
        let other = parts(split(), 9, 2).unwrap();
        assert_ne!(other.validation.as_ref(), Some(validation));
        // A larger validation set has all samples of a smaller one.
        let larger = numbers(parts(split(), 18, 1).unwrap().validation.as_ref().unwrap());
        assert!(numbers(validation).iter().all(|row| larger.contains(row)));
    }

    #[test]
    fn the_last_samples_are_taken_and_the_limit_counts_those_that_are_left() {
        let found = Parts::of_split(split(), Some((5, ValidationChoice::Last)), 20).unwrap();
        assert_eq!(numbers(found.validation.as_ref().unwrap()), [95, 96, 97, 98, 99]);
        assert_eq!(numbers(&found.train), Vec::from_iter(0..20));
        let csv = "part,set,first,last\ntrain,train,0,19\nvalidation,train,95,99\ntest,test,0,29\n";
        assert_eq!(found.rows().to_string(), csv);
        let whole = Parts::from(split());
        assert_eq!(
            whole.rows().to_string(),
            "part,set,first,last\ntrain,train,0,99\ntest,test,0,29\n"
        );
        let own = Parts::new(set(0, 9, 3), Some(set(9, 3, 3)), set(12, 3, 3)).unwrap();
        let csv =
            "part,set,first,last\ntrain,train,0,8\nvalidation,validation,0,2\ntest,test,0,2\n";
        assert_eq!(own.rows().to_string(), csv);
    }

    #[test]
    fn the_rows_of_drawn_parts_are_those_of_their_samples() {
        let found = parts(split(), 30, 5).unwrap();
        let csv = found.rows().to_string();
        for (part, set) in
            [("train", &found.train), ("validation", found.validation.as_ref().unwrap())]
        {
            let lines = csv.lines().filter_map(|line| line.strip_prefix(&format!("{part},train,")));
            let rows = lines.flat_map(|line| {
                let (first, last) = line.split_once(',').unwrap();
                first.parse::<usize>().unwrap()..=last.parse().unwrap()
            });
            assert_eq!(rows.collect::<Vec<_>>(), numbers(set), "{csv}");
        }
    }

    #[test]
    fn a_validation_set_that_leaves_nothing_or_a_class_out_is_refused() {
        let last = |n| Parts::of_split(split(), Some((n, ValidationChoice::Last)), usize::MAX);
        let of = |split, n| parts(split, n, 0);
        let rare = |n: usize| {
            let mut values = vec![0; 20];
            values[19] = 1;
            values[18] = n as u32 % 2;
            let targets = Targets::Labels { values, classes: 2 };
            let features = Features::F32((0..20).map(|i| i as f32).collect());
            Split { train: Dataset::new("rare", [1], features, targets).unwrap(), ..split() }
        };
        let heights = || {
            let targets = Targets::Values { values: vec![0.0; 4], width: 1 };
            let set = Dataset::new("heights", [1], Features::F32(vec![0.0; 4]), targets).unwrap();
            Split { train: set.clone(), test: set.take(0) }
        };
        let leaves = |class, set, n| {
            format!(
                "data.validation: class {class} has no sample among the {n} of the {set} set, expected at least one in \
                 the training and in the validation set"
            )
        };
        let large = |found, most, n| {
            format!(
                "data.validation: expected at most {most} of the {n} training samples, found {found}"
            )
        };
        let cases = [
            (last(100), large(100, 99, 100)),
            (last(usize::MAX), large(usize::MAX, 99, 100)),
            (last(2), leaves(1, "validation", 2)),
            (last(98), leaves(2, "training", 2)),
            (of(split(), 98), large(98, 97, 100)),
            (of(split(), usize::MAX), large(usize::MAX, 97, 100)),
            (of(split(), 2), leaves(2, "validation", 2)),
            (of(rare(0), 5), leaves(1, "validation", 5)),
            (of(heights(), 4), large(4, 3, 4)),
        ];
        for (found, want) in cases {
            assert_eq!(found.map(drop).map_err(|error| error.to_string()), Err(want));
        }
        assert!(of(split(), 97).is_ok() && of(split(), 3).is_ok());
        assert!(of(rare(1), 2).is_ok(), "a class of two samples is in both");
        assert_eq!(of(heights(), 3).unwrap().train.len(), 1);
    }

    #[test]
    fn validation_samples_in_the_test_set_are_an_error_if_they_are_half_of_them_else_a_warning() {
        let with_test = |first| Parts::new(set(0, 60, 3), Some(set(60, 30, 3)), set(first, 30, 3));
        assert!(with_test(90).unwrap().warnings().is_empty());
        let found = with_test(78).unwrap().warnings();
        assert_eq!(found, ["12 of 30 validation samples are in the test set as well"]);
        let error = with_test(75).unwrap_err();
        assert_eq!(error, PartsError::Overlap { repeated: 15, samples: 30 });
        // The training file named as test file.
        let same = Split { train: set(0, 100, 3), test: set(0, 100, 3) };
        let error = parts(same, 10, 0).unwrap_err().to_string();
        let want = "10 of 10 validation samples are in the test set as well: expected a test set with samples of its \
            own; is a training file named as test file?";
        assert_eq!(error, want);
        // A target of its own makes another sample.
        let other = Dataset::new(
            "other",
            [1],
            set(60, 30, 3).numbers(0..30),
            Targets::Labels { values: (0..30).map(|i| (i + 1) % 3).collect(), classes: 3 },
        );
        assert!(Parts::new(set(0, 60, 3), Some(set(60, 30, 3)), other.unwrap()).is_ok());
    }

    #[test]
    fn data_that_repeats_its_samples_is_allowed_to() {
        let xor = || {
            let targets = Targets::Labels { values: [0, 1, 1, 0].repeat(25), classes: 2 };
            let points = [0., 0., 0., 1., 1., 0., 1., 1.].repeat(25);
            Dataset::new("xor", [2], Features::F32(points), targets).unwrap()
        };
        let found = parts(Split { train: xor(), test: xor() }, 20, 0).unwrap();
        assert_eq!(found.warnings(), ["20 of 20 validation samples are in the test set as well"]);
    }

    #[test]
    fn transforms_of_a_program_make_what_the_samples_are() {
        let parts = || Parts::from(split());
        let fitted = FittedTransforms::of_dataset(&set(0, 9, 3).divided_by(4.0)).unwrap();
        let found = parts().with_transforms(fitted.clone()).unwrap();
        assert_eq!((found.train.divisor(), found.test.divisor()), (4.0, 4.0));
        assert_eq!(found.transforms().map(|transforms| &**transforms), Some(&fitted));
        let other = FittedTransforms::of_dataset(&set(0, 9, 2)).unwrap();
        let error = parts().with_transforms(other).unwrap_err().to_string();
        let want = "transforms that make 1 features and 2 outputs: expected 1 features and 3 outputs, as the \
            training set has";
        assert_eq!(error, want);
    }
}
