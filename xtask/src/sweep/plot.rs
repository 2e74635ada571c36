//! The curves as one SVG image: a row of panels per number of threads.

use std::fmt::Display;

use anyhow::anyhow;
use plotters::prelude::*;

use super::SweepResult;
use super::page::lines;
use super::point::Axis;

/// Width and height of a panel, in pixels.
const PANEL: (u32, u32) = (560, 400);

/// A panel: the size on its horizontal axis, and the size that distinguishes its curves.
const PANELS: [(Axis, Option<Axis>); 3] =
    [(Axis::Batch, Some(Axis::Width)), (Axis::Width, Some(Axis::Batch)), (Axis::Samples, None)];

/// The SVG text.
///
/// # Errors
///
/// If it cannot be drawn.
pub(super) fn svg(measured: &[SweepResult]) -> anyhow::Result<String> {
    let mut threads: Vec<usize> = measured.iter().map(|measured| measured.point.threads).collect();
    threads.sort_unstable();
    threads.dedup();
    let size = (PANEL.0 * PANELS.len() as u32, PANEL.1 * threads.len().max(1) as u32);
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, size).into_drawing_area();
        root.fill(&WHITE).map_err(wrong)?;
        let areas = root.split_evenly((threads.len().max(1), PANELS.len()));
        let places = threads.iter().flat_map(|&n| PANELS.iter().map(move |panel| (n, panel)));
        for (area, (n_threads, &(axis, curves))) in areas.iter().zip(places) {
            let of_row: Vec<SweepResult> =
                measured.iter().copied().filter(|each| each.point.threads == n_threads).collect();
            panel(area, n_threads, axis, curves, &lines(&of_row, axis), bounds(measured))?;
        }
        root.present().map_err(wrong)?;
    }
    Ok(text)
}

fn wrong(error: impl Display) -> anyhow::Error {
    anyhow!("{PLOT}: {error}", PLOT = super::PLOT)
}

/// The shortest and the longest time, with a margin.
fn bounds(measured: &[SweepResult]) -> (f64, f64) {
    let times = || measured.iter().map(|measured| measured.picoseconds);
    let (least, greatest) = (times().fold(f64::INFINITY, f64::min), times().fold(0.0, f64::max));
    if least > greatest { (1.0, 10.0) } else { (least / 1.5, greatest * 1.5) }
}

fn panel(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    n_threads: usize,
    axis: Axis,
    curves: Option<Axis>,
    lines: &[Vec<SweepResult>],
    (least, greatest): (f64, f64),
) -> anyhow::Result<()> {
    // A single point is not a curve.
    let lines: Vec<&Vec<SweepResult>> = lines.iter().filter(|line| line.len() > 1).collect();
    // Powers of two are equidistant: the axis shows their exponents.
    let unit = if axis == Axis::Samples { 1000.0 } else { 1.0 };
    let exponent = |measured: &SweepResult| (measured.point.get(axis) as f64 / unit).log2();
    let exponents = || lines.iter().flat_map(|line| line.iter().map(exponent));
    let first = exponents().fold(f64::INFINITY, f64::min);
    let last = exponents().fold(0.0, f64::max);
    if first >= last {
        return Ok(());
    }
    let legend = if curves.is_some() { 0.3 * (last - first) } else { 0.0 };
    let plural = if n_threads == 1 { "thread" } else { "threads" };
    let title = format!("{n_threads} {plural}, over {}", axis.name());
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(64)
        .build_cartesian_2d(first..last + legend, (least..greatest).log_scale())
        .map_err(wrong)?;
    chart
        .configure_mesh()
        .x_desc(axis.name())
        .y_desc("time of an operation, ps")
        .x_labels((last - first + legend) as usize + 2)
        .x_label_formatter(&|exponent| {
            // The right column is for the legend.
            let is_outside = legend > 0.0 && *exponent > last + 0.01;
            if is_outside { String::new() } else { format!("{:.0}", unit * exponent.exp2()) }
        })
        .y_label_formatter(&|time| format!("{time}"))
        .light_line_style(WHITE)
        .draw()
        .map_err(wrong)?;
    for (i, line) in lines.iter().enumerate() {
        let color = shade(i, lines.len());
        let points = || line.iter().map(|measured| (exponent(measured), measured.picoseconds));
        let series = chart
            .draw_series(LineSeries::new(points(), color.stroke_width(2)).point_size(2))
            .map_err(wrong)?;
        if let Some(curves) = curves {
            series.label(format!("{} {}", curves.name(), line[0].point.get(curves))).legend(
                move |(x, y)| PathElement::new([(x, y), (x + 14, y)], color.stroke_width(2)),
            );
        }
    }
    if curves.is_some() {
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .background_style(WHITE)
            .label_font(("sans-serif", 12))
            .draw()
            .map_err(wrong)?;
    }
    Ok(())
}

/// One of `n` colours from dark blue to light orange, which also differ in brightness.
fn shade(i: usize, n: usize) -> RGBColor {
    const ENDS: [[f64; 3]; 3] = [[28.0, 38.0, 110.0], [178.0, 52.0, 110.0], [252.0, 176.0, 64.0]];
    let place = 2.0 * i as f64 / (n.max(2) - 1) as f64;
    let left = (place as usize).min(1);
    let share = place - left as f64;
    let [r, g, b] = std::array::from_fn(|c| {
        (ENDS[left][c] + share * (ENDS[left + 1][c] - ENDS[left][c])).round() as u8
    });
    RGBColor(r, g, b)
}

#[cfg(test)]
mod tests {
    use super::super::point::SweepPoint;
    use super::*;

    #[test]
    fn a_panel_has_its_title_its_curves_and_its_labels() {
        let sizes = [1, 2, 4].iter().flat_map(|&batch| [32, 64].map(|width| (batch, width)));
        let measured: Vec<SweepResult> = sizes
            .map(|(batch, width)| SweepResult {
                point: SweepPoint { threads: 2, samples: 60_000, width, batch },
                picoseconds: 100.0 / batch as f64,
            })
            .collect();
        let svg = svg(&measured).unwrap();
        assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"));
        let texts: Vec<&str> = svg.lines().map(str::trim).collect();
        for text in ["2 threads, over batch", "2 threads, over width", "width 32", "batch 4", "64"]
        {
            assert!(texts.contains(&text), "{text} in\n{svg}");
        }
        assert!(!svg.contains("over samples"), "one number of samples is not a curve");
    }

    #[test]
    fn nothing_measured_is_an_empty_picture() {
        assert!(svg(&[]).unwrap().starts_with("<svg "));
    }

    #[test]
    fn colours_differ() {
        let colours: Vec<_> = (0..13).map(|i| shade(i, 13)).collect();
        assert!(colours.iter().enumerate().all(|(i, colour)| !colours[..i].contains(colour)));
        assert_eq!(shade(0, 1), shade(0, 2));
    }
}
