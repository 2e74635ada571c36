//! `cargo xtask sanitize`: the tests of the crate with unsafe code, under AddressSanitizer.

use std::process::Command;

use crate::process;

const FLAGS: &str = "-Zsanitizer=address";

/// Runs the tests and the examples of the kernels, instrumented.
///
/// # Errors
///
/// If a test fails or the sanitizer stops one.
pub(crate) fn run() -> anyhow::Result<()> {
    let host = process::host_target()?;
    let args = ["test", "--package", "gradus-kernels", "--target-dir", "target/sanitize"];
    process::run(
        Command::new("cargo")
            .args(args)
            // With a target named, the flags go to the code under test and not to build scripts.
            .args(["--target", &host])
            .env("RUSTFLAGS", FLAGS)
            .env("RUSTDOCFLAGS", FLAGS)
            // Incremental builds of instrumented code do not always link.
            .env("CARGO_INCREMENTAL", "0")
            // Stable Rust ships the sanitizer's runtime, but keeps its flag for nightly.
            .env("RUSTC_BOOTSTRAP", "1"),
    )
}
