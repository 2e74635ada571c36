//! Which instruction sets there are, and which of them the machine has.

use std::ffi::OsString;
use std::sync::atomic::{AtomicU8, Ordering};

/// An instruction set that the kernels have a path for, from narrow to wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Isa {
    /// What the compiler assumes of the target: runs everywhere.
    Portable = 1,
    /// 128-bit vectors with fused multiply-add and 32 registers (every AArch64).
    Neon = 2,
    /// 256-bit vectors with fused multiply-add (x86-64, from 2013).
    Avx2 = 3,
    /// AVX2 with masks and 32 registers (x86-64, from 2017).
    Avx512 = 4,
}

/// Why an instruction set cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IsaError {
    /// The machine does not have it.
    #[error("expected an instruction set that this machine has ({}), found `{}`", names(), .0.name())]
    Unavailable(Isa),
    /// The environment variable `GRADUS_ISA` names none that the machine has.
    #[error("GRADUS_ISA: expected one that this machine has ({}), found {:?}", names(), .0)]
    Environment(OsString),
}

fn names() -> String {
    Isa::available().map(Isa::name).collect::<Vec<_>>().join(", ")
}

/// The [`Isa`] in use, or 0 before the first question. Relaxed is enough: every thread that finds 0 detects
/// the same.
static CURRENT: AtomicU8 = AtomicU8::new(0);

impl Isa {
    /// The widest set that both this machine and the kernels have.
    pub fn detect() -> Self {
        #[cfg(target_arch = "aarch64")]
        return Self::Neon;
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            let avx2 = has!("avx2") && has!("fma") && has!("bmi1") && has!("bmi2");
            let avx512 =
                has!("avx512f") && has!("avx512vl") && has!("avx512dq") && has!("avx512bw");
            if avx2 && avx512 {
                return Self::Avx512;
            }
            if avx2 {
                return Self::Avx2;
            }
        }
        #[cfg(not(target_arch = "aarch64"))]
        Self::Portable
    }

    /// Every set that both this machine and the kernels have, from narrow to wide.
    pub fn available() -> impl Iterator<Item = Self> {
        let widest = Self::detect();
        let all = if cfg!(target_arch = "aarch64") {
            &[Self::Portable, Self::Neon][..]
        } else {
            &[Self::Portable, Self::Avx2, Self::Avx512]
        };
        all.iter().copied().filter(move |&isa| isa <= widest)
    }

    /// The set in use: that of the last [`force`](Self::force), else the widest there is. The environment
    /// is not read.
    #[inline]
    pub fn current() -> Self {
        match CURRENT.load(Ordering::Relaxed) {
            1 => Self::Portable,
            2 => Self::Neon,
            3 => Self::Avx2,
            4 => Self::Avx512,
            _ => {
                let isa = Self::detect();
                CURRENT.store(isa as u8, Ordering::Relaxed);
                isa
            }
        }
    }

    /// Uses `isa` from now on in the whole process, for tests and comparisons.
    ///
    /// # Errors
    ///
    /// [`IsaError::Unavailable`], if the machine does not have `isa`.
    pub fn force(isa: Self) -> Result<(), IsaError> {
        if !Self::available().any(|available| available == isa) {
            return Err(IsaError::Unavailable(isa));
        }
        CURRENT.store(isa as u8, Ordering::Relaxed);
        Ok(())
    }

    /// Uses the set that the environment variable `GRADUS_ISA` names, if it is set; for programs to call first.
    ///
    /// # Errors
    ///
    /// [`IsaError::Environment`], if there is no such set or the machine does not have it.
    pub fn force_from_environment() -> Result<(), IsaError> {
        let Some(name) = std::env::var_os("GRADUS_ISA") else { return Ok(()) };
        match Self::available().find(|isa| name == isa.name()) {
            Some(isa) => Self::force(isa),
            None => Err(IsaError::Environment(name)),
        }
    }

    /// The common name: `"portable"`, `"neon"`, `"avx2"`, `"avx512"`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Neon => "neon",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }
}

/// Proof that the machine has an instruction set: only this module makes one, after detection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum IsaToken {
    Portable(Portable),
    #[cfg(target_arch = "aarch64")]
    Neon(Neon),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
}

/// The token of [`Isa::Portable`].
#[derive(Clone, Copy, Debug)]
pub struct Portable(());
/// The token of [`Isa::Neon`].
#[cfg(target_arch = "aarch64")]
#[derive(Clone, Copy, Debug)]
pub struct Neon(());
/// The token of [`Isa::Avx2`].
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug)]
pub struct Avx2(());
/// The token of [`Isa::Avx512`].
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug)]
pub struct Avx512(());

impl IsaToken {
    /// The token of [`Isa::current`], which is always one that the machine has.
    #[inline(always)]
    pub(crate) fn current() -> Self {
        Self::of_detected(Isa::current())
    }

    /// `isa` has been detected.
    #[inline(always)]
    fn of_detected(isa: Isa) -> Self {
        match isa {
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => Self::Neon(Neon(())),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => Self::Avx2(Avx2(())),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => Self::Avx512(Avx512(())),
            _ => Self::Portable(Portable(())),
        }
    }

    /// The tokens of [`Isa::available`].
    #[cfg(test)]
    pub(crate) fn available() -> impl Iterator<Item = Self> {
        Isa::available().map(Self::of_detected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_another_machine_is_refused() {
        for isa in [Isa::Neon, Isa::Avx2, Isa::Avx512] {
            if Isa::available().all(|available| available != isa) {
                let error = Isa::force(isa).unwrap_err();
                assert_eq!(error, IsaError::Unavailable(isa));
                let message = error.to_string();
                assert!(message.contains(isa.name()) && message.contains("portable"), "{message}");
            }
        }
    }
}
