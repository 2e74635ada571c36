//! The program `gradus`, as it is built here.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process;

/// How it is built.
#[derive(Clone, Copy)]
pub(crate) enum Profile {
    /// Optimized, in less time.
    Dev,
    /// As users install it.
    Release,
}

/// Builds it, and returns its absolute path.
///
/// # Errors
///
/// If it does not build.
pub(crate) fn build(profile: Profile) -> anyhow::Result<PathBuf> {
    let args = match profile {
        // With the features that the tests of the workspace were built with: nothing is compiled again.
        Profile::Dev => "build --workspace --bin gradus",
        Profile::Release => "build --release --package gradus-cli",
    };
    process::run(Command::new("cargo").args(args.split(' ')))?;
    path(profile)
}

/// As [`build`], with features, and returns a copy: the next build takes its place.
///
/// # Errors
///
/// As there, and if it cannot be copied.
pub(crate) fn build_with(profile: Profile, features: &[&str]) -> anyhow::Result<PathBuf> {
    let args = match profile {
        Profile::Dev => "build --workspace --bin gradus --features",
        Profile::Release => "build --release --package gradus-cli --features",
    };
    process::run(Command::new("cargo").args(args.split(' ')).arg(features.join(",")))?;
    let built = path(profile)?;
    let copy = built.with_file_name("gradus-with-features");
    std::fs::copy(built, &copy)?;
    Ok(copy)
}

/// The one that is named, or one that is built.
///
/// # Errors
///
/// If there is no such file, or it does not build.
pub(crate) fn named_or_built(named: Option<&Path>, profile: Profile) -> anyhow::Result<PathBuf> {
    named.map_or_else(|| build(profile), |named| Ok(named.canonicalize()?))
}

/// Its absolute path, once it is built.
///
/// # Errors
///
/// If the current directory is gone.
pub(crate) fn path(profile: Profile) -> anyhow::Result<PathBuf> {
    let folder = match profile {
        Profile::Dev => "debug",
        Profile::Release => "release",
    };
    let target = env::var_os("CARGO_TARGET_DIR").unwrap_or("target".into());
    Ok(env::current_dir()?.join(target).join(folder).join("gradus"))
}
