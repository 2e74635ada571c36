//! The transforms of Winograd's convolution.
//!
//! Two polynomials can be multiplied by their values at enough points. A row of `r` weights and a row of `m`
//! results, with `m + r − 1 = 8`, need eight: 0, ±1, ±2, ±½ and infinity. So a patch of 8 × 8 pixels gives
//! `m × m` results of a convolution with 64 multiplications instead of `m²·r²`, once image and filter are given
//! by their values: 6.25 times fewer for filters of 5 × 5, five times for 3 × 3. The price is rounding: sums of
//! numbers up to a hundred times as large as their result, so about two of an `f32`'s seven digits.
//! The same holds for the gradients: that of the filter is a convolution of the image with the gradient of the
//! result as its filter.
//!
//! Source: Lavin, Gray (2016), "Fast algorithms for convolutional neural networks".

use crate::product::Vector;
use crate::{Float, Isa};

/// Points of each axis, and so the side of a patch.
pub const POINTS: usize = 8;

/// Which transform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transform {
    /// From a patch of 8 × 8 pixels to 8 × 8 values.
    Image,
    /// From a square filter of side 3 to 6 to 8 × 8 values.
    Filter,
    /// From 8 × 8 products of values to a square of results of side 3 to 6.
    Result,
}

/// Rows of numbers, one for each place of a square: those of one row of it, then those of the next.
#[derive(Clone, Copy, Debug)]
pub struct Square<'a> {
    /// The side.
    pub side: usize,
    /// Where each of the `side²` rows begins. [`OUTSIDE`] is a row of zeros to read, and nowhere to write.
    pub starts: &'a [usize],
}

/// A place that is no place.
pub const OUTSIDE: usize = usize::MAX;

/// What a transform adds to its results.
#[derive(Clone, Copy, Debug)]
pub enum Plus<'a, T> {
    /// Nothing: the results take the place of what stood there.
    Nothing,
    /// What stands there.
    Old,
    /// One number for so many neighbours along a row, which are 1 or a multiple of 16.
    Bias(&'a [T], usize),
}

