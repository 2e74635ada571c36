//! Folders that one process writes, those of runs and of sweeps: how they are made and locked.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The file that the process which writes a folder has locked. A file of its own: Windows lets nobody read a locked one.
pub(crate) const LOCK: &str = "lock";

/// Locked as long as this process writes the folder. The system unlocks it even if the process is killed.
#[derive(Debug)]
pub(crate) struct FolderLock {
    path: PathBuf,
    _file: File,
}

/// Why a folder cannot be made or locked.
#[derive(Debug)]
pub(crate) enum FolderMistake {
    /// It exists.
    Exists { path: PathBuf },
    /// A file stands where a folder is wanted.
    NotAFolder { path: PathBuf },
    /// Another process writes it.
    InUse { path: PathBuf },
    /// What the system reports.
    Io { path: PathBuf, error: io::Error },
}

/// The mistakes of folders as variants of an error, which says of each what to do about it.
macro_rules! with_folder_mistakes {
    ($error:ty) => {
        impl From<$crate::folder_lock::FolderMistake> for $error {
            fn from(mistake: $crate::folder_lock::FolderMistake) -> Self {
                use $crate::folder_lock::FolderMistake;
                match mistake {
                    FolderMistake::Exists { path } => Self::Exists { path },
                    FolderMistake::NotAFolder { path } => Self::NotAFolder { path },
                    FolderMistake::InUse { path } => Self::InUse { path },
                    FolderMistake::Io { path, error } => Self::Io { path, error },
                }
            }
        }
    };
}
pub(crate) use with_folder_mistakes;

impl FolderLock {
    /// Makes a folder, which must not exist, and locks it.
    pub(crate) fn create(folder: &Path) -> Result<Self, FolderMistake> {
        let failed = |path: &Path, error| FolderMistake::Io { path: path.to_owned(), error };
        if let Some(parent) = folder.parent() {
            fs::create_dir_all(parent).map_err(|error| match file_above(parent) {
                Some(path) => FolderMistake::NotAFolder { path },
                None => failed(parent, error),
            })?;
        }
        fs::create_dir(folder).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => FolderMistake::Exists { path: folder.to_owned() },
            _ => failed(folder, error),
        })?;
        Self::take(folder)
    }

    /// Locks a folder that no process writes.
    pub(crate) fn take(folder: &Path) -> Result<Self, FolderMistake> {
        let path = folder.join(LOCK);
        let opened = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = match opened {
            Ok(file) => file,
            Err(error) => return Err(FolderMistake::Io { path, error }),
        };
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => Err(FolderMistake::InUse { path: folder.to_owned() }),
            // Not every file system has locks. Without one, readers cannot tell an idle run from one that was killed.
            _ => Ok(Self { path, _file: file }),
        }
    }

    /// Whether a process writes the folder; `None` if that is not known.
    pub(crate) fn is_held(folder: &Path) -> Option<bool> {
        let lock = File::open(folder.join(LOCK)).ok()?;
        match lock.try_lock_shared() {
            Ok(()) => Some(false),
            Err(TryLockError::WouldBlock) => Some(true),
            Err(TryLockError::Error(_)) => None,
        }
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // What has ended needs no lock file; if it stays, it is not locked.
        let _ = fs::remove_file(&self.path);
    }
}

/// Makes the first folder of `NAME-1`, `NAME-2`, … in `parent` that does not exist.
pub(crate) fn create_next<T, E>(
    parent: &Path,
    name: &str,
    create: impl Fn(&Path) -> Result<T, E>,
    is_taken: impl Fn(&E) -> bool,
) -> Result<T, E> {
    let mut number = 1;
    loop {
        // Two processes that start at once both try: making a folder succeeds for one of them.
        match create(&parent.join(format!("{name}-{number}"))) {
            Err(error) if is_taken(&error) => number += 1,
            other => return other,
        }
    }
}

/// What stands where `path` or a folder above it is wanted, and is not one.
fn file_above(path: &Path) -> Option<PathBuf> {
    let found = path.ancestors().find(|path| path.exists())?;
    (!found.is_dir()).then(|| found.to_owned())
}
