//! The trials of a sweep as a picture: the metric over the values of each range.

use std::path::Path;

use runs::tune::{SweepFolderError, SweepRecord, TrialResult, TuneRange, value_text};
use toml::Value;

use drawing::ticks;

use super::axis::{padded_range, short_number};
use super::canvas::{Anchor, Picture};
use super::description::color;
use super::{Area, HEAD, LINE_TEXT, MARGIN, NAME_TEXT, SMALL_TEXT, TITLE, TITLE_TEXT};

/// Points of a panel, and most of them side by side.
const PANEL: [f64; 2] = [448.0, 320.0];
const MOST_COLUMNS: usize = 3;
/// Between the edges of a panel and its axes.
const LEFT: f64 = 58.0;
const BOTTOM: f64 = 36.0;
/// The radius of a trial, and of the best.
const RADIUS: f64 = 3.5;
const BEST_RADIUS: f64 = 6.0;
/// Letters of a value at an axis.
const MOST_LETTERS: usize = 12;

/// The trials of the sweep in `folder` so far, a panel for each range; trials of earlier rungs are paler, and those whose
/// loss was not finite lie at the bottom.
///
/// # Errors
///
/// If its record cannot be read.
pub fn sweep_picture(folder: &Path) -> Result<Picture, SweepFolderError> {
    let record = SweepRecord::read(folder)?;
    let name = folder.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned());
    let n_panels = record.started.ranges.len().max(1);
    let columns = n_panels.min(MOST_COLUMNS);
    let rows = n_panels.div_ceil(columns);
    let mut picture = Picture::new(columns as f64 * PANEL[0], HEAD + rows as f64 * PANEL[1]);
    picture.text([MARGIN, 30.0], Anchor::Start, (NAME_TEXT, color("--ink")), &name);
    let ranked = record.ranked();
    let best = ranked.first().and_then(|best| Some((best.trial, best.metric?)));
    let mut line = format!("{} trials", ranked.len());
    if let Some((trial, metric)) = best {
        line += &format!(
            ", the best is trial {trial}: {} {}",
            record.started.select,
            short_number(metric, 4)
        );
    }
    picture.text([MARGIN, 54.0], Anchor::Start, (LINE_TEXT, color("--quiet")), &line);
    for (i, (path, range)) in record.started.ranges.iter().enumerate() {
        let area = Area::of_panel(i, columns, PANEL);
        panel(&mut picture, area, (path, range), &record, &ranked);
    }
    Ok(picture)
}

fn panel(
    picture: &mut Picture,
    area: Area,
    (path, range): (&str, &TuneRange),
    record: &SweepRecord,
    ranked: &[&TrialResult],
) {
    let small = |picture: &mut Picture, at, anchor, text: &str| {
        picture.text(at, anchor, (SMALL_TEXT, color("--quiet")), text);
    };
    let title = [area.left, area.top + TITLE_TEXT];
    picture.text(title, Anchor::Start, (TITLE_TEXT, color("--ink")), path);
    let plot = Area {
        left: area.left + LEFT,
        top: area.top + TITLE + SMALL_TEXT,
        right: area.right - RADIUS,
        bottom: area.bottom - BOTTOM,
    };
    small(picture, [area.left, area.top + TITLE], Anchor::Start, &record.started.select);
    let metrics = ranked.iter().filter_map(|result| result.metric);
    let extent = metrics.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], metric| {
        [low.min(metric), high.max(metric)]
    });
    let metrics = padded_range(extent);
    let y = |metric: f64| plot.bottom - plot.height() * share(metrics, metric);
    for tick in ticks(metrics, (plot.height() / 34.0) as usize) {
        picture.line(&[[plot.left, y(tick)], [plot.right, y(tick)]], color("--line"), 1.0);
        let at = [plot.left - 6.0, y(tick) + 4.0];
        small(picture, at, Anchor::End, &short_number(tick, 4));
    }
    let axis = ValueAxis::of(range);
    let x = |at: f64| plot.left + plot.width() * share(axis.ends, at);
    for (at, text) in &axis.ticks {
        let at = [x(*at), plot.bottom + 16.0];
        small(picture, at, Anchor::Middle, text);
    }
    let best = ranked.first().filter(|best| best.metric.is_some());
    // The best is drawn last, over the others.
    for result in ranked.iter().rev() {
        let Some(at) = result.values.get(path).and_then(|value| axis.place(range, value)) else {
            continue;
        };
        let is_best = best.is_some_and(|best| best.trial == result.trial);
        let rungs_left = record.started.rungs.len().saturating_sub(result.rung) as f64;
        let (name, radius, opacity) = match result.metric {
            None => ("--quiet", RADIUS, 0.5),
            Some(_) if is_best => ("--test", BEST_RADIUS, 1.0),
            Some(_) => ("--train", RADIUS, 0.8 / (1.0 + rungs_left)),
        };
        let center = [x(at), result.metric.map_or(plot.bottom, y)];
        picture.area(circle(center, radius), color(name), opacity);
    }
}

