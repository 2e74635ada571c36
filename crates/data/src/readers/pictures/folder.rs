//! A folder of pictures, with a folder for each class.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use super::{DecodedPicture, PictureHeader, header_of};
use crate::columns::{
    CellNotation, Cells, Column, ColumnDescription, ColumnKind, Finding, Table, TableBlocks,
    TableDescription, TableOptions, TableSource,
};
use crate::mistakes::{CellMistake, RowMistakes};
use crate::{DataError, DataFault, Features};

/// The name of the column of pictures.
pub const PICTURE: &str = "picture";
/// The name of the column of classes.
const CLASS: &str = "class";
/// Bytes of the largest file that is read.
const LARGEST_FILE: u64 = 256 << 20;
/// Levels of folders within a class.
const DEEPEST: usize = 16;
/// Folders that divide data instead of being classes.
const PARTS: [&str; 6] = ["train", "training", "test", "val", "valid", "validation"];

/// A folder of pictures, with a folder for each class, as a table of pictures and classes. Pictures are read when they are
/// used.
#[derive(Clone, Debug)]
pub struct PictureFolder {
    /// The files of the pictures, each with its class, in the order of their names.
    files: Vec<(PathBuf, u32)>,
    classes: Arc<[String]>,
    shape: [usize; 3],
    description: TableDescription,
    mistakes: RowMistakes,
    skip_bad_rows: bool,
}

/// What a folder has.
#[derive(Default)]
struct Listing {
    pictures: Vec<PathBuf>,
    /// Hidden ones, and those of systems.
    hidden: usize,
    /// Files of other endings.
    foreign: Vec<PathBuf>,
    /// Links to a folder that is being listed.
    circles: usize,
}

/// The pictures of a folder.
#[derive(Default)]
pub(crate) struct FolderPictures {
    /// Those in folders, each with the number of its class, in the order of their names.
    pub(crate) files: Vec<(PathBuf, u32)>,
    pub(crate) classes: Vec<String>,
    /// Those that are in no folder of a class.
    pub(crate) loose: Vec<PathBuf>,
    listing: Listing,
    /// Folders without pictures.
    empty: Vec<String>,
}

impl FolderPictures {
    /// Lists the pictures of a folder, without looking at them.
    pub(crate) fn list(folder: &Path) -> Result<Self, DataError> {
        let error = |error: io::Error| DataFault::Io(error).of(folder.display());
        let mut found = Self::default();
        for (path, is_folder) in entries(folder).map_err(error)? {
            let class = file_name(&path);
            if is_hidden(&class) {
                found.listing.hidden += 1;
            } else if !is_folder {
                let to =
                    if is_picture(&path) { &mut found.loose } else { &mut found.listing.foreign };
                to.push(path);
            } else {
                let mut above = vec![folder.to_owned()];
                found.listing.list(&path, &mut above).map_err(error)?;
                let pictures = std::mem::take(&mut found.listing.pictures);
                if pictures.is_empty() {
                    found.empty.push(class);
                } else {
                    let number = found.classes.len() as u32;
                    found.files.extend(pictures.into_iter().map(|path| (path, number)));
                    found.classes.push(class);
                }
            }
        }
        Ok(found)
    }
}

impl PictureFolder {
    /// Looks at a folder: reads the header of each picture.
    ///
    /// # Errors
    ///
    /// [`DataFault::Io`]; [`DataFault::Columns`] if there is no class with a picture. Files that are not pictures are not an
    /// error yet.
    pub fn open(folder: &Path, options: &TableOptions) -> Result<Self, DataError> {
        let name = folder.display().to_string();
        let fault = |fault: DataFault| fault.of(&name);
        options.target_among(&[PICTURE, CLASS].map(String::from)).map_err(fault)?;
        let FolderPictures { mut files, classes, mut listing, loose, empty } =
            FolderPictures::list(folder)?;
        listing.foreign.extend(loose);
        listing.foreign.sort();
        if classes.is_empty() {
            let what = "has no folder with PNG or JPEG pictures, expected one for each class";
            return Err(fault(DataFault::Columns(what.to_owned())));
        }
        if classes.iter().all(|class| PARTS.contains(&&*class.to_lowercase())) {
            let what = format!(
                "has the folders {}, expected classes; name one of them",
                classes.join(", ")
            );
            return Err(fault(DataFault::Columns(what)));
        }
        let mut looked = Looked::default();
        files.retain(|(path, _)| looked.look_at(path, folder));
        let Some(shape) = looked.shape(options) else {
            return Err(fault(DataFault::Rows(looked.mistakes.with_advice("mend or remove them"))));
        };
        let mut findings = looked.findings(shape);
        findings.extend(listing.findings(folder, &empty));
        let mut counts = vec![0; classes.len()];
        files.iter().for_each(|&(_, class)| counts[class as usize] += 1);
        let column = |name: &str, kind, reason| ColumnDescription {
            name: name.to_owned(),
            kind,
            reason,
            missing: 0,
            distinct: None,
            categories: Vec::new(),
            shape: Vec::new(),
            notation: None,
        };
        let picture = column(PICTURE, ColumnKind::Array, "pictures".to_owned());
        let class = column(CLASS, ColumnKind::Category, format!("{} folders", classes.len()));
        let columns = vec![
            ColumnDescription {
                shape: shape.to_vec(),
                notation: Some(CellNotation::ScaledPictures),
                ..picture
            },
            ColumnDescription {
                distinct: Some(classes.len()),
                categories: classes.iter().cloned().zip(counts).collect(),
                ..class
            },
        ];
        let description = TableDescription {
            name,
            rows: files.len(),
            columns,
            target: Some(CLASS.to_owned()),
            findings,
        };
        let advice = "mend or remove them, or leave them out (`skip_bad_rows = true`)";
        let mistakes = looked.mistakes.with_advice(advice);
        let (classes, skip_bad_rows) = (classes.into(), options.skip_bad_rows);
        Ok(Self { files, classes, shape, description, mistakes, skip_bad_rows })
    }

