//! Augmentations: random changes of training pictures, one file each. This list is the whole registry.
//!
//! `data.augment` lists them, and they are applied in that order to every sample of a training batch, which has the
//! shape `[rows, columns, channels]`; nothing else sees them. What an augmentation draws depends on the seed of the
//! run, the epoch, the sample and the augmentation's place in the list alone: neither on threads nor on tiles, nor on
//! whether the run was resumed.
//!
//! Geometric ones (`shift`, `rotate`, `scale`, `shear`, `elastic`, `flip`) move the picture. Those in a row are composed
//! into one map from the pixels of the result to points of the picture, which is sampled once, by linear interpolation
//! between four pixels; what comes in from outside is 0, the background. The others (`erase`, `brightness`) change values:
//! what stands before one of them in the list is sampled first. So a list is sampled once if its geometric augmentations
//! stand in a row.
//!
//! Values are those that the network sees: after the transforms of the data.

use kernels::random::Stream;
use nn::registry::{InvalidSetting, Validate as _, require};
// What the files of augmentations take by `use super::*`.
use nn::settings;

pub use picture::{AffineMap, AugmentedPicture, PictureBuffers};

pub mod brightness;
pub mod elastic;
pub mod erase;
pub mod flip;
mod picture;
pub mod rotate;
pub mod scale;
pub mod shear;
pub mod shift;

nn::registry! {
    /// A random change of training pictures.
    pub enum Augmentation: dyn Augment {
        shift::Shift,
        rotate::Rotate,
        scale::Scale,
        shear::Shear,
        elastic::Elastic,
        flip::Flip,
        erase::Erase,
        brightness::Brightness,
    }
}

/// How an augmentation changes pictures.
pub trait Augment {
    /// Checks the settings against the shape `[rows, columns, channels]` of all pictures.
    ///
    /// # Errors
    ///
    /// The first setting that does not fit.
    fn check(&self, shape: [usize; 3]) -> Result<(), InvalidSetting> {
        let _ = shape;
        Ok(())
    }

