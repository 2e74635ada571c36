//! The card of a crate: what it is, what it takes, and how to call it.

use std::env::consts::ARCH;

use crate::interface::Interface;
use crate::measurement::CrateMeasurement;
use crate::source::PassSource;
use crate::text::identifier;
use crate::weights::WeightFormat;

/// A metric of the model before and after its weights were rounded.
#[derive(Clone, Debug, PartialEq)]
pub struct RoundedMetric {
    /// Its name, such as `accuracy`.
    pub name: String,
    /// With the weights as they were trained.
    pub before: f64,
    /// With those of the crate.
    pub after: f64,
}

/// What the card is made of.
pub(crate) struct Card<'a> {
    pub(crate) interface: Interface<'a>,
    pub(crate) pass: &'a PassSource,
    pub(crate) format: WeightFormat,
    pub(crate) n_parameters: usize,
    pub(crate) metrics: &'a [RoundedMetric],
    pub(crate) row_refusal: Option<&'a str>,
    pub(crate) measurement: Option<&'a CrateMeasurement>,
}

impl Card<'_> {
    /// The text of `README.md`.
    pub(crate) fn text(&self) -> String {
        let name = self.interface.name;
        let mut text = format!(
            "# {name}\n\nA trained neural network, written by Gradus.\n\
             It has no dependencies, needs no standard library and allocates nothing.\n\n\
             | | |\n|---|---|\n| features | {} |\n| outputs | {} |\n",
            self.pass.inputs, self.pass.outputs
        );
        for (what, value) in [
            ("parameters", self.n_parameters as u64),
            ("multiply-adds of a prediction", self.pass.multiply_adds),
            ("bytes of weights", self.pass.weights.bytes().len() as u64),
            ("bytes of stack for values between layers", self.pass.buffer_bytes as u64),
        ] {
            text += &format!("| {what} | {value} |\n");
        }
        if let Some(CrateMeasurement { native_nanoseconds, nanoseconds, code_bytes }) =
            self.measurement
        {
            let architecture = ARCH;
            text += &format!(
                "| bytes of code, {architecture} | {code_bytes} |\n\
                 | nanoseconds of a prediction, built for the processor that measured | {native_nanoseconds:.1} |\n\
                 | nanoseconds of a prediction, built for any {architecture} | {nanoseconds:.1} |\n"
            );
        }
        text += &format!("| weights | {} |\n\n", self.format.name());
        text += &self.rounding();
        text += &self.usage();
        text + &self.measuring()
    }

    /// How close its numbers are to those of Gradus.
    fn rounding(&self) -> String {
        match (self.format, self.metrics) {
            (WeightFormat::Float32, _) => {
                "Its predictions are those of Gradus in portable arithmetic (`GRADUS_ISA=portable`), bit by bit; `cargo test` checks it with the samples inside.\n\n".to_owned()
            }
            (WeightFormat::Int8, []) => {
                "Weights are whole numbers from −127 to 127 with a scale for each output.\n\
                 What that costs was not measured, since the test data was not at hand.\n\n".to_owned()
            }
            (WeightFormat::Int8, metrics) => {
                let mut text = "Weights are whole numbers from −127 to 127 with a scale for each output.\n\
                    On the test set:\n\n| metric | 32-bit | 8-bit |\n|---|---|---|\n".to_owned();
                for RoundedMetric { name, before, after } in metrics {
                    text += &format!("| {name} | {before:.6} | {after:.6} |\n");
                }
                text + "\n"
            }
        }
    }

    fn usage(&self) -> String {
        let Interface { name, row, classes, has_probabilities, .. } = self.interface;
        let crate_name = identifier(name);
        let (function, from, size) = match row {
            Some(_) => ("predict_row", "row", "ROW"),
            None => ("predict", "features", "INPUTS"),
        };
        let mut text = format!(
            "## Rust\n\n```rust\nlet {from} = [0.0; {crate_name}::{size}];\nlet outputs = {crate_name}::{function}(&{from});\n"
        );
        if !classes.is_empty() {
            text += &format!("let name = {crate_name}::CLASSES[{crate_name}::class(&outputs)];\n");
        }
        if has_probabilities {
            text += &format!("let probabilities = {crate_name}::probabilities(&outputs);\n");
        }
        text += "```\n\n";
        text += match self.row_refusal {
            None => {
                "A row has the numbers of the data, before any transform: `COLUMNS` names them.\n\
                 A category is its position in the list of its column (`Column::code`), a date the seconds since 1970, a missing cell NaN, a pixel a number from 0 to 255.\n\
                 `predict` takes the features that the transforms make of them.\n\n"
            }
            Some(_) => "",
        };
        if let Some(why) = self.row_refusal {
            text += &format!("It takes features, after the transforms of the data: {why}.\n\n");
        }
        let upper = crate_name.to_uppercase();
        text + &format!(
            "## C\n\n```sh\ncargo rustc --release --features c,panic-handler --crate-type staticlib\ncc main.c -Iinclude target/release/lib{crate_name}.a\n```\n\n\
             ```c\n#include \"{name}.h\"\n\nfloat {from}[{upper}_{size}] = {{0}};\nfloat outputs[{upper}_OUTPUTS];\n{crate_name}_{function}({from}, outputs);\n```\n\n"
        )
    }

    fn measuring(&self) -> String {
        "## Time and size\n\n```sh\n\
         RUSTFLAGS=\"-C target-cpu=native\" cargo run --release --example time\n\
         CARGO_PROFILE_RELEASE_LTO=off CARGO_TARGET_DIR=target/code cargo rustc --release --lib -- --emit obj\n\
         size target/code/release/deps/*.o\n```\n"
            .to_owned()
    }
}
