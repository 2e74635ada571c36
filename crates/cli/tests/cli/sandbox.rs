//! A folder of its own for each test, and the binary in it.

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// What the binary left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    /// None if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// Expects all these texts in the output or, if it failed, in the error.
    #[track_caller]
    pub(crate) fn tells(&self, parts: &[&str]) {
        let text = if self.code == Some(0) { &self.out } else { &self.err };
        let missing: Vec<_> = parts.iter().filter(|part| !text.contains(**part)).collect();
        assert!(missing.is_empty(), "{missing:?} in\n{text}");
    }

    /// The object that it printed.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{self:?}"))
    }
}

/// Whether an evaluation has every metric that a run reported, with the same value.
pub(crate) fn has_metrics(evaluation: &Value, reported: &Value) -> bool {
    let mut reported = reported.as_object().unwrap().iter();
    reported.all(|(name, value)| evaluation["metrics"][name] == *value)
}

/// A program that serves, or that runs until a signal ends it. It ends with the test.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn signal(&self, name: &str) {
        // A process that has ended already cannot be signalled.
        let _ = Command::new("kill").args([name, &self.0.id().to_string()]).output().unwrap();
    }

    /// Waits for its end, and reads what it printed meanwhile: a full pipe would hold it up.
    pub(crate) fn end(&mut self) -> Ran {
        let (out, err) = (self.0.stdout.take(), self.0.stderr.take());
        let (out, err) = std::thread::scope(|scope| {
            let err = scope.spawn(|| text(err));
            (text(out), err.join().expect("reading does not panic"))
        });
        Ran { code: self.0.wait().unwrap().code(), out, err }
    }
}

/// All that comes out of a pipe until its end.
fn text(pipe: Option<impl Read>) -> String {
    let mut text = String::new();
    pipe.map(|mut pipe| pipe.read_to_string(&mut text).unwrap());
    text
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A folder with a small network that learns three classes of 4 × 4 images from IDX files.
pub(crate) struct Sandbox(TempDir);

/// The experiment: its weights begin at 0.
const TINY: &str = r#"
[data.source]
kind = "idx"
train_images = "train-images"
train_labels = "train-labels"
test_images = "test-images"
test_labels = "test-labels"
classes = 3

[model]
input = [4, 4, 1]
weight_init = { kind = "constant", value = 0 }
layers = ["flatten", { kind = "linear", units = 3 }]

[train]
optimizer = "sgd"
schedule = { kind = "constant", learning_rate = 0.1 }
batch = 4
steps = 5
"#;

impl Sandbox {
    pub(crate) fn new() -> Self {
        let sandbox = Self(tempfile::tempdir().unwrap());
        sandbox.write("tiny.toml", TINY);
        for (set, n) in [("train", 12), ("test", 6)] {
            let numbers = |sizes: &[u32]| -> Vec<u8> {
                let kind = 0x0800 + sizes.len() as u32;
                [&[kind], sizes].concat().iter().flat_map(|number| number.to_be_bytes()).collect()
            };
            // The brightness of an image is its class.
            let pixels: Vec<u8> = (0..n).flat_map(|i| [(i % 3 * 100) as u8; 16]).collect();
            let labels: Vec<u8> = (0..n).map(|i| (i % 3) as u8).collect();
            sandbox.write(&format!("{set}-images"), [numbers(&[n, 4, 4]), pixels].concat());
            sandbox.write(&format!("{set}-labels"), [numbers(&[n]), labels].concat());
        }
        sandbox
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    pub(crate) fn write(&self, file: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(file), content).unwrap();
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    /// The names in a folder, sorted; none if it is not there.
    pub(crate) fn list(&self, folder: impl AsRef<Path>) -> Vec<String> {
        let entries = fs::read_dir(self.0.path().join(folder)).into_iter().flatten();
        let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
        let mut names: Vec<_> =
            entries.map(|entry| name(entry).to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// The binary, ready to be started in the folder.
    pub(crate) fn command<A: AsRef<OsStr>>(&self, args: &[A]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gradus"));
        command.args(args).current_dir(self.0.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs the binary to its end.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, args: &[A]) -> Ran {
        let output = self.command(args).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// As [`run`](Self::run), with the arguments in one line.
    pub(crate) fn line(&self, args: &str) -> Ran {
        self.run(&args.split_whitespace().collect::<Vec<_>>())
    }

    /// As [`line`](Self::line); the binary must succeed.
    #[track_caller]
    pub(crate) fn succeeds(&self, args: &str) -> Ran {
        let ran = self.line(args);
        assert_eq!(ran.code, Some(0), "{args}: {ran:?}");
        ran
    }

    /// As [`line`](Self::line); the binary must print nothing and exit with 2. Returns the error.
    #[track_caller]
    pub(crate) fn refused(&self, args: &str) -> String {
        let ran = self.line(args);
        assert_eq!((ran.code, &*ran.out), (Some(2), ""), "{args}: {ran:?}");
        ran.err.strip_prefix("error: ").unwrap_or_else(|| panic!("{args}: {ran:?}")).to_owned()
    }
}
