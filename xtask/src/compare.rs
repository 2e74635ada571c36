//! `compare`: the size of two programs in Gradus and in other libraries.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use gradus::data::{Dataset, Features, Targets};

use crate::process::read;
use crate::python;

const FOLDER: &str = "docs/compare";
const PAGE: &str = "docs/compare/README.md";
const MARK: &str = "<!-- measured by `cargo xtask compare` -->";
/// Where the programs run, with their models and the digits.
const SCRATCH: &str = "target/compare";
/// The virtual environment of the Python programs.
const ENVIRONMENT: &str = "bench/.venv/compare";

/// The programs, and what each of them does.
const PROGRAMS: [(&str, &str); 2] =
    [("train", "build, train, evaluate"), ("predict", "load, predict, print")];

/// A library, and the files of its programs; `NAME` stands for the program's.
#[derive(Clone, Copy)]
struct ComparedLibrary {
    name: &'static str,
    folder: &'static str,
    files: &'static [&'static str],
    language: SourceLanguage,
}

#[derive(Clone, Copy)]
enum SourceLanguage {
    Rust,
    Python,
}

const LIBRARIES: [ComparedLibrary; 4] = [
    ComparedLibrary {
        name: "Gradus",
        folder: "gradus",
        files: &["NAME.rs"],
        language: SourceLanguage::Rust,
    },
    ComparedLibrary {
        name: "Keras",
        folder: "keras",
        files: &["NAME.py"],
        language: SourceLanguage::Python,
    },
    ComparedLibrary {
        name: "PyTorch",
        folder: "pytorch",
        files: &["NAME.py"],
        language: SourceLanguage::Python,
    },
    ComparedLibrary {
        name: "Burn",
        folder: "burn",
        files: &["src/bin/NAME.rs", "src/lib.rs"],
        language: SourceLanguage::Rust,
    },
];

/// Runs every program, and writes the page.
///
/// # Errors
///
/// If something does not install, build or run, or a network did not learn.
pub(crate) fn run() -> anyhow::Result<()> {
    let scratch = std::env::current_dir()?.join(SCRATCH);
    write_digits(&scratch)?;
    let folder = std::env::current_dir()?.join(ENVIRONMENT);
    let python = python::environment(&folder, &format!("{FOLDER}/requirements.txt"))?;
    let names = LIBRARIES.map(|library| library.name);
    let mut table = format!("| lines of code | {} |\n|---|---|---|---|---|\n", names.join(" | "));
    for (program, does) in PROGRAMS {
        let mut row = vec![does.to_owned()];
        for library in &LIBRARIES {
            let printed = library.run(program, &scratch, python.as_ref())?;
            println!("{} {program}: {}", library.name, printed.trim());
            check(program, &printed).with_context(|| format!("{} {program}", library.name))?;
            row.push(library.lines(program)?.to_string());
        }
        table += &format!("| {} |\n", row.join(" | "));
    }
    let page = fs::read_to_string(PAGE)?;
    fs::write(PAGE, with_table(&page, &table)?)?;
    println!("wrote {PAGE}");
    Ok(())
}

/// The page with `table` in place of the one behind the mark.
fn with_table(page: &str, table: &str) -> anyhow::Result<String> {
    let (before, after) = page.split_once(MARK).context("the page has no mark")?;
    let rest = after.trim_start().lines().skip_while(|line| line.starts_with('|'));
    let rest: Vec<&str> = rest.collect();
    Ok(format!("{before}{MARK}\n\n{}\n\n{}\n", table.trim(), rest.join("\n").trim()))
}

/// Whether the network learned, and answered.
fn check(program: &str, printed: &str) -> anyhow::Result<()> {
    let last = printed.trim().lines().last().unwrap_or_default();
    let is_right = match program {
        "train" => {
            let accuracy = last.strip_prefix("accuracy ").and_then(|text| text.parse().ok());
            accuracy.is_some_and(|accuracy: f64| accuracy > 0.9)
        }
        // The first test digit.
        _ => last.starts_with("7 ("),
    };
    ensure!(is_right, "expected an accuracy above 0.9 and the class 7, found {last:?}");
    Ok(())
}

