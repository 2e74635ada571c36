//! The transforms of Winograd's convolution.
//!
//! Two polynomials can be multiplied by their values at enough points. A row of `r` weights and a row of `m`
//! results, with `m + r − 1 = 8`, need eight: 0, ±1, ±2, ±½ and infinity. So a patch of 8 × 8 pixels gives
//! `m × m` results with 64 multiplications instead of `m²·r²`, once image and filter are given by their values:
//! 6.25 times fewer for filters of 5 × 5, five times for 3 × 3. The price is rounding: sums of numbers up to a
//! hundred times as large as their result, so about two of an `f32`'s seven digits. The gradient of the filter
//! is such a convolution too, of the image with the gradient of the result.
//!
//! Source: Lavin, Gray (2016), "Fast algorithms for convolutional neural networks".

use crate::simd::{InstructionSet, Kernel, Vector, dispatch, has_avx512, with_constant};
use crate::{Float, Isa};

/// Points of each axis, and so the side of a patch.
pub const POINTS: usize = 8;

/// Which transform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transform {
    /// From a patch of 8 × 8 pixels to 8 × 8 values.
    Input,
    /// From a square filter of side 3 to 6 to 8 × 8 values.
    Filter,
    /// From 8 × 8 products of values to a square of results of side 3 to 6.
    Output,
}

/// Rows of numbers, one for each pixel of a square, in row-major order.
#[derive(Clone, Copy, Debug)]
pub struct Square<'a> {
    /// The side.
    pub side: usize,
    /// The offset of each of the `side²` rows. A row at [`OUTSIDE`] reads as zeros and is not written.
    pub starts: &'a [usize],
}

/// The offset of a pixel outside the plane.
pub const OUTSIDE: usize = usize::MAX;

/// How a transform stores its results.
#[derive(Clone, Copy, Debug)]
pub enum Epilogue<'a, T> {
    /// The results overwrite the old values.
    Overwrite,
    /// The results are added to the old values.
    Accumulate,
    /// The results overwrite the old values, with a bias: a number for so many neighbours, 1 or a multiple of
    /// [`Isa::lanes`].
    Bias(&'a [T], usize),
}

