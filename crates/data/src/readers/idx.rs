//! IDX, the format of MNIST and of the datasets made after it: images in one file, labels in another.
//!
//! | bytes | images | labels |
//! |---|---|---|
//! | 0–3 | `0x00000803`: unsigned bytes, three axes | `0x00000801`: one axis |
//! | 4–7 | number of images | number of labels |
//! | 8–15 | rows, columns | - |
//! | then | pixels, row by row, 0 for the background | labels |
//!
//! All numbers are big endian. A file may be compressed with gzip, as MNIST is published. A header that
//! announces more than [`LIMIT_BYTES`], or a quarter as many labels, is refused, and memory grows with what is read.
//!
//! Source: LeCun, Cortes and Burges, "The MNIST database of handwritten digits", file formats.

use std::io::{self, BufRead, Read};
#[cfg(feature = "files")]
use std::{fs::File, io::BufReader, path::Path};

use flate2::bufread::MultiGzDecoder;

#[cfg(feature = "files")]
use crate::columns::{Cells, Column, ColumnKind, Finding, MemoryTable, Table, TableOptions};
use crate::{DataError, DataFault, Features, Targets};

/// The most pixels or labels that are read from one file: 1 GiB, which is 1.3 million digits.
pub const LIMIT_BYTES: usize = 1 << 30;

/// Reserved before reading, if the header announces as much: enough for MNIST, and little for a false header.
const RESERVED_BYTES: usize = 64 << 20;

/// Type code of unsigned bytes; the number of axes is added to it.
const MAGIC: u32 = 0x0800;

const GZIP_FIRST_BYTE: u8 = 0x1f;

/// Reads images and their labels from two files.
///
/// The dataset is named after the images' file. A sample has the shape `[rows, columns, 1]`.
///
/// # Errors
///
/// Those of [`images`], [`labels`] and [`Dataset::new`](crate::Dataset::new).
#[cfg(feature = "files")]
pub fn read(
    images_path: &Path,
    labels_path: &Path,
    classes: usize,
) -> Result<crate::Dataset, DataError> {
    let (name, input) = open(images_path)?;
    let ([count, rows, columns], pixels) = parse(&name, input, None)?;
    let (labels_name, input) = open(labels_path)?;
    let targets = parse_labels(&labels_name, input, classes, Some(count))?;
    let shape = [rows as usize, columns as usize, 1];
    crate::Dataset::new(name, shape, Features::U8(pixels), targets)
}

#[cfg(feature = "files")]
fn open(path: &Path) -> Result<(String, BufReader<File>), DataError> {
    let name = path.display().to_string();
    match files::open(path) {
        Ok(file) => Ok((name, BufReader::new(file))),
        Err(error) => Err(DataFault::Io(error).of(name)),
    }
}

/// Reads images: the shape of one, `[rows, columns, 1]`, and the pixels of all.
///
/// `name` names the input in errors.
///
/// # Errors
///
/// [`DataFault::Format`], `TooLarge`, `Truncated`, `Trailing`, and `Io` also if a gzip stream is damaged.
///
/// # Examples
///
/// ```
/// # use gradus_data::{DataError, Features, readers::idx};
/// let file = [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 40, 50];
/// assert_eq!(idx::images("tiny", &file[..])?, ([1, 2, 1], Features::U8(vec![40, 50])));
///
/// let error = idx::images("tiny", &file[..17]).unwrap_err();
/// assert_eq!(error.to_string(), "tiny: ends after 17 bytes, expected 18");
/// # Ok::<(), DataError>(())
/// ```
pub fn images(name: &str, input: impl BufRead) -> Result<([usize; 3], Features), DataError> {
    let ([_, rows, columns], pixels) = parse(name, input, None)?;
    Ok(([rows as usize, columns as usize, 1], Features::U8(pixels)))
}

