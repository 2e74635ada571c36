//! Safetensors files: tensors of `f32` by name, a text and, in a checkpoint, a checksum of every part.
//!
//! A CRC-32 finds every change within four bytes that follow each other, and so any byte that is another; it runs at the
//! speed of memory. The one of the header, which holds names, shapes and the text, cannot stand in the header: all of them
//! are a tensor.

use std::borrow::Cow;
use std::io::Read as _;
use std::ops::Range;
use std::path::Path;

use safetensors::tensor::{Dtype, Metadata, SafeTensorError, SafeTensors, View};

use crate::mistake::SavedMistake;

/// The prefix of tensors that are not the model's: no path of a layer has a `/`.
pub(crate) const STATE: &str = "state/";
/// The checksums: that of the header, then those of the other tensors in the order of their bytes.
const CHECKSUMS: &str = "state/checksums";

/// A tensor to be written. It becomes bytes when it is written.
pub(crate) struct TensorToWrite<'a> {
    dtype: Dtype,
    shape: Vec<usize>,
    values: &'a [f32],
}

impl<'a> TensorToWrite<'a> {
    /// The values of a tensor, row-major.
    pub(crate) fn new(shape: Vec<usize>, values: &'a [f32]) -> Self {
        Self { dtype: Dtype::F32, shape, values }
    }
}

impl View for TensorToWrite<'_> {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let mut bytes = vec![0; self.data_len()];
        little_endian(self.values, &mut bytes);
        bytes.into()
    }

    fn data_len(&self) -> usize {
        size_of_val(self.values)
    }
}

/// The bytes of numbers in a file.
pub(crate) fn little_endian(values: &[f32], bytes: &mut [u8]) {
    for (bytes, value) in bytes.as_chunks_mut().0.iter_mut().zip(values) {
        *bytes = value.to_le_bytes();
    }
}

/// The file as bytes, with a checksum of every part.
pub(crate) fn with_checksums(
    tensors: Vec<(String, TensorToWrite<'_>)>,
    text: (String, String),
) -> Result<Vec<u8>, SavedMistake> {
    // Zeros until all other bytes are known.
    let zeros = vec![0.0; tensors.len() + 1];
    let place = TensorToWrite { dtype: Dtype::U32, shape: vec![zeros.len()], values: &zeros };
    let tensors = tensors.into_iter().chain([(CHECKSUMS.to_owned(), place)]);
    let mut bytes = safetensors::serialize(tensors, Some([text].into_iter().collect()))?;
    let (header, metadata) = SafeTensors::read_metadata(&bytes)?;
    let FileParts { parts, checksums } = FileParts::of(header, &metadata);
    let sums = parts.iter().flat_map(|(_, range)| checksum(&bytes[range.clone()]));
    let sums: Vec<u8> = sums.collect();
    bytes[checksums.expect("it was put there")].copy_from_slice(&sums);
    Ok(bytes)
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    crc32fast::hash(bytes).to_le_bytes()
}

/// The parts of a file that have checksums, by name, and where these are.
struct FileParts {
    parts: Vec<(String, Range<usize>)>,
    checksums: Option<Range<usize>>,
}

impl FileParts {
    /// Those of a file with `header` bytes of metadata.
    fn of(header: usize, metadata: &Metadata) -> Self {
        let start = size_of::<u64>() + header;
        let mut parts = vec![("header".to_owned(), 0..start)];
        let mut checksums = None;
        for name in metadata.offset_keys() {
            let Some(info) = metadata.info(&name) else { continue };
            let range = start + info.data_offsets.0..start + info.data_offsets.1;
            match &*name {
                CHECKSUMS => checksums = Some(range),
                _ => parts.push((format!("tensor {name}"), range)),
            }
        }
        Self { parts, checksums }
    }
}

/// A file that was read.
pub(crate) struct TensorFile<'a> {
    tensors: SafeTensors<'a>,
    header: Metadata,
    /// Whether it has checksums, which are right.
    pub(crate) has_checksums: bool,
}

