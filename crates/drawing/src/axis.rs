//! Round numbers for axes.

/// Round numbers between two bounds, at most `most` of them and one.
///
/// ```
/// assert_eq!(gradus_drawing::ticks([-8.2, 2.2], 6), [-8.0, -6.0, -4.0, -2.0, 0.0, 2.0]);
/// assert_eq!(gradus_drawing::ticks([0.0, 1.0], 6), [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
/// ```
pub fn ticks([low, high]: [f64; 2], most: usize) -> Vec<f64> {
    let rough = Some((high - low) / most as f64).filter(|rough| *rough != 0.0).unwrap_or(1.0);
    let power = 10_f64.powi(rough.log10().floor() as i32);
    let sizes = [1.0, 2.0, 2.5, 5.0, 10.0].map(|factor| factor * power);
    let Some(apart) = sizes.into_iter().find(|size| *size >= rough * 0.999) else {
        return Vec::new();
    };
    let first = (low / apart - 1e-9).ceil();
    // Bounded by a count: where `low` is large beside the distance, adding 1 to a number may not change it.
    (0..most + 2)
        .map(|i| (first + i as f64) * apart)
        .take_while(|value| *value <= high + apart * 1e-9)
        .map(|value| rounded(value, 12))
        .collect()
}

/// A number with so many digits.
pub fn rounded(value: f64, digits: usize) -> f64 {
    format!("{value:.*e}", digits - 1).parse().expect("a number that was just written")
}
