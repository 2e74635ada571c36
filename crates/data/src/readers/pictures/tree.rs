//! Folders on disk, and those of a ZIP archive: which files are in them, and their bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::DecodedPicture;
use crate::input::Input;
use crate::zip::{self, ZipMember};
use crate::{DataError, DataFault};

/// Levels of folders within a class.
pub(super) const DEEPEST: usize = 16;
/// Bytes of the largest file that is read.
const LARGEST_FILE: u64 = 256 << 20;
/// Bytes of all files of an archive that may be any number of times its own.
const SMALL: u64 = 64 << 20;
/// More times its own size does no archive of pictures have, which are packed already.
const MOST_TIMES: u64 = 100;

/// Folders within folders, on disk or in an archive.
#[derive(Clone, Debug)]
pub(crate) enum PictureTree {
    /// A folder, or a file alone.
    Disk(PathBuf),
    /// A file alone, by a name and its bytes.
    Bytes(PathBuf, Arc<[u8]>),
    Archive(ArchiveTree),
}

/// What an archive has. Its paths are names and nothing else: no file is written, and none outside of it is read.
#[derive(Clone, Debug)]
pub(crate) struct ArchiveTree {
    archive: Input,
    /// The folder in it that has the others.
    root: PathBuf,
    /// What each folder has.
    folders: BTreeMap<PathBuf, BTreeSet<PathBuf>>,
    files: BTreeMap<PathBuf, ZipMember>,
}

impl PictureTree {
    /// A folder, or an archive.
    ///
    /// # Errors
    ///
    /// [`DataFault::Announced`] if the files of an archive are a hundred times as large as the archive.
    pub(crate) fn open(path: &Path) -> Result<Self, DataError> {
        match path.is_dir() {
            true => Ok(Self::Disk(path.to_owned())),
            false => ArchiveTree::open(Input::Path(path.to_owned())).map(Self::Archive),
        }
    }

    /// The folder or the archive, in messages.
    pub(crate) fn label(&self) -> String {
        match self {
            Self::Disk(path) | Self::Bytes(path, _) => path.display().to_string(),
            Self::Archive(tree) => tree.archive.name(),
        }
    }

    /// The file, if there is one alone.
    pub(crate) fn only_file(&self) -> Option<&Path> {
        match self {
            Self::Disk(path) if !path.is_dir() => Some(path),
            Self::Bytes(path, _) => Some(path),
            _ => None,
        }
    }

    /// Where the folders are.
    pub(super) fn root(&self) -> &Path {
        match self {
            Self::Disk(path) | Self::Bytes(path, _) => path,
            Self::Archive(tree) => &tree.root,
        }
    }

    /// The files and folders in a folder, sorted by name; and which are folders.
    pub(super) fn entries(&self, folder: &Path) -> io::Result<Vec<(PathBuf, bool)>> {
        match self {
            Self::Disk(_) => {
                let paths: io::Result<BTreeSet<PathBuf>> =
                    fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect();
                Ok(paths?.into_iter().map(|path| (path.clone(), path.is_dir())).collect())
            }
            Self::Bytes(..) => Ok(Vec::new()),
            Self::Archive(tree) => {
                let entries = tree.folders.get(folder).into_iter().flatten();
                let is_folder = |path: &PathBuf| tree.folders.contains_key(path);
                Ok(entries.map(|path| (path.clone(), is_folder(path))).collect())
            }
        }
    }

    /// Whether both are the same folder, which links can make of two.
    pub(super) fn is_same_folder(&self, a: &Path, b: &Path) -> bool {
        match self {
            Self::Disk(_) => {
                matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
            }
            Self::Bytes(..) | Self::Archive(_) => a == b,
        }
    }

    /// What a file is called in messages and results.
    pub(crate) fn name(&self, file: &Path) -> String {
        match self {
            Self::Disk(_) | Self::Bytes(..) => file.display().to_string(),
            Self::Archive(tree) => Path::new(&tree.archive.name()).join(file).display().to_string(),
        }
    }

    /// The path of a file within the tree; empty for a file alone.
    pub(crate) fn place(&self, file: &Path) -> String {
        file.strip_prefix(self.root()).unwrap_or(file).display().to_string()
    }

