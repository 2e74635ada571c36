//! Vectors of numbers in registers, and kernels compiled for each instruction set.
//!
//! A [`Kernel`] is generic over the instruction set. [`dispatch`] runs it inside a function that is compiled
//! with the features of the set in use. What is not inlined into that is compiled without them: hence
//! `#[inline(always)]` on every function that takes an [`InstructionSet`] or a [`Vector`]. Nor may registers be
//! passed to functions of the standard library: no `array::from_fn`, no `map`, no iterator over registers by
//! value. Loops over references to them are fine.

use crate::Isa;

#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

/// An instruction set: a token, of which a value proves that the machine has the set. Only [`dispatch`] makes one.
pub trait InstructionSet: Copy {
    /// A register of `f32`.
    type F32: Vector<Set = Self, Scalar = f32>;
    /// A register of `f64`.
    type F64: Vector<Set = Self, Scalar = f64>;

    /// Runs a part of a kernel as a function of its own: the compiler needs minutes for one with hundreds of blocks.
    fn call<K: Kernel>(self, part: K) -> K::Output;
}

macro_rules! instruction_set {
    ($set:ident, $f32:ty, $f64:ty $(, $features:literal)?) => {
        #[derive(Clone, Copy)]
        pub(crate) struct $set(());

        impl InstructionSet for $set {
            type F32 = $f32;
            type F64 = $f64;

            #[inline(always)]
            fn call<K: Kernel>(self, part: K) -> K::Output {
                #[inline(never)]
                $(#[target_feature(enable = $features)])?
                fn compiled<K: Kernel>(part: K, set: $set) -> K::Output {
                    part.run(set)
                }
                #[allow(unused_unsafe, reason = "a set that every machine has")]
                // SAFETY: the token proves that the machine has the set.
                unsafe {
                    compiled(part, self)
                }
            }
        }
    };
}
instruction_set!(Portable, portable::Array<f32, 4>, portable::Array<f64, 2>);
#[cfg(target_arch = "aarch64")]
instruction_set!(Neon, neon::F32x4, neon::F64x2);
#[cfg(target_arch = "x86_64")]
instruction_set!(Avx2, x86::F32x8, x86::F64x4, "avx2,fma,bmi1,bmi2");
#[cfg(target_arch = "x86_64")]
instruction_set!(
    Avx512,
    x86::F32x16,
    x86::F64x8,
    "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma,bmi1,bmi2"
);

/// A vector register. A value of it proves that the machine has the instructions, as a token does.
pub trait Vector: Copy {
    /// The token without which none can be made.
    type Set: InstructionSet;
    /// The type of one lane.
    type Scalar: Copy + Default + PartialEq;
    /// Numbers in one register: at most [`MAX_LANES`](crate::MAX_LANES).
    const LANES: usize;
    /// Rows of the largest block of two vectors that fits beside two vectors and a broadcast.
    const ROWS: usize;

    /// `value` in every lane.
    fn splat(set: Self::Set, value: Self::Scalar) -> Self;
    /// The first `count` numbers at `from`, the other lanes 0.
    ///
    /// # Safety
    ///
    /// `count` numbers can be read, and `1 <= count <= LANES`.
    unsafe fn load(set: Self::Set, from: *const Self::Scalar, count: usize) -> Self;
    /// Writes the first `count` lanes.
    ///
    /// # Safety
    ///
    /// `count` numbers can be written, and `1 <= count <= LANES`.
    unsafe fn store(self, to: *mut Self::Scalar, count: usize);
    /// `self + term`.
    fn add(self, term: Self) -> Self;
    /// `self · factor + term`.
    fn mul_add(self, factor: Self, term: Self) -> Self;
    /// One bit for each lane, the lowest for the first: 0 where it is zero.
    fn nonzeros(self) -> u32;
    /// 0 in every lane.
    #[inline(always)]
    fn zero(set: Self::Set) -> Self {
        Self::splat(set, Self::Scalar::default())
    }
}

/// Code that is compiled for each instruction set.
pub trait Kernel {
    /// What it returns.
    type Output;
    /// Whether it is compiled for AVX-512 too; else that runs what is compiled for AVX2.
    const HAS_AVX512: bool = true;

    /// Runs it. Must be `#[inline(always)]`, and so must all that it calls.
    fn run<S: InstructionSet>(self, set: S) -> Self::Output;
}

/// [`Kernel::HAS_AVX512`] of products and transforms of numbers of a type: `f64` is for checks of gradients, and a tenth of
/// the kernels' code would be for it.
pub(crate) const fn has_avx512<T>() -> bool {
    size_of::<T>() == size_of::<f32>()
}

/// Runs `kernel`, compiled for the instruction set in use.
#[inline(always)]
pub(crate) fn dispatch<K: Kernel>(kernel: K) -> K::Output {
    match Isa::current() {
        // The target assumes the set of every machine of this architecture.
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => neon(kernel),
        // SAFETY: the machine has the set in use.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 if K::HAS_AVX512 => unsafe { avx512(kernel) },
        // SAFETY: as above; AVX2 is a part of AVX-512.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 | Isa::Avx512 => unsafe { avx2(kernel) },
        _ => portable(kernel),
    }
}

// A function of its own for each set: the compiler needs minutes for one with the blocks of two sets.
#[inline(never)]
fn portable<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Portable(()))
}

