//! Samples as images.

use data::{Dataset, Features, Targets};

/// Height, width and channels of the samples, if they are images in bytes.
pub(crate) fn size(set: &Dataset) -> Option<[usize; 3]> {
    let shape: [usize; 3] = set.sample_shape().try_into().ok()?;
    matches!((set.features(), shape), (Features::U8(_), [_, _, 1 | 3])).then_some(shape)
}

/// Images of some samples.
#[derive(Debug)]
pub(crate) struct Images {
    /// The label of each.
    pub(crate) labels: Vec<u32>,
    /// Their pixels, one image after the other.
    pub(crate) pixels: Vec<u8>,
}

/// Some samples. `None` if one of them does not exist, or if they are not images with labels.
pub(crate) fn some(set: &Dataset, samples: &[u32]) -> Option<Images> {
    let len = size(set)?.iter().product::<usize>();
    let (Features::U8(pixels), Targets::Labels { values, .. }) = (set.features(), set.targets())
    else {
        return None;
    };
    let labels = samples.iter().map(|&sample| values.get(sample as usize).copied());
    let labels: Vec<u32> = labels.collect::<Option<_>>()?;
    let chosen = samples.iter().flat_map(|&sample| &pixels[sample as usize * len..][..len]);
    Some(Images { labels, pixels: chosen.copied().collect() })
}