impl<'a> TensorFile<'a> {
    /// Reads the bytes of a file, and compares its checksums if it has them.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, SavedMistake> {
        let tensors = SafeTensors::deserialize(bytes)?;
        let (len, header) = SafeTensors::read_metadata(bytes)?;
        let FileParts { parts, checksums } = FileParts::of(len, &header);
        if let Some(range) = &checksums {
            let (sums, _) = bytes[range.clone()].as_chunks();
            let is_damaged = |i: usize, range: &Range<usize>| {
                sums.get(i) != Some(&checksum(&bytes[range.clone()]))
            };
            let damaged = parts.iter().enumerate().find(|(i, (_, range))| is_damaged(*i, range));
            if let Some((_, (part, _))) = damaged {
                return Err(SavedMistake::Damaged { part: part.clone() });
            }
        }
        Ok(Self { tensors, header, has_checksums: checksums.is_some() })
    }

    /// A text of the metadata.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.header.metadata().as_ref()?.get(name).map(String::as_str)
    }

    /// The values of a tensor, whose shape must be the given one.
    pub(crate) fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, SavedMistake> {
        let wrong = |found| SavedMistake::Tensor {
            name: name.to_owned(),
            found,
            expected: format!("F32 {shape:?}"),
        };
        let tensor = self.tensors.tensor(name).map_err(|_| wrong("none".to_owned()))?;
        if tensor.dtype() != Dtype::F32 || tensor.shape() != shape {
            return Err(wrong(format!("{:?} {:?}", tensor.dtype(), tensor.shape())));
        }
        let (values, _) = tensor.data().as_chunks();
        Ok(values.iter().copied().map(f32::from_le_bytes).collect())
    }

    /// The names of the tensors that are not the model's, without their prefix, and how many numbers each has.
    pub(crate) fn of_state(&self) -> impl Iterator<Item = (&str, usize)> {
        let named = self.tensors.iter().filter(|(name, _)| *name != CHECKSUMS);
        named.filter_map(|(name, view)| {
            Some((name.strip_prefix(STATE)?, view.shape().iter().product()))
        })
    }
}

/// The bytes of the file of a model or a checkpoint. The header is read first: a file of another length than it announces, and
/// any file of another format, takes no memory.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, SavedMistake> {
    let mut file = files::open(path)?;
    let len = file.metadata()?.len();
    let mut size = [0; size_of::<u64>()];
    file.read_exact(&mut size).map_err(|_| SafeTensorError::HeaderTooSmall)?;
    let size = u64::from_le_bytes(size);
    if size > MAX_HEADER_BYTES || size > len {
        return Err(SafeTensorError::InvalidHeaderLength.into());
    }
    let mut header = Vec::new();
    file.take(size).read_to_end(&mut header)?;
    let metadata: Metadata =
        serde_json::from_slice(&header).map_err(SafeTensorError::InvalidHeaderDeserialization)?;
    let announced = (size_of::<u64>() + header.len()).checked_add(metadata.data_len());
    if announced.and_then(|bytes| u64::try_from(bytes).ok()) != Some(len) {
        return Err(SafeTensorError::MetadataIncompleteBuffer.into());
    }
    Ok(files::read(path, len.min(MAX_BYTES))?)
}

/// No training that fits into the default limit of memory leaves more.
const MAX_BYTES: u64 = 16 << 30;
/// The format allows no larger header.
const MAX_HEADER_BYTES: u64 = 100_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_byte_that_is_another_is_found() {
        let values = [1.5, -2.0, 0.0];
        let tensors = || {
            vec![
                ("2.linear.bias".to_owned(), TensorToWrite::new(vec![3], &values)),
                (format!("{STATE}optimizer.1"), TensorToWrite::new(vec![2], &values[..2])),
            ]
        };
        let bytes = with_checksums(tensors(), ("name".to_owned(), "value".to_owned())).unwrap();
        let file = TensorFile::parse(&bytes).unwrap();
        assert_eq!(file.values("2.linear.bias", &[3]).unwrap(), values);
        assert_eq!(file.of_state().collect::<Vec<_>>(), [("optimizer.1", 2)]);
        assert!(file.has_checksums && file.text("name") == Some("value"));
        for at in 0..bytes.len() {
            for flip in [1, 0x20, 0x80, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] ^= flip;
                // Without their own name the checksums are missed, which whoever needs them sees.
                let is_found = TensorFile::parse(&bytes).is_ok_and(|file| file.has_checksums);
                assert!(!is_found, "byte {at} ^ {flip}");
            }
        }
    }

    #[test]
    fn a_file_of_another_length_than_its_header_announces_is_refused_before_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let values = [1.0; 4];
        let tensors = vec![("a".to_owned(), TensorToWrite::new(vec![4], &values))];
        let whole = with_checksums(tensors, ("name".to_owned(), "value".to_owned())).unwrap();
        std::fs::write(&path, &whole).unwrap();
        assert_eq!(read_file(&path).unwrap(), whole);
        // Sparse files: reading one whole would take longer than this test may, and as much memory.
        for len in [0, 7, 8, 20, whole.len() as u64 - 1, whole.len() as u64 + 1, 1 << 40] {
            std::fs::write(&path, &whole).unwrap();
            std::fs::File::options().write(true).open(&path).unwrap().set_len(len).unwrap();
            let refused = read_file(&path).unwrap_err();
            assert!(matches!(refused, SavedMistake::Format(_)), "{len}: {refused}");
        }
        std::fs::write(&path, [[0xff; 8], [b'{'; 8]].concat()).unwrap();
        assert!(matches!(read_file(&path), Err(SavedMistake::Format(_))));
    }
}
