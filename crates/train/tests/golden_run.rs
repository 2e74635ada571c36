//! Ten steps of two tiny networks, every loss to the last bit: an unnoticed change of the numerics fails here.
//!
//! The portable kernels are forced, so that every machine gives the same bits; a binary of its own, since that
//! holds for the whole process. After a change of the numerics on purpose, write the record anew and say in the
//! commit what changed:
//!
//! ```text
//! GRADUS_GOLDEN=write cargo test -p gradus-train --test golden_run
//! ```

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use data::{Dataset, Features, Targets};
use gradus_train::Trainer;
use graph::Pool;
use kernels::Isa;
use runs::{Experiment, Split};

const CONVOLUTIONAL: &str = r#"
    { kind = "conv2d", filters = 4, kernel = 3, padding = "same", bias = false }, { kind = "batch_norm" }, "relu",
    { kind = "max_pool2d", size = 2 }, { kind = "conv2d", filters = 5, kernel = 2, stride = 2 }, "tanh", "flatten",
    { kind = "dropout", rate = 0.25 }, { kind = "linear", units = 12 }, { kind = "leaky_relu" }, { kind = "linear", units = 3 }
"#;

const RUNS: [(&str, &str, &str); 2] = [
    ("adam", "optimizer = 'adam'\nschedule = { kind = 'constant', learning_rate = 0.01 }", ""),
    (
        "momentum and softmax",
        "optimizer = 'momentum'\nloss = 'cross_entropy_of_probabilities'\nl2 = 0.001\n\
         schedule = { kind = 'constant', learning_rate = 0.05 }",
        ", 'softmax'",
    ),
];

/// The losses of ten steps, and the digest of the weights after them.
fn record(name: &str, train: &str, last_layer: &str, threads: usize) -> String {
    let text = format!(
        "data.source = 'memory'\nmodel = {{ input = [8, 8, 1], layers = [{CONVOLUTIONAL}{last_layer}] }}\n\
         [train]\nbatch = 24\nsteps = 10\nseed = 3\n{train}"
    );
    let experiment = Experiment::parse("golden.toml", &text).unwrap_or_else(|e| panic!("{e}"));
    let pixels = (0..60 * 64).map(|i| (i * i * 31 % 251) as u8).collect();
    let targets = Targets::Labels { values: (0..60).map(|i| i * 5 % 3).collect(), classes: 3 };
    let set = Dataset::new("images", [8, 8, 1], Features::U8(pixels), targets).unwrap();
    let split = Split { train: set.clone(), test: set };
    let mut trainer = Trainer::new(experiment, split, Arc::new(Pool::new(threads))).unwrap();
    let mut record = format!("{name}\n");
    for step in 1..=10 {
        let loss = trainer.step().unwrap().metrics.loss();
        writeln!(record, "{step:4}  {}", hexadecimal(loss)).unwrap();
    }
    record + &format!("weights  {}\n", trainer.saved().weights_digest())
}

/// A positive number as C writes it with `%a`: every bit of it.
fn hexadecimal(number: f64) -> String {
    assert!(number.is_normal() && number > 0.0, "{number}");
    let (exponent, fraction) =
        ((number.to_bits() >> 52) as i32 - 1023, number.to_bits() << 12 >> 12);
    format!("0x1.{fraction:013x}p{exponent:+}")
}

#[test]
fn ten_steps_have_the_recorded_losses_and_weights() {
    Isa::force(Isa::Portable).unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden_run.txt");
    let all = |threads| RUNS.map(|(name, train, last)| record(name, train, last, threads)).concat();
    let found = all(1);
    assert_eq!(found, all(3), "with three threads");
    if std::env::var_os("GRADUS_GOLDEN").is_some_and(|value| value == "write") {
        std::fs::write(&path, &found).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        found.lines().collect::<Vec<_>>(),
        wanted.lines().collect::<Vec<_>>(),
        "the numerics changed; if that was the purpose, see the head of this file"
    );
}

#[test]
fn numbers_are_written_to_the_last_bit() {
    assert_eq!(hexadecimal(1.0), "0x1.0000000000000p+0");
    assert_eq!(hexadecimal(0.1), "0x1.999999999999ap-4");
    assert_eq!(hexadecimal(f64::MAX), "0x1.fffffffffffffp+1023");
}
