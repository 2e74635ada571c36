//! `cargo xtask bench-static`: written crates beside Gradus, onnxruntime and tract, one sample at a time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use diagnostics::table;
use gradus::events::Part;
use gradus::nn::Mode;
use gradus::onnx::{OnnxOptions, to_onnx};
use gradus::runs::{Experiment, SavedModel};
use gradus::static_network::{
    CrateMeasurement, StaticCrate, StaticCrateOptions, WeightFormat, predict_rows,
};
use serde_json::Value;

use crate::table::{median, short};
use crate::{machine, process, python};

/// Models, files and crates.
const FOLDER: &str = "target/static";
/// The generated page.
const PAGE: &str = "docs/static-crate.md";
/// The program that measures Gradus and tract, and the script that measures onnxruntime.
const SINGLE: &str = "bench/single";
/// Samples of which all bits are compared.
const SAMPLES: usize = 10_000;
/// Which networks, and what they are.
const NETWORKS: [(&str, &str); 3] = [
    ("w8", "4-32-16-4 with tanh"),
    ("w2", "784-50-10 with sigmoid"),
    ("w7", "LeNet-5 with ReLU and max pools"),
];
/// What the columns are.
const CONTESTANTS: [&str; 5] = ["crate, native", "crate, x86-64", "Gradus", "onnxruntime", "tract"];

/// What is measured.
#[derive(clap::Args)]
pub(crate) struct BenchStaticArgs {
    /// Measurements of each, of which the median counts; they alternate.
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,
}

/// A network with its files.
struct StaticNetwork {
    name: &'static str,
    crate_folder: PathBuf,
    model: PathBuf,
    onnx: PathBuf,
    card: [u64; 3],
}

/// Compares all bits, measures, and writes the page.
///
/// # Errors
///
/// If bits differ, or something cannot be built or run.
pub(crate) fn run(args: &BenchStaticArgs) -> anyhow::Result<()> {
    let python = python::environment(
        &process::cache("interop-onnx")?,
        "xtask/src/interop/requirements-onnx.txt",
    )?;
    let build = ["build", "--release", "--quiet", "--manifest-path"];
    process::run(Command::new("cargo").args(build).arg(format!("{SINGLE}/Cargo.toml")))?;
    let mut rows = Vec::new();
    let mut sizes = Vec::new();
    let mut version = String::new();
    for (name, about) in NETWORKS {
        let network = StaticNetwork::new(name)?;
        let mut seconds = [const { Vec::new() }; 5];
        let mut code = 0;
        for _ in 0..args.rounds {
            let single = network.single()?;
            let onnx = network.onnxruntime(&python)?;
            version = onnx["version"].as_str().unwrap_or_default().to_owned();
            let measured = CrateMeasurement::of(&network.crate_folder)?;
            code = measured.code_bytes;
            let found = [
                measured.native_nanoseconds * 1e-9,
                measured.nanoseconds * 1e-9,
                number(&single, "gradus")?,
                number(&onnx, "onnxruntime")?,
                number(&single, "tract")?,
            ];
            seconds.iter_mut().zip(found).for_each(|(all, found)| all.push(found));
        }
        let cells = seconds.iter().map(|all| short(median(all).unwrap_or(f64::NAN) * 1e9));
        rows.push([format!("{name}: {about}")].into_iter().chain(cells).collect::<Vec<_>>());
        let [parameters, multiply_adds, stack] = network.card;
        let cells = [parameters, multiply_adds, stack, code].map(|value| value.to_string());
        sizes.push([name.to_owned()].into_iter().chain(cells).collect());
    }
    let page = page(&rows, &sizes, &version, args.rounds);
    print!("{page}");
    fs::write(PAGE, page).context(PAGE)
}

fn number(answer: &Value, name: &str) -> anyhow::Result<f64> {
    answer[name].as_f64().with_context(|| format!("{name}: expected seconds, found {answer}"))
}

