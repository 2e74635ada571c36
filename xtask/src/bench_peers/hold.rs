//! The instruction set of a measurement, and how each contestant is held to it.

use std::process::Command;

use anyhow::{bail, ensure};
use clap::ValueEnum;
use gradus::kernels::Isa;
use serde::{Deserialize, Serialize};

use super::registers;

/// An instruction set that all contestants can be held to, from narrow to wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PeerIsa {
    Avx2,
    Avx512,
}

impl PeerIsa {
    /// Its name on the command line and for Gradus.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// Its name on the page.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Avx2 => "AVX2",
            Self::Avx512 => "AVX-512",
        }
    }

    fn is_available(self) -> bool {
        Isa::available().any(|isa| isa.name() == self.name())
    }

    /// How contestants are held on this machine.
    ///
    /// # Errors
    ///
    /// If the machine lacks the set, or has a wider one whose use the kernel does not record.
    pub(super) fn hold(self) -> anyhow::Result<Hold> {
        let names: Vec<&str> = Isa::available().map(Isa::name).collect();
        let name = self.name();
        ensure!(
            self.is_available(),
            "--isa: expected a set that this machine has ({}), found {name}",
            names.join(", ")
        );
        let has_wider = self == Self::Avx2 && Self::Avx512.is_available();
        ensure!(
            !has_wider || registers::are_recorded(),
            "--isa {name}: this machine has AVX-512, and whether a peer uses it cannot be checked: no /proc/self/arch_status"
        );
        Ok(Hold { isa: self, has_wider })
    }
}

/// The limits of a contestant on a machine with AVX-512 that is held to AVX2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// Environment variables of its process.
    pub(super) variables: &'static [(&'static str, &'static str)],
    /// Limits besides variables, in words.
    pub(super) note: &'static str,
}

/// How contestants are held to an instruction set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hold {
    pub(super) isa: PeerIsa,
    /// Whether the machine has a wider set than this: only then there is something to limit.
    has_wider: bool,
}

/// The limit that a contestant was given, and what a check of it found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    pub(super) limit: String,
    pub(super) found: String,
}

impl Hold {
    /// Gives the process its limits.
    pub(super) fn limit(self, command: &mut Command, limits: &Limits) {
        if self.has_wider {
            command.envs(limits.variables.iter().copied());
            command.envs([registers::OF_C_LIBRARY]);
        }
    }

    /// The limits in words.
    pub(super) fn describe(self, limits: &Limits) -> String {
        if !self.has_wider {
            return "none: nothing wider here".into();
        }
        let variables = limits.variables.iter().map(|(name, value)| format!("`{name}={value}`"));
        let note = Some(limits.note.to_owned()).filter(|note| !note.is_empty());
        variables.chain(note).collect::<Vec<_>>().join(", ")
    }

    /// What a process obeyed: its own words about instruction sets, and whether it used registers of AVX-512.
    ///
    /// # Errors
    ///
    /// If it was held to AVX2 and used more, or says so.
    pub(super) fn judge(self, words: &[String], uses_avx512: bool) -> anyhow::Result<String> {
        if self.has_wider {
            if uses_avx512 {
                bail!("cannot be held to {}: it used registers of AVX-512", self.isa.title());
            }
            if let Some(words) = words.iter().find(|words| words.contains("512")) {
                bail!("cannot be held to {}: it says `{words}`", self.isa.title());
            }
        }
        let registers = match (self.isa, uses_avx512) {
            (_, true) => "registers of AVX-512 in use",
            _ if registers::are_recorded() => "no register of AVX-512 in use",
            _ => "the machine has no AVX-512",
        };
        let words = words.iter().map(|words| format!("says {words}"));
        Ok(words.chain([registers.to_owned()]).collect::<Vec<_>>().join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { variables: &[("PEER_ISA", "AVX2")], note: "no more" };

    #[test]
    fn limits_are_given_only_where_there_is_something_to_limit() {
        let variables = |has_wider| {
            let mut command = Command::new("peer");
            Hold { isa: PeerIsa::Avx2, has_wider }.limit(&mut command, &LIMITS);
            command.get_envs().map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(variables(true), ["GLIBC_TUNABLES", "PEER_ISA"]);
        assert!(variables(false).is_empty());
        let described = |has_wider| Hold { isa: PeerIsa::Avx2, has_wider }.describe(&LIMITS);
        assert_eq!(described(true), "`PEER_ISA=AVX2`, no more");
        assert_eq!(described(false), "none: nothing wider here");
    }

    #[test]
    fn a_peer_that_uses_more_than_its_limit_is_named_for_it() {
        let held = Hold { isa: PeerIsa::Avx2, has_wider: true };
        let error = held.judge(&[], true).unwrap_err().to_string();
        assert_eq!(error, "cannot be held to AVX2: it used registers of AVX-512");
        let error = held.judge(&["oneDNN AVX512_CORE".into()], false).unwrap_err().to_string();
        assert_eq!(error, "cannot be held to AVX2: it says `oneDNN AVX512_CORE`");
        assert!(held.judge(&["AVX2".into()], false).unwrap().starts_with("says AVX2; "));
        let free = Hold { isa: PeerIsa::Avx512, has_wider: false };
        let found = free.judge(&["AVX512".into()], true).unwrap();
        assert_eq!(found, "says AVX512; registers of AVX-512 in use");
    }

    #[test]
    fn a_set_that_the_machine_lacks_is_refused() {
        for isa in [PeerIsa::Avx2, PeerIsa::Avx512] {
            if !isa.is_available() {
                let error = isa.hold().unwrap_err().to_string();
                assert!(
                    error.starts_with("--isa: expected a set that this machine has"),
                    "{error}"
                );
                assert!(error.ends_with(&format!("found {}", isa.name())), "{error}");
            }
        }
    }
}