    /// The bytes of a file.
    pub(super) fn read(&self, file: &Path) -> io::Result<Vec<u8>> {
        match self {
            Self::Disk(_) => files::read(file, LARGEST_FILE),
            Self::Bytes(_, bytes) => Ok(bytes.to_vec()),
            Self::Archive(tree) => {
                let member = tree.files.get(file).ok_or(io::ErrorKind::NotFound)?;
                let opened = zip::open(&tree.archive, member).map_err(|error| match error.fault {
                    DataFault::Io(error) => error,
                    fault => io::Error::other(fault),
                });
                let mut bytes = Vec::new();
                opened?.take(LARGEST_FILE + 1).read_to_end(&mut bytes)?;
                match bytes.len() as u64 {
                    ..=LARGEST_FILE => Ok(bytes),
                    _ => Err(io::Error::other(format!(
                        "expected a file of at most {LARGEST_FILE} bytes"
                    ))),
                }
            }
        }
    }

    /// Decodes the picture of a file.
    ///
    /// # Errors
    ///
    /// [`DataFault::Io`], or those of [`DecodedPicture::decode`].
    pub(crate) fn decode(&self, file: &Path) -> Result<DecodedPicture, DataError> {
        let name = self.name(file);
        let bytes = self.read(file).map_err(|error| DataFault::Io(error).of(&name))?;
        DecodedPicture::decode(&name, &bytes)
    }
}

impl ArchiveTree {
    fn open(archive: Input) -> Result<Self, DataError> {
        let members = zip::members(&archive)?;
        let unpacked = members.iter().fold(0_u64, |sum, member| sum.saturating_add(member.size));
        let limit_bytes = zip::len(&archive)?.saturating_mul(MOST_TIMES).max(SMALL);
        if unpacked > limit_bytes {
            let what = "ZIP archive: all its files together".to_owned();
            return Err(archive.error(DataFault::Announced { what, found: unpacked, limit_bytes }));
        }
        let (root, folders) = (PathBuf::new(), [(PathBuf::new(), BTreeSet::new())].into());
        let mut tree = Self { archive, root, folders, files: BTreeMap::new() };
        members.into_iter().for_each(|member| tree.add(member));
        tree.root = tree.only_folder().unwrap_or_default();
        Ok(tree)
    }

    /// Adds a member with the folders that it is in. Beyond the deepest folder that is listed it is in that one.
    fn add(&mut self, member: ZipMember) {
        // Old programs on Windows write what it puts between folders.
        let names = member.name.split(['/', '\\']).filter(|name| !["", "."].contains(name));
        let path: PathBuf = names.take(DEEPEST + 3).collect();
        let mut above = path.as_path();
        if member.is_folder() {
            self.folders.entry(path.clone()).or_default();
        } else {
            self.files.insert(path.clone(), member);
        }
        while let Some(folder) = above.parent() {
            if !self.folders.entry(folder.to_owned()).or_default().insert(above.to_owned()) {
                break;
            }
            above = folder;
        }
    }

    /// The folder that the archive was made of: the only thing in it, if that has folders and no pictures itself.
    fn only_folder(&self) -> Option<PathBuf> {
        let is_shown = |path: &&PathBuf| !is_hidden(path);
        let mut entries = self.folders.get(Path::new(""))?.iter().filter(is_shown);
        let only = entries.next().filter(|_| entries.next().is_none())?;
        let within: Vec<_> = self.folders.get(only)?.iter().filter(is_shown).collect();
        let is_folder = |path: &&PathBuf| self.folders.contains_key(*path);
        let has_folders = within.iter().any(is_folder);
        let has_pictures = within.iter().any(|path| !is_folder(path) && has_picture_name(path));
        (has_folders && !has_pictures).then(|| only.clone())
    }
}

pub(super) fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// Whether systems made a file or folder for themselves, by its name.
pub(super) fn is_hidden(path: &Path) -> bool {
    let name = file_name(path);
    // The folder above has no name of its own.
    name.is_empty()
        || name.starts_with('.')
        || ["__macosx", "thumbs.db", "desktop.ini"].contains(&&*name.to_lowercase())
}

/// Whether the name of a file is that of a picture.
pub(crate) fn has_picture_name(path: &Path) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    matches!(ending.as_deref(), Some("png" | "jpg" | "jpeg"))
}
