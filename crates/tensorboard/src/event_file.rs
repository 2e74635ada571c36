//! An event file as it is written.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use prost::Message as _;

use crate::proto::EventProto;
use crate::record::record;
use crate::{TensorBoardError, failed};

/// How the names of event files begin: seconds since 1970 follow, by which readers order the files of a folder.
const START: &str = "events.out.tfevents.";
const ENDING: &str = ".gradus";
/// What readers know event files of all programs by.
const MARK: &str = "tfevents";
/// Bytes that are kept at most while nothing can be written. Then events are left out.
const MAX_PENDING: usize = 64 << 20;

/// A file to which events are appended. What cannot be written stays and is written before what comes next, so that half a
/// record never stands before another one.
#[derive(Debug)]
pub(crate) struct EventFile {
    path: PathBuf,
    file: File,
    pending: Vec<u8>,
}

/// Seconds since 1970.
pub(crate) fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

impl EventFile {
    /// A new file in the folder of `directory` that has the name of the run directory `run`. It is made if it is not there,
    /// and must have no event files unless the run `continues`: then readers take the new file after them.
    pub(crate) fn create(
        directory: &Path,
        run: &Path,
        continues: bool,
    ) -> Result<Self, TensorBoardError> {
        let run = run.canonicalize().map_err(|error| failed(run, error))?;
        let folder = directory.join(run.file_name().unwrap_or_default());
        let made = fs::create_dir_all(&folder).and_then(|()| event_files(&folder));
        let names = made.map_err(|error| failed(&folder, error))?;
        if !continues && !names.is_empty() {
            return Err(TensorBoardError::Occupied { folder });
        }
        let number = |name: &String| {
            name.strip_prefix(START)?.split('.').next().and_then(|number| number.parse().ok())
        };
        let newest = names.iter().filter_map(number).max();
        let now = seconds(SystemTime::now()) as u64;
        let number = newest.map_or(now, |newest: u64| now.max(newest.saturating_add(1)));
        let path = folder.join(format!("{START}{number:010}{ENDING}"));
        let file = File::create_new(&path).map_err(|error| failed(&path, error))?;
        Ok(Self { path, file, pending: Vec::new() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends an event.
    ///
    /// # Errors
    ///
    /// What the system reports. What is not written yet is written with what comes next.
    pub(crate) fn append(&mut self, event: &EventProto) -> Result<(), TensorBoardError> {
        if self.pending.len() < MAX_PENDING {
            self.pending.extend(record(&event.encode_to_vec()));
        }
        let (written, result) = files::write_some(&mut self.file, &self.pending);
        self.pending.drain(..written);
        result.map_err(|error| failed(&self.path, error))
    }
}

/// The names of the event files in a folder.
fn event_files(folder: &Path) -> io::Result<Vec<String>> {
    let names = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into()));
    let names: Vec<String> = names.collect::<io::Result<_>>()?;
    Ok(names.into_iter().filter(|name| name.contains(MARK)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::messages;

    fn event(step: i64) -> EventProto {
        EventProto { step, ..EventProto::default() }
    }

    fn steps(file: &Path) -> Vec<i64> {
        let (messages, rest) = messages(&fs::read(file).unwrap());
        assert_eq!(rest, 0);
        messages.iter().map(|message| EventProto::decode(&message[..]).unwrap().step).collect()
    }

    #[test]
    fn each_event_is_in_the_file_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = EventFile::create(&folder.path().join("a/b"), folder.path(), false).unwrap();
        for step in 0..3 {
            file.append(&event(step)).unwrap();
            assert_eq!(steps(&file.path), (0..=step).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_folder_with_event_files_belongs_to_their_run_and_later_files_have_later_names() {
        let folder = tempfile::tempdir().unwrap();
        let create = |continues| {
            EventFile::create(folder.path(), &folder.path().join("runs/../runs/mine"), continues)
        };
        let path = folder.path().join("mine");
        assert!(create(false).is_err(), "there is no run");
        fs::create_dir_all(folder.path().join("runs/mine")).unwrap();
        fs::create_dir(&path).unwrap();
        fs::write(path.join("notes.txt"), "").unwrap();
        let mut names = vec![create(false).unwrap().path];
        let error = create(false).unwrap_err().to_string();
        assert!(error.contains("expected a folder without event files"), "{error}");
        for number in ["0000000007", "9999999990"] {
            fs::write(path.join(format!("{START}{number}.host.1")), "").unwrap();
            names.push(create(true).unwrap().path);
        }
        assert!(names.is_sorted());
        assert!(names[2].ends_with(format!("{START}9999999991{ENDING}")), "{names:?}");
    }

    /// A device that is always full.
    #[cfg(target_os = "linux")]
    #[test]
    fn what_could_not_be_written_is_written_later() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = EventFile::create(folder.path(), folder.path(), false).unwrap();
        let place = std::mem::replace(
            &mut file.file,
            fs::OpenOptions::new().append(true).open("/dev/full").unwrap(),
        );
        for step in 0..100 {
            file.append(&event(step)).unwrap_err();
        }
        file.file = place;
        file.append(&event(100)).unwrap();
        assert_eq!(steps(&file.path), (0..=100).collect::<Vec<_>>());
        file.pending = vec![0; MAX_PENDING];
        file.file = fs::OpenOptions::new().append(true).open("/dev/full").unwrap();
        file.append(&event(101)).unwrap_err();
        assert_eq!(file.pending.len(), MAX_PENDING);
    }
}
