//! Data that the owner drops on a page: received into a file, then trained on.

use std::fmt::Debug;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use events::Command;
use futures_util::StreamExt as _;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::spawn_blocking;

use crate::visitor::Visitor;

/// The largest file that is received.
const MAX_BYTES: u64 = 2 << 30;
/// The longest name of a file, in bytes.
const MAX_NAME: usize = 200;
/// How long the server waits for the next part of a file.
const PATIENCE: Duration = Duration::from_secs(30);
/// Parts that wait to be written.
const WAITING_PARTS: usize = 16;

/// Trains on data of the owner.
pub trait DataTrainer: Debug + Send + Sync {
    /// Begins to train on a file, and returns the directory of the run once there is one. Until then it is not called again.
    ///
    /// # Errors
    ///
    /// Why not, for whoever dropped the file: what is wrong with it, or which other run is in progress.
    fn begin(&self, data: &Path) -> Result<PathBuf, String>;

    /// Continues a run that was stopped or killed, in its directory. Returns when it has begun.
    ///
    /// # Errors
    ///
    /// Why not: what is wrong with the run, or which other run is in progress.
    fn resume(&self, run: &Path) -> Result<(), String>;

    /// Whether it trains the run in a directory now.
    fn trains(&self, run: &Path) -> bool;

    /// Why its last process has failed, if that trained the run in a directory.
    fn failure(&self, run: &Path) -> Option<String>;

    /// Sends a command to the run in a directory. Returns false if the run has ended, none if this has not trained it.
    fn send(&self, run: &Path, command: Command) -> Option<bool>;
}

/// Where dropped files are kept, and who trains on them.
#[derive(Debug)]
pub struct Uploads {
    /// The directory of the files. It is made with the first of them.
    pub folder: PathBuf,
    /// Who trains.
    pub trainer: Box<dyn DataTrainer>,
}

#[derive(Clone, Debug)]
pub(crate) struct UploadState {
    uploads: Option<Arc<Uploads>>,
    /// One file at a time.
    permit: Arc<Semaphore>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UploadQuery {
    /// The name of the file.
    name: String,
}

/// Why a file is not taken.
type UploadRefusal = (StatusCode, String);

impl UploadState {
    pub(crate) fn new(uploads: Option<Uploads>) -> Self {
        Self { uploads: uploads.map(Arc::new), permit: Arc::new(Semaphore::new(1)) }
    }

    /// What becomes of the data of a visitor; none if it is not taken.
    fn uploads_of(&self, visitor: Visitor) -> Option<&Arc<Uploads>> {
        self.uploads.as_ref().filter(|_| visitor.may_control())
    }

    /// Who trains on data that is sent.
    pub(crate) fn trainer(&self) -> Option<&dyn DataTrainer> {
        self.uploads.as_ref().map(|uploads| &*uploads.trainer)
    }

