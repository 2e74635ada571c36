//! MNIST-1D: signals of 40 numbers in ten classes, one for each digit, on which networks of different kinds differ more
//! than on the digits.
//!
//! A signal is a curve of twelve points for its digit, stretched, made taller, shifted, with noise that is correlated
//! where there is no curve and independent everywhere, sheared and sampled at 40 points. All numbers together are
//! standardised.
//!
//! Source: Greydanus and Kobak (2020), "Scaling down deep learning with MNIST-1D", with the settings published there;
//! random numbers are our own.

use std::sync::Arc;

use kernels::random::Stream;

use crate::Features;
use crate::columns::{Cells, Column, Table};

/// Numbers of a signal.
pub const LENGTH: usize = 40;
const CLASSES: usize = 10;
/// Points of a curve, of the zeros that may follow it, and of both when they are stretched.
const POINTS: usize = 12;
const PADDING: [u64; 2] = [36, 60];
const STRETCHED: usize = POINTS + PADDING[1] as usize;
/// How much taller or lower a signal is made at most: by half of it.
const SCALE: f64 = 0.4;
const SHIFTS: u64 = 48;
const CORRELATED_NOISE: f64 = 0.25;
const INDEPENDENT_NOISE: f64 = 0.02;
const SHEAR: f64 = 0.75;
/// Tells the zeros of a curve from those after it.
const OFFSET: f64 = 1e-8;

/// Random draws: `"mn1d"`.
const MNIST1D: u64 = 0x6d6e_3164;

/// The curves of the digits.
const CURVES: [[f64; POINTS]; CLASSES] = [
    [5.0, 6.0, 6.5, 6.75, 7.0, 7.0, 7.0, 7.0, 6.75, 6.5, 6.0, 5.0],
    [5.0, 3.0, 3.0, 3.4, 3.8, 4.2, 4.6, 5.0, 5.4, 5.8, 5.0, 5.0],
    [5.0, 6.0, 6.5, 6.5, 6.0, 5.25, 4.75, 4.0, 3.5, 3.5, 4.0, 5.0],
    [5.0, 6.0, 6.5, 6.5, 6.0, 5.0, 5.0, 6.0, 6.5, 6.5, 6.0, 5.0],
    [5.0, 4.4, 3.8, 3.2, 2.6, 2.6, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0],
    [5.0, 3.0, 3.0, 3.0, 3.0, 5.0, 6.0, 6.5, 6.5, 6.0, 4.5, 5.0],
    [5.0, 4.0, 3.5, 3.25, 3.0, 3.0, 3.0, 3.0, 3.25, 3.5, 4.0, 5.0],
    [5.0, 7.0, 7.0, 6.6, 6.2, 5.8, 5.4, 5.0, 4.6, 4.2, 5.0, 5.0],
    [5.0, 4.0, 3.5, 3.5, 4.0, 5.0, 5.0, 4.0, 3.5, 3.5, 4.0, 5.0],
    [5.0, 4.0, 3.5, 3.5, 4.0, 5.0, 5.0, 5.0, 5.0, 4.7, 4.3, 5.0],
];

/// Makes `n` signals, sample `i` of the digit `i % 10`. Columns `signal`, an array `[40]`, and `class`.
///
/// # Examples
///
/// ```
/// # use gradus_data::made::mnist1d;
/// let table = mnist1d::make(20, 42);
/// assert_eq!((table.len(), table.columns()[0].name.as_str()), (20, "signal"));
/// ```
pub fn make(n: usize, seed: u64) -> Table {
    let curves = CURVES.map(standardized);
    let mut signals = Vec::with_capacity(n * LENGTH);
    for i in 0..n {
        let mut random = Stream::new(seed, MNIST1D + ((i as u64) << 32));
        signals.extend(signal(&curves[i % CLASSES], &mut random));
    }
    let (mean, deviation) = moments(&signals);
    let values = signals.iter().map(|value| ((value - mean) / deviation) as f32).collect();
    let categories: Arc<[String]> = (0..CLASSES).map(|class| class.to_string()).collect();
    let codes = (0..n).map(|i| (i % CLASSES) as u32).collect();
    let columns = vec![
        Column {
            name: "signal".to_owned(),
            cells: Cells::Arrays { shape: vec![LENGTH], values: Features::F32(values) },
        },
        Column { name: "class".to_owned(), cells: Cells::Categories { codes, categories } },
    ];
    Table::new("mnist1d", n, columns).expect("a signal for each class")
}

/// A curve that begins at 0, a sixth of one with the deviation 1.
fn standardized(curve: [f64; POINTS]) -> [f64; POINTS] {
    let (_, deviation) = moments(&curve);
    curve.map(|point| (point - curve[0]) / deviation / 6.0)
}

