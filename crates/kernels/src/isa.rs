//! Which instruction set the machine has, and plain loops compiled for it.

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

/// 0 until the first question, then an [`Isa`]. Relaxed is enough: every thread that finds 0
/// computes the same answer.
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

    /// The set that the environment variable `GRADUS_ISA` asks for, by its [`name`](Self::name); the widest
    /// there is if it is not set.
    ///
    /// # Errors
    ///
    /// What is wrong with it: no such set, or one that this machine does not have.
    pub fn from_environment() -> Result<Self, String> {
        let widest = Self::detect();
        let Some(name) = std::env::var_os("GRADUS_ISA") else { return Ok(widest) };
        let found = Self::available().find(|isa| name == isa.name());
        found.ok_or_else(|| {
            let names: Vec<_> = Self::available().map(Self::name).collect();
            let names = names.join(", ");
            format!("GRADUS_ISA: expected one that this machine has ({names}), found {name:?}")
        })
    }

    /// The set in use: what [`force`](Self::force) said, else what
    /// [`from_environment`](Self::from_environment) says, else the widest there is.
    #[inline]
    pub fn current() -> Self {
        match CURRENT.load(Ordering::Relaxed) {
            1 => Self::Portable,
            2 => Self::Neon,
            3 => Self::Avx2,
            4 => Self::Avx512,
            _ => {
                let isa = Self::from_environment().unwrap_or_else(|_| Self::detect());
                CURRENT.store(isa as u8, Ordering::Relaxed);
                isa
            }
        }
    }

    /// Uses `isa` from now on in the whole process, for tests and comparisons.
    ///
    /// # Errors
    ///
    /// The widest available set, if the machine does not have `isa`.
    pub fn force(isa: Self) -> Result<(), Self> {
        if !Self::available().any(|available| available == isa) {
            return Err(Self::detect());
        }
        CURRENT.store(isa as u8, Ordering::Relaxed);
        Ok(())
    }

    /// The name people know: `"portable"`, `"neon"`, `"avx2"`, `"avx512"`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Neon => "neon",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }
}

/// Runs `body`, compiled for the machine's instruction set.
///
/// A loop over slices in `body` becomes vector code of full width, with nothing but safe Rust in it.
/// For that the compiler must inline the closure, so write `#[inline(always)]` before it, and call
/// only functions that inline.
///
/// ```
/// let (x, mut y) = ([1.0f32; 100], [0.0; 100]);
/// gradus_kernels::vectorize(#[inline(always)] || {
///     for (y, &x) in y.iter_mut().zip(&x) {
///         *y = 2.0 * x;
///     }
/// });
/// assert_eq!(y, [2.0; 100]);
/// ```
#[inline(always)]
pub fn vectorize<R>(body: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    match Isa::current() {
        // SAFETY: `Isa::current` is only ever a set that `Isa::detect` has found on this machine.
        Isa::Avx512 => return unsafe { avx512(body) },
        // SAFETY: as above.
        Isa::Avx2 => return unsafe { avx2(body) },
        Isa::Portable | Isa::Neon => {}
    }
    body()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma,bmi1,bmi2")]
fn avx512<R>(body: impl FnOnce() -> R) -> R {
    body()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,bmi1,bmi2")]
fn avx2<R>(body: impl FnOnce() -> R) -> R {
    body()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_another_machine_is_refused() {
        for isa in [Isa::Neon, Isa::Avx2, Isa::Avx512] {
            if Isa::available().all(|available| available != isa) {
                assert_eq!(Isa::force(isa), Err(Isa::detect()), "{}", isa.name());
            }
        }
    }
}
