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
use super::hold::{Limits, PeerIsa};
use crate::{process, python};

/// Of XLA; its library YNNPACK knows no limit, so it is off where there is one.
const XLA_FLAGS: (&str, &str) =
    ("XLA_FLAGS", "--xla_cpu_max_isa=AVX2 --xla_cpu_experimental_ynn_fusion_type=");
const YNNPACK_OFF: &str =
    "its YNNPACK, which knows no limit, off, which a machine without AVX-512 would use";
const ONEDNN: (&str, &str) = ("ONEDNN_MAX_CPU_ISA", "AVX2");
const NUMPY: (&str, &str) = ("NPY_DISABLE_CPU_FEATURES", "X86_V4 AVX512_ICL AVX512_SPR");

/// Of a peer that is built for the instruction set.
const BUILT: Limits = Limits { variables: &[], note: "built without AVX-512" };
/// The environment variable and its value with which it is built.
const WITHOUT_AVX512: (&str, &str) =
    ("RUSTFLAGS", "-C target-cpu=native -C target-feature=-avx512f");

pub(super) const ALL: &[Peer] = &[
    Peer {
        folder: "pytorch",
        kind: PeerKind::Python,
        variants: &[
            ("plain", "PyTorch"),
            ("channels_last", "PyTorch channels last"),
            ("tuned", "PyTorch tuned"),
            ("compiled", "PyTorch compiled"),
        ],
        limits: Limits {
            variables: &[
                ("ATEN_CPU_CAPABILITY", "avx2"),
                ONEDNN,
                ("MKL_ENABLE_INSTRUCTIONS", "AVX2"),
                ("TORCHINDUCTOR_CPP_MARCH", "x86-64-v3"),
                NUMPY,
            ],
            note: "",
        },
    },
    Peer {
        folder: "jax",
        kind: PeerKind::Python,
        variants: &[("step", "JAX"), ("scan", "JAX scan")],
        limits: Limits { variables: &[XLA_FLAGS, ONEDNN, NUMPY], note: YNNPACK_OFF },
    },
    Peer {
        folder: "tensorflow",
        kind: PeerKind::Python,
        variants: &[("function", "TensorFlow"), ("xla", "TensorFlow XLA")],
        limits: Limits { variables: &[XLA_FLAGS, ONEDNN, NUMPY], note: YNNPACK_OFF },
    },
    Peer {
        folder: "burn",
        kind: PeerKind::Cargo,
        variants: &[("flex", "Burn flex"), ("ndarray", "Burn ndarray")],
        limits: BUILT,
    },
    Peer {
        folder: "candle",
        kind: PeerKind::Cargo,
        variants: &[("plain", "Candle"), ("im2col", "Candle im2col")],
        limits: BUILT,
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
    /// What holds it to AVX2 on a machine with AVX-512.
    pub(super) limits: Limits,
}

enum PeerKind {
    /// `bench.py`, with the packages of `requirements.txt` in a separate environment, `gradus/peers/<folder>` in the
    /// user's cache: peers share no package versions.
    Python,
    /// A package `peer-<folder>` in a separate workspace, with a feature `avx512`; built for each instruction set.
    Cargo,
}

impl Peer {
    /// Installs or builds the peer for this instruction set if necessary, and returns its command line. Delete the environment of a
    /// Python peer to get newer releases.
    ///
    /// # Errors
    ///
    /// If Python, Cargo or the network is missing, or something does not install or build.
    pub(super) fn install(&self, isa: PeerIsa) -> anyhow::Result<Vec<String>> {
        let (folder, source) = (self.folder, format!("bench/peers/{}", self.folder));
        eprintln!("installing {folder}");
        match self.kind {
            PeerKind::Python => {
                let environment = process::cache("peers")?.join(folder);
                let requirements = format!("{source}/requirements.txt");
                let python = python::environment(&environment, &requirements)?;
                Ok(vec![python, format!("{source}/bench.py")])
            }
            PeerKind::Cargo => {
                // The target directory must not depend on the caller's environment.
                let target = format!("target/{}", isa.name());
                let mut command = Command::new("cargo");
                command.args(["build", "--release", "--target-dir", &target]).current_dir(&source);
                match isa {
                    PeerIsa::Avx2 => command.envs([WITHOUT_AVX512]),
                    PeerIsa::Avx512 => command.args(["--features", "avx512"]),
                };
                process::read_within(&command, PATIENCE, Path::new(data::FOLDER))?;
                Ok(vec![format!("{source}/{target}/release/peer-{folder}")])
            }
        }
    }
}