fn signal(curve: &[f64; POINTS], random: &mut Stream) -> Vec<f64> {
    let zeros = PADDING[0] + random.below(PADDING[1] - PADDING[0] + 1);
    let padded = curve.iter().map(|point| point + OFFSET).chain((0..zeros).map(|_| 0.0));
    let mut signal = sampled(&padded.collect::<Vec<_>>(), STRETCHED);
    let scale = 1.0 + SCALE * (random.uniform() - 0.5);
    signal.iter_mut().for_each(|value| *value *= scale);
    signal.rotate_right(random.below(SHIFTS) as usize);
    let correlated: Vec<f64> = (0..STRETCHED).map(|_| CORRELATED_NOISE * random.normal()).collect();
    for (value, noise) in signal.iter_mut().zip(smoothed(&correlated)) {
        if *value == 0.0 {
            *value = noise;
        }
        *value += INDEPENDENT_NOISE * random.normal();
    }
    let shear = SHEAR * (random.uniform() - 0.5);
    let last = (STRETCHED - 1) as f64;
    for (i, value) in signal.iter_mut().enumerate() {
        *value -= shear * (i as f64 / last - 0.5);
    }
    sampled(&signal, LENGTH)
}

/// `n` numbers at equal distances along a polygon, both ends included.
fn sampled(polygon: &[f64], n: usize) -> Vec<f64> {
    let last = polygon.len() - 1;
    let at = |i: usize| {
        let at = (i * last) as f64 / (n - 1) as f64;
        let first = (at as usize).min(last - 1);
        polygon[first] + (at - first as f64) * (polygon[first + 1] - polygon[first])
    };
    (0..n).map(at).collect()
}

/// The convolution with a normal distribution of deviation 2, mirrored at both ends.
fn smoothed(values: &[f64]) -> Vec<f64> {
    const RADIUS: isize = 8;
    let weights: Vec<f64> =
        (-RADIUS..=RADIUS).map(|i| libm::exp(-((i * i) as f64) / 8.0)).collect();
    let sum: f64 = weights.iter().sum();
    let len = values.len() as isize;
    let mirrored = |i: isize| match i {
        ..0 => -1 - i,
        i if i >= len => 2 * len - 1 - i,
        i => i,
    };
    let at = |i: isize| {
        let near = (-RADIUS..=RADIUS).zip(&weights);
        near.map(|(j, weight)| weight * values[mirrored(i + j) as usize]).sum::<f64>() / sum
    };
    (0..len).map(at).collect()
}

/// The mean and the standard deviation.
fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / n;
    (mean, variance.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signals(n: usize, seed: u64) -> Vec<f32> {
        match &make(n, seed).columns()[0].cells {
            Cells::Arrays { values: Features::F32(values), .. } => values.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn signals_are_standardised_and_a_pure_function_of_the_seed() {
        let values: Vec<f64> = signals(500, 42).into_iter().map(f64::from).collect();
        let (mean, deviation) = moments(&values);
        assert!(mean.abs() < 1e-6 && (deviation - 1.0).abs() < 1e-6, "{mean} {deviation}");
        assert_eq!(signals(20, 1), signals(20, 1));
        assert_ne!(signals(20, 1), signals(20, 2));
        assert!(make(0, 1).is_empty());
    }

    #[test]
    fn noise_smoothed_keeps_its_sum_and_ends_are_mirrored() {
        let mut values = vec![0.0; 72];
        values[0] = 1.0;
        let smooth = smoothed(&values);
        assert!((smooth.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        // The first value counts once for itself and once for its mirror image.
        assert!(smooth[0] > smooth[1] && smooth[1] > smooth[2]);
        let expected = (1.0 + libm::exp(-1.0 / 8.0))
            / (-8..=8).map(|i| libm::exp(-f64::from(i * i) / 8.0)).sum::<f64>();
        assert!((smooth[0] - expected).abs() < 1e-12);
    }

    #[test]
    fn a_polygon_is_sampled_at_its_ends_and_between() {
        assert_eq!(sampled(&[0.0, 2.0, 4.0], 5), [0.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(sampled(&[1.0, 3.0], 2), [1.0, 3.0]);
    }

    #[test]
    fn the_mean_signals_of_different_digits_differ() {
        let values = signals(2000, 3);
        // The share of signals whose nearest neighbour among the 200 first ones has the same digit: chance is 0.1.
        let signal = |i: usize| &values[i * LENGTH..][..LENGTH];
        let distance =
            |a: &[f32], b: &[f32]| -> f32 { a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum() };
        let nearest = |i: usize| {
            (0..200).min_by(|&a, &b| {
                distance(signal(a), signal(i)).total_cmp(&distance(signal(b), signal(i)))
            })
        };
        let right = (200..2000).filter(|&i| nearest(i).is_some_and(|j| i % 10 == j % 10)).count();
        assert!((400..1500).contains(&right), "{right} of 1800");
    }
}