#[cfg(target_arch = "aarch64")]
#[inline(never)]
fn neon<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Neon(()))
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma,bmi1,bmi2")]
fn avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx512(()))
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,bmi1,bmi2")]
fn avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(Avx2(()))
}

/// Runs `body`, compiled for the machine's instruction set.
///
/// A loop over slices in `body` becomes vector code of full width, if the compiler inlines all that is in it:
/// write the closure as [`inlined!`](crate::inlined), and call only functions that inline.
///
/// ```
/// use gradus_kernels::{inlined, vectorize};
///
/// let (x, mut y) = ([1.0f32; 100], [0.0; 100]);
/// vectorize(inlined!(|| {
///     for (y, &x) in y.iter_mut().zip(&x) {
///         *y = 2.0 * x;
///     }
/// }));
/// assert_eq!(y, [2.0; 100]);
/// ```
#[inline(always)]
pub fn vectorize<R>(body: impl FnOnce() -> R) -> R {
    dispatch(Plain(body))
}

/// A closure that is inlined wherever it is called. It may stand as an argument, or in a tuple.
#[macro_export]
macro_rules! inlined {
    ($closure:expr) => {
        #[inline(always)]
        $closure
    };
}

struct Plain<F>(F);

impl<R, F: FnOnce() -> R> Kernel for Plain<F> {
    type Output = R;

    #[inline(always)]
    fn run<S: InstructionSet>(self, _: S) -> R {
        (self.0)()
    }
}

/// `$body` with the constant `$name`, a length of arrays, equal to `$value`; above `$max` it is not compiled.
macro_rules! with_constant {
    ($name:ident = $value:expr, max $max:expr, $($count:literal)* => $body:expr) => {
        match $value {
            $($count if const { $max >= $count } => {
                const $name: usize = $count;
                $body
            })*
            _ => unreachable!("a block of registers is not larger than the largest"),
        }
    };
}
pub(crate) use with_constant;

/// The implementation of [`Vector`] from the intrinsics of an instruction set.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! vector {
    (
        $name:ident($register:ty) of $set:ty, $scalar:ty, lanes $lanes:literal, rows $rows:literal,
        splat $splat:ident, add $add:ident,
        fma |$factor:ident, $other:ident, $term:ident| $fma:expr,
        load |$from:ident, $count:ident| $load:expr,
        store |$to:ident, $value:ident, $many:ident| $store:expr,
        nonzeros |$lanes_of:ident| $nonzeros:expr
    ) => {
        #[derive(Clone, Copy)]
        pub(crate) struct $name($register);

        const _: () = assert!($lanes <= crate::MAX_LANES);

        impl Vector for $name {
            type Set = $set;
            type Scalar = $scalar;
            const LANES: usize = $lanes;
            const ROWS: usize = $rows;

            #[inline(always)]
            fn splat(_: $set, value: $scalar) -> Self {
                // SAFETY: the token proves that the machine has the instruction.
                Self(unsafe { $splat(value) })
            }
            #[inline(always)]
            unsafe fn load(_: $set, $from: *const $scalar, $count: usize) -> Self {
                // SAFETY: the caller promises the numbers, the token the instructions.
                Self(unsafe { $load })
            }
            #[inline(always)]
            unsafe fn store(self, $to: *mut $scalar, $many: usize) {
                let $value = self.0;
                // SAFETY: as in `load`; here the register is the proof.
                unsafe { $store }
            }
            #[inline(always)]
            fn add(self, term: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $add(self.0, term.0) })
            }
            #[inline(always)]
            fn mul_add(self, factor: Self, term: Self) -> Self {
                let ($factor, $other, $term) = (self.0, factor.0, term.0);
                // SAFETY: as above.
                Self(unsafe { $fma })
            }
            #[inline(always)]
            fn nonzeros(self) -> u32 {
                let $lanes_of = self.0;
                // SAFETY: as above.
                unsafe { $nonzeros }
            }
        }
    };
}
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use vector;
