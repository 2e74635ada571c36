//! The models of a server, which are read again when their files are replaced.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use hyper::StatusCode;
use runs::{Checkpoint, SavedModel};
use web::lock;

use crate::error::RequestError;
use crate::model::ServedModel;

/// A model to serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelPath {
    /// What it is called in addresses: letters, digits, `.`, `-` and `_`.
    pub name: String,
    /// A saved model, or the directory of a run.
    pub path: PathBuf,
}

/// Reads a model, or says what is wrong with it.
pub type ReadModel = Box<dyn Fn(&Path) -> Result<SavedModel, String> + Send + Sync>;

/// The models of a server.
pub(crate) struct ModelSet {
    read: ReadModel,
    max_batch: usize,
    threads: usize,
    slots: Vec<ModelSlot>,
}

struct ModelSlot {
    source: ModelPath,
    model: RwLock<Arc<ServedModel>>,
    /// The file that was read last, whether it was a model or not.
    tried: Mutex<Option<FileIdentity>>,
}

/// What changes when a file is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileIdentity {
    bytes: u64,
    modified: Option<SystemTime>,
    inode: u64,
}

/// What became of a model whose file was replaced.
pub(crate) struct Reload<'a> {
    pub(crate) name: &'a str,
    pub(crate) path: &'a Path,
    pub(crate) result: Result<(), String>,
}

impl ModelPath {
    /// A model by what names it on a command line: `NAME=PATH`, or a path whose last part without its ending is the name.
    ///
    /// # Errors
    ///
    /// If the path has no last part that can be a name.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some((name, path)) = text.split_once('=')
            && is_name(name)
        {
            return Ok(Self { name: name.to_owned(), path: path.into() });
        }
        let path = PathBuf::from(text);
        let last = if path.extension().is_some_and(|ending| ending == "safetensors") {
            path.file_stem()
        } else {
            path.file_name()
        };
        let name = last.map(|last| last.to_string_lossy().into_owned()).unwrap_or_default();
        match is_name(&name) {
            true => Ok(Self { name, path }),
            false => Err(format!(
                "found the name `{name}`, expected letters, digits, `.`, `-` and `_`; name it so: NAME={text}"
            )),
        }
    }

    /// The file that is replaced when the model changes.
    fn file(&self) -> PathBuf {
        match self.path.is_dir() {
            true => Checkpoint::Last.file(&self.path),
            false => self.path.clone(),
        }
    }
}

fn is_name(text: &str) -> bool {
    let is_part = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '.' | '-' | '_');
    !text.is_empty() && text.chars().all(is_part)
}

impl FileIdentity {
    fn of(path: &Path) -> Option<Self> {
        let about = fs::metadata(path).ok()?;
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(&about);
        #[cfg(not(unix))]
        let inode = 0;
        Some(Self { bytes: about.len(), modified: about.modified().ok(), inode })
    }
}

impl ModelSet {
    /// Reads and compiles all models, for batches of up to `max_batch` rows on each of some threads.
    ///
    /// # Errors
    ///
    /// What is wrong with the first that cannot be served, or two of one name.
    pub(crate) fn open(
        sources: Vec<ModelPath>,
        read: ReadModel,
        max_batch: usize,
        threads: usize,
    ) -> Result<Self, String> {
        let mut set = Self { read, max_batch, threads, slots: Vec::new() };
        for source in sources {
            if let Some(other) = set.slots.iter().find(|slot| slot.source.name == source.name) {
                let (name, first, second) =
                    (&source.name, other.source.path.display(), source.path.display());
                return Err(format!(
                    "{second}: called `{name}` as {first}; name one of them: NAME={second}"
                ));
            }
            let tried = Mutex::new(FileIdentity::of(&source.file()));
            let model = RwLock::new(set.read(&source)?);
            set.slots.push(ModelSlot { source, model, tried });
        }
        Ok(set)
    }

    fn read(&self, source: &ModelPath) -> Result<Arc<ServedModel>, String> {
        let saved = (self.read)(&source.path)?;
        let model = ServedModel::new(&source.name, saved, self.max_batch, self.threads);
        let failed = |error| format!("{}: {}", source.path.display(), diagnostics::chain(&error));
        Ok(Arc::new(model.map_err(failed)?))
    }

    /// Reads the models whose files were replaced. A file that cannot be read leaves the model as it was.
    pub(crate) fn reload(&self, mut report: impl FnMut(Reload<'_>)) {
        for ModelSlot { source, model, tried } in &self.slots {
            let file = source.file();
            let found = FileIdentity::of(&file);
            if found.is_none() || found == *lock(tried) {
                continue;
            }
            let read = self.read(source);
            if FileIdentity::of(&file) != found {
                // Still being written.
                continue;
            }
            *lock(tried) = found;
            let result = read.map(|read| {
                *model.write().unwrap_or_else(PoisonError::into_inner) = read;
            });
            report(Reload { name: &source.name, path: &source.path, result });
        }
    }

    /// All models, in the order of the command line.
    pub(crate) fn all(&self) -> Vec<Arc<ServedModel>> {
        self.slots.iter().map(ModelSlot::current).collect()
    }

    /// The model of a name, or the only one.
    ///
    /// # Errors
    ///
    /// The names that there are.
    pub(crate) fn get(&self, name: Option<&str>) -> Result<Arc<ServedModel>, RequestError> {
        let found = match (name, &self.slots[..]) {
            (None, [only]) => Some(only),
            _ => self.slots.iter().find(|slot| Some(&*slot.source.name) == name),
        };
        found.map(ModelSlot::current).ok_or_else(|| {
            let names: Vec<_> = self.slots.iter().map(|slot| &*slot.source.name).collect();
            let names = names.join(", ");
            let message = match name {
                Some(_) => format!("found no such model, expected one of {names}"),
                None => format!("expected /v1/models/NAME/predict with one of the names {names}"),
            };
            RequestError::new(StatusCode::NOT_FOUND, message)
        })
    }
}

impl ModelSlot {
    fn current(&self) -> Arc<ServedModel> {
        Arc::clone(&self.model.read().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_called_as_it_is_said_or_by_the_end_of_its_path() {
        for (text, name, path) in [
            ("runs/iris-1", "iris-1", "runs/iris-1"),
            ("runs/iris-1/", "iris-1", "runs/iris-1/"),
            ("a/b.safetensors", "b", "a/b.safetensors"),
            ("runs/v1.5", "v1.5", "runs/v1.5"),
            ("flats=a/b.safetensors", "flats", "a/b.safetensors"),
            ("runs/lr=0.1", "", ""),
            ("x=runs/lr=0.1", "x", "runs/lr=0.1"),
            ("größe.safetensors", "", ""),
            ("..", "", ""),
            ("", "", ""),
        ] {
            let expected = ModelPath { name: name.to_owned(), path: path.into() };
            match ModelPath::parse(text) {
                Ok(found) => assert_eq!(found, expected, "{text}"),
                Err(error) => {
                    assert!(
                        name.is_empty() && error.contains("expected letters"),
                        "{text}: {error}"
                    );
                }
            }
        }
    }
}
