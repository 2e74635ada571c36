//! Folders that one process writes, those of runs and of sweeps: how they are made and locked.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, process, thread};

/// The file that the process which writes a folder has locked. A file of its own: Windows lets nobody read a locked one.
pub(crate) const LOCK: &str = "lock";

/// Locked as long as this process writes the folder. The system unlocks it even if the process is killed.
#[derive(Debug)]
pub(crate) struct FolderLock {
    path: PathBuf,
    file: File,
}

/// Why a folder cannot be made or locked.
#[derive(Debug)]
pub(crate) enum FolderMistake {
    /// It exists.
    Exists { path: PathBuf },
    /// A file stands where a folder is wanted.
    NotAFolder { path: PathBuf },
    /// Another process writes it.
    InUse { path: PathBuf, holder: String },
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
                    FolderMistake::InUse { path, holder } => Self::InUse { path, holder },
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
        /// Whoever looks whether a folder is locked holds the lock for a moment.
        const ATTEMPTS: usize = 50;
        const PAUSE: Duration = Duration::from_millis(10);
        let path = folder.join(LOCK);
        let failed = |error| FolderMistake::Io { path: path.clone(), error };
        let in_use = |holder: Option<LockHolder>| FolderMistake::InUse {
            path: folder.to_owned(),
            holder: holder.map_or("another process".to_owned(), |holder| holder.to_string()),
        };
        for attempt in 0.. {
            let mut options = OpenOptions::new();
            let options = options.create(true).truncate(false).read(true).write(true);
            let mut file = files::open_to_write(&path, options).map_err(failed)?;
            match file.try_lock() {
                // Whoever had it may have removed the file that we opened.
                Ok(()) if !is_at(&file, &path) => {}
                Ok(()) => return Self::held(path.clone(), file).map_err(failed),
                Err(TryLockError::WouldBlock) if attempt < ATTEMPTS => thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => return Err(in_use(LockHolder::read(&mut file))),
                // Not every file system has locks: there the holder's name must do.
                Err(TryLockError::Error(_)) => {
                    return match LockHolder::read(&mut file).filter(LockHolder::may_be_alive) {
                        Some(holder) => Err(in_use(Some(holder))),
                        None => Self::held(path.clone(), file).map_err(failed),
                    };
                }
            }
        }
        unreachable!("attempts do not end")
    }

    /// Writes down who holds the lock.
    fn held(path: PathBuf, mut file: File) -> io::Result<Self> {
        let LockHolder { process, host } = LockHolder::this();
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{process} {host}")?;
        Ok(Self { path, file })
    }

    /// Whether a process writes the folder; `None` if that is not known.
    pub(crate) fn is_held(folder: &Path) -> Option<bool> {
        let lock = files::open(folder.join(LOCK)).ok()?;
        match lock.try_lock_shared() {
            Ok(()) => Some(false),
            Err(TryLockError::WouldBlock) => Some(true),
            Err(TryLockError::Error(_)) => None,
        }
    }
}

/// Whether an open file is the one at a path.
fn is_at(file: &File, path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let place = |about: fs::Metadata| (about.dev(), about.ino());
        let [own, found] = [file.metadata(), fs::metadata(path)].map(|about| about.map(place).ok());
        own == found
    }
    #[cfg(not(unix))]
    {
        let _ = (file, path);
        true
    }
}

/// A process that holds a lock, as its file says.
#[derive(Debug, PartialEq, Eq)]
struct LockHolder {
    process: u32,
    host: String,
}

impl LockHolder {
    fn this() -> Self {
        let name = fs::read_to_string("/proc/sys/kernel/hostname").ok();
        let name = name.or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_default();
        let host = name.split_whitespace().next().unwrap_or("this machine").to_owned();
        Self { process: process::id(), host }
    }

    fn read(file: &mut File) -> Option<Self> {
        /// The longest name of a machine is much shorter.
        const MAX_BYTES: u64 = 1 << 10;
        let mut text = String::new();
        file.rewind().ok()?;
        file.take(MAX_BYTES).read_to_string(&mut text).ok()?;
        let (process, host) = text.trim().split_once(' ')?;
        let host = host.chars().filter(|sign| !sign.is_control()).collect();
        Some(Self { process: process.parse().ok()?, host })
    }

    /// Whether the process may still exist: on another machine nobody knows.
    fn may_be_alive(&self) -> bool {
        let this = Self::this();
        let processes = Path::new("/proc");
        self.host != this.host
            || self.process != this.process
                && (!processes.join("self").exists()
                    || processes.join(self.process.to_string()).exists())
    }
}

impl fmt::Display for LockHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {}", self.process, self.host)
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // What has ended needs no lock file; if it stays, it is not locked. One that another process has made in its place stays.
        if is_at(&self.file, &self.path) {
            let _ = fs::remove_file(&self.path);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn held(folder: &Path) -> String {
        match FolderLock::take(folder) {
            Err(FolderMistake::InUse { holder, .. }) => holder,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn one_process_has_a_folder_and_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let lock = FolderLock::take(folder.path()).unwrap();
        let this = LockHolder::this();
        assert_eq!(held(folder.path()), this.to_string());
        assert!(this.to_string().starts_with(&format!("process {} on ", process::id())));
        assert_eq!(FolderLock::is_held(folder.path()), Some(true));
        drop(lock);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        // What is left of a process that was killed.
        fs::write(folder.path().join(LOCK), "1 elsewhere\n").unwrap();
        drop(FolderLock::take(folder.path()).unwrap());
        fs::write(folder.path().join(LOCK), b"\xff\0 not a holder").unwrap();
        FolderLock::take(folder.path()).unwrap();
    }

    #[test]
    fn whoever_looks_and_whoever_leaves_makes_no_two_holders() {
        let folder = tempfile::tempdir().unwrap();
        let n_holders = std::sync::atomic::AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let Ok(lock) = FolderLock::take(folder.path()) else { continue };
                        use std::sync::atomic::Ordering::SeqCst;
                        assert_eq!(n_holders.fetch_add(1, SeqCst), 0);
                        thread::yield_now();
                        n_holders.fetch_sub(1, SeqCst);
                        drop(lock);
                    }
                });
            }
            scope.spawn(|| {
                for _ in 0..2000 {
                    FolderLock::is_held(folder.path());
                }
            });
        });
        FolderLock::take(folder.path()).unwrap();
    }

    #[test]
    fn without_locks_a_holder_counts_if_it_may_exist() {
        let this = LockHolder::this();
        let on = |host: &str, process| LockHolder { process, host: host.to_owned() };
        assert!(!on(&this.host, this.process).may_be_alive());
        assert!(on("elsewhere", 1).may_be_alive());
        if cfg!(target_os = "linux") {
            assert!(on(&this.host, 1).may_be_alive());
            assert!(!on(&this.host, u32::MAX).may_be_alive());
        }
    }
}