impl StaticNetwork {
    /// Writes its files, and compares the predictions of the crate with those of Gradus.
    fn new(name: &'static str) -> anyhow::Result<Self> {
        let folder = Path::new(FOLDER).join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
        }
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let file = format!("bench/networks/{name}.toml");
        let text = fs::read_to_string(&file).context(file)?;
        let experiment = Experiment::parse(name, &text)?;
        let parts = experiment.data.open(gradus::mnist)?;
        let model = experiment.network(Mode::Evaluate)?;
        let saved = SavedModel {
            transforms: parts.transforms().context("expected transforms")?.clone(),
            parameters: model.initial_parameters(1),
            running_statistics: Vec::new(),
            experiment,
        };
        ensure!(saved.transforms.stores_rows(), "{name}: expected rows as they are");
        let [model, onnx] = ["model.safetensors", "model.onnx"].map(|file| folder.join(file));
        saved.write(&model)?;
        fs::write(&onnx, to_onnx(&saved, &OnnxOptions::default())?)?;
        let options = StaticCrateOptions { name: name.to_owned(), weights: WeightFormat::Float32 };
        let written = StaticCrate::new(&saved, &options)?;
        let crate_folder = folder.join("crate");
        written.write(&crate_folder)?;
        let train = parts.get(Part::Train).context("a run has a training set")?;
        let numbers = train.numbers(0..SAMPLES.min(train.len())).into_reals();
        let rows: Vec<Vec<f32>> =
            numbers.chunks_exact(train.sample_len()).map(<[f32]>::to_vec).collect();
        let card =
            [saved.parameters.len() as u64, written.multiply_adds(), written.buffer_bytes() as u64];
        let network = Self { name, crate_folder, model, onnx, card };
        network.compare(&saved, &rows)?;
        Ok(network)
    }

    /// Compares the bits of all predictions.
    fn compare(&self, saved: &SavedModel, rows: &[Vec<f32>]) -> anyhow::Result<()> {
        let bytes = |values: &[f32]| -> Vec<u8> {
            values.iter().flat_map(|value| value.to_le_bytes()).collect()
        };
        let asked = self.crate_folder.join("rows.bin");
        fs::write(&asked, bytes(&rows.concat()))?;
        let example = format!(
            "use std::io::Write as _;\n\nfn main() {{\n    \
             let rows = std::fs::read(\"rows.bin\").unwrap();\n    \
             let mut out = std::io::stdout().lock();\n    \
             for row in rows.as_chunks::<{{ 4 * {name}::ROW }}>().0 {{\n        \
             let row = core::array::from_fn(|i| f32::from_le_bytes(row.as_chunks().0[i]));\n        \
             for output in {name}::predict_row(&row) {{\n            \
             out.write_all(&output.to_le_bytes()).unwrap();\n        }}\n    }}\n}}\n",
            name = self.name
        );
        fs::write(self.crate_folder.join("examples/rows.rs"), example)?;
        let expected = predict_rows(saved, rows)?.into_iter().flat_map(|vector| vector.in_unit);
        let expected = bytes(&expected.collect::<Vec<f32>>());
        for flags in [None, Some("-C target-cpu=native")] {
            let output = self.cargo(&["run", "--example", "rows"], flags).output()?;
            ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            ensure!(
                output.stdout == expected,
                "{}, {flags:?}: predictions differ from those of Gradus",
                self.name
            );
        }
        println!("{}: the bits of {} predictions are those of Gradus", self.name, rows.len());
        Ok(())
    }

    /// A command of Cargo for the crate, in release mode and with flags for the compiler.
    fn cargo(&self, arguments: &[&str], flags: Option<&str>) -> Command {
        let mut command = Command::new("cargo");
        command.args(arguments).args(["--release", "--quiet"]).current_dir(&self.crate_folder);
        command.env("RUSTFLAGS", flags.unwrap_or_default());
        command.env("CARGO_TARGET_DIR", if flags.is_some() { "target/native" } else { "target" });
        command
    }

    /// The seconds of Gradus and tract.
    fn single(&self) -> anyhow::Result<Value> {
        let program = format!("{SINGLE}/target/release/single-sample");
        answer(Command::new(program).args([&self.model, &self.onnx]))
    }

    /// The version and the seconds of onnxruntime.
    fn onnxruntime(&self, python: &str) -> anyhow::Result<Value> {
        answer(Command::new(python).arg(format!("{SINGLE}/onnxruntime_single.py")).arg(&self.onnx))
    }
}

/// The JSON that a program prints.
fn answer(command: &mut Command) -> anyhow::Result<Value> {
    let text = process::read(command)?;
    serde_json::from_str(&text).with_context(|| format!("expected JSON, found {text}"))
}

fn page(rows: &[Vec<String>], sizes: &[Vec<String>], version: &str, rounds: usize) -> String {
    let heading = |first: &str, others: &[&str]| -> Vec<String> {
        std::iter::once(first).chain(others.iter().copied()).map(str::to_owned).collect()
    };
    let times = table::markdown(&heading("network", &CONTESTANTS), rows);
    let others = ["parameters", "multiply-adds", "bytes of stack", "bytes of code"];
    let sizes = table::markdown(&heading("network", &others), sizes);
    format!(
        "# Static crates: speed and size\n\n\
         Written by `cargo xtask bench-static`; what such a crate is: [exchange.md](exchange.md#a-static-crate).\n\n\
         Machine: {}.\n\n\
         Nanoseconds of a prediction for one sample on one thread, the median of {rounds} alternating rounds, each of which is a median itself.\n\
         \"Native\" is built with `-C target-cpu=native`, \"x86-64\" for every such processor.\n\
         Gradus is `Predictor::predict` with the widest instruction set of the machine; onnxruntime {version} and tract run the ONNX file of `gradus export --onnx`.\n\n\
         {times}\n\
         All bits of {SAMPLES} predictions of each crate, both builds, are those of Gradus in portable arithmetic.\n\n\
         {sizes}",
        machine::name()
    )
}
