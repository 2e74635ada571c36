//! Samples as pictures.

use data::{Dataset, Features, Targets};

/// The height, width and channels of the samples, if they are pictures in bytes.
pub(crate) fn size(set: &Dataset) -> Option<[usize; 3]> {
    let shape: [usize; 3] = set.sample_shape().try_into().ok()?;
    matches!((set.features(), shape), (Features::U8(_), [_, _, 1 | 3])).then_some(shape)
}

/// Some samples: the label of each as four bytes, the lowest first, then the pictures. None if a sample is not there or
/// there are no pictures with labels.
pub(crate) fn some(set: &Dataset, samples: &[usize]) -> Option<Vec<u8>> {
    let len = size(set)?.iter().product::<usize>();
    let (Features::U8(pixels), Targets::Labels { values: labels, .. }) =
        (set.features(), set.targets())
    else {
        return None;
    };
    let mut bytes = Vec::with_capacity(samples.len() * (4 + len));
    for &sample in samples {
        bytes.extend(labels.get(sample)?.to_le_bytes());
    }
    for &sample in samples {
        bytes.extend(&pixels[sample * len..][..len]);
    }
    Some(bytes)
}