/// Reads images and, if there are any, their labels from two files as columns `picture` and `class`.
///
/// With the option `transpose`, rows and columns of each image are exchanged: EMNIST stores its images on their side.
///
/// # Errors
///
/// Those of [`images`], and [`DataFault::Counts`].
#[cfg(feature = "files")]
pub fn table(
    images_path: &Path,
    labels_path: Option<&Path>,
    options: &TableOptions,
) -> Result<MemoryTable, DataError> {
    let (name, input) = open(images_path)?;
    let ([count, rows, columns], mut pixels) = parse(&name, input, None)?;
    let mut shape = vec![rows as usize, columns as usize, 1];
    let transpose = options.transpose;
    if transpose {
        pixels = transposed(&pixels, [shape[0], shape[1]]);
        shape.swap(0, 1);
    }
    let cells = Cells::Arrays { shape, values: Features::U8(pixels) };
    let mut columns = vec![Column { name: "picture".to_owned(), cells }];
    let mut options = options.clone();
    if let Some(path) = labels_path {
        let (labels_name, input) = open(path)?;
        let ([_], labels) = parse(&labels_name, input, Some(count))?;
        let cells = Cells::Numbers(labels.into_iter().map(f64::from).collect());
        columns.push(Column { name: "class".to_owned(), cells });
        // Labels are classes, however few images there are.
        options.kinds.entry("class".to_owned()).or_insert(ColumnKind::WholeCategory);
    }
    let table = Table::new(name, count as usize, columns)?;
    let found = if transpose { "rows and columns exchanged" } else { "as stored" };
    let finding = Finding::new("pictures", found, format!("transpose = {}", !transpose));
    Ok(MemoryTable::new(table, &options)?.with_findings(vec![finding]))
}

/// Images of `rows` and `columns` with both exchanged.
#[cfg(feature = "files")]
fn transposed(pixels: &[u8], [rows, columns]: [usize; 2]) -> Vec<u8> {
    let images = pixels.chunks_exact((rows * columns).max(1));
    let column = |image: &[u8], x: usize| -> Vec<u8> {
        image.iter().skip(x).step_by(columns).copied().collect()
    };
    images.flat_map(|image| (0..columns).flat_map(move |x| column(image, x))).collect()
}

/// Reads labels, each below `classes`; `name` names the input in errors.
///
/// # Errors
///
/// Those of [`images`], and [`DataFault::Label`].
pub fn labels(name: &str, input: impl BufRead, classes: usize) -> Result<Targets, DataError> {
    parse_labels(name, input, classes, None)
}

fn parse_labels(
    name: &str,
    input: impl BufRead,
    classes: usize,
    count: Option<u32>,
) -> Result<Targets, DataError> {
    let ([_], labels) = parse(name, input, count)?;
    let targets = Targets::Labels { values: labels.into_iter().map(u32::from).collect(), classes };
    targets.check().map_err(|fault| fault.of(name))?;
    Ok(targets)
}

/// The sizes and the bytes of an IDX file of so many axes, unpacked if need be, and of `count` items if that is known.
fn parse<const AXES: usize>(
    name: &str,
    mut input: impl BufRead,
    count: Option<u32>,
) -> Result<([u32; AXES], Vec<u8>), DataError> {
    let parsed = match input.fill_buf() {
        Ok([GZIP_FIRST_BYTE, ..]) => {
            Unpacked { input: MultiGzDecoder::new(input), consumed: 0 }.parse(count)
        }
        Ok(_) => Unpacked { input, consumed: 0 }.parse(count),
        Err(error) => Err(error.into()),
    };
    parsed.map_err(|fault| fault.of(name))
}

/// An unpacked input and how many bytes of it have been read.
struct Unpacked<R> {
    input: R,
    consumed: usize,
}

