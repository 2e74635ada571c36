//! Files and folders that are written whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, IntoInnerError, Write as _};
use std::path::{Path, PathBuf};

/// What the names of temporary files end with.
pub const TEMPORARY: &str = ".tmp";

/// Writes a file, whole or not at all: to a temporary file beside it, synced, then renamed, and the folder synced.
///
/// # Errors
///
/// What the system reports. The temporary file is removed.
pub fn write_whole(file: &Path, bytes: &[u8]) -> io::Result<()> {
    write_whole_with(file, |to| to.write_all(bytes))
}

/// As [`write_whole`], with what writes the bytes.
///
/// # Errors
///
/// Those of [`write_whole`] and of `write`.
pub fn write_whole_with(
    file: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(TEMPORARY);
    let temporary = file.with_file_name(name);
    let write_and_rename = || {
        // Not through a link that stands there, into a file elsewhere.
        let _ = fs::remove_file(&temporary).or_else(|_| fs::remove_dir(&temporary));
        let mut opened = BufWriter::new(File::create_new(&temporary)?);
        write(&mut opened)?;
        opened.into_inner().map_err(IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&temporary, file)
    };
    write_and_rename().inspect_err(|_| {
        // Half a file would keep a full disk full.
        let _ = fs::remove_file(&temporary);
    })?;
    sync_folder_of(file);
    Ok(())
}

/// Writes a folder with files, whole or not at all: beside it, then renamed. It must not exist, or be empty.
///
/// # Errors
///
/// What the system reports, and [`io::ErrorKind::DirectoryNotEmpty`]. What was written is removed.
pub fn write_folder_whole(folder: &Path, files: &[(PathBuf, Vec<u8>)]) -> io::Result<()> {
    let mut name = folder.file_name().ok_or(io::ErrorKind::InvalidFilename)?.to_owned();
    name.push(TEMPORARY);
    let temporary = folder.with_file_name(name);
    let write_and_rename = || {
        fs::create_dir(&temporary)?;
        for (path, bytes) in files {
            let path = temporary.join(path);
            fs::create_dir_all(path.parent().expect("it is in the folder"))?;
            let mut file = File::create_new(&path)?;
            file.write_all(bytes)?;
            file.sync_all()?;
        }
        if folder.exists() {
            fs::remove_dir(folder)?;
        }
        fs::rename(&temporary, folder)
    };
    // What an earlier attempt left behind when it was stopped.
    let _ = fs::remove_dir_all(&temporary);
    write_and_rename().inspect_err(|_| {
        let _ = fs::remove_dir_all(&temporary);
    })?;
    sync_folder_of(folder);
    Ok(())
}

/// Makes the names of a folder's files last. Not every system can; there the rename is in its hands.
pub fn sync_folder_of(file: &Path) {
    if let Some(folder) = file.parent().and_then(|folder| File::open(folder).ok()) {
        let _ = folder.sync_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        for text in ["first", "second"] {
            write_whole(&path, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        // A folder with a file in it cannot be replaced by a file.
        let taken = folder.path().join("taken");
        fs::create_dir_all(taken.join("in")).unwrap();
        write_whole(&taken, b"x").unwrap_err();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_folder_is_written_where_none_or_an_empty_one_is_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let (path, file) = (folder.path().join("x"), PathBuf::from("in/a"));
        fs::create_dir(&path).unwrap();
        write_folder_whole(&path, &[(file.clone(), b"first".to_vec())]).unwrap();
        let error = write_folder_whole(&path, &[(file.clone(), b"second".to_vec())]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::DirectoryNotEmpty);
        assert_eq!(fs::read_to_string(path.join(&file)).unwrap(), "first");
        let twice = [(file.clone(), Vec::new()), (file, Vec::new())];
        write_folder_whole(&folder.path().join("y"), &twice).unwrap_err();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
