//! Builds for other machines: WebAssembly, and AArch64 with its tests under an emulator.
//!
//! The standard library of a target comes with rustup (`rustup target add`). Where rustup cannot fetch it,
//! `.ci/cross-toolchain` builds it for another compiler, which the variable `CROSS_RUSTC` names.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::process;

/// The variable with the path of a compiler that has the targets' standard libraries.
const COMPILER: &str = "CROSS_RUSTC";
const WASM: &str = "wasm32-unknown-unknown";
const ARM: &str = "aarch64-unknown-linux-gnu";
const ARM_LINKER: &str = "aarch64-linux-gnu-gcc";
const ARM_EMULATOR: &str = "qemu-aarch64";
/// Where Debian puts the C library of the target, which the emulated program loads.
const ARM_LIBRARIES: &str = "/usr/aarch64-linux-gnu";

/// The crates that touch no file, clock or thread of their own accord.
const PURE: [&str; 8] = ["kernels", "graph", "nn", "augment", "data", "mnist", "events", "explain"];

/// Checks that the pure crates compile for WebAssembly; returns what is missing if they cannot be checked.
pub(crate) fn wasm() -> anyhow::Result<Option<String>> {
    let Some(mut cargo) = cargo("check", WASM)? else { return Ok(Some(no_library(WASM))) };
    // The default feature of the data crate opens files.
    cargo.arg("--no-default-features").args(PURE.map(|name| format!("--package=gradus-{name}")));
    process::run(&mut cargo)?;
    Ok(None)
}

/// Runs the tests of the kernels for AArch64 (NEON) under an emulator; returns what is missing if it cannot.
pub(crate) fn neon() -> anyhow::Result<Option<String>> {
    let Some(mut cargo) = cargo("test", ARM)? else { return Ok(Some(no_library(ARM))) };
    for (program, package) in [(ARM_LINKER, "gcc-aarch64-linux-gnu"), (ARM_EMULATOR, "qemu-user")] {
        if !process::is_installed(program) {
            return Ok(Some(format!("{program} is not installed (Debian package {package})")));
        }
    }
    let emulator = format!("{ARM_EMULATOR} -L {ARM_LIBRARIES}");
    cargo
        .args(["--package", "gradus-kernels", "--lib", "--tests"])
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", ARM_LINKER)
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", emulator);
    process::run(&mut cargo)?;
    Ok(None)
}

fn no_library(target: &str) -> String {
    format!(
        "the standard library for {target} is not installed (rustup target add {target}, or .ci/cross-toolchain \
         and the variable {COMPILER})"
    )
}

/// A cargo command for a target, with the compiler that has its standard library; none if no compiler has.
fn cargo(command: &str, target: &str) -> anyhow::Result<Option<Command>> {
    let named = std::env::var_os(COMPILER).map(PathBuf::from);
    for compiler in [Some(PathBuf::from("rustc")), named].into_iter().flatten() {
        if !has_library(&compiler, target)? {
            continue;
        }
        let mut cargo = Command::new("cargo");
        cargo.args([command, "--target", target]).env("RUSTC", &compiler);
        if compiler != Path::new("rustc") {
            // What one compiler has built, another cannot use.
            cargo.args(["--target-dir", "target/cross"]);
        }
        return Ok(Some(cargo));
    }
    Ok(None)
}

fn has_library(compiler: &Path, target: &str) -> anyhow::Result<bool> {
    let mut ask = Command::new(compiler);
    ask.args(["--print", "target-libdir", "--target", target]).stderr(Stdio::null());
    let folder = process::read(&mut ask)?;
    let folder = Path::new(folder.trim());
    let has_core =
        |entry: std::fs::DirEntry| entry.file_name().display().to_string().starts_with("libcore-");
    Ok(folder.read_dir().is_ok_and(|entries| entries.flatten().any(has_core)))
}
