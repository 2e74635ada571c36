//! Where the numbers of a dataset are: in memory, or in a temporary file where they would take too much of it.

use std::fs::File;
use std::io::{self, Write as _};
use std::ops::Range;
use std::sync::Arc;

use crate::features::Features;
use crate::{DataError, DataFault};

/// Bytes of the features of a set that are kept in memory.
const MEMORY: usize = 64 << 20;
/// Bytes that are read or written at a time.
const BLOCK: usize = 1 << 14;
/// Bytes of a real number in a file.
const REAL: usize = size_of::<f32>();

/// The numbers of all samples of a dataset.
#[derive(Clone, Debug, PartialEq)]
pub enum FeatureStorage {
    /// In memory.
    Memory(Features),
    /// In a file.
    File(StoredFeatures),
}

impl From<Features> for FeatureStorage {
    fn from(features: Features) -> Self {
        Self::Memory(features)
    }
}

impl FeatureStorage {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Memory(features) => features.len(),
            Self::File(stored) => stored.len,
        }
    }

    pub(crate) fn is_bytes(&self) -> bool {
        match self {
            Self::Memory(features) => matches!(features, Features::U8(_)),
            Self::File(stored) => stored.is_bytes,
        }
    }

    pub(crate) fn range(&self, range: Range<usize>) -> Features {
        match self {
            Self::Memory(features) => features.range(range),
            Self::File(stored) => stored.range(range),
        }
    }

    /// Writes the numbers from `first` on.
    pub(crate) fn read(&self, first: usize, to: &mut [f32]) {
        let range = first..first + to.len();
        match self {
            Self::Memory(Features::U8(bytes)) => {
                to.iter_mut().zip(&bytes[range]).for_each(|(to, &byte)| *to = byte.into());
            }
            Self::Memory(Features::F32(numbers)) => to.copy_from_slice(&numbers[range]),
            Self::File(stored) => stored.read(first, to),
        }
    }

    /// Drops all numbers from `len` on.
    pub(crate) fn truncate(&mut self, len: usize) {
        match self {
            Self::Memory(features) => features.truncate(len),
            Self::File(stored) => stored.len = stored.len.min(len),
        }
    }

    /// The numbers in memory, read from the file if they are in one.
    pub(crate) fn memory(&mut self) -> &mut Features {
        if let Self::File(stored) = self {
            *self = Self::Memory(stored.range(0..stored.len));
        }
        let Self::Memory(features) = self else { unreachable!("just read") };
        features
    }
}

/// Numbers in a temporary file without a name, which is gone with the last dataset that reads it.
#[derive(Clone, Debug)]
pub struct StoredFeatures {
    file: Arc<TemporaryFile>,
    is_bytes: bool,
    len: usize,
}

/// Those of the same file are equal: it does not change.
impl PartialEq for StoredFeatures {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.file, &other.file) && self.len == other.len
    }
}

impl StoredFeatures {
    fn range(&self, range: Range<usize>) -> Features {
        if self.is_bytes {
            let mut bytes = vec![0; range.len()];
            self.file.read(range.start, &mut bytes);
            return Features::U8(bytes);
        }
        let mut numbers = vec![0.0; range.len()];
        self.read(range.start, &mut numbers);
        Features::F32(numbers)
    }

    fn read(&self, first: usize, to: &mut [f32]) {
        let mut buffer = [0; BLOCK];
        let size = if self.is_bytes { 1 } else { REAL };
        let mut at = first * size;
        for to in to.chunks_mut(BLOCK / REAL) {
            let bytes = &mut buffer[..to.len() * size];
            self.file.read(at, bytes);
            at += bytes.len();
            if self.is_bytes {
                to.iter_mut().zip(&*bytes).for_each(|(to, &byte)| *to = byte.into());
            } else {
                let numbers = bytes.as_chunks::<REAL>().0;
                to.iter_mut()
                    .zip(numbers)
                    .for_each(|(to, &number)| *to = f32::from_le_bytes(number));
            }
        }
    }
}

/// A file that any number of threads read.
#[derive(Debug)]
struct TemporaryFile {
    file: File,
    /// Whose turn it is, where a file has one position for all.
    #[cfg(not(unix))]
    turn: std::sync::Mutex<()>,
}

impl TemporaryFile {
    /// Reads the bytes from `at` on.
    ///
    /// # Panics
    ///
    /// If the device fails: the bytes were there when they had been written.
    fn read(&self, at: usize, to: &mut [u8]) {
        self.read_at(at as u64, to)
            .unwrap_or_else(|error| panic!("a temporary file of features cannot be read: {error}"));
    }