/// Transforms squares of numbers: element `i` of each of `from`'s rows gives element `i` of each of `to`'s.
///
/// # Panics
///
/// If a row of `len` leaves its slice, or for sides that the transform does not have.
#[inline(never)]
pub fn winograd<T: Float>(
    transform: Transform,
    len: usize,
    (values, from): (&[T], Square<'_>),
    (results, to): (&mut [T], Square<'_>),
    epilogue: Epilogue<'_, T>,
) {
    let small = |side| (3..=6).contains(&side);
    let is_known = match transform {
        Transform::Input => from.side == POINTS && to.side == POINTS,
        Transform::Filter => small(from.side) && to.side == POINTS,
        Transform::Output => from.side == POINTS && small(to.side),
    };
    assert!(is_known, "{transform:?} from side {} to side {}", from.side, to.side);
    for (square, slice_len) in [(&from, values.len()), (&to, results.len())] {
        assert_eq!(square.starts.len(), square.side * square.side, "rows of a square");
        for &start in square.starts.iter().filter(|&&start| start != OUTSIDE) {
            let is_inside = len <= slice_len && start <= slice_len - len;
            assert!(is_inside, "a row of {len} from {start} of {slice_len}");
        }
    }
    if let Epilogue::Bias(bias, run) = epilogue {
        let lanes = Isa::current().lanes();
        assert!(run == 1 || run % lanes == 0 && run > 0, "a bias for {run} neighbours");
        assert!(bias.len() >= len.div_ceil(run), "a bias of {} for {len}", bias.len());
    }
    dispatch(TransformArgs { transform, len, values, from, results, to, epilogue });
}

type Winograd<T> =
    fn(Transform, usize, (&[T], Square<'_>), (&mut [T], Square<'_>), Epilogue<'_, T>);
// Compiled here once, as `gemm` is.
#[used]
static F32: Winograd<f32> = winograd;
#[used]
static F64: Winograd<f64> = winograd;

/// A checked transform: only [`winograd`] makes one. Every row lies inside its slice.
#[derive(Debug)]
struct TransformArgs<'a, T> {
    transform: Transform,
    len: usize,
    values: &'a [T],
    from: Square<'a>,
    results: &'a mut [T],
    to: Square<'a>,
    epilogue: Epilogue<'a, T>,
}

impl<T: Float> Kernel for TransformArgs<'_, T> {
    type Output = ();
    const HAS_AVX512: bool = has_avx512::<T>();

    #[inline(always)]
    fn run<S: InstructionSet>(self, set: S) {
        match self.transform {
            Transform::Input => each::<T::Vector<S>, 8, 8, InputTransform>(set, self),
            Transform::Filter => with_constant!(SIDE = self.from.side, max 6, 6 5 4 3
                => each::<T::Vector<S>, SIDE, 8, FilterTransform>(set, self)),
            Transform::Output => with_constant!(SIDE = self.to.side, max 6, 6 5 4 3
                => each::<T::Vector<S>, 8, SIDE, OutputTransform>(set, self)),
        }
    }
}

/// Transforms columns, then rows, a vector of elements at a time.
#[inline(always)]
fn each<V: Vector<Scalar: Float>, const FROM: usize, const TO: usize, A: Transform1d<FROM, TO>>(
    set: V::Set,
    args: TransformArgs<'_, V::Scalar>,
) {
    let (values, results) = (args.values.as_ptr(), args.results.as_mut_ptr());
    for at in (0..args.len).step_by(V::LANES) {
        let count = V::LANES.min(args.len - at);
        // SAFETY: `count` elements from `at` on lie inside each row, as `winograd` has checked; a bias for more
        // than one neighbour is one for a whole vector, since their number is a multiple of its lanes.
        unsafe {
            let mut between = [[V::zero(set); FROM]; TO];
            for column in 0..FROM {
                let mut pixels = [V::zero(set); FROM];
                for (row, pixel) in pixels.iter_mut().enumerate() {
                    let start = args.from.starts[row * FROM + column];
                    if start != OUTSIDE {
                        *pixel = V::load(set, values.add(start + at), count);
                    }
                }
                for (between, value) in between.iter_mut().zip(&A::along(set, pixels)) {
                    between[column] = *value;
                }
            }
            let bias = match args.epilogue {
                Epilogue::Bias(bias, 1) => V::load(set, bias.as_ptr().add(at), count),
                Epilogue::Bias(bias, run) => V::splat(set, *bias.as_ptr().add(at / run)),
                _ => V::zero(set),
            };
            for (row, between) in between.iter().enumerate() {
                for (column, value) in A::along(set, *between).iter().enumerate() {
                    let start = args.to.starts[row * TO + column];
                    if start != OUTSIDE {
                        let to = results.add(start + at);
                        let old = match args.epilogue {
                            Epilogue::Accumulate => V::load(set, to, count),
                            _ => bias,
                        };
                        old.add(*value).store(to, count);
                    }
                }
            }
        }
    }
}

/// The transform of one axis.
trait Transform1d<const FROM: usize, const TO: usize> {
    fn along<V: Vector<Scalar: Float>>(set: V::Set, values: [V; FROM]) -> [V; TO];
}

#[inline(always)]
fn constant<V: Vector<Scalar: Float>>(set: V::Set, value: f64) -> V {
    V::splat(set, V::Scalar::from_f64(value))
}

/// `[x + y, x − y]`: from the sums over even and odd powers the values at a point and at its negative, or back.
#[inline(always)]
fn at_both<V: Vector<Scalar: Float>>(set: V::Set, [x, y]: [V; 2]) -> [V; 2] {
    [x.add(y), y.mul_add(constant(set, -1.0), x)]
}

/// From eight pixels to their values at the points, without the factors of the points.
struct InputTransform;

impl Transform1d<8, 8> for InputTransform {
    #[inline(always)]
    fn along<V: Vector<Scalar: Float>>(set: V::Set, [a, b, c, d, e, f, g, h]: [V; 8]) -> [V; 8] {
        let minus_one = constant(set, -1.0);
        let subtract = V::mul_add;
        let zero =
            subtract(c, minus_one, e).mul_add(constant(set, 5.25), subtract(g, minus_one, a));
        let even = e.mul_add(constant(set, -4.25), c.add(g));
        let odd = d.mul_add(constant(set, -4.25), b.add(f));
        let [one, minus_1] = at_both(set, [even, odd]);
        let even = e.mul_add(constant(set, -1.25), c.mul_add(constant(set, 0.25), g));
        let odd = b.mul_add(constant(set, 0.5), d.mul_add(constant(set, -2.5), f.add(f)));
        let [two, minus_2] = at_both(set, [even, odd]);
        let even = e.mul_add(constant(set, -5.0), c.mul_add(constant(set, 4.0), g));
        let odd = f.mul_add(constant(set, 0.5), d.mul_add(constant(set, -2.5), b.add(b)));
        let [half, minus_half] = at_both(set, [even, odd]);
        let infinity =
            subtract(f, minus_one, d).mul_add(constant(set, 5.25), subtract(b, minus_one, h));
        [zero, one, minus_1, two, minus_2, half, minus_half, infinity]
    }
}

/// From the weights of a filter to its values at the points, with their factors.
struct FilterTransform;

impl<const SIDE: usize> Transform1d<SIDE, 8> for FilterTransform {
    #[inline(always)]
    fn along<V: Vector<Scalar: Float>>(set: V::Set, weights: [V; SIDE]) -> [V; 8] {
        // The sums over even and odd powers of 1, 2 and ½, with the factors of the points.
        let [mut ones, mut twos, mut halves] = [[V::zero(set); 2]; 3];
        for (power, weight) in weights.iter().enumerate() {
            let (parity, power) = (power % 2, f64::from(1 << power));
            ones[parity] = weight.mul_add(constant(set, -2.0 / 9.0), ones[parity]);
            twos[parity] = weight.mul_add(constant(set, power / 90.0), twos[parity]);
            halves[parity] = weight.mul_add(constant(set, 32.0 / 45.0 / power), halves[parity]);
        }
        let [one, minus_1] = at_both(set, ones);
        let [two, minus_2] = at_both(set, twos);
        let [half, minus_half] = at_both(set, halves);
        [weights[0], one, minus_1, two, minus_2, half, minus_half, weights[SIDE - 1]]
    }
}

/// From products at the points to the results.
struct OutputTransform;

impl<const SIDE: usize> Transform1d<8, SIDE> for OutputTransform {
    #[inline(always)]
    fn along<V: Vector<Scalar: Float>>(set: V::Set, [a, b, c, d, e, f, g, h]: [V; 8]) -> [V; SIDE] {
        let [ones, twos, halves] =
            [at_both(set, [b, c]), at_both(set, [d, e]), at_both(set, [f, g])];
        let mut results = [V::zero(set); SIDE];
        for (power, result) in results.iter_mut().enumerate() {
            let (parity, power) = (power % 2, f64::from(1 << power));
            let far = twos[parity].mul_add(constant(set, power), ones[parity]);
            *result = halves[parity].mul_add(constant(set, 1.0 / power), far);
        }
        results[0] = a.add(results[0]);
        results[SIDE - 1] = h.add(results[SIDE - 1]);
        results
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{LENGTHS, is_refused, normals, on_each_isa};

    /// The convolution of one patch, by its transforms and by its definition.
    fn agrees<T: Float>(tolerance: f64) {
        let sizes = [(4, 37), (4, 5), (5, 16), (6, 48)];
        for (side, len) in sizes.into_iter().chain(LENGTHS.map(|len| (3, len))) {
            let n_results = POINTS + 1 - side;
            let starts = |side: usize| (0..side * side).map(|i| i * (len + 3)).collect::<Vec<_>>();
            let (mut patch, filter) = (starts(POINTS), starts(side));
            patch[7] = OUTSIDE;
            let (x, w) = (normals::<T>(64 * (len + 3), 1), normals::<T>(36 * (len + 3), 2));
            let points = starts(POINTS);
            let square = |side, starts| Square { side, starts };
            let all = square(POINTS, &points);
            let mut target = starts(n_results);
            target[1] = OUTSIDE;
            let (old, bias) = (normals::<T>(36 * (len + 3), 3), normals::<T>(len, 4));
            let mut sums = vec![0.0; n_results * n_results * len];
            for (pixel, sums) in sums.chunks_exact_mut(len.max(1)).enumerate() {
                for tap in 0..side * side {
                    let row = pixel / n_results + tap / side;
                    let start = patch[row * POINTS + pixel % n_results + tap % side];
                    if start != OUTSIDE {
                        let (x, w) = (&x[start..], &w[filter[tap]..]);
                        let products = x.iter().zip(w).map(|(x, w)| x.to_f64() * w.to_f64());
                        sums.iter_mut().zip(products).for_each(|(sum, product)| *sum += product);
                    }
                }
            }
            let epilogues = [
                Epilogue::Overwrite,
                Epilogue::Accumulate,
                Epilogue::Bias(&bias, 1),
                Epilogue::Bias(&bias, 16),
            ];
            // One is enough for every length; an emulator takes long.
            let n_epilogues = if side == 3 { 1 } else { epilogues.len() };
            on_each_isa(|isa| {
                let (mut vx, mut vw) = (x.clone(), x.clone());
                let image = (&x[..], square(POINTS, &patch));
                winograd(Transform::Input, len, image, (&mut vx, all), Epilogue::Overwrite);
                let weights = (&w[..], square(side, &filter));
                winograd(Transform::Filter, len, weights, (&mut vw, all), Epilogue::Overwrite);
                vx.iter_mut().zip(&vw).for_each(|(x, &w)| *x *= w);
                for &epilogue in &epilogues[..n_epilogues] {
                    let mut y = old.clone();
                    let to = (&mut y[..], square(n_results, &target));
                    winograd(Transform::Output, len, (&vx, all), to, epilogue);
                    for (at, sum) in sums.iter().enumerate() {
                        let (pixel, i) = (at / len, at % len);
                        let before = old[pixel * (len + 3) + i].to_f64();
                        let expected = match epilogue {
                            _ if target[pixel] == OUTSIDE => before,
                            Epilogue::Overwrite => *sum,
                            Epilogue::Accumulate => before + sum,
                            Epilogue::Bias(bias, run) => bias[i / run].to_f64() + sum,
                        };
                        let found = y[pixel * (len + 3) + i].to_f64();
                        assert!(
                            (found - expected).abs() <= tolerance * 100.0,
                            "{isa:?} {}: side {side}, {len} long, pixel {pixel}: {found}, expected {expected}",
                            T::NAME,
                        );
                    }
                }
            });
        }
    }

    #[test]
    fn transforms_and_definition_agree() {
        agrees::<f64>(1e-14);
        agrees::<f32>(2e-6);
    }

    #[test]
    fn a_row_outside_is_refused() {
        let starts: Vec<_> = (0..64).collect();
        let all = Square { side: POINTS, starts: &starts };
        let few = Square { side: 2, starts: &starts[..4] };
        for (len, from, to, square) in
            [(2, 64, 99, all), (2, 99, 64, all), (100, 99, 99, all), (1, 99, 99, few)]
        {
            let refused = is_refused(|| {
                let (values, mut results) = (vec![0.0f32; from], vec![0.0; to]);
                let (from, to) = ((&values[..], square), (&mut results[..], all));
                winograd(Transform::Input, len, from, to, Epilogue::Overwrite);
            });
            assert!(refused, "rows of {len}, {from} and {to}, side {}", square.side);
        }
    }
}