impl<R: Read> Unpacked<R> {
    fn parse<const AXES: usize>(
        mut self,
        count: Option<u32>,
    ) -> Result<([u32; AXES], Vec<u8>), DataFault> {
        let expected = MAGIC + AXES as u32;
        let [found] = self.numbers()?;
        if found != expected {
            let (found, expected) = (format_of(found), format_of(expected));
            return Err(DataFault::Format { found, expected });
        }
        let sizes = self.numbers::<AXES>()?;
        // Before the bytes are read: a false header of few bytes could announce a gigabyte of labels.
        if let Some(count) = count.filter(|&count| count != sizes[0]) {
            let (n_samples, n_targets) = (count as usize, sizes[0] as usize);
            return Err(DataFault::Counts { n_samples, n_targets });
        }
        let len = sizes.iter().try_fold(1, |len: usize, &size| len.checked_mul(size as usize));
        // A label takes four bytes in memory.
        let limit_bytes = if AXES == 1 { LIMIT_BYTES / size_of::<u32>() } else { LIMIT_BYTES };
        let Some(len) = len.filter(|&len| len <= limit_bytes) else {
            return Err(DataFault::TooLarge { sizes: sizes.into(), limit_bytes });
        };
        // A header of few bytes could announce any number of images that take none.
        if sizes[0] > 0 && len == 0 {
            let expected = "images of one pixel or more".to_owned();
            return Err(DataFault::Format { found: "images without pixels".to_owned(), expected });
        }
        let bytes = self.bytes(len)?;
        // In a gzip stream, reading its end also checks its checksum.
        match self.input.take(1).read_to_end(&mut Vec::new())? {
            0 => Ok((sizes, bytes)),
            _ => Err(DataFault::Trailing(self.consumed)),
        }
    }

    /// The next `N` numbers of the header.
    fn numbers<const N: usize>(&mut self) -> Result<[u32; N], DataFault> {
        let bytes = self.bytes(4 * N)?;
        let (numbers, _) = bytes.as_chunks();
        Ok(std::array::from_fn(|i| u32::from_be_bytes(numbers[i])))
    }

    /// The next `len` bytes, all of them.
    fn bytes(&mut self, len: usize) -> Result<Vec<u8>, DataFault> {
        let mut bytes = Vec::with_capacity(len.min(RESERVED_BYTES));
        let read = self.input.by_ref().take(len as u64).read_to_end(&mut bytes);
        // A gzip stream that is cut off is a short file like any other.
        if let Err(error) = read
            && error.kind() != io::ErrorKind::UnexpectedEof
        {
            return Err(error.into());
        }
        self.consumed += bytes.len();
        match len - bytes.len() {
            0 => Ok(bytes),
            missing => Err(DataFault::Truncated {
                found: self.consumed,
                expected: self.consumed + missing,
            }),
        }
    }
}