    /// Changes a picture by random numbers of its own.
    fn apply(&self, picture: &mut AugmentedPicture<'_>, random: &mut Stream);
}

/// Random draws of augmentations: `"augm"`. Every purpose has its own.
const AUGMENT: u64 = 0x6175_676d << 32;
/// The blocks of four words that an augmentation of a sample can draw, as a power of two; the number of the augmentation
/// and that of the sample stand above.
const BLOCK_BITS: usize = 26;
/// Augmentations of an experiment at most.
const MOST: usize = 1 << (32 - BLOCK_BITS);

/// Checks the settings of every augmentation.
///
/// # Errors
///
/// The first setting that is out of range, or the list if it is too long; `name` stands for the list.
pub fn valid_augmentations(name: &str, list: &[Augmentation]) -> Result<(), InvalidSetting> {
    require(list.len() <= MOST, name, list.len(), format!("at most {MOST} augmentations"))?;
    check_each(name, list, Augmentation::validate)
}

/// Checks every augmentation against the shape of all samples.
///
/// # Errors
///
/// If the samples are not of the shape `[rows, columns, channels]` and there are augmentations, or the first setting that
/// does not fit.
pub fn check_shape(list: &[Augmentation], shape: &[usize]) -> Result<(), InvalidSetting> {
    let name = "augment";
    let Ok(picture) = <[usize; 3]>::try_from(shape) else {
        let expected = "samples of [rows, columns, channels]; remove it, or change model.input";
        return require(list.is_empty(), name, format_args!("samples of {shape:?}"), expected);
    };
    check_each(name, list, |augmentation| augmentation.as_dyn().check(picture))
}

fn check_each(
    name: &str,
    list: &[Augmentation],
    check: impl Fn(&Augmentation) -> Result<(), InvalidSetting>,
) -> Result<(), InvalidSetting> {
    let numbered = (1..).zip(list);
    let mut checked = numbered.map(|(number, augmentation)| {
        check(augmentation).map_err(|setting| setting.within(&format!("{name}.{number}")))
    });
    checked.try_for_each(|checked| checked)
}

/// Whose random numbers are drawn.
#[derive(Clone, Copy, Debug)]
pub struct AugmentKey {
    /// Of the run.
    pub seed: u64,
    /// From 0.
    pub epoch: u64,
    /// The number of the sample in the training set.
    pub sample: u32,
}

impl AugmentKey {
    /// The random numbers of the augmentation with that number.
    fn stream(&self, number: usize) -> Stream {
        let block = u64::from(self.sample) << 32 | (number as u64) << BLOCK_BITS;
        Stream::at(self.seed, AUGMENT ^ self.epoch, block)
    }
}

/// Applies all augmentations to a picture of the shape `[rows, columns, channels]`, row-major, which the list was
/// [checked](check_shape) against.
///
/// # Panics
///
/// If there are not as many values as pixels and channels.
pub fn augment(
    list: &[Augmentation],
    key: AugmentKey,
    shape: [usize; 3],
    values: &mut [f32],
    buffers: &mut PictureBuffers,
) {
    buffers.reserve(list.len());
    let mut picture = AugmentedPicture::new(shape, values, buffers);
    for (number, augmentation) in list.iter().enumerate() {
        augmentation.as_dyn().apply(&mut picture, &mut key.stream(number));
    }
    // What is still to be sampled.
    picture.values();
}

/// Uniform from `-limit` to `limit`.
fn symmetric(random: &mut Stream, limit: f64) -> f64 {
    limit * (2.0 * random.uniform() - 1.0)
}

/// An error unless `found` is above 0 and at most `most`.
fn up_to(most: f64) -> impl Fn(&str, &f64) -> Result<(), InvalidSetting> {
    move |name, found| {
        let expected = format!("a number above 0 and at most {most}");
        require(*found > 0.0 && *found <= most, name, found, expected)
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use crate::picture::testing::{assert_shows, changed, picture_of};

    /// The random numbers of a sample.
    pub(crate) fn random(sample: u32) -> Stream {
        AugmentKey { seed: 3, epoch: 1, sample }.stream(0)
    }

    /// A picture after an augmentation, which draws for that sample.
    pub(crate) fn augmented(kind: &impl Augment, shape: [usize; 3], sample: u32) -> Vec<f32> {
        changed(shape, |picture| kind.apply(picture, &mut random(sample)))
    }

    /// Expects that a geometric augmentation shows the points that `point` gives for what it drew, which `parameter`
    /// draws again, and that the parameter is uniform from `low` to `high`.
    #[track_caller]
    pub(crate) fn check_geometry(
        kind: &impl Augment,
        [low, high]: [f64; 2],
        parameter: impl Fn(&mut Stream) -> f64,
        point: impl Fn(f64, [f64; 2]) -> [f64; 2],
    ) {
        let drawn: Vec<f64> = (0..4000).map(|sample| parameter(&mut random(sample))).collect();
        assert_uniform(&drawn, [low, high]);
        for shape @ [rows, columns, _] in crate::picture::testing::SHAPES {
            let center = [rows, columns].map(|size| (size as f64 - 1.0) / 2.0);
            for (sample, &drawn) in (0..4).zip(&drawn) {
                let found = augmented(kind, shape, sample);
                assert_shows(&found, &picture_of(shape), shape, |[y, x]| {
                    let [down, right] = point(drawn, [y - center[0], x - center[1]]);
                    [center[0] + down, center[1] + right]
                });
            }
        }
    }

    /// Expects numbers that are uniform from `low` to `high`.
    #[track_caller]
    pub(crate) fn assert_uniform(drawn: &[f64], [low, high]: [f64; 2]) {
        let mut counts = [0.0; 10];
        for value in drawn {
            assert!((low..=high).contains(value), "{value} is not from {low} to {high}");
            counts[((value - low) / (high - low) * 10.0).min(9.0) as usize] += 1.0;
        }
        let expected = drawn.len() as f64 / 10.0;
        // Five standard deviations.
        let within = 5.0 * (0.9 * expected).sqrt();
        assert!(counts.iter().all(|count| (count - expected).abs() < within), "{counts:?}");
        let ends = [low + 0.01 * (high - low), high - 0.01 * (high - low)];
        assert!(
            drawn.iter().any(|value| *value < ends[0])
                && drawn.iter().any(|value| *value > ends[1])
        );
    }
}

#[cfg(test)]
mod tests {
    use super::testing::random;
    use super::*;
    use crate::picture::testing::picture_of;

    fn read(list: &str) -> Vec<Augmentation> {
        let text = format!("augment = {list}");
        let mut table: std::collections::BTreeMap<String, Vec<Augmentation>> =
            toml::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        table.remove("augment").unwrap()
    }

    /// The refusal of a list of one augmentation for pictures of 28 × 28.
    fn refusal(settings: &str) -> Option<String> {
        let list = read(&format!("[{{ {settings} }}]"));
        let checked = valid_augmentations("augment", &list);
        let checked = checked.and_then(|()| check_shape(&list, &[28, 28, 1]));
        checked.err().map(|error| error.to_string())
    }

    #[test]
    fn every_default_is_valid_and_changes_a_picture() {
        let shape = [28, 28, 1];
        for name in Augmentation::NAMES {
            assert_eq!(refusal(&format!("kind = '{name}'")), None);
            let list = read(&format!("['{name}']"));
            let is_changed = |sample| {
                let mut values = picture_of(shape);
                let key = AugmentKey { seed: 1, epoch: 0, sample };
                augment(&list, key, shape, &mut values, &mut PictureBuffers::default());
                assert!(values.iter().all(|value| value.is_finite()), "{name}");
                values != picture_of(shape)
            };
            assert!((0..10).any(is_changed), "{name}");
        }
    }

    #[test]
    fn settings_outside_their_range_or_the_picture_are_refused_by_name() {
        for (settings, message) in [
            (
                "kind = 'shift', pixels = 28",
                "pixels: expected less than the 28 rows and 28 columns of a picture, found [28, 28]",
            ),
            (
                "kind = 'shift', pixels = 0",
                "pixels: expected 1 or more, or [down, right], found [0, 0]",
            ),
            (
                "kind = 'rotate', degrees = 180.5",
                "degrees: expected a number above 0 and at most 180, found 180.5",
            ),
            (
                "kind = 'rotate', degrees = 0",
                "degrees: expected a number above 0 and at most 180, found 0",
            ),
            (
                "kind = 'scale', fraction = 1",
                "fraction: expected a number above 0 and at most 0.9, found 1",
            ),
            (
                "kind = 'shear', degrees = 90",
                "degrees: expected a number above 0 and at most 80, found 90",
            ),
            (
                "kind = 'elastic', pixels = nan",
                "pixels: expected a number above 0 and at most 1000, found NaN",
            ),
            (
                "kind = 'elastic', pixels = 28",
                "pixels: expected less than the 28 of the longer side of a picture, found 28",
            ),
            ("kind = 'elastic', sigma = 0.5", "sigma: expected a number from 1 to 1000, found 0.5"),
            (
                "kind = 'elastic', sigma = 29",
                "sigma: expected at most the 28 of the longer side of a picture, found 29",
            ),
            (
                "kind = 'erase', probability = 0",
                "probability: expected a number above 0 and at most 1, found 0",
            ),
            (
                "kind = 'erase', area = 1.5",
                "area: expected a number above 0 and at most 1, found 1.5",
            ),
            (
                "kind = 'brightness', fraction = -1",
                "fraction: expected a number above 0 and at most 1, found -1",
            ),
        ] {
            assert_eq!(refusal(settings), Some(format!("augment.1.{message}")));
        }
        let list = read("['shift', 'flip']");
        let message = check_shape(&list, &[784]).unwrap_err().to_string();
        assert_eq!(
            message,
            "augment: expected samples of [rows, columns, channels]; remove it, or change model.input, found samples of [784]"
        );
        assert_eq!(check_shape(&[], &[784]), Ok(()));
        let list = read(&format!("[{}]", "'flip', ".repeat(MOST + 1)));
        let message = valid_augmentations("augment", &list).unwrap_err().to_string();
        assert_eq!(message, "augment: expected at most 64 augmentations, found 65");
    }

    #[test]
    fn draws_depend_on_seed_epoch_sample_and_place() {
        let first = |seed, epoch, sample, number| {
            AugmentKey { seed, epoch, sample }.stream(number).next_u64()
        };
        let draws = [
            first(1, 0, 0, 0),
            first(2, 0, 0, 0),
            first(1, 1, 0, 0),
            first(1, 0, 1, 0),
            first(1, 0, 0, 1),
            first(1, 0, 0, MOST - 1),
            first(1, 1 << 40, 0, 0),
            first(1, 0, u32::MAX, 0),
        ];
        for (i, draw) in draws.iter().enumerate() {
            assert!(!draws[..i].contains(draw), "draw {i} repeats an earlier one");
        }
        assert_eq!(first(1, 0, 0, 0), draws[0]);
        assert_ne!(random(0).next_u64(), random(1).next_u64());
    }
}
