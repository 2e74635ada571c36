//! Every dataset that is computed instead of read, one file each. This list is the whole registry.
//!
//! Tables are pure functions of their settings and a seed.

pub mod circle;
pub mod formula;
pub mod gaussians;
pub mod matrix_exponential;
pub mod mnist1d;
pub mod moons;
pub mod spiral;
pub mod xor;

use std::sync::Arc;

use kernels::random::Stream;

use crate::columns::{Cells, Column, Table};

/// A table of points in the plane, columns `x`, `y` and `class`. `point` gives the point number `i`, whose class is
/// `i % classes`, before noise with the standard deviation `noise` is added to both coordinates.
fn points(
    name: &str,
    n: usize,
    noise: f64,
    classes: usize,
    random: &mut Stream,
    mut point: impl FnMut(usize, &mut Stream) -> [f64; 2],
) -> Table {
    let (mut xs, mut ys) = (Vec::with_capacity(n), Vec::with_capacity(n));
    for i in 0..n {
        let [x, y] = point(i, random);
        xs.push(x + noise * random.normal());
        ys.push(y + noise * random.normal());
    }
    let codes = (0..n).map(|i| (i % classes) as u32).collect();
    let categories: Arc<[String]> = (0..classes).map(|class| class.to_string()).collect();
    let column = |name: &str, cells| Column { name: name.to_owned(), cells };
    let columns = vec![
        column("x", Cells::Numbers(xs)),
        column("y", Cells::Numbers(ys)),
        column("class", Cells::Categories { codes, categories }),
    ];
    Table::new(name, n, columns).expect("a cell for each point")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers<'a>(table: &'a Table, column: &str) -> &'a [f64] {
        match &table.column(column).unwrap().cells {
            Cells::Numbers(numbers) => numbers,
            other => panic!("{other:?}"),
        }
    }

    /// The points with their classes.
    fn classified(table: &Table) -> Vec<([f64; 2], u32)> {
        let Cells::Categories { codes, .. } = &table.column("class").unwrap().cells else {
            panic!()
        };
        let points = numbers(table, "x").iter().zip(numbers(table, "y"));
        points.zip(codes).map(|((&x, &y), &class)| ([x, y], class)).collect()
    }

    type Make = fn(usize, f64, u64) -> Table;

    #[test]
    fn points_without_noise_are_in_the_class_that_their_shape_says() {
        type IsFirst = fn([f64; 2]) -> bool;
        let cases: [(Make, IsFirst); 3] = [
            (circle::make, |[x, y]| x.hypot(y) <= 0.5),
            (xor::make, |[x, y]| x * y > 0.0),
            // The arc that opens downwards.
            (moons::make, |[x, y]| (x.hypot(y) - 1.0).abs() < 1e-12 && y >= 0.0),
        ];
        for (make, is_first) in cases {
            let table = make(1000, 0.0, 7);
            for (point, class) in classified(&table) {
                assert_eq!(is_first(point), class == 0, "{}: {point:?}", table.name());
            }
        }
        for (turn, ([x, y], class)) in
            classified(&spiral::make(1000, 0.0, 7)).into_iter().enumerate()
        {
            // The second arm is the first one after half a turn.
            let sign = if class == 0 { 1.0 } else { -1.0 };
            let angle = (sign * x).atan2(sign * y);
            let difference =
                (angle - 1.75 * std::f64::consts::TAU * x.hypot(y)) / std::f64::consts::TAU;
            assert!((difference - difference.round()).abs() < 1e-9, "{turn}");
        }
    }

    #[test]
    fn gaussians_have_their_means_and_deviations() {
        let points = classified(&gaussians::make(20_000, 0.5, 3));
        for (class, center) in [(0, 1.0), (1, -1.0)] {
            for axis in [0, 1] {
                let of: Vec<f64> =
                    points.iter().filter(|p| p.1 == class).map(|p| p.0[axis]).collect();
                let mean = of.iter().sum::<f64>() / of.len() as f64;
                let deviation =
                    (of.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / of.len() as f64).sqrt();
                // Five standard errors of 10,000 points.
                assert!(
                    (mean - center).abs() < 0.025 && (deviation - 0.5).abs() < 0.018,
                    "{mean} {deviation}"
                );
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_points_and_another_one_others() {
        let all: [Make; 5] = [circle::make, xor::make, gaussians::make, spiral::make, moons::make];
        for make in all {
            let table = make(50, 0.1, 1);
            assert_eq!(table, make(50, 0.1, 1));
            assert_ne!(table, make(50, 0.1, 2), "{}", table.name());
            assert!(make(0, 0.1, 1).is_empty());
        }
        let streams: std::collections::BTreeSet<u64> =
            all.iter().map(|make| numbers(&make(1, 1.0, 1), "x")[0].to_bits()).collect();
        assert_eq!(streams.len(), all.len());
    }
}
