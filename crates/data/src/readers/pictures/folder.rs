//! A folder or an archive of pictures, with a folder for each class.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::listing::FolderPictures;
use super::tree::PictureTree;
use super::{PictureHeader, decode, header_of};
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
/// Folders that divide data instead of being classes.
const PARTS: [&str; 6] = ["train", "training", "test", "val", "valid", "validation"];

/// A folder or a ZIP archive of pictures, with a folder for each class, as a table of pictures and classes. Pictures are read
/// when they are used.
#[derive(Clone, Debug)]
pub struct PictureFolder {
    tree: PictureTree,
    /// The files of the pictures, each with its class, in the order of their names.
    files: Vec<(PathBuf, u32)>,
    classes: Arc<[String]>,
    shape: [usize; 3],
    description: TableDescription,
    mistakes: RowMistakes,
    skip_bad_rows: bool,
}

impl PictureFolder {
    /// Looks at a folder or an archive: reads the header of each picture, and decodes it if bad ones are left out.
    ///
    /// Of an archive with one folder alone, the folders in that are the classes.
    ///
    /// # Errors
    ///
    /// [`DataFault::Io`]; [`DataFault::Columns`] if there is no class with a picture; [`DataFault::Announced`] if the files of an
    /// archive are a hundred times as large as the archive. Files that are not pictures are not an error yet.
    pub fn open(path: &Path, options: &TableOptions) -> Result<Self, DataError> {
        let tree = PictureTree::open(path)?;
        let name = tree.label();
        let fault = |fault: DataFault| fault.of(&name);
        options.target_among(&[PICTURE, CLASS].map(String::from)).map_err(fault)?;
        let mut listed = FolderPictures::list(&tree)?;
        let (mut files, classes) =
            (std::mem::take(&mut listed.files), std::mem::take(&mut listed.classes));
        if classes.is_empty() {
            let what = "has no folder with PNG or JPEG pictures, expected one for each class";
            return Err(fault(DataFault::Columns(what.to_owned())));
        }
        if classes.iter().all(|class| PARTS.contains(&&*class.to_lowercase())) {
            let advice = match tree {
                PictureTree::Archive(_) => "unpack it and name one of them",
                PictureTree::Disk(_) | PictureTree::Bytes(..) => "name one of them",
            };
            let classes = classes.join(", ");
            let what = format!("has the folders {classes}, expected classes; {advice}");
            return Err(fault(DataFault::Columns(what)));
        }
        let mut looked = Looked { decodes: options.skip_bad_rows, ..Looked::default() };
        files.retain(|(path, _)| looked.look_at(path, &tree));
        let Some(shape) = looked.shape(options) else {
            return Err(fault(DataFault::Rows(looked.mistakes.with_advice("mend or remove them"))));
        };
        let mut findings = looked.findings(shape);
        findings.extend(listed.findings(&tree));
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
            has_frequent_values: false,
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
        Ok(Self { tree, files, classes, shape, description, mistakes, skip_bad_rows })
    }

    /// The pixels of a picture, in the size of all, and its class.
    ///
    /// # Errors
    ///
    /// [`DataFault::Io`] or those of [`DecodedPicture::decode`](super::DecodedPicture::decode).
    ///
    /// # Panics
    ///
    /// If there is no such picture.
    pub fn picture(&self, index: usize) -> Result<(Vec<u8>, u32), DataError> {
        let (path, class) = &self.files[index];
        Ok((self.tree.decode(path)?.fitted(self.shape), *class))
    }
}

/// What the headers of all pictures say.
#[derive(Default)]
struct Looked {
    /// Whether all of a picture is decoded, so that what is left out later is known.
    decodes: bool,
    sizes: BTreeMap<[usize; 2], usize>,
    colored: usize,
    n: usize,
    mistakes: RowMistakes,
}

impl Looked {
    /// Whether a file is a picture that can be read.
    fn look_at(&mut self, path: &Path, tree: &PictureTree) -> bool {
        let header = match tree.read(path) {
            Ok(bytes) => header_of(&bytes).and_then(|header| match self.decodes {
                true => decode(&bytes).map(|_| header),
                false => Ok(header),
            }),
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
                    place: tree.place(path),
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
            let (picture, class) = self.picture(*next)?;
            pixels.extend(picture);
            codes.push(class);
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
