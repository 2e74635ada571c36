//! The other frameworks. This list is the whole registry.
//!
//! A peer is a folder in `bench/peers` and a line here. In the folder, `requirements.txt` says what
//! to install, and `train.py NETWORK --threads N --seconds S --data DIR` trains that network and
//! prints as its last line a JSON object with `samples_per_second` and `version`.

use std::path::Path;
use std::process::Command;

use super::contestant::Contestant;
use super::digits;
use crate::process;

pub(super) const ALL: &[Peer] = &[Peer { name: "PyTorch", folder: "pytorch" }];

/// A framework that trains the same networks.
pub(super) struct Peer {
    pub(super) name: &'static str,
    /// Its folder in `bench/peers`, and that of its own Python environment in `bench/.venv`: no peer
    /// can force a version of a shared package on another.
    folder: &'static str,
}

impl Peer {
    /// Installs what is not there yet; delete the environment to get newer releases.
    ///
    /// # Errors
    ///
    /// If Python or the network is missing, or a package does not install.
    pub(super) fn install(&self) -> anyhow::Result<Contestant> {
        let (source, environment) =
            (format!("bench/peers/{}", self.folder), format!("bench/.venv/{}", self.folder));
        let python = format!("{environment}/bin/python");
        if !Path::new(&python).exists() {
            process::run(Command::new("python3").args(["-m", "venv", &environment]))?;
        }
        let requirements = format!("{source}/requirements.txt");
        let install = ["-m", "pip", "install", "--quiet", "--no-cache-dir", "--requirement"];
        process::run(Command::new(&python).args(install).arg(requirements))?;

        Ok(Contestant {
            name: self.name,
            version: "unknown version".to_owned(),
            command: vec![python, format!("{source}/train.py")],
            options: &["--data", digits::FOLDER],
        })
    }
}
