//! A function of one variable, `y = f(x)`, with noise.

use kernels::random::Stream;

use crate::columns::{Cells, Column, Table};

/// Random draws: `"form"`.
const FORMULA: u64 = 0x666f_726d;

/// Makes `n` samples: `x` uniform from `range[0]` to `range[1]`, `y = f(x)` with noise of the standard deviation `noise`.
/// Columns `x` and `y`. Where `f` is not finite, `y` is missing.
///
/// # Examples
///
/// ```
/// # use gradus_data::{columns::Cells, made::formula};
/// let table = formula::make(3, [0.0, 1.0], 0.0, 1, |x| x * x);
/// let Cells::Numbers(y) = &table.columns()[1].cells else { unreachable!() };
/// assert!(y.iter().all(|y| (0.0..1.0).contains(y)));
/// ```
pub fn make(
    n: usize,
    range: [f64; 2],
    noise: f64,
    seed: u64,
    mut f: impl FnMut(f64) -> f64,
) -> Table {
    let mut random = Stream::new(seed, FORMULA);
    let (mut xs, mut ys) = (Vec::with_capacity(n), Vec::with_capacity(n));
    for _ in 0..n {
        let x = range[0] + (range[1] - range[0]) * random.uniform();
        let y = f(x) + noise * random.normal();
        xs.push(x);
        ys.push(if y.is_finite() { y } else { f64::NAN });
    }
    let column = |name: &str, cells| Column { name: name.to_owned(), cells: Cells::Numbers(cells) };
    Table::new("formula", n, vec![column("x", xs), column("y", ys)]).expect("two cells a sample")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_lie_on_the_function_and_what_is_not_finite_is_missing() {
        let table =
            make(100, [-1.0, 1.0], 0.0, 5, |x| if x < 0.0 { f64::INFINITY } else { 2.0 * x });
        let [Cells::Numbers(x), Cells::Numbers(y)] = [0, 1].map(|i| &table.columns()[i].cells)
        else {
            panic!("numbers")
        };
        let is_right = |(&x, &y): (&f64, &f64)| if x < 0.0 { y.is_nan() } else { y == 2.0 * x };
        assert!(x.iter().zip(y).all(is_right));
        assert!(x.iter().any(|&x| x < 0.0) && x.iter().any(|&x| x > 0.0));
        // Noise does not change where samples are.
        let noisy = make(100, [-1.0, 1.0], 0.5, 5, |x| x);
        assert_eq!(noisy.columns()[0], table.columns()[0]);
    }
}
