//! The other frameworks. This list is the whole registry.
//!
//! A peer is a folder in `bench/peers` and an entry here. Its program takes
//! `NETWORK --variant V --threads N --seconds S --data DIR --started T`, trains the network of that
//! name, measures inference, and prints as its last line a JSON object with the [`Figures`](super::run::Figures).
//! For a network it does not support it exits with code 1 and a reason on standard error.

use std::num::NonZeroU64;
use std::path::Path;
use std::process::Command;

use super::data;
use crate::{process, python};

pub(super) const ALL: &[Peer] = &[
    Peer {
        folder: "pytorch",
        kind: PeerKind::Python,
        variants: &[
            ("plain", "PyTorch"),
            ("tuned", "PyTorch tuned"),
            ("compiled", "PyTorch compiled"),
        ],
    },
    Peer {
        folder: "jax",
        kind: PeerKind::Python,
        variants: &[("step", "JAX"), ("scan", "JAX scan")],
    },
    Peer {
        folder: "tensorflow",
        kind: PeerKind::Python,
        variants: &[("function", "TensorFlow"), ("xla", "TensorFlow XLA")],
    },
    Peer {
        folder: "burn",
        kind: PeerKind::Cargo,
        variants: &[("flex", "Burn flex"), ("ndarray", "Burn ndarray")],
    },
    Peer {
        folder: "candle",
        kind: PeerKind::Cargo,
        variants: &[("plain", "Candle"), ("im2col", "Candle im2col")],
    },
];

/// Timeout of a build in seconds.
const PATIENCE: NonZeroU64 = NonZeroU64::new(3600).expect("not 0");

/// A framework that trains the same networks.
pub(super) struct Peer {
    /// Its folder in `bench/peers`.
    pub(super) folder: &'static str,
    kind: PeerKind,
    /// Its variants: the name for its program, and the name in the tables.
    pub(super) variants: &'static [(&'static str, &'static str)],
}

enum PeerKind {
    /// `bench.py`, with the packages of `requirements.txt` in a separate environment, `bench/.venv/<folder>`:
    /// peers share no package versions.
    Python,
    /// A package `peer-<folder>` in a separate workspace.
    Cargo,
}

impl Peer {
    /// Installs or builds the peer if necessary, and returns its command line. Delete the environment of a
    /// Python peer to get newer releases.
    ///
    /// # Errors
    ///
    /// If Python, Cargo or the network is missing, or something does not install or build.
    pub(super) fn install(&self) -> anyhow::Result<Vec<String>> {
        let (folder, source) = (self.folder, format!("bench/peers/{}", self.folder));
        eprintln!("installing {folder}");
        match self.kind {
            PeerKind::Python => {
                let environment = format!("bench/.venv/{folder}");
                let requirements = format!("{source}/requirements.txt");
                let python = python::environment(environment.as_ref(), &requirements)?;
                Ok(vec![python, format!("{source}/bench.py")])
            }
            PeerKind::Cargo => {
                // The target directory must not depend on the caller's environment.
                let build = ["build", "--release", "--target-dir", "target"];
                let mut command = Command::new("cargo");
                command.args(build).current_dir(&source);
                process::read_within(&command, PATIENCE, Path::new(data::FOLDER))?;
                Ok(vec![format!("{source}/target/release/peer-{folder}")])
            }
        }
    }
}
