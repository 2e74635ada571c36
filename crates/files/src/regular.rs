//! Regular files, and nothing else.

use std::fs::{File, FileType, OpenOptions};
use std::io::{self, Read as _};
use std::path::Path;

/// Opens a file for reading, if it is a regular one. Links are followed.
///
/// # Errors
///
/// What the system reports, and [`io::ErrorKind::InvalidInput`] for a folder, a pipe, a socket or a device: at once, where a
/// usual open would wait for the other end of a pipe.
///
/// # Examples
///
/// ```
/// let folder = tempfile::tempdir()?;
/// let error = gradus_files::open(folder.path()).unwrap_err();
/// assert_eq!(error.to_string(), "expected a file, found a folder");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn open(path: impl AsRef<Path>) -> io::Result<File> {
    open_with(path.as_ref(), OpenOptions::new().read(true), 0)
}

/// Opens a file for writing, if it is a regular one, or there is none and `options` create it. A link is not followed: it may
/// lead to a file of somebody else.
///
/// # Errors
///
/// Those of [`open`], and for a link.
pub fn open_to_write(path: impl AsRef<Path>, options: &mut OpenOptions) -> io::Result<File> {
    let path = path.as_ref();
    if path.symlink_metadata().is_ok_and(|about| about.is_symlink()) {
        return Err(not_a_file("a link"));
    }
    #[cfg(unix)]
    let flags = libc::O_NOFOLLOW;
    #[cfg(not(unix))]
    let flags = 0;
    open_with(path, options, flags)
}

fn open_with(path: &Path, options: &mut OpenOptions, flags: i32) -> io::Result<File> {
    // Opening alone may do something to a device.
    if let Ok(about) = path.metadata() {
        is_file(about.file_type())?;
    }
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(options, libc::O_NONBLOCK | flags);
    #[cfg(not(unix))]
    let _ = flags;
    let file = options.open(path)?;
    is_file(file.metadata()?.file_type())?;
    Ok(file)
}

fn is_file(kind: FileType) -> io::Result<()> {
    if kind.is_file() { Ok(()) } else { Err(not_a_file(name(kind))) }
}

fn not_a_file(found: &str) -> io::Error {
    let what = format!("expected a file, found {found}");
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

fn name(kind: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        if kind.is_fifo() {
            return "a pipe";
        }
        if kind.is_socket() {
            return "a socket";
        }
    }
    if kind.is_dir() { "a folder" } else { "a device" }
}

/// The bytes of a regular file, of which there may be at most `most`.
///
/// # Errors
///
/// Those of [`open`], and [`io::ErrorKind::FileTooLarge`], before anything is read of a file that is longer.
///
/// # Examples
///
/// ```
/// let file = tempfile::NamedTempFile::new()?;
/// std::fs::write(&file, "abc")?;
/// assert_eq!(gradus_files::read(&file, 3)?, b"abc");
/// let error = gradus_files::read(&file, 2).unwrap_err();
/// assert_eq!(error.to_string(), "expected a file of at most 2 bytes, found one of 3");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn read(path: impl AsRef<Path>, most: u64) -> io::Result<Vec<u8>> {
    let too_large = |found: &str| {
        let what = format!("expected a file of at most {most} bytes, found one of {found}");
        io::Error::new(io::ErrorKind::FileTooLarge, what)
    };
    let file = open(path)?;
    let len = file.metadata()?.len();
    if len > most {
        return Err(too_large(&len.to_string()));
    }
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(usize::try_from(len).unwrap_or(usize::MAX))?;
    // It may grow meanwhile, and files of the system say that they are empty.
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(too_large("more")) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_of_the_largest_size_is_read_and_no_larger_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        for len in [0, 1, 4096] {
            fs::write(&path, vec![7; len]).unwrap();
            assert_eq!(read(&path, len as u64).unwrap().len(), len);
            assert_eq!(read(&path, u64::MAX).unwrap().len(), len);
        }
        let error = read(&path, 4095).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        // A terabyte that takes no place.
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(read(&path, 1 << 20).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        let missing = read(folder.path().join("y"), 1).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }

    #[cfg(unix)]
    #[test]
    fn whatever_is_not_a_file_is_refused_at_once() {
        use std::os::unix::fs::symlink;
        use std::os::unix::net::UnixListener;
        use std::process::Command;

        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let made = Command::new("mkfifo").arg(path("pipe")).status().unwrap();
        assert!(made.success());
        let _socket = UnixListener::bind(path("socket")).unwrap();
        symlink("/dev/zero", path("device")).unwrap();
        symlink(path("pipe"), path("link")).unwrap();
        for (name, found) in
            [("pipe", "a pipe"), ("link", "a pipe"), ("device", "a device"), (".", "a folder")]
        {
            let error = read(path(name), 10).unwrap_err();
            assert_eq!(error.to_string(), format!("expected a file, found {found}"), "{name}");
        }
        let error = read(path("socket"), 10).unwrap_err();
        assert_eq!(error.to_string(), "expected a file, found a socket");
        let target = path("target");
        fs::write(&target, "abc").unwrap();
        symlink(&target, path("to-file")).unwrap();
        symlink(path("missing"), path("dangling")).unwrap();
        assert_eq!(read(path("to-file"), 10).unwrap(), b"abc");
        let names = [
            ("pipe", "a pipe"),
            ("socket", "a socket"),
            (".", "a folder"),
            ("device", "a link"),
            ("to-file", "a link"),
            ("dangling", "a link"),
        ];
        for (name, found) in names {
            let mut options = OpenOptions::new();
            let error = open_to_write(path(name), options.append(true).create(true)).unwrap_err();
            assert_eq!(error.to_string(), format!("expected a file, found {found}"), "{name}");
        }
        assert!(!path("missing").exists());
    }
}