impl ComparedLibrary {
    fn run(&self, program: &str, scratch: &Path, python: &Path) -> anyhow::Result<String> {
        let folder = std::env::current_dir()?.join(FOLDER).join(self.folder);
        let mut command = match self.language {
            SourceLanguage::Rust => {
                let mut command = Command::new("cargo");
                let manifest = folder.join("Cargo.toml");
                command.args(["run", "--release", "--quiet", "--bin", program, "--manifest-path"]);
                command.arg(manifest).arg("--target-dir").arg(scratch.join(self.folder));
                command
            }
            SourceLanguage::Python => {
                let mut command = Command::new(python);
                command.arg(folder.with_file_name("offline.py"));
                command.arg(folder.join(format!("{program}.py")));
                command
            }
        };
        command.env("XDG_CACHE_HOME", scratch.join("cache")).env("KERAS_BACKEND", "torch");
        read(command.current_dir(scratch))
    }

    /// The lines of a program that have code.
    fn lines(&self, program: &str) -> anyhow::Result<usize> {
        let mut total = 0;
        for file in self.files {
            let path = Path::new(FOLDER).join(self.folder).join(file.replace("NAME", program));
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            total += lines_of_code(&text, self.language);
        }
        Ok(total)
    }
}

/// Lines that are neither blank nor a comment; in Python, a docstring of one line is a comment.
fn lines_of_code(text: &str, language: SourceLanguage) -> usize {
    let comment = match language {
        SourceLanguage::Rust => &["//"][..],
        SourceLanguage::Python => &["#", "\"\"\""],
    };
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.filter(|line| !comment.iter().any(|start| line.starts_with(start))).count()
}

/// Writes the digits where each library keeps them.
fn write_digits(scratch: &Path) -> anyhow::Result<()> {
    let digits = gradus::mnist()?;
    let of_burn = scratch.join("cache/burn-dataset/mnist");
    let of_torch = scratch.join("data/MNIST/raw");
    for (set, name, part) in [(&digits.train, "train", "train"), (&digits.test, "t10k", "test")] {
        for folder in [&of_torch, &of_burn.join(part)] {
            fs::create_dir_all(folder)?;
            let [images, labels] = idx(set)?;
            fs::write(folder.join(format!("{name}-images-idx3-ubyte")), images)?;
            fs::write(folder.join(format!("{name}-labels-idx1-ubyte")), labels)?;
        }
    }
    Ok(())
}

/// The images and the labels of a set as IDX files.
fn idx(set: &Dataset) -> anyhow::Result<[Vec<u8>; 2]> {
    let (Some(Features::U8(pixels)), Targets::Labels { values, .. }) =
        (set.features(), set.targets())
    else {
        anyhow::bail!("the digits are bytes with labels")
    };
    let n_samples = u32::try_from(set.len())?;
    let head = |sizes: &[u32]| {
        let numbers = [&[0x0800 + sizes.len() as u32, n_samples], &sizes[1..]].concat();
        numbers.into_iter().flat_map(u32::to_be_bytes).collect::<Vec<u8>>()
    };
    let labels = values.iter().map(|&label| label as u8).collect();
    Ok([[head(&[0, 28, 28]), pixels.clone()].concat(), [head(&[0]), labels].concat()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_with_code_count_and_no_others() {
        let rust = "//! Text.\n\nuse a;\n\nfn main() {\n    // Why.\n    b();\n}\n";
        assert_eq!(lines_of_code(rust, SourceLanguage::Rust), 4);
        let python = "\"\"\"Text.\"\"\"\n\nimport a\n# Why.\na.b(\n    1\n)\n";
        assert_eq!(lines_of_code(python, SourceLanguage::Python), 4);
        for library in &LIBRARIES {
            for (program, _) in PROGRAMS {
                let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(FOLDER);
                for file in library.files {
                    let path = folder.join(library.folder).join(file.replace("NAME", program));
                    assert!(path.exists(), "{}", path.display());
                }
            }
        }
    }

    #[test]
    fn a_table_takes_the_place_of_the_last_one() {
        let page = format!("# Title\n\n{MARK}\n\nText.\n");
        let once = with_table(&page, "| a |\n|---|\n").unwrap();
        assert_eq!(once, format!("# Title\n\n{MARK}\n\n| a |\n|---|\n\nText.\n"));
        assert_eq!(with_table(&once, "| a |\n|---|\n").unwrap(), once);
        assert!(with_table("no mark", "").is_err());
    }
}