    /// Whether a visitor may send data.
    pub(crate) fn takes_from(&self, visitor: Visitor) -> bool {
        self.uploads_of(visitor).is_some()
    }
}

/// Receives a file and begins to train on it. Answers with the name of the run, or with what is wrong with the file.
pub(crate) async fn receive(
    State(state): State<UploadState>,
    Extension(visitor): Extension<Visitor>,
    Query(UploadQuery { name }): Query<UploadQuery>,
    body: Body,
) -> Result<Json<Value>, UploadRefusal> {
    let refuse = |status, why: &str| (status, format!("{why}\n"));
    let Some(uploads) = state.uploads_of(visitor).cloned() else {
        let why = "data is taken from the owner of `gradus studio` only";
        return Err(refuse(StatusCode::FORBIDDEN, why));
    };
    if !is_file_name(&name) {
        let why = format!("name: expected the name of a file, found {name:?}");
        return Err(refuse(StatusCode::BAD_REQUEST, &why));
    }
    if body.size_hint().lower() > MAX_BYTES {
        return Err(too_large());
    }
    let busy = "another file is being received; try again when it is there";
    let permit = Arc::clone(&state.permit).try_acquire_owned();
    // Each thread keeps it to its end, whether the client still waits or not.
    let permit = Arc::new(permit.map_err(|_| refuse(StatusCode::SERVICE_UNAVAILABLE, busy))?);
    let folder = uploads.folder.clone();
    let (parts, received) = mpsc::channel(WAITING_PARTS);
    let of_writing = Arc::clone(&permit);
    let writing = spawn_blocking(move || {
        let _permit = of_writing;
        write_parts(&folder, &name, received)
    });
    send_parts(body, parts).await?;
    let written = writing.await.map_err(io::Error::other).and_then(|written| written);
    let file = written.map_err(|error| {
        let status = match error.kind() {
            io::ErrorKind::StorageFull => StatusCode::INSUFFICIENT_STORAGE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        refuse(status, &format!("the file cannot be kept: {error}"))
    })?;
    let begun = spawn_blocking(move || {
        let _permit = permit;
        uploads.trainer.begin(&file).inspect_err(|_| {
            // Nothing can be done with it.
            let _ = fs::remove_file(&file);
        })
    });
    let begun = begun.await.unwrap_or_else(|error| Err(error.to_string()));
    Ok(Json(match begun {
        Ok(run) => json!({ "run": run.file_name().unwrap_or_default().to_string_lossy() }),
        Err(problem) => json!({ "problem": problem }),
    }))
}

fn too_large() -> UploadRefusal {
    let why = format!(
        "expected a file of at most {MAX_BYTES} bytes; `gradus train --data` takes larger ones\n"
    );
    (StatusCode::PAYLOAD_TOO_LARGE, why)
}

/// Whether a text names a file in any directory, and no other place.
fn is_file_name(name: &str) -> bool {
    let is_plain = |sign: char| !sign.is_control() && !matches!(sign, '/' | '\\' | ':');
    let length = 1..=MAX_NAME;
    length.contains(&name.len()) && !name.starts_with('.') && name.chars().all(is_plain)
}

/// Hands a body to whoever writes it, part after part, `None` at its end.
async fn send_parts(body: Body, to: mpsc::Sender<Option<Bytes>>) -> Result<(), UploadRefusal> {
    let (mut parts, mut bytes) = (body.into_data_stream(), 0);
    loop {
        let slow = |_| (StatusCode::REQUEST_TIMEOUT, "the file did not arrive\n".to_owned());
        let part = tokio::time::timeout(PATIENCE, parts.next()).await.map_err(slow)?;
        let part = part
            .transpose()
            .map_err(|error| (StatusCode::BAD_REQUEST, format!("the file broke off: {error}\n")))?;
        bytes += part.as_ref().map_or(0, |part| part.len() as u64);
        if bytes > MAX_BYTES {
            return Err(too_large());
        }
        let is_end = part.is_none();
        // Whoever writes says himself why he has ended.
        if to.send(part).await.is_err() || is_end {
            return Ok(());
        }
    }
}

/// Writes the parts to a file with this name, or a similar one if there is one already. Without an end nothing is left.
fn write_parts(
    folder: &Path,
    name: &str,
    mut parts: mpsc::Receiver<Option<Bytes>>,
) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let part = folder.join(format!(".{name}.part"));
    let mut file = File::create(&part)?;
    let mut write = || loop {
        match parts.blocking_recv() {
            Some(Some(bytes)) => file.write_all(&bytes)?,
            Some(None) => return file.sync_all(),
            None => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
    };
    let written = write().and_then(|()| {
        let to = free_name(folder, name);
        fs::rename(&part, &to)?;
        Ok(to)
    });
    written.inspect_err(|_| {
        let _ = fs::remove_file(&part);
    })
}

/// `table.csv`, or the first free of `table-2.csv`, `table-3.csv`, …
fn free_name(folder: &Path, name: &str) -> PathBuf {
    let (stem, end) = name.split_once('.').unwrap_or((name, ""));
    let numbered =
        (2..).map(|n| format!("{stem}-{n}{}{end}", if end.is_empty() { "" } else { "." }));
    let mut names = std::iter::once(name.to_owned()).chain(numbered).map(|name| folder.join(name));
    names.find(|path| !path.exists()).expect("there are endless names")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_name_no_other_place() {
        for name in ["iris.csv", "Größen 2.csv", "a", "two..dots.zip"] {
            assert!(is_file_name(name), "{name:?}");
        }
        let long = "a".repeat(MAX_NAME + 1);
        for name in ["", ".", "..", ".hidden", "a/b", "a\\b", "/etc/passwd", "c:x", "a\nb", &long] {
            assert!(!is_file_name(name), "{name:?}");
        }
    }

    #[test]
    fn a_file_is_whole_or_not_there_and_replaces_none() {
        let folder = tempfile::tempdir().unwrap();
        let write = |parts: &[Option<&'static [u8]>]| {
            let (to, from) = mpsc::channel(8);
            for part in parts {
                to.try_send(part.map(Bytes::from_static)).unwrap();
            }
            drop(to);
            write_parts(folder.path(), "t.csv.gz", from)
        };
        let path = write(&[Some(b"ab"), Some(b"c"), None]).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"abc");
        let other = write(&[None]).unwrap();
        assert_eq!(
            (other.file_name().unwrap(), fs::read(&path).unwrap()),
            ("t-2.csv.gz".as_ref(), b"abc".into())
        );
        write(&[Some(b"half")]).unwrap_err();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left of the half");
    }
}
