//! Pictures one by one as a model takes them.

use std::path::{Path, PathBuf};

use crate::columns::{CellNotation, Cells, Column, RowBlock, RowName, Table, TableOptions};
use crate::mistakes::{CellMistake, RowMistakes};
use crate::readers::pictures::{FolderPictures, PictureTree};
use crate::{DataError, DataFault, Features, FittedTransforms};

/// Pictures one by one, in the size and colours of a model's.
pub(super) struct PictureRows {
    /// Each with the name of its class, if it is in a folder of one.
    files: Vec<(PathBuf, Option<String>)>,
    /// The folder or the archive, or the only picture.
    tree: PictureTree,
    /// Those that were read.
    n_read: usize,
    shape: [usize; 3],
    scales: bool,
    /// The names of the array and of the target.
    names: [String; 2],
    array: Vec<usize>,
}

impl PictureRows {
    /// A picture, or those of a folder or an archive, of which each may be in a folder of its class.
    pub(super) fn open(
        tree: PictureTree,
        options: &TableOptions,
        fitted: &FittedTransforms,
    ) -> Result<Self, DataError> {
        let fault = |what: String| DataFault::Columns(what).of(tree.label());
        let [column] = fitted.columns() else {
            let names: Vec<_> = fitted.columns().iter().map(|column| column.name.clone()).collect();
            let names = crate::fitting::listed(&names);
            return Err(fault(format!(
                "found pictures, expected a table with the columns {names}"
            )));
        };
        let Some(shape) = column.picture_shape() else {
            let expected = column.expected_cells();
            return Err(fault(format!(
                "found pictures, expected {expected} (column `{}`); give them as a table or as arrays",
                column.name
            )));
        };
        let files = match tree.only_file() {
            Some(file) => vec![(file.to_owned(), None)],
            None => {
                let FolderPictures { files, classes, loose, .. } = FolderPictures::list(&tree)?;
                let class = |class: u32| classes.get(class as usize).cloned();
                let mut files: Vec<_> =
                    files.into_iter().map(|(path, number)| (path, class(number))).collect();
                files.extend(loose.into_iter().map(|path| (path, None)));
                files
            }
        };
        if files.is_empty() {
            return Err(fault("has no PNG or JPEG picture, expected one or more".to_owned()));
        }
        let [rows, columns, _] = shape;
        let trained_so = fitted.table().into_iter().any(|written| {
            written.name == column.name && written.notation == Some(CellNotation::ScaledPictures)
        });
        let scales = match options.size {
            Some(size) if size != [rows, columns] => {
                return Err(fault(format!(
                    "size: found {size:?}, expected [{rows}, {columns}], that of the model"
                )));
            }
            size => size.is_some() || trained_so || column.resizes(),
        };
        let target = fitted.target().map_or("", |target| target.column());
        let names = [&column.name, target].map(str::to_owned);
        let array = column.shape.clone();
        Ok(Self { files, tree, n_read: 0, shape, scales, names, array })
    }

    /// The next pictures, fewer only at the end; none behind it.
    pub(super) fn next(&mut self, rows: usize) -> Result<Option<RowBlock>, DataError> {
        let (mut pixels, mut classes, mut names) = (Vec::new(), Vec::new(), Vec::new());
        let mut mistakes = RowMistakes::default();
        while names.len() < rows && self.n_read < self.files.len() {
            let (path, class) = &self.files[self.n_read];
            self.n_read += 1;
            match self.picture(path) {
                Ok(picture) => {
                    pixels.extend(picture);
                    classes.push(class.clone());
                    names.push(RowName::File(self.tree.name(path)));
                }
                Err((found, expected)) => mistakes.add(CellMistake {
                    order: self.n_read as u64,
                    place: match self.tree.place(path) {
                        within if within.is_empty() => "the file".to_owned(),
                        within => within,
                    },
                    column: None,
                    found,
                    expected,
                }),
            }
        }
        if names.is_empty() && mistakes.is_empty() {
            return Ok(None);
        }
        let cells = Cells::Arrays { shape: self.array.clone(), values: Features::U8(pixels) };
        let [array, target] = self.names.clone();
        let columns = [(array, cells), (target, Cells::Texts(classes))];
        let columns = columns.map(|(name, cells)| Column { name, cells });
        let table = Table::new("pictures", names.len(), columns.into())?;
        Ok(Some(RowBlock { table, names, mistakes }))
    }

    /// The pixels of a picture; or what was found instead, and what was expected.
    fn picture(&self, path: &Path) -> Result<Vec<u8>, (String, String)> {
        let picture = self.tree.decode(path).map_err(|error| match error.fault {
            DataFault::Format { found, expected } => (found, expected),
            DataFault::Io(error) => {
                (format!("a file that cannot be read ({error})"), "a picture".to_owned())
            }
            fault => (fault.to_string(), "a picture".to_owned()),
        })?;
        let [rows, columns, _] = self.shape;
        if !self.scales && [picture.rows, picture.columns] != [rows, columns] {
            let found = format!("a picture of {} x {} pixels", picture.columns, picture.rows);
            let expected = format!(
                "{columns} x {rows} as in training; scale it, or let it be scaled and cut: size = [{rows}, {columns}]"
            );
            return Err((found, expected));
        }
        Ok(picture.fitted(self.shape))
    }
}