    #[cfg(unix)]
    fn read_at(&self, at: u64, to: &mut [u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.file, to, at)
    }

    #[cfg(not(unix))]
    fn read_at(&self, at: u64, to: &mut [u8]) -> io::Result<()> {
        use std::io::{Read as _, Seek as _};

        let _turn = self.turn.lock();
        (&self.file).seek(io::SeekFrom::Start(at))?;
        (&self.file).read_exact(to)
    }
}

/// Collects the numbers of a dataset: in memory up to a limit, beyond it in a temporary file without a name, in the folder
/// of the system for such files. Without the feature `files` there is no limit.
///
/// # Examples
///
/// ```
/// # use gradus_data::{DataError, Dataset, FeatureWriter, Features, Targets};
/// let mut writer = FeatureWriter::new(8);
/// writer.extend(&Features::F32(vec![0.0, 1.0]))?;
/// writer.extend(&Features::F32(vec![1.0, 1.0]))?;
/// let targets = Targets::Labels { values: vec![1, 0], classes: 2 };
/// let set = Dataset::new("two", [2], writer.finish()?, targets)?;
/// assert_eq!(set.sample(1), Some(vec![1.0, 1.0]));
/// # Ok::<(), DataError>(())
/// ```
#[derive(Debug)]
pub struct FeatureWriter {
    /// All numbers, or with a file those that are not written yet; none before the first ones.
    numbers: Option<Features>,
    /// The most bytes in memory.
    memory: usize,
    file: Option<File>,
    written: usize,
}

/// With 64 MB in memory.
impl Default for FeatureWriter {
    fn default() -> Self {
        Self::new(MEMORY)
    }
}

impl FeatureWriter {
    /// Keeps at most so many bytes in memory.
    pub fn new(memory: usize) -> Self {
        Self { numbers: None, memory, file: None, written: 0 }
    }

    /// Adds numbers of the type of the first ones.
    ///
    /// # Errors
    ///
    /// [`DataFault::TemporaryFile`] if they cannot be written.
    ///
    /// # Panics
    ///
    /// If they are of another type.
    pub fn extend(&mut self, numbers: &Features) -> Result<(), DataError> {
        self.extend_from(numbers, 0..numbers.len())
    }

    /// Adds some of the numbers.
    ///
    /// # Errors
    ///
    /// As [`FeatureWriter::extend`].
    ///
    /// # Panics
    ///
    /// As [`FeatureWriter::extend`], and if there are fewer.
    pub fn extend_from(
        &mut self,
        numbers: &Features,
        range: Range<usize>,
    ) -> Result<(), DataError> {
        let kept = self.numbers.get_or_insert_with(|| numbers.empty());
        kept.extend_from(numbers, range);
        let is_block = kept.len() >= BLOCK;
        #[cfg(feature = "files")]
        if self.file.is_none() && kept.bytes() > self.memory {
            self.file = Some(unnamed_file().map_err(temporary_file)?);
        }
        if is_block { self.flush() } else { Ok(()) }
    }

    /// Writes what is kept, if there is a file.
    fn flush(&mut self) -> Result<(), DataError> {
        let (Some(file), Some(kept)) = (&mut self.file, &mut self.numbers) else { return Ok(()) };
        self.written += kept.len();
        let result = match kept {
            Features::U8(bytes) => {
                let result = file.write_all(bytes);
                bytes.clear();
                result
            }
            Features::F32(numbers) => {
                let bytes: Vec<u8> = numbers.drain(..).flat_map(f32::to_le_bytes).collect();
                file.write_all(&bytes)
            }
        };
        result.map_err(temporary_file)
    }

    /// All numbers; none of them are real numbers.
    ///
    /// # Errors
    ///
    /// As [`FeatureWriter::extend`].
    pub fn finish(mut self) -> Result<FeatureStorage, DataError> {
        self.flush()?;
        let numbers = self.numbers.unwrap_or(Features::F32(Vec::new()));
        let Some(file) = self.file else { return Ok(numbers.into()) };
        let file = TemporaryFile {
            file,
            #[cfg(not(unix))]
            turn: std::sync::Mutex::default(),
        };
        let is_bytes = matches!(numbers, Features::U8(_));
        Ok(FeatureStorage::File(StoredFeatures {
            file: Arc::new(file),
            is_bytes,
            len: self.written,
        }))
    }
}

