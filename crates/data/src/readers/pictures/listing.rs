//! Which pictures a folder or an archive has, and the class of each.

use std::io;
use std::path::{Path, PathBuf};

use super::tree::{DEEPEST, PictureTree, file_name, has_picture_name, is_hidden};
use crate::columns::Finding;
use crate::{DataError, DataFault};

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

/// The pictures of a folder or an archive.
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
    /// Lists the pictures, without looking at them.
    pub(crate) fn list(tree: &PictureTree) -> Result<Self, DataError> {
        let root = tree.root();
        let error = |error: io::Error| DataFault::Io(error).of(tree.name(root));
        let mut found = Self::default();
        for (path, is_folder) in tree.entries(root).map_err(error)? {
            if is_hidden(&path) {
                found.listing.hidden += 1;
            } else if !is_folder {
                let is_picture = has_picture_name(&path);
                let to = if is_picture { &mut found.loose } else { &mut found.listing.foreign };
                to.push(path);
            } else {
                let mut above = vec![root.to_owned()];
                found.listing.list(tree, &path, &mut above).map_err(error)?;
                let pictures = std::mem::take(&mut found.listing.pictures);
                let class = file_name(&path);
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

    /// What was left out.
    pub(super) fn findings(&self, tree: &PictureTree) -> Vec<Finding> {
        let Listing { hidden, foreign, circles, .. } = &self.listing;
        let mut findings = Vec::new();
        let mut say = |about: &str, found: String| findings.push(Finding::new(about, found, ""));
        if *hidden > 0 {
            say("hidden files", format!("{hidden} left out"));
        }
        let n = foreign.len() + self.loose.len();
        if let Some(first) = foreign.iter().chain(&self.loose).min() {
            say("other files", format!("{n} left out, such as {}", tree.place(first)));
        }
        if *circles > 0 {
            say("links", format!("{circles} left out that lead to a folder above"));
        }
        if !self.empty.is_empty() {
            say("folders without pictures", format!("left out: {}", self.empty.join(", ")));
        }
        findings
    }
}

impl Listing {
    /// Lists the pictures in a folder and in those within, in the order of their names.
    fn list(
        &mut self,
        tree: &PictureTree,
        folder: &Path,
        above: &mut Vec<PathBuf>,
    ) -> io::Result<()> {
        let is_above = |path: &PathBuf| tree.is_same_folder(path, folder);
        if above.iter().any(is_above) || above.len() > DEEPEST {
            self.circles += 1;
            return Ok(());
        }
        above.push(folder.to_owned());
        for (path, is_folder) in tree.entries(folder)? {
            match () {
                () if is_hidden(&path) => self.hidden += 1,
                () if is_folder => self.list(tree, &path, above)?,
                () if has_picture_name(&path) => self.pictures.push(path),
                () => self.foreign.push(path),
            }
        }
        above.pop();
        Ok(())
    }
}
