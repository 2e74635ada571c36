//! Which instruction sets there are, and which of them the machine has.

use std::ffi::OsString;
use std::sync::atomic::{AtomicU8, Ordering};

/// An instruction set that the kernels have a path for, from narrow to wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Isa {
    /// What the compiler assumes of the target: runs everywhere.
    Portable,
    /// 128-bit vectors with fused multiply-add and 32 registers (every AArch64).
    Neon,
    /// 256-bit vectors with fused multiply-add (x86-64, from 2013).
    Avx2,
    /// AVX2 with masks and 32 registers (x86-64, from 2017).
    Avx512,
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

/// The place in [`Isa::ALL`] of the set in use; beyond the end before detection, which is the same in all threads.
static CURRENT: AtomicU8 = AtomicU8::new(u8::MAX);

impl Isa {
    const ALL: [Self; 4] = [Self::Portable, Self::Neon, Self::Avx2, Self::Avx512];

    fn is_available(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        use std::arch::is_x86_feature_detected as has;
        match self {
            Self::Portable => true,
            Self::Neon => cfg!(target_arch = "aarch64"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => has!("avx2") && has!("fma") && has!("bmi1") && has!("bmi2"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                let has_all = has!("avx512f") && has!("avx512vl") && has!("avx512dq");
                has_all && has!("avx512bw") && Self::Avx2.is_available()
            }
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => false,
        }
    }

    /// Every set that both this machine and the kernels have, from narrow to wide.
    pub fn available() -> impl DoubleEndedIterator<Item = Self> {
        Self::ALL.into_iter().filter(|isa| isa.is_available())
    }

    /// The set in use: that of the last [`force`](Self::force), else the widest. The environment is not read.
    #[inline]
    pub fn current() -> Self {
        let current = Self::ALL.get(usize::from(CURRENT.load(Ordering::Relaxed)));
        current.copied().unwrap_or_else(|| {
            let widest = Self::available().next_back().unwrap_or(Self::Portable);
            CURRENT.store(widest as u8, Ordering::Relaxed);
            widest
        })
    }

    /// Uses `isa` from now on in the whole process, for tests and comparisons.
    ///
    /// # Errors
    ///
    /// [`IsaError::Unavailable`], if the machine does not have `isa`.
    pub fn force(isa: Self) -> Result<(), IsaError> {
        if !isa.is_available() {
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

    /// Numbers of type `f32` in a register.
    pub fn lanes(self) -> usize {
        [4, 4, 8, 16][self as usize]
    }

    /// The common name: `"portable"`, `"neon"`, `"avx2"`, `"avx512"`.
    pub fn name(self) -> &'static str {
        ["portable", "neon", "avx2", "avx512"][self as usize]
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
