//! Bytes that are read as often as they are used.

use std::io::{self, BufRead as _, BufReader, Read, Seek};
#[cfg(feature = "files")]
use std::path::PathBuf;
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;

use crate::{DataError, DataFault};

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Bytes with a position.
pub(crate) trait ReadSeek: Read + Seek + Send {}

impl<T: Read + Seek + Send> ReadSeek for T {}

/// A file, or bytes in memory.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// A file.
    #[cfg(feature = "files")]
    Path(PathBuf),
    /// The bytes of a file of this name.
    Bytes(String, Arc<[u8]>),
}

impl Input {
    /// The name in messages.
    pub(crate) fn name(&self) -> String {
        match self {
            #[cfg(feature = "files")]
            Self::Path(path) => path.display().to_string(),
            Self::Bytes(name, _) => name.clone(),
        }
    }

    /// An error with the name.
    pub(crate) fn error(&self, fault: impl Into<DataFault>) -> DataError {
        fault.into().of(self.name())
    }

    /// The bytes from the first one.
    pub(crate) fn open(&self) -> Result<Box<dyn ReadSeek>, DataError> {
        match self {
            #[cfg(feature = "files")]
            Self::Path(path) => match files::open(path) {
                Ok(file) => Ok(Box::new(file)),
                Err(error) => Err(self.error(error)),
            },
            Self::Bytes(_, bytes) => Ok(Box::new(io::Cursor::new(bytes.clone()))),
        }
    }

    /// The bytes from the first one, unpacked if they are gzipped, and whether they are.
    pub(crate) fn unpack(&self) -> Result<(Box<dyn Read + Send>, bool), DataError> {
        unpack(self.open()?).map_err(|error| self.error(error))
    }
}

/// The same bytes, unpacked if they are gzipped, and whether they are.
pub(crate) fn unpack(
    input: impl Read + Send + 'static,
) -> io::Result<(Box<dyn Read + Send>, bool)> {
    let mut input = BufReader::new(input);
    match input.fill_buf()?.starts_with(&GZIP_MAGIC) {
        true => Ok((Box::new(MultiGzDecoder::new(input)), true)),
        false => Ok((Box::new(input), false)),
    }
}

/// The first `len` bytes, or all if there are fewer.
pub(crate) fn read_start(input: &mut dyn Read, len: usize) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    input.take(len as u64).read_to_end(&mut start)?;
    Ok(start)
}