/// The format of a file by its first four bytes, a big-endian number.
fn format_of(magic: u32) -> String {
    let bytes = magic.to_be_bytes();
    let name = match bytes {
        [b'<', ..] => "what looks like a web page",
        [b'P', b'K', ..] => "a ZIP archive",
        [0x89, b'P', b'N', b'G'] => "a PNG picture",
        [0x93, b'N', b'U', b'M'] => "a NumPy array",
        [0xfd, b'7', b'z', b'X'] => "an xz archive",
        [b'B', b'Z', b'h', _] => "a bzip2 archive",
        [0, 0, 0x08, 3] => "an IDX file of images",
        [0, 0, 0x08, 1] => "an IDX file of labels",
        [0, 0, 0x08, _] => "an IDX file of bytes with other axes",
        [0, 0, 0x09, _] => "an IDX file of signed bytes",
        [0, 0, 0x0b | 0x0c, _] => "an IDX file of integers",
        [0, 0, 0x0d | 0x0e, _] => "an IDX file of floats",
        _ if bytes.iter().all(|byte| (b' '..=b'~').contains(byte)) => "text",
        _ => "another format",
    };
    format!("{name} ({magic:#010x})")
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    /// An IDX file: magic and sizes, then `bytes`.
    fn file(header: &[u32], bytes: &[u8]) -> Vec<u8> {
        let header = header.iter().flat_map(|number| number.to_be_bytes());
        header.chain(bytes.iter().copied()).collect()
    }

    fn two_images() -> Vec<u8> {
        file(&[0x803, 2, 1, 3], &[1, 2, 3, 4, 5, 6])
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn message<T: std::fmt::Debug>(result: Result<T, DataError>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn plain_and_gzipped_files_give_the_same() {
        let expected = ([1, 3, 1], Features::U8(vec![1, 2, 3, 4, 5, 6]));
        assert_eq!(images("x", &two_images()[..]).unwrap(), expected);
        assert_eq!(images("x", &gzip(&two_images())[..]).unwrap(), expected);

        let ten = Targets::Labels { values: vec![7, 0, 9], classes: 10 };
        let plain = file(&[0x801, 3], &[7, 0, 9]);
        assert_eq!(labels("y", &plain[..], 10).unwrap(), ten);
        assert_eq!(labels("y", &gzip(&plain)[..], 10).unwrap(), ten);
    }

    #[test]
    fn a_file_cut_anywhere_is_an_error_that_names_it() {
        for whole in [two_images(), gzip(&two_images())] {
            for len in 0..whole.len() {
                let text = message(images("x.idx", &whole[..len]));
                assert!(text.starts_with("x.idx: "), "{len} bytes: {text}");
            }
        }
        let whole = two_images();
        let found = |len| message(images("x", &whole[..len]));
        assert_eq!(found(0), "x: ends after 0 bytes, expected 4");
        assert_eq!(found(15), "x: ends after 15 bytes, expected 16");
        assert_eq!(found(21), "x: ends after 21 bytes, expected 22");
    }

    #[test]
    fn a_file_with_trailing_bytes_is_an_error() {
        let mut longer = two_images();
        longer.push(0);
        let expected = "x: expected 22 bytes as the header says, found more";
        assert_eq!(message(images("x", &longer[..])), expected);
        assert_eq!(message(images("x", &gzip(&longer)[..])), expected);

        let twice = [gzip(&two_images()), gzip(&two_images())].concat();
        assert_eq!(message(images("x", &twice[..])), expected);
        let dirty = [gzip(&two_images()), b"dirt".to_vec()].concat();
        assert!(images("x", &dirty[..]).is_err());
    }

    #[test]
    fn a_foreign_file_is_named_by_its_format_and_a_label_outside_the_classes_is_an_error() {
        let cases: [(&[u8], &str); 9] = [
            (b"<!DOCTYPE html>", "what looks like a web page (0x3c21444f)"),
            (b"<html>", "what looks like a web page (0x3c68746d)"),
            (&file(&[0x801, 1], &[7]), "an IDX file of labels (0x00000801)"),
            (&file(&[0xd03, 1, 1, 1], &[0; 4]), "an IDX file of floats (0x00000d03)"),
            (&file(&[0x802, 1, 1], &[0]), "an IDX file of bytes with other axes (0x00000802)"),
            (b"\x89PNG\r\n", "a PNG picture (0x89504e47)"),
            (b"PK\x03\x04", "a ZIP archive (0x504b0304)"),
            (b"class,pixel", "text (0x636c6173)"),
            (&[1, 2, 3, 4], "another format (0x01020304)"),
        ];
        for (bytes, found) in cases {
            let expected = "x: expected an IDX file of images (0x00000803), found ";
            assert_eq!(message(images("x", bytes)), format!("{expected}{found}"));
            // A download saved under the wrong name is still a web page when its name says gzip.
            assert_eq!(message(images("x", &gzip(bytes)[..])), format!("{expected}{found}"));
        }
        let of_labels = |bytes: &[u8]| message(labels("y", bytes, 10));
        let found = "found an IDX file of images (0x00000803)";
        let expected = format!("y: expected an IDX file of labels (0x00000801), {found}");
        assert_eq!(of_labels(&two_images()), expected);
        let eleven = of_labels(&file(&[0x801, 2], &[1, 11]));
        assert_eq!(eleven, "y: label 11 at index 1, expected below 10");
    }

    #[test]
    fn a_damaged_gzip_file_never_gives_other_pixels() {
        let whole = images("x", &two_images()[..]).unwrap();
        let mut packed = gzip(&two_images());
        for i in 0..packed.len() {
            packed[i] ^= 0x55;
            if let Ok(read) = images("x", &packed[..]) {
                assert_eq!(read, whole, "byte {i}");
            }
            packed[i] ^= 0x55;
        }
    }

    #[test]
    fn oversized_headers_are_refused_before_anything_is_read() {
        let huge = message(images("x", &file(&[0x803, u32::MAX, u32::MAX, u32::MAX], &[])[..]));
        let sizes = "[4294967295, 4294967295, 4294967295]";
        assert_eq!(huge, format!("x: header announces {sizes} bytes, the limit is 1073741824"));
        let fault = |size| labels("y", &file(&[0x801, size], &[])[..], 10).unwrap_err().fault;
        let [at, above] = [0, 1].map(|more| fault(LIMIT_BYTES as u32 / 4 + more));
        assert!(matches!(above, DataFault::TooLarge { .. }), "{above}");
        assert!(matches!(at, DataFault::Truncated { found: 8, .. }), "{at}");
        // Images that take no memory must not make it read a gigabyte of labels.
        for sizes in [[1 << 30, 0, 28], [1, 28, 0], [u32::MAX, 0, 0]] {
            let header = [&[0x803], &sizes[..]].concat();
            let expected = "x: expected images of one pixel or more, found images without pixels";
            assert_eq!(message(images("x", &file(&header, &[])[..])), expected);
        }
        assert_eq!(images("x", &file(&[0x803, 0, 28, 28], &[])[..]).unwrap().0, [28, 28, 1]);
    }

    #[cfg(feature = "files")]
    #[test]
    fn two_files_become_a_dataset_or_an_error_that_names_one() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let images = write("images.gz", &gzip(&two_images()));
        let labels = write("labels", &file(&[0x801, 2], &[9, 0]));
        let dataset = read(&images, &labels, 10).unwrap();
        assert_eq!((dataset.len(), dataset.sample_shape()), (2, &[1, 3, 1][..]));
        assert!(dataset.name().ends_with("images.gz"));

        let too_few = write("too few", &file(&[0x801, 1], &[9]));
        let text = message(read(&images, &too_few, 10));
        assert!(text.ends_with("too few: 2 samples but 1 targets"), "{text}");

        // Refused by its header: nothing of the gigabyte that it announces is read.
        let bomb = write("bomb", &file(&[0x801, LIMIT_BYTES as u32], &[9]));
        let text = message(read(&images, &bomb, 10));
        assert!(text.ends_with("bomb: 2 samples but 1073741824 targets"), "{text}");

        // The columns, as stored and with both axes exchanged.
        let shape = |transpose| {
            let options = TableOptions { transpose, ..TableOptions::default() };
            let table = super::table(&images, Some(&labels), &options).unwrap();
            let Cells::Arrays { shape, values } = &table.table().columns()[0].cells else {
                panic!()
            };
            (shape.clone(), values.clone())
        };
        let pixels = Features::U8(vec![1, 2, 3, 4, 5, 6]);
        assert_eq!(shape(false), (vec![1, 3, 1], pixels.clone()));
        assert_eq!(shape(true), (vec![3, 1, 1], pixels));
        assert_eq!(transposed(&[1, 2, 3, 4, 5, 6], [2, 3]), [1, 4, 2, 5, 3, 6]);
        let text = message(super::table(&images, Some(&too_few), &TableOptions::default()));
        assert!(text.ends_with("too few: 2 samples but 1 targets"), "{text}");

        let text = message(read(&images, Path::new("no/such/labels"), 10));
        assert!(text.starts_with("no/such/labels: "), "{text}");
    }
}
