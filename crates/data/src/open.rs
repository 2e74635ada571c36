//! Opens data of any format.

use std::path::{Path, PathBuf};

use crate::columns::{TableOptions, TableSource, Target};
use crate::input::{Input, read_start};
use crate::readers::csv::CsvFile;
use crate::readers::npy::ArrayTable;
#[cfg(feature = "parquet")]
use crate::readers::parquet::ParquetFile;
use crate::readers::pictures::{PictureFolder, has_picture_name, is_picture};
use crate::readers::{idx, npz};
use crate::{DataError, DataFault, zip};

/// Looks at a file or a folder, whose format is found from its first bytes: a table as text, NumPy arrays (`.npy`,
/// `.npz`), IDX images, whose labels are found by their name, a folder or ZIP archive of pictures, or with the feature
/// `parquet` a Parquet file.
///
/// # Errors
///
/// Those of the readers.
pub fn open(path: &Path, options: &TableOptions) -> Result<Box<dyn TableSource>, DataError> {
    Ok(match DataFormat::of(path)? {
        DataFormat::Folder | DataFormat::PictureArchive => {
            Box::new(PictureFolder::open(path, options)?)
        }
        DataFormat::Array => Box::new(ArrayTable::open(&[path], options)?),
        DataFormat::Archive => Box::new(npz::open(path, options)?),
        DataFormat::Images => {
            Box::new(idx::table(path, labels_of(path, options)?.as_deref(), options)?)
        }
        #[cfg(feature = "parquet")]
        DataFormat::Parquet => Box::new(ParquetFile::open(path, options)?),
        #[cfg(not(feature = "parquet"))]
        DataFormat::Parquet => {
            let expected = "a format that this program reads; build it with the feature `parquet` \
                            (`--features parquet`), or save the table as CSV";
            let (found, expected) = ("a Parquet file".to_owned(), expected.to_owned());
            return Err(DataFault::Format { found, expected }.of(path.display()));
        }
        // Whatever else it is, the reader of texts names it.
        DataFormat::Picture | DataFormat::Text => Box::new(CsvFile::open(path, options)?),
    })
}

/// What archives have that are documents.
const DOCUMENTS: [&str; 2] = ["[Content_Types].xml", "mimetype"];

/// The format of some data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DataFormat {
    Folder,
    /// NumPy.
    Array,
    /// NumPy arrays in a ZIP archive.
    Archive,
    /// Pictures in a ZIP archive.
    PictureArchive,
    /// IDX.
    Images,
    Parquet,
    Picture,
    Text,
}

impl DataFormat {
    /// The format of a file or a folder, by its first bytes.
    pub(crate) fn of(path: &Path) -> Result<Self, DataError> {
        if path.is_dir() {
            return Ok(Self::Folder);
        }
        let input = Input::Path(path.to_owned());
        let start = read_start(&mut input.unpack()?.0, 8).map_err(|error| input.error(error))?;
        Ok(match start[..] {
            [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => Self::Array,
            [b'P', b'K', 3, 4, ..] => Self::of_archive(&input)?,
            [0, 0, 8, 3, ..] => Self::Images,
            [b'P', b'A', b'R', b'1', ..] => Self::Parquet,
            _ if is_picture(&start) => Self::Picture,
            _ => Self::Text,
        })
    }

    fn of_archive(input: &Input) -> Result<Self, DataError> {
        let members = zip::members(input)?;
        let has =
            |is: &dyn Fn(&Path) -> bool| members.iter().any(|member| is(member.name.as_ref()));
        // Documents of office programs and books have pictures as well.
        let is_document = has(&|path| DOCUMENTS.iter().any(|name| path == Path::new(name)));
        Ok(match () {
            () if has(&|path| path.extension().is_some_and(|ending| ending == "npy")) => {
                Self::Archive
            }
            () if has(&has_picture_name) && !is_document => Self::PictureArchive,
            () => Self::Text,
        })
    }
}

/// The file of labels that belongs to one of images, as those of MNIST are called; none if no target is asked for and the
/// file does not exist.
fn labels_of(images: &Path, options: &TableOptions) -> Result<Option<PathBuf>, DataError> {
    let name = images.file_name().unwrap_or_default().to_string_lossy();
    let labels = images.with_file_name(name.replace("images", "labels").replace("idx3", "idx1"));
    if labels != images && labels.is_file() {
        return Ok(Some(labels));
    }
    if options.target == Target::Absent {
        return Ok(None);
    }
    let what = format!("is an IDX file of images; expected its labels in {}", labels.display());
    Err(DataFault::Columns(what).of(images.display()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::readers::npy::testing::{f64s, npy};

    #[test]
    fn formats_are_found_by_their_first_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
        let array = npy("<f8", false, "(2,)", &f64s(&[1.5, 2.5]));
        write("table", b"x,y\n1.5,a\n2.5,b\n3.5,a\n");
        write("array", &array);
        write("archive", &zip::archive(&[("x.npy", &array), ("y.npy", &array)], true));
        write("train-images-idx3-ubyte", &[0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 9]);
        write("train-labels-idx1-ubyte", &[0, 0, 8, 1, 0, 0, 0, 1, 7]);
        write("images-alone", &[0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
        let types: (&str, &[u8]) = ("[Content_Types].xml", b"<Types>");
        let logo: (&str, &[u8]) = ("xl/media/logo.png", b"a picture");
        write(
            "book.xlsx",
            &zip::archive(&[("xl/workbook.xml", b"<workbook>".as_slice()), types, logo], true),
        );
        let open = |name: &str| open(&folder.path().join(name), &TableOptions::default());
        let shape = |name: &str| {
            let source = open(name).unwrap();
            (source.description().rows, source.description().columns.len())
        };
        assert_eq!(shape("table"), (3, 2));
        assert_eq!(shape("array"), (2, 1));
        assert_eq!(shape("archive"), (2, 2));
        assert_eq!(shape("train-images-idx3-ubyte"), (1, 2));
        let message = |name: &str| open(name).map(|_| ()).unwrap_err().to_string();
        assert!(message("images-alone").contains("expected its labels in"));
        assert!(message("book.xlsx").contains("a workbook of a spreadsheet program"));
        write("table.parquet", b"PAR1, and no footer");
        let expected = match cfg!(feature = "parquet") {
            true => "found a file that is damaged or packed otherwise (",
            false => "found a Parquet file",
        };
        assert!(message("table.parquet").contains(expected), "{}", message("table.parquet"));
        assert!(message("nothing").ends_with("nothing: cannot be read"));
    }
}
