//! Samples as images.

use data::{Dataset, Features, Targets};
use runs::{BatchSource, Experiment};

/// Height, width and channels of the samples, if they are images in bytes.
pub(crate) fn size(set: &Dataset) -> Option<[usize; 3]> {
    let shape: [usize; 3] = set.sample_shape().try_into().ok()?;
    (set.is_bytes() && matches!(shape, [_, _, 1 | 3])).then_some(shape)
}

/// Bytes of the pixels of some samples at most.
pub(crate) const MAX_PIXELS: usize = 1 << 26;

/// Images of some samples.
#[derive(Debug)]
pub(crate) struct Images {
    /// The label of each.
    pub(crate) labels: Vec<u32>,
    /// Their pixels, one image after the other.
    pub(crate) pixels: Vec<u8>,
}

/// Some samples. `None` if one of them does not exist, if they are not images with labels, or if they have more than
/// [`MAX_PIXELS`].
pub(crate) fn some(set: &Dataset, samples: &[u32]) -> Option<Images> {
    size(set)?;
    if samples.len().saturating_mul(set.sample_len()) > MAX_PIXELS {
        return None;
    }
    let Targets::Labels { values, .. } = set.targets() else { return None };
    let labels = samples.iter().map(|&sample| values.get(sample as usize).copied());
    let labels: Vec<u32> = labels.collect::<Option<_>>()?;
    let pixels = samples.iter().flat_map(|&sample| {
        let sample = sample as usize;
        match set.numbers(sample..sample + 1) {
            Features::U8(pixels) => pixels,
            Features::F32(_) => unreachable!("a set of bytes"),
        }
    });
    Some(Images { labels, pixels: pixels.collect() })
}

/// The first samples of the batch that was trained in a step, counted from 1, as the network saw them: augmented.
/// `None` as for [`some`].
pub(crate) fn of_batch(
    experiment: &Experiment,
    set: &Dataset,
    samples: &[u32],
    step: u64,
) -> Option<Images> {
    let Images { labels, .. } = some(set, samples)?;
    let drawn = u128::from(step.saturating_sub(1)) * experiment.train.batch as u128;
    let values = BatchSource::of_training(experiment, set, samples, drawn).samples();
    let divisor = set.divisor();
    // Brighter ones are cut off.
    let pixels = values.into_iter().map(|value| (value * divisor).round() as u8).collect();
    Some(Images { labels, pixels })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_that_of_its_step_and_without_augmentation_that_of_the_data() {
        let experiment = |augment: &str| {
            let text = format!(
                "data = {{ source = 'memory'{augment} }}\ntrain = {{ steps = 9, batch = 4, seed = 1 }}\n\
                 model = {{ input = [5, 4, 1], layers = ['flatten'] }}"
            );
            Experiment::parse("batch.toml", &text).unwrap()
        };
        let pixels: Vec<u8> = (0..6 * 20).map(|i| (i * 11 % 256) as u8).collect();
        let targets = Targets::Labels { values: vec![0, 1, 2, 3, 4, 5], classes: 6 };
        let set = Dataset::new("toy", [5, 4, 1], Features::U8(pixels.clone()), targets).unwrap();
        let of =
            |experiment: &Experiment, step| of_batch(experiment, &set, &[5, 0, 2], step).unwrap();
        let plain = of(&experiment(""), 2);
        assert_eq!(plain.labels, [5, 0, 2]);
        assert_eq!(plain.pixels, [&pixels[100..], &pixels[..20], &pixels[40..60]].concat());
        let augmented = experiment(", augment = ['rotate', { kind = 'brightness', fraction = 1 }]");
        // The second batch of four out of six begins in epoch 0 with two samples, then epoch 1 begins.
        let second = of(&augmented, 2).pixels;
        let set_of = |step| of(&augmented, step).pixels;
        assert_ne!(second, plain.pixels);
        assert_eq!(second[..40], set_of(1)[..40]);
        assert_ne!(second[40..], set_of(1)[40..]);
        assert_eq!(second[40..], set_of(3)[40..]);
        assert!(of_batch(&augmented, &set, &[6], 1).is_none());
    }
}