    /// The pixels of a picture, in the size of all, and its class.
    ///
    /// # Errors
    ///
    /// [`DataFault::Io`] or those of [`DecodedPicture::decode`].
    ///
    /// # Panics
    ///
    /// If there is no such picture.
    pub fn picture(&self, index: usize) -> Result<(Vec<u8>, u32), DataError> {
        let (path, class) = &self.files[index];
        Ok((DecodedPicture::read(path)?.fitted(self.shape), *class))
    }
}

impl DecodedPicture {
    /// Decodes the picture of a file.
    ///
    /// # Errors
    ///
    /// [`DataFault::Io`], or those of [`DecodedPicture::decode`].
    pub fn read(path: &Path) -> Result<Self, DataError> {
        let name = path.display().to_string();
        let bytes = read(path).map_err(|error| DataFault::Io(error).of(&name))?;
        Self::decode(&name, &bytes)
    }
}

/// What the headers of all pictures say.
#[derive(Default)]
struct Looked {
    sizes: BTreeMap<[usize; 2], usize>,
    colored: usize,
    n: usize,
    mistakes: RowMistakes,
}

impl Looked {
    /// Whether a file is a picture that can be read.
    fn look_at(&mut self, path: &Path, folder: &Path) -> bool {
        let header = match read(path) {
            Ok(bytes) => header_of(&bytes),
            Err(error) => Err(format!("a file that cannot be read ({error})")),
        };
        self.n += 1;
        match header {
            Ok(PictureHeader { rows, columns, channels }) => {
                *self.sizes.entry([rows, columns]).or_default() += 1;
                self.colored += usize::from(channels == 3);
                true
            }
            Err(found) => {
                self.mistakes.add(CellMistake {
                    order: self.n as u64,
                    place: path.strip_prefix(folder).unwrap_or(path).display().to_string(),
                    column: None,
                    found,
                    expected: "a PNG or JPEG picture".to_owned(),
                });
                false
            }
        }
    }

    fn shape(&self, options: &TableOptions) -> Option<[usize; 3]> {
        let [rows, columns] = options.size.or_else(|| self.size())?;
        let channels = options.channels.unwrap_or(if self.colored > 0 { 3 } else { 1 });
        Some([rows.max(1), columns.max(1), if channels == 1 { 1 } else { 3 }])
    }

    /// The size of at least half of the pictures, or else their median rows and columns.
    fn size(&self) -> Option<[usize; 2]> {
        let n: usize = self.sizes.values().sum();
        // Of equally frequent sizes the larger one.
        let (most, count) = self.sizes.iter().max_by_key(|&(size, count)| (*count, *size))?;
        let median = |axis: usize| {
            let mut all: Vec<_> =
                self.sizes.iter().map(|(size, count)| (size[axis], count)).collect();
            all.sort_unstable();
            let mut before = 0;
            let is_middle = |&&(_, count): &&(usize, &usize)| {
                before += count;
                2 * before > n
            };
            all.iter().find(is_middle).map(|(length, _)| *length)
        };
        if 2 * count >= n { Some(*most) } else { Some([median(0)?, median(1)?]) }
    }