/// The axis of a range: its ends, and places with a text.
struct ValueAxis {
    ends: [f64; 2],
    ticks: Vec<(f64, String)>,
}

impl ValueAxis {
    fn of(range: &TuneRange) -> Self {
        const MOST_TICKS: usize = 5;
        let numbered = |ends: [f64; 2]| {
            let at = ticks(ends, MOST_TICKS).into_iter();
            Self { ends, ticks: at.map(|at| (at, short_number(at, 4))).collect() }
        };
        match range {
            TuneRange::Uniform(ends) => numbered(*ends),
            TuneRange::Whole(ends) => numbered(ends.map(|end| end as f64)),
            TuneRange::Log(ends) => {
                let ends = ends.map(f64::log10);
                let mut powers = ticks(ends, MOST_TICKS);
                powers.retain(|power| power.fract() == 0.0);
                // Less than a power of ten.
                if powers.len() < 2 {
                    powers = ends.to_vec();
                }
                let text = |power: f64| (power, short_number(10_f64.powf(power), 3));
                Self { ends, ticks: powers.into_iter().map(text).collect() }
            }
            TuneRange::Choice(values) => {
                let texts = values.iter().map(|value| {
                    let text = value_text(value);
                    let is_long = text.chars().count() > MOST_LETTERS;
                    let kept: String = text.chars().take(MOST_LETTERS - 1).collect();
                    if is_long { kept + "…" } else { text }
                });
                let ticks = texts.enumerate().map(|(i, text)| (i as f64, text)).collect();
                Self { ends: [-0.5, values.len() as f64 - 0.5], ticks }
            }
        }
    }

    /// The place of a value on the axis.
    fn place(&self, range: &TuneRange, value: &Value) -> Option<f64> {
        let number = || value.as_float().or(value.as_integer().map(|integer| integer as f64));
        match range {
            TuneRange::Choice(values) => {
                Some(values.iter().position(|other| other == value)? as f64)
            }
            TuneRange::Log(_) => number().map(f64::log10),
            TuneRange::Uniform(_) | TuneRange::Whole(_) => number(),
        }
    }
}

/// How far `value` is from the first of two numbers to the second.
fn share([from, to]: [f64; 2], value: f64) -> f64 {
    if from < to { ((value - from) / (to - from)).clamp(0.0, 1.0) } else { 0.5 }
}

fn circle([x, y]: [f64; 2], radius: f64) -> Vec<[f64; 2]> {
    const CORNERS: usize = 16;
    let corner = |i: usize| {
        let angle = std::f64::consts::TAU * i as f64 / CORNERS as f64;
        [x + radius * angle.cos(), y + radius * angle.sin()]
    };
    (0..CORNERS).map(corner).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_lie_where_their_axis_says() {
        let log = TuneRange::Log([1e-8, 1e-4]);
        let axis = ValueAxis::of(&log);
        let texts: Vec<_> = axis.ticks.iter().map(|(_, text)| &**text).collect();
        assert_eq!(texts, ["1.00e-8", "1.00e-7", "1.00e-6", "1.00e-5", "0.0001"]);
        assert!((share(axis.ends, axis.place(&log, &1e-6.into()).unwrap()) - 0.5).abs() < 1e-12);
        let narrow = ValueAxis::of(&TuneRange::Log([0.2, 0.5]));
        assert_eq!(
            narrow.ticks.iter().map(|(_, text)| &**text).collect::<Vec<_>>(),
            ["0.2", "0.5"]
        );
        let choice =
            TuneRange::Choice(vec!["sgd".into(), "a long name of a kind".into(), 3.into()]);
        let axis = ValueAxis::of(&choice);
        assert_eq!(axis.ticks[1].1, "a long name…");
        assert_eq!(axis.place(&choice, &3.into()), Some(2.0));
        assert_eq!(axis.place(&choice, &4.into()), None);
        let whole = TuneRange::Whole([50, 300]);
        assert_eq!(ValueAxis::of(&whole).place(&whole, &50.into()), Some(50.0));
        assert_eq!(share([1.0, 1.0], 1.0), 0.5);
    }
}
