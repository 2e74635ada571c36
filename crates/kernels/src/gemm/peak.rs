//! The peak of a core: multiply-adds on registers, with nothing to load.

use std::hint::black_box;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use crate::simd::{InstructionSet, Kernel, Vector, dispatch};
use crate::{Float, MAX_LANES};

/// Independent sums: more than latency times throughput, and few enough for the registers, of any machine.
const CHAINS: usize = 12;

/// The FLOP/s of one core on registers alone, the best of several measurements, together `patience` long.
pub fn peak_flops<T: Float>(patience: Duration) -> f64 {
    const ROUNDS: u32 = 100_000;
    let begin = Instant::now();
    let mut best = 0.0_f64;
    while begin.elapsed() < patience {
        let begin = Instant::now();
        let done = dispatch(MultiplyAdds::<T>(ROUNDS, PhantomData));
        best = best.max(2.0 * done / begin.elapsed().as_secs_f64());
    }
    best
}

/// Rounds of multiply-adds, each of `1 · 1` in every lane: the sum of all lanes is their number.
struct MultiplyAdds<T>(u32, PhantomData<T>);

impl<T: Float> Kernel for MultiplyAdds<T> {
    type Output = f64;

    #[inline(always)]
    fn run<S: InstructionSet>(self, set: S) -> f64 {
        let factor = black_box(T::Vector::<S>::splat(set, T::ONE));
        let mut lanes = [[T::ZERO; MAX_LANES]; CHAINS];
        // Variables, not an array: whether that stays in registers would depend on how the program is built.
        macro_rules! chains {
            ($($sum:ident)*) => {{
                $(let mut $sum = T::Vector::<S>::zero(set);)*
                for _ in 0..self.0 {
                    $($sum = factor.mul_add(factor, $sum);)*
                }
                for (sum, lanes) in [$($sum),*].iter().zip(&mut lanes) {
                    // SAFETY: no register has more lanes.
                    unsafe { sum.store(lanes.as_mut_ptr(), T::Vector::<S>::LANES) };
                }
            }};
        }
        chains!(a b c d e f g h i j k l);
        lanes.iter().flatten().map(|lane| lane.to_f64()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::on_each_isa;

    #[test]
    fn every_multiply_add_is_done_and_counted() {
        on_each_isa(|isa| {
            let f32s = dispatch(MultiplyAdds::<f32>(1000, PhantomData));
            let f64s = dispatch(MultiplyAdds::<f64>(1000, PhantomData));
            let per_lane = (1000 * CHAINS) as f64;
            assert!([4.0, 8.0, 16.0].contains(&(f32s / per_lane)), "{isa:?}: {f32s}");
            assert_eq!(f64s, f32s / 2.0, "{isa:?}");
        });
    }
}
