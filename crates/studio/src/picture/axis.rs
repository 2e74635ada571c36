//! Axes: their ranges, and the text of numbers beside them.
//!
//! The rules, and those of ticks, are those of `assets/axes.js`; both are tested with the cases of `tests/axes.json`.

use drawing::rounded;

use super::description::Range;

/// No bound is larger, so that the difference of two bounds is still a number.
const LARGEST: f64 = 8e307;
/// The share of a range that stays free at each end.
const MARGIN: f64 = 0.06;

/// A value whose difference to any other such value is a number.
pub(super) fn bounded(value: f64) -> f64 {
    value.clamp(-LARGEST, LARGEST)
}

/// The range of values between `low` and `high`, with a margin. Values that are not negative have no margin below 0.
pub(super) fn padded_range([low, high]: [f64; 2]) -> [f64; 2] {
    if low > high || low.is_nan() || high.is_nan() {
        return [0.0, 1.0];
    }
    let sizes = [high - low, high.abs(), 1.0];
    let size = sizes.into_iter().find(|size| *size != 0.0).unwrap_or(1.0);
    let margin = size * MARGIN;
    let bottom = bounded(low - margin);
    [if low >= 0.0 { bottom.max(0.0) } else { bottom }, bounded(high + margin)]
}

/// The smallest and the largest finite value of nested bands.
pub(super) fn extent<'a>(edges: impl Iterator<Item = &'a [f64; 8]>) -> [f64; 2] {
    edges
        .filter(|edges| edges.iter().all(|edge| edge.is_finite()))
        .fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], edges| {
            [low.min(edges[0]), high.max(edges[7])]
        })
}

/// The range of several curves by the rule of their panel, from the values in training and those of each evaluated set:
/// no set leaves its own range.
pub(super) fn curves_range(rule: &Range, training: &[f64], evaluated: &[Vec<f64>]) -> [f64; 2] {
    let ranges = evaluated.iter().map(|values| curve_range(rule, training, values));
    let around = |[low, high]: [f64; 2], [other_low, other_high]: [f64; 2]| {
        [low.min(other_low), high.max(other_high)]
    };
    ranges.reduce(around).unwrap_or([0.0, 1.0])
}

/// The range of a curve by the rule of its panel, from its values in training and in an evaluated set.
fn curve_range(rule: &Range, training: &[f64], evaluated: &[f64]) -> [f64; 2] {
    let finite = |values: &[f64]| -> Vec<f64> {
        values.iter().copied().filter(|value| value.is_finite()).collect()
    };
    let largest = |values: &[f64], start: f64| values.iter().copied().fold(start, f64::max);
    let values = finite(evaluated);
    let top = largest(&values, 0.0);
    match rule {
        Range::Floors { floors } => {
            let earned = floors.iter().find(|[threshold, _]| top > *threshold);
            [earned.map_or(0.0, |[_, floor]| *floor), 1.0]
        }
        Range::Quantile { quantile, factor, headroom, smallest, few, first_steps } => {
            if values.is_empty() {
                let first = finite(&training[..training.len().min(*first_steps)]);
                return [0.0, bounded(largest(&first, 1.0) * headroom)];
            }
            let top = bounded(smallest.max(top * headroom));
            if values.len() < *few {
                return [0.0, top];
            }
            let mut sorted = values[1..].to_vec();
            sorted.sort_by(f64::total_cmp);
            let usual = sorted[(sorted.len() as f64 * quantile) as usize] * factor;
            [0.0, top.min(usual.max(*smallest))]
        }
    }
}

/// A step in the unit of the largest step on the axis.
pub(super) fn step_text(step: f64, largest: f64) -> String {
    let (unit, size) = match (step, largest) {
        (0.0, _) => ("", 1.0),
        (_, 1e6..) => ("M", 1e6),
        (_, 1e4..) => ("k", 1e3),
        _ => ("", 1.0),
    };
    format!("{}{unit}", rounded(step / size, 4))
}