/// Transforms squares of numbers: element `i` of each of `from`'s rows gives element `i` of each of `to`'s.
///
/// # Panics
///
/// If a row of `len` leaves its slice, or for sides that the transform does not have.
pub fn winograd<T: Float>(
    transform: Transform,
    len: usize,
    (values, from): (&[T], Square<'_>),
    (results, to): (&mut [T], Square<'_>),
    plus: Plus<'_, T>,
) {
    winograd_on(Isa::current(), transform, len, (values, from), (results, to), plus);
}

/// [`winograd`] on an instruction set that this machine has.
fn winograd_on<T: Float>(
    isa: Isa,
    transform: Transform,
    len: usize,
    (values, from): (&[T], Square<'_>),
    (results, to): (&mut [T], Square<'_>),
    plus: Plus<'_, T>,
) {
    let small = |side| (3..=6).contains(&side);
    let is_known = match transform {
        Transform::Image => from.side == POINTS && to.side == POINTS,
        Transform::Filter => small(from.side) && to.side == POINTS,
        Transform::Result => from.side == POINTS && small(to.side),
    };
    assert!(is_known, "{transform:?} from side {} to side {}", from.side, to.side);
    for (square, slice_len) in [(&from, values.len()), (&to, results.len())] {
        assert_eq!(square.starts.len(), square.side * square.side, "rows of a square");
        for &start in square.starts.iter().filter(|&&start| start != OUTSIDE) {
            let is_inside = len <= slice_len && start <= slice_len - len;
            assert!(is_inside, "a row of {len} from {start} of {slice_len}");
        }
    }
    let (bias, bias_run) = match plus {
        Plus::Bias(bias, run) => {
            assert!(run == 1 || run % 16 == 0 && run > 0, "a bias for {run} neighbours");
            assert!(bias.len() >= len.div_ceil(run), "a bias of {} for {len}", bias.len());
            (bias.as_ptr(), run)
        }
        _ => (std::ptr::null(), 1),
    };
    let job = Job {
        transform,
        len,
        values: values.as_ptr(),
        from,
        results: results.as_mut_ptr(),
        to,
        adds: matches!(plus, Plus::Old),
        bias,
        bias_run,
    };
    // SAFETY: the assertions above hold every row inside its slice, and the machine has the instruction set.
    unsafe { T::winograd(isa, &job) }
}

/// A checked transform, as pointers.
#[derive(Debug)]
pub struct Job<'a, T> {
    transform: Transform,
    len: usize,
    values: *const T,
    from: Square<'a>,
    results: *mut T,
    to: Square<'a>,
    adds: bool,
    /// One number for each `bias_run` elements of a row, or null.
    bias: *const T,
    bias_run: usize,
}

/// # Safety
///
/// Every row of the job lies inside its slice, and the machine has the instructions of `V`.
#[inline(always)]
pub(crate) unsafe fn run<V: Vector>(job: &Job<'_, V::Scalar>) {
    // SAFETY: the caller's promise.
    unsafe {
        match (job.transform, job.from.side, job.to.side) {
            (Transform::Image, ..) => each::<V, 8, 8, Image>(job),
            (Transform::Filter, 3, _) => each::<V, 3, 8, Filter>(job),
            (Transform::Filter, 4, _) => each::<V, 4, 8, Filter>(job),
            (Transform::Filter, 5, _) => each::<V, 5, 8, Filter>(job),
            (Transform::Filter, ..) => each::<V, 6, 8, Filter>(job),
            (Transform::Result, _, 3) => each::<V, 8, 3, Result>(job),
            (Transform::Result, _, 4) => each::<V, 8, 4, Result>(job),
            (Transform::Result, _, 5) => each::<V, 8, 5, Result>(job),
            (Transform::Result, ..) => each::<V, 8, 6, Result>(job),
        }
    }
}

/// Transforms columns, then rows, a vector of elements at a time.
///
/// # Safety
///
/// As [`run`], and the squares have sides `FROM` and `TO`.
#[inline(always)]
unsafe fn each<V: Vector, const FROM: usize, const TO: usize, A: Along<FROM, TO>>(
    job: &Job<'_, V::Scalar>,
) {
    for at in (0..job.len).step_by(V::LANES) {
        let lanes = V::LANES.min(job.len - at);
        // SAFETY: `lanes` elements from `at` on lie inside each row, by the caller's promise; a bias for more
        // than one neighbour is one for a whole vector, since vectors have 16 lanes at most.
        unsafe {
            let mut between = [[V::zero(); FROM]; TO];
            for column in 0..FROM {
                let mut values = [V::zero(); FROM];
                for (row, value) in values.iter_mut().enumerate() {
                    let start = job.from.starts[row * FROM + column];
                    if start != OUTSIDE {
                        *value = V::load(job.values.add(start + at), lanes);
                    }
                }
                for (between, value) in between.iter_mut().zip(A::along(values)) {
                    between[column] = value;
                }
            }
            let bias = match job.bias_run {
                _ if job.bias.is_null() => V::zero(),
                1 => V::load(job.bias.add(at), lanes),
                run => V::splat(*job.bias.add(at / run)),
            };
            for (row, between) in between.into_iter().enumerate() {
                for (column, value) in A::along(between).into_iter().enumerate() {
                    let start = job.to.starts[row * TO + column];
                    if start != OUTSIDE {
                        let to = job.results.add(start + at);
                        let old = if job.adds { V::load(to, lanes) } else { bias };
                        old.add(value).store(to, lanes);
                    }
                }
            }
        }
    }
}

/// A transform along one axis.
trait Along<const FROM: usize, const TO: usize> {
    /// # Safety
    ///
    /// The machine has the instructions of `V`.
    unsafe fn along<V: Vector>(values: [V; FROM]) -> [V; TO];
}

/// From eight pixels to their values at the points, without the factors of the points.
struct Image;

impl Along<8, 8> for Image {
    #[inline(always)]
    unsafe fn along<V: Vector>([a, b, c, d, e, f, g, h]: [V; 8]) -> [V; 8] {
        // SAFETY: the caller's promise.
        unsafe {
            let minus_one = V::of(-1.0);
            let subtract = V::mul_add;
            let even1 = e.mul_add(V::of(-4.25), c.add(g));
            let odd1 = d.mul_add(V::of(-4.25), b.add(f));
            let even2 = e.mul_add(V::of(-1.25), c.mul_add(V::of(0.25), g));
            let odd2 = b.mul_add(V::of(0.5), d.mul_add(V::of(-2.5), f.add(f)));
            let even3 = e.mul_add(V::of(-5.0), c.mul_add(V::of(4.0), g));
            let odd3 = f.mul_add(V::of(0.5), d.mul_add(V::of(-2.5), b.add(b)));
            [
                subtract(c, minus_one, e).mul_add(V::of(5.25), subtract(g, minus_one, a)),
                even1.add(odd1),
                subtract(odd1, minus_one, even1),
                even2.add(odd2),
                subtract(odd2, minus_one, even2),
                even3.add(odd3),
                subtract(odd3, minus_one, even3),
                subtract(f, minus_one, d).mul_add(V::of(5.25), subtract(b, minus_one, h)),
            ]
        }
    }
}

/// From the weights of a filter to its values at the points, with their factors.
struct Filter;

impl<const SIDE: usize> Along<SIDE, 8> for Filter {
    #[inline(always)]
    unsafe fn along<V: Vector>(weights: [V; SIDE]) -> [V; 8] {
        // SAFETY: the caller's promise.
        unsafe {
            // The sums over even and odd powers of 1, 2 and ½, with the factors of the points.
            let [mut ones, mut twos, mut halves] = [[V::zero(); 2]; 3];
            for (power, weight) in weights.into_iter().enumerate() {
                let (parity, power) = (power % 2, f64::from(1 << power));
                ones[parity] = weight.mul_add(V::of(-2.0 / 9.0), ones[parity]);
                twos[parity] = weight.mul_add(V::of(power / 90.0), twos[parity]);
                halves[parity] = weight.mul_add(V::of(32.0 / 45.0 / power), halves[parity]);
            }
            let minus_one = V::of(-1.0);
            [
                weights[0],
                ones[0].add(ones[1]),
                ones[1].mul_add(minus_one, ones[0]),
                twos[0].add(twos[1]),
                twos[1].mul_add(minus_one, twos[0]),
                halves[0].add(halves[1]),
                halves[1].mul_add(minus_one, halves[0]),
                weights[SIDE - 1],
            ]
        }
    }
}

/// From products at the points to the results.
struct Result;

impl<const SIDE: usize> Along<8, SIDE> for Result {
    #[inline(always)]
    unsafe fn along<V: Vector>([a, b, c, d, e, f, g, h]: [V; 8]) -> [V; SIDE] {
        // SAFETY: the caller's promise.
        unsafe {
            let minus_one = V::of(-1.0);
            let ones = [b.add(c), c.mul_add(minus_one, b)];
            let twos = [d.add(e), e.mul_add(minus_one, d)];
            let halves = [f.add(g), g.mul_add(minus_one, f)];
            let mut results = [V::zero(); SIDE];
            for (power, result) in results.iter_mut().enumerate() {
                let (parity, power) = (power % 2, f64::from(1 << power));
                let far = twos[parity].mul_add(V::of(power), ones[parity]);
                *result = halves[parity].mul_add(V::of(1.0 / power), far);
            }
            results[0] = a.add(results[0]);
            results[SIDE - 1] = h.add(results[SIDE - 1]);
            results
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    fn random<T: Float>(count: usize, stream: u64) -> Vec<T> {
        let mut stream = Stream::new(11, stream);
        (0..count).map(|_| T::from_f64(stream.normal())).collect()
    }

    /// The convolution of one patch, by its transforms and by its definition.
    fn agrees<T: Float>(tolerance: f64) {
        for isa in Isa::available() {
            for (side, len) in [(3, 1), (3, 16), (4, 37), (4, 5), (5, 16), (6, 48)] {
                let n_results = POINTS + 1 - side;
                let starts =
                    |side: usize| (0..side * side).map(|i| i * (len + 3)).collect::<Vec<_>>();
                let (mut patch, filter) = (starts(POINTS), starts(side));
                patch[7] = OUTSIDE;
                let (x, w) = (random::<T>(64 * (len + 3), 1), random::<T>(36 * (len + 3), 2));
                let points = starts(POINTS);
                let (mut vx, mut vw) = (x.clone(), x.clone());
                let square = |side, starts| Square { side, starts };
                let all = square(POINTS, &points);
                let image = (&x[..], square(POINTS, &patch));
                winograd_on(isa, Transform::Image, len, image, (&mut vx, all), Plus::Nothing);
                let weights = (&w[..], square(side, &filter));
                winograd_on(isa, Transform::Filter, len, weights, (&mut vw, all), Plus::Nothing);
                vx.iter_mut().zip(&vw).for_each(|(x, &w)| *x *= w);
                let mut places = starts(n_results);
                places[1] = OUTSIDE;
                let (old, bias) = (random::<T>(36 * (len + 3), 3), random::<T>(len, 4));
                for plus in [Plus::Nothing, Plus::Old, Plus::Bias(&bias, 1), Plus::Bias(&bias, 16)]
                {
                    let mut y = old.clone();
                    let to = (&mut y[..], square(n_results, &places));
                    winograd_on(isa, Transform::Result, len, (&vx, all), to, plus);
                    for (place, i) in (0..n_results * n_results * len).map(|i| (i / len, i % len)) {
                        let mut sum = match plus {
                            Plus::Nothing => 0.0,
                            Plus::Old => old[place * (len + 3) + i].to_f64(),
                            Plus::Bias(bias, run) => bias[i / run].to_f64(),
                        };
                        for tap in 0..side * side {
                            let row = place / n_results + tap / side;
                            match patch[row * POINTS + place % n_results + tap % side] {
                                OUTSIDE => {}
                                start => {
                                    sum += x[start + i].to_f64() * w[filter[tap] + i].to_f64();
                                }
                            }
                        }
                        let is_outside = places[place] == OUTSIDE;
                        let expected =
                            if is_outside { old[place * (len + 3) + i].to_f64() } else { sum };
                        let found = y[place * (len + 3) + i].to_f64();
                        assert!(
                            (found - expected).abs() <= tolerance * 100.0,
                            "{} {}: side {side}, {len} long, place {place}: {found}, expected {expected}",
                            isa.name(),
                            T::NAME,
                        );
                    }
                }
            }
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
        for (len, from, to) in [(2, 64, 99), (2, 99, 64), (100, 99, 99)] {
            let refused = std::panic::catch_unwind(|| {
                let (values, mut results) = (vec![0.0f32; from], vec![0.0; to]);
                winograd(Transform::Image, len, (&values, all), (&mut results, all), Plus::Nothing);
            });
            assert!(refused.is_err(), "rows of {len}, {from} and {to}");
        }
        let few = Square { side: 2, starts: &starts[..4] };
        let refused = std::panic::catch_unwind(|| {
            winograd(
                Transform::Image,
                1,
                (&[0.0f32; 99], few),
                (&mut [0.0; 99], all),
                Plus::Nothing,
            );
        });
        assert!(refused.is_err(), "a side of 2");
    }
}
