//! The other frameworks. This list is the whole registry.
//!
//! A peer is a folder in `bench/peers` and an entry here. Its program takes
//! `NETWORK --variant V --threads N --seconds S --data DIR --started T`, trains and asks the network of
//! that name, and prints as its last line a JSON object with the [`Figures`](super::run::Figures).
//! A network it cannot do ends it with exit code 1 and a line on standard error that says why.

use std::num::NonZeroU64;
use std::path::Path;
use std::process::Command;

use super::data;
use crate::process;

pub(super) const ALL: &[Peer] = &[
    Peer {
        folder: "pytorch",
        kind: Kind::Python,
        variants: &[
            ("plain", "PyTorch"),
            ("tuned", "PyTorch tuned"),
            ("compiled", "PyTorch compiled"),
        ],
    },
    Peer { folder: "jax", kind: Kind::Python, variants: &[("step", "JAX"), ("scan", "JAX scan")] },
    Peer {
        folder: "tensorflow",
        kind: Kind::Python,
        variants: &[("function", "TensorFlow"), ("xla", "TensorFlow XLA")],
    },
    Peer {
        folder: "burn",
        kind: Kind::Cargo,
        variants: &[("flex", "Burn flex"), ("ndarray", "Burn ndarray")],
    },
    Peer {
        folder: "candle",
        kind: Kind::Cargo,
        variants: &[("plain", "Candle"), ("im2col", "Candle im2col")],
    },
];

/// Seconds after which an installation is given up.
const PATIENCE: NonZeroU64 = NonZeroU64::new(3600).expect("not 0");

/// A framework that trains the same networks.
pub(super) struct Peer {
    /// Its folder in `bench/peers`.
    pub(super) folder: &'static str,
    kind: Kind,
    /// The ways to use it: the name its program knows, and the one in the tables.
    pub(super) variants: &'static [(&'static str, &'static str)],
}

enum Kind {
    /// `bench.py`, with what `requirements.txt` names in an environment of its own, `bench/.venv/<folder>`:
    /// no peer can force a version of a shared package on another.
    Python,
    /// A package `peer-<folder>`, a workspace of its own.
    Cargo,
}

impl Peer {
    /// Installs or builds what is not there yet, and returns how its program is called. Delete the
    /// environment of a Python peer to get newer releases.
    ///
    /// # Errors
    ///
    /// If Python, Cargo or the network is missing, or something does not install or build.
    pub(super) fn install(&self) -> anyhow::Result<Vec<String>> {
        let (folder, source) = (self.folder, format!("bench/peers/{}", self.folder));
        eprintln!("installing {folder}");
        let run = |command: &mut Command| {
            process::read_within(command, PATIENCE, Path::new(data::FOLDER))
        };
        match self.kind {
            Kind::Python => {
                let environment = format!("bench/.venv/{folder}");
                let python = format!("{environment}/bin/python");
                if !Path::new(&python).exists() {
                    run(Command::new("python3").args(["-m", "venv", &environment]))?;
                }
                let install =
                    ["-m", "pip", "install", "--quiet", "--no-cache-dir", "--requirement"];
                let requirements = format!("{source}/requirements.txt");
                run(Command::new(&python).args(install).arg(requirements))?;
                Ok(vec![python, format!("{source}/bench.py")])
            }
            Kind::Cargo => {
                // Where it is built must not depend on who calls.
                let build = ["build", "--release", "--target-dir", "target"];
                run(Command::new("cargo").args(build).current_dir(&source))?;
                Ok(vec![format!("{source}/target/release/peer-{folder}")])
            }
        }
    }
}