/// A number of any size in few digits.
pub(super) fn short_number(value: f64, digits: usize) -> String {
    let size = value.abs();
    if !value.is_finite() {
        "–".into()
    } else if value != 0.0 && !(1e-4..1e5).contains(&size) {
        // JavaScript writes the sign of a positive exponent.
        let text = format!("{value:.*e}", digits - 1);
        if text.contains("e-") { text } else { text.replace('e', "e+") }
    } else {
        // Adding 0 makes 0 of -0.
        (rounded(value, digits) + 0.0).to_string()
    }
}

/// A fraction as a percentage on an axis: whole if it is, else with one decimal.
pub(super) fn axis_percent(fraction: f64) -> String {
    let is_whole = ((fraction * 1e6).round() / 1e4).fract() == 0.0;
    format!("{:.*} %", usize::from(!is_whole), 100.0 * fraction)
}

#[cfg(test)]
mod tests {
    use drawing::ticks;
    use serde::Deserialize;

    use super::*;

    /// A name, two curves and their range.
    type CurveRange = (String, Vec<Option<f64>>, Vec<Option<f64>>, [f64; 2]);

    /// A name, the values in training and in each evaluated set, and their range.
    type CurvesRange = (String, Vec<f64>, Vec<Vec<f64>>, [f64; 2]);

    /// The cases that `tests/js/axes.test.mjs` reads as well.
    #[derive(Deserialize)]
    struct Cases {
        ticks: Vec<([f64; 2], usize, Vec<f64>)>,
        padded_range: Vec<([f64; 2], [f64; 2])>,
        curve_range: Vec<CurveRange>,
        curves_range: Vec<CurvesRange>,
        step_text: Vec<(f64, f64, String)>,
        short_number: Vec<(f64, usize, String)>,
        axis_percent: Vec<(f64, String)>,
    }

    #[test]
    fn axes_follow_the_rules_of_the_page() {
        let cases: Cases = serde_json::from_str(include_str!("../../tests/axes.json")).unwrap();
        for (range, most, want) in cases.ticks {
            assert_eq!(ticks(range, most), want, "ticks {range:?} {most}");
        }
        for (extent, want) in cases.padded_range {
            assert_eq!(padded_range(extent), want, "padded_range {extent:?}");
        }
        let description = super::super::description::Description::read();
        for (panel, training, test, want) in cases.curve_range {
            let [training, test] = [training, test].map(|values| -> Vec<f64> {
                values.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect()
            });
            let found = curve_range(description.range(&panel), &training, &test);
            assert_eq!(found, want, "curve_range {panel} {training:?} {test:?}");
        }
        for (panel, training, evaluated, want) in cases.curves_range {
            let found = curves_range(description.range(&panel), &training, &evaluated);
            assert_eq!(found, want, "curves_range {panel} {evaluated:?}");
        }
        for (step, largest, want) in cases.step_text {
            assert_eq!(step_text(step, largest), want, "step_text {step} {largest}");
        }
        for (value, digits, want) in cases.short_number {
            assert_eq!(short_number(value, digits), want, "short_number {value} {digits}");
        }
        for (fraction, want) in cases.axis_percent {
            assert_eq!(axis_percent(fraction), want, "axis_percent {fraction}");
        }
    }

    #[test]
    fn no_value_makes_an_axis_infinite_or_endless() {
        let values = [-1e308, -3e38, -1.0, 0.0, 1e-300, 1.0, 3e38, 1e17, 1e308, f64::MAX];
        for low in values {
            for high in values {
                let range = padded_range([low, high]);
                assert!(range.iter().all(|bound| bound.is_finite()), "{low} {high}: {range:?}");
                assert!((range[1] - range[0]).is_finite());
                assert!(ticks(range, 8).len() <= 10);
            }
            let description = super::super::description::Description::read();
            let [bottom, top] = curve_range(description.range("loss"), &[low], &[low; 5]);
            assert!(bottom.is_finite() && top.is_finite());
        }
        assert_eq!(padded_range(extent([].iter())), [0.0, 1.0]);
        assert_eq!(extent([[f64::INFINITY; 8], [2.0; 8], [f64::NAN; 8]].iter()), [2.0, 2.0]);
    }
}