/// A file that only this process can read, in the folder of the system for temporary files, without a name where the system
/// lets an open file lose it.
#[cfg(feature = "files")]
fn unnamed_file() -> io::Result<File> {
    use std::sync::atomic::{AtomicUsize, Ordering};

    static FILES: AtomicUsize = AtomicUsize::new(0);
    let mut options = File::options();
    // Never a file or a link that is there already.
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    loop {
        let number = FILES.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("gradus-{}-{number}", std::process::id()));
        match options.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            opened => {
                let file = opened?;
                std::fs::remove_file(path)?;
                return Ok(file);
            }
        }
    }
}

fn temporary_file(error: io::Error) -> DataError {
    let folder = std::env::temp_dir().display().to_string();
    DataFault::TemporaryFile(error).of(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dataset, Targets};

    fn stored(blocks: &[Features]) -> FeatureStorage {
        let mut writer = FeatureWriter::new(0);
        blocks.iter().for_each(|block| writer.extend(block).unwrap());
        writer.finish().unwrap()
    }

    #[test]
    fn a_file_gives_the_numbers_of_memory_of_either_type_and_of_any_range() {
        let bytes: Vec<u8> = (0..3 * BLOCK + 5).map(|i| (i * 31 % 251) as u8).collect();
        let reals: Vec<f32> = bytes.iter().map(|&byte| f32::from(byte) / 7.0 - 9.0).collect();
        for all in [Features::U8(bytes), Features::F32(reals)] {
            let memory = FeatureStorage::from(all.clone());
            let len = all.len();
            let cuts = [0, 1, BLOCK - 1, BLOCK, 2 * BLOCK + 3, len];
            let blocks: Vec<_> = cuts.windows(2).map(|cut| all.range(cut[0]..cut[1])).collect();
            let mut file = stored(&blocks);
            assert_eq!((file.len(), file.is_bytes()), (len, memory.is_bytes()));
            for range in [0..0, 0..1, 7..9, BLOCK - 2..BLOCK + 2, 0..len, len - 1..len, len..len] {
                assert_eq!(file.range(range.clone()), memory.range(range.clone()), "{range:?}");
                let mut found = [vec![0.0; range.len()], vec![1.0; range.len()]];
                file.read(range.start, &mut found[0]);
                memory.read(range.start, &mut found[1]);
                assert_eq!(found[0], found[1], "{range:?}");
            }
            file.truncate(5);
            assert_eq!(file.len(), 5);
            assert_eq!(*file.memory(), all.range(0..5));
        }
        assert_eq!(stored(&[]).len(), 0);
    }

    #[test]
    fn a_dataset_in_a_file_is_cut_as_one_in_memory() {
        let targets = Targets::Labels { values: (0..6).map(|i| i % 3).collect(), classes: 3 };
        let numbers = Features::F32((0..12).map(|i| i as f32).collect());
        let of =
            |features: FeatureStorage| Dataset::new("six", [2], features, targets.clone()).unwrap();
        let (memory, file) = (of(numbers.clone().into()), of(stored(&[numbers])));
        assert!(file.features().is_none() && memory.features().is_some());
        let samples =
            |set: &Dataset| (0..set.len() + 1).map(|i| set.labelled_sample(i)).collect::<Vec<_>>();
        assert_eq!(samples(&memory), samples(&file));
        assert_eq!(samples(&memory.first(4)), samples(&file.first(4)));
        assert_eq!(samples(&memory.clone().take(2)), samples(&file.clone().take(2)));
        let [mut memory, mut file] = [memory, file];
        assert_eq!(memory.split_off(&[1, 4], "two"), file.split_off(&[1, 4], "two"));
        assert_eq!(memory, file);
    }

    #[test]
    fn what_exceeds_the_limit_is_in_a_file_from_the_first_number_on() {
        let all = Features::F32((0..3000).map(|i| i as f32).collect());
        for (memory, is_file) in [(12_000, false), (11_999, true)] {
            let mut writer = FeatureWriter::new(memory);
            (0..3000).for_each(|i| writer.extend_from(&all, i..i + 1).unwrap());
            let found = writer.finish().unwrap();
            assert_eq!(matches!(found, FeatureStorage::File(_)), is_file, "{memory}");
            assert_eq!(found.range(0..3000), all);
        }
    }

    #[test]
    fn threads_read_one_file_at_the_same_time() {
        let all = Features::F32((0..50_000).map(|i| i as f32).collect());
        let file = stored(&[all]);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let file = &file;
                scope.spawn(move || {
                    for i in (thread..50_000).step_by(37) {
                        let mut to = [0.0];
                        file.read(i, &mut to);
                        assert_eq!(to, [i as f32]);
                    }
                });
            }
        });
    }
}