    fn findings(&self, [rows, columns, channels]: [usize; 3]) -> Vec<Finding> {
        let same = self.sizes.get(&[rows, columns]).copied().unwrap_or(0);
        let n: usize = self.sizes.values().sum();
        let scaled = "are scaled to cover that and cut at both sides";
        let size = match same {
            _ if same == n => format!("{columns} x {rows}"),
            _ if 2 * same < n && self.size() == Some([rows, columns]) => {
                format!("{columns} x {rows}, the medians of {n}; others {scaled}")
            }
            _ => format!("{columns} x {rows}, as {same} of {n} have; others {scaled}"),
        };
        let colors = match channels {
            1 => "grey".to_owned(),
            _ => format!("red, green and blue, as {} of {n} have", self.colored),
        };
        let other = if channels == 1 { 3 } else { 1 };
        vec![
            Finding::new("size", size, format!("size = [{rows}, {columns}]")),
            Finding::new("colours", colors, format!("channels = {other}")),
        ]
    }
}

impl Listing {
    /// Lists the pictures in a folder and in those within, in the order of their names.
    fn list(&mut self, folder: &Path, above: &mut Vec<PathBuf>) -> io::Result<()> {
        let is_above = |path: &PathBuf| same_folder(path, folder);
        if above.iter().any(is_above) || above.len() > DEEPEST {
            self.circles += 1;
            return Ok(());
        }
        above.push(folder.to_owned());
        for (path, is_folder) in entries(folder)? {
            match () {
                () if is_hidden(&file_name(&path)) => self.hidden += 1,
                () if is_folder => self.list(&path, above)?,
                () if is_picture(&path) => self.pictures.push(path),
                () => self.foreign.push(path),
            }
        }
        above.pop();
        Ok(())
    }

    fn findings(&self, folder: &Path, empty: &[String]) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut say = |about: &str, found: String| findings.push(Finding::new(about, found, ""));
        if self.hidden > 0 {
            say("hidden files", format!("{} left out", self.hidden));
        }
        if let Some(first) = self.foreign.first() {
            let first = first.strip_prefix(folder).unwrap_or(first).display();
            say("other files", format!("{} left out, such as {first}", self.foreign.len()));
        }
        if self.circles > 0 {
            say("links", format!("{} left out that lead to a folder above", self.circles));
        }
        if !empty.is_empty() {
            say("folders without pictures", format!("left out: {}", empty.join(", ")));
        }
        findings
    }
}

/// The files and folders in a folder, sorted by name; and which are folders.
fn entries(folder: &Path) -> io::Result<Vec<(PathBuf, bool)>> {
    let paths: io::Result<BTreeSet<PathBuf>> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect();
    Ok(paths?.into_iter().map(|path| (path.clone(), path.is_dir())).collect())
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// Whether the name of a file is that of a picture.
fn is_picture(path: &Path) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    matches!(ending.as_deref(), Some("png" | "jpg" | "jpeg"))
}

/// Whether systems made a file or folder for themselves.
fn is_hidden(name: &str) -> bool {
    name.starts_with('.')
        || ["__macosx", "thumbs.db", "desktop.ini"].contains(&&*name.to_lowercase())
}

fn same_folder(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    // A pipe would never end, and a device has no length.
    let file = fs::metadata(path)?;
    match file.is_file() && file.len() <= LARGEST_FILE {
        true => fs::read(path),
        false => Err(io::Error::other(format!("expected a file of at most {LARGEST_FILE} bytes"))),
    }
}

impl TableSource for PictureFolder {
    fn description(&self) -> &TableDescription {
        &self.description
    }

    fn mistakes(&self) -> &RowMistakes {
        &self.mistakes
    }

    fn blocks(&self, rows: usize) -> Result<TableBlocks<'_>, DataError> {
        if !self.mistakes.is_empty() && !self.skip_bad_rows {
            return Err(DataFault::Rows(self.mistakes.clone()).of(&self.description.name));
        }
        let mut next = 0;
        Ok(Box::new(std::iter::from_fn(move || {
            let block = self.block(&mut next, rows.max(1));
            if block.is_err() {
                next = self.files.len();
            }
            block.map(|block| (!block.is_empty()).then_some(block)).transpose()
        })))
    }
}

impl PictureFolder {
    /// The pictures from number `next`, fewer than `rows` only at the end.
    fn block(&self, next: &mut usize, rows: usize) -> Result<Table, DataError> {
        let (mut pixels, mut codes) = (Vec::new(), Vec::new());
        while codes.len() < rows && *next < self.files.len() {
            match self.picture(*next) {
                Ok((picture, class)) => {
                    pixels.extend(picture);
                    codes.push(class);
                }
                // Its header was whole, what follows is not.
                Err(_) if self.skip_bad_rows => {}
                Err(error) => return Err(error),
            }
            *next += 1;
        }
        let n = codes.len();
        let pictures = Cells::Arrays { shape: self.shape.to_vec(), values: Features::U8(pixels) };
        let classes = Cells::Categories { codes, categories: self.classes.clone() };
        let columns = vec![
            Column { name: PICTURE.to_owned(), cells: pictures },
            Column { name: CLASS.to_owned(), cells: classes },
        ];
        Table::new(&self.description.name, n, columns)
    }
}
