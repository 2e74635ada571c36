//! The six panels of a run as one picture, for where there is no browser.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use data::Dataset;
use events::{EvaluationFinished, Event, Quantiles, RunStarted, Snapshot, StepFinished};
use plotters::coord::Shift;
use plotters::prelude::*;

use crate::OpenData;
use crate::images::{self, Images};
use crate::library::OpenRun;
use crate::report::ReportError;

/// The window of the codelab.
const SIZE: (u32, u32) = (1344, 756);
const HEAD: u32 = 64;
/// Test samples that are shown, in rows and columns; a tenth of MNIST's.
const GRID: (usize, usize) = (25, 40);
const BATCH: (usize, usize) = (10, 10);
/// Once so much is right, the axis of accuracy begins higher.
const FLOORS: [(f64, f64); 2] = [(0.95, 0.9), (0.9, 0.8)];

const TRAIN: RGBColor = RGBColor(0x3b, 0x63, 0xe6);
const TEST: RGBColor = RGBColor(0xd4, 0x34, 0x3a);
const WEIGHTS: RGBColor = RGBColor(217, 58, 63);
const BIASES: RGBColor = RGBColor(112, 84, 200);
const INK: RGBColor = RGBColor(0x1d, 0x1d, 0x1f);
const QUIET: RGBColor = RGBColor(0x62, 0x62, 0x6a);
const LINE: RGBColor = RGBColor(0xe6, 0xe3, 0xde);
const WRONG: [u8; 3] = [0xff, 0xc4, 0xc4];
/// Opacity of a band; four lie over each other in the middle.
const BAND_OPACITY: f64 = 1.6 / 7.0;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Result<T> = std::result::Result<T, String>;

/// The six panels of the run in `folder`, as SVG.
///
/// # Errors
///
/// If the run cannot be read.
pub fn svg(folder: &Path, open_data: OpenData) -> std::result::Result<String, ReportError> {
    let wrong = |why: String| ReportError::new(folder, &why);
    let run = OpenRun::at(folder, open_data);
    let lines = run.history().map_err(|error| wrong(format!("events.jsonl: {error}")))?;
    let events = lines.events();
    let story = Story::of(&events);
    let data = run.data().ok();
    let mut text = String::new();
    let mut image_tags = String::new();
    {
        let root = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        let unit = run.experiment().map_or("loss".into(), |experiment| unit(&experiment));
        let drawn = draw(&root, &run.id, &story, &unit, data.as_deref(), &mut image_tags);
        drawn.map_err(|error| wrong(format!("drawing: {error}")))?;
    }
    // The library has no pictures in SVG.
    Ok(text.replacen("</svg>", &format!("{image_tags}</svg>"), 1))
}

/// A picture in SVG as PNG, twice as many pixels as it has points.
///
/// # Errors
///
/// If it is no SVG.
pub fn png(svg: &str) -> std::result::Result<Vec<u8>, ReportError> {
    use resvg::{tiny_skia, usvg};
    let mut options = usvg::Options::default();
    let fonts = options.fontdb_mut();
    fonts.load_font_data(epaint_default_fonts::UBUNTU_LIGHT.to_vec());
    fonts.set_sans_serif_family("Ubuntu");
    let failed = |why: String| ReportError::new(Path::new("picture"), &why);
    let tree = usvg::Tree::from_str(svg, &options).map_err(|error| failed(error.to_string()))?;
    let scale = 2;
    let pixels = tiny_skia::Pixmap::new(SIZE.0 * scale, SIZE.1 * scale);
    let mut pixels = pixels.ok_or_else(|| failed("no memory".into()))?;
    let scale = tiny_skia::Transform::from_scale(scale as f32, scale as f32);
    resvg::render(&tree, scale, &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| failed(error.to_string()))
}

/// The events of a run by kind.
#[derive(Default)]
struct Story<'a> {
    started: Option<&'a RunStarted>,
    steps: Vec<&'a StepFinished>,
    evaluations: Vec<&'a EvaluationFinished>,
    snapshots: Vec<&'a Snapshot>,
    /// The step at which the axes end.
    end: u64,
}

impl<'a> Story<'a> {
    fn of(events: &'a [Event]) -> Self {
        let mut story = Self { end: 1, ..Self::default() };
        for event in events {
            match event {
                Event::RunStarted(started) => story.started = Some(started),
                Event::StepFinished(step) => story.steps.push(step),
                Event::EvaluationFinished(evaluation) => story.evaluations.push(evaluation),
                Event::Snapshot(snapshot) => story.snapshots.push(snapshot),
                Event::RunFinished(finished) => story.end = finished.summary.steps.max(1),
                _ => {}
            }
        }
        let last = story.steps.last().map_or(0, |step| step.step);
        story.end = story.end.max(last);
        story
    }
}

/// What the loss of an experiment is counted in.
fn unit(experiment: &runs::Experiment) -> String {
    let loss = &experiment.train.loss;
    match loss.is_in_nats() {
        true => "nats per sample".into(),
        false => format!("{}, mean per sample", loss.name().replace('_', " ")),
    }
}

fn draw(
    root: &Area<'_>,
    name: &str,
    story: &Story<'_>,
    unit: &str,
    data: Option<&runs::Split>,
    image_tags: &mut String,
) -> Result<()> {
    root.fill(&WHITE).map_err(|error| error.to_string())?;
    let (head, body) = root.split_vertically(HEAD);
    draw_head(&head, name, story)?;
    let panels = body.split_evenly((2, 3));
    let accuracy = |step: &StepFinished| step.metrics.get("accuracy");
    let best = story.evaluations.last().and_then(|test| Some(test.best.get("accuracy")?.value));
    let floor = FLOORS.iter().find(|(good, _)| best > Some(*good));
    let curves = Curves {
        title: "Accuracy",
        axis: "share right",
        range: Some((floor.map_or(0.0, |&(_, floor)| floor), 1.0)),
        train: story.steps.iter().filter_map(|step| Some((step.step, accuracy(step)?))).collect(),
        test: story
            .evaluations
            .iter()
            .filter_map(|test| Some((test.step, test.metrics.get("accuracy")?)))
            .collect(),
    };
    match curves.test.is_empty() && !story.evaluations.is_empty() {
        true => {
            write(&panels[0], curves.title, &font(16, &INK), (20, 14))?;
            write(&panels[0], "no classes that could be recognised", &font(14, &QUIET), (20, 44))?;
        }
        false => curves.draw(&panels[0], story.end)?,
    }
    let curves = Curves {
        title: "Loss",
        axis: unit,
        range: None,
        train: story.steps.iter().map(|step| (step.step, step.metrics.loss())).collect(),
        test: story.evaluations.iter().map(|test| (test.step, test.metrics.loss())).collect(),
    };
    curves.draw(&panels[1], story.end)?;
    let spreads = |of: fn(&Snapshot) -> Option<Quantiles>| -> Vec<(u64, Quantiles)> {
        story.snapshots.iter().filter_map(|each| Some((each.step, of(each)?))).collect()
    };
    draw_bands(&panels[3], "Weights", WEIGHTS, &spreads(|each| each.weights), story.end)?;
    draw_bands(&panels[4], "Biases", BIASES, &spreads(|each| each.biases), story.end)?;
    let batch: Vec<(u32, Option<u32>)> = story.snapshots.last().map_or(Vec::new(), |last| {
        let predictions = last.predictions.iter().copied().map(Some).chain(std::iter::repeat(None));
        last.batch.iter().copied().zip(predictions).collect()
    });
    let train = data.map(|split| &split.train);
    let grid = Grid { title: "Training digits", cells: &batch, size: BATCH, scale: None };
    grid.draw(&panels[2], train, image_tags)?;
    let test = data.map(|split| &split.test);
    let shown = test_samples(story.evaluations.last().copied(), test.map_or(0, Dataset::len));
    let (n_cells, n) = (GRID.0 * GRID.1, test.map_or(0, Dataset::len));
    let scale = (n >= n_cells).then(|| n_cells as f64 / n as f64);
    let title = "Test digits, mistakes first";
    Grid { title, cells: &shown, size: GRID, scale }.draw(&panels[5], test, image_tags)
}

/// The misclassified ones first, then the others in order.
fn test_samples(evaluation: Option<&EvaluationFinished>, n: usize) -> Vec<(u32, Option<u32>)> {
    let Some(evaluation) = evaluation else { return Vec::new() };
    let misclassified: std::collections::BTreeSet<u32> =
        evaluation.misclassified.iter().map(|(sample, _)| *sample).collect();
    let first = evaluation.misclassified.iter().map(|&(sample, class)| (sample, Some(class)));
    let others =
        (0..n as u32).filter(|sample| !misclassified.contains(sample)).map(|sample| (sample, None));
    first.chain(others).take(GRID.0 * GRID.1).collect()
}

fn font(size: i32, colour: &RGBColor) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(colour)
}

fn write(area: &Area<'_>, text: &str, style: &TextStyle<'_>, at: (i32, i32)) -> Result<()> {
    area.draw_text(text, style, at).map_err(|error| error.to_string())
}

fn draw_head(area: &Area<'_>, name: &str, story: &Story<'_>) -> Result<()> {
    write(area, name, &font(22, &INK), (20, 12))?;
    let planned = story.started.and_then(|started| started.steps_planned);
    let last = story.evaluations.last();
    let step = last.map_or(0, |evaluation| evaluation.step);
    let mut line = format!("step {step}");
    if let Some(planned) = planned {
        let _ = write!(line, " of {planned}");
    }
    if let Some(evaluation) = last {
        let _ = write!(
            line,
            ", epoch {:.1}, test loss {:.4}",
            evaluation.epoch,
            evaluation.metrics.loss()
        );
        if let Some(now) = evaluation.metrics.get("accuracy") {
            let best = evaluation.best.get("accuracy").map_or(now, |best| best.value);
            let _ =
                write!(line, ", test accuracy {:.2} % (best {:.2} %)", 100.0 * now, 100.0 * best);
        }
    }
    write(area, &line, &font(15, &QUIET), (20, 40))
}

/// Two curves: training thin, test thick.
struct Curves<'a> {
    title: &'a str,
    axis: &'a str,
    range: Option<(f64, f64)>,
    train: Vec<(u64, f64)>,
    test: Vec<(u64, f64)>,
}

impl Curves<'_> {
    fn draw(&self, area: &Area<'_>, end: u64) -> Result<()> {
        let (low, high) = self.range.unwrap_or_else(|| {
            let all = self.train.iter().chain(&self.test).map(|(_, value)| *value);
            let mut seen: Vec<f64> = all.filter(|value| value.is_finite()).collect();
            seen.sort_by(f64::total_cmp);
            // The first losses are far above all others, and would press them to the ground.
            let most = seen.get(seen.len() * 95 / 100).copied().unwrap_or(1.0);
            (0.0, (1.5 * most).max(1e-9))
        });
        let mut chart = axes(area, self.title, self.axis, end, low..high)?;
        for (name, colour, x) in [("training", TRAIN, 72), ("test", TEST, 132)] {
            write(area, name, &font(13, &colour), (x, 16))?;
        }
        for (points, colour, width) in [(&self.train, TRAIN, 1), (&self.test, TEST, 3)] {
            let points = points.iter().filter(|(_, value)| value.is_finite());
            let points: Vec<_> = points.map(|&(step, value)| (step as f64, value)).collect();
            for part in within(&points, low..high) {
                let line = LineSeries::new(part, colour.stroke_width(width));
                chart.draw_series(line).map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }
}

/// The parts of a line whose values lie in a range.
fn within(points: &[(f64, f64)], range: Range<f64>) -> Vec<Vec<(f64, f64)>> {
    let mut parts: Vec<Vec<(f64, f64)>> = Vec::new();
    for pair in points.windows(2) {
        let [(x0, y0), (x1, y1)] = [pair[0], pair[1]];
        let at = |share: f64| (x0 + (x1 - x0) * share, y0 + (y1 - y0) * share);
        // The shares of the way at which it comes in and goes out.
        let crossings = [range.start, range.end].map(|bound| (bound - y0) / (y1 - y0));
        let [into, out] = match y0 == y1 {
            true if range.start <= y0 && y0 <= range.end => [0.0, 1.0],
            true => continue,
            false => [crossings[0].min(crossings[1]), crossings[0].max(crossings[1])],
        };
        let (into, out) = (into.max(0.0), out.min(1.0));
        if into > out {
            continue;
        }
        match parts.last_mut() {
            Some(part) if into == 0.0 && part.last() == Some(&(x0, y0)) => part.push(at(out)),
            _ => parts.push(vec![at(into), at(out)]),
        }
    }
    parts
}

type Chart<'a, 'b> = ChartContext<
    'a,
    SVGBackend<'b>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;

/// A chart over the steps of a run, with its axes.
fn axes<'a, 'b>(
    area: &'a Area<'b>,
    title: &str,
    axis: &str,
    end: u64,
    range: Range<f64>,
) -> Result<Chart<'a, 'b>> {
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .caption(title, font(16, &INK))
        .x_label_area_size(36)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..end as f64, range)
        .map_err(|error| error.to_string())?;
    // Six digits say enough, and adding 0 makes 0 of -0.
    let number = |value: &f64| ((value * 1e6).round() / 1e6 + 0.0).to_string();
    let style = font(12, &QUIET);
    let mut mesh = chart.configure_mesh();
    mesh.x_desc("step").y_desc(axis).axis_desc_style(style.clone()).label_style(style);
    mesh.light_line_style(WHITE).bold_line_style(LINE).axis_style(LINE).x_labels(6).y_labels(6);
    mesh.x_label_formatter(&number).y_label_formatter(&number);
    mesh.draw().map_err(|error| error.to_string())?;
    Ok(chart)
}

fn draw_bands(
    area: &Area<'_>,
    title: &str,
    colour: RGBColor,
    spreads: &[(u64, Quantiles)],
    end: u64,
) -> Result<()> {
    let edge = |of: fn(f32, f32) -> f32, i: usize, start: f32| {
        spreads.iter().map(|(_, spread)| spread.0[i]).fold(start, of)
    };
    let (low, high) = match spreads.is_empty() {
        true => (0.0, 1.0),
        false => (edge(f32::min, 0, f32::INFINITY), edge(f32::max, 7, f32::NEG_INFINITY)),
    };
    let pad = f64::from((high - low).max(1e-6)) * 0.06;
    let range = f64::from(low) - pad..f64::from(high) + pad;
    let mut chart = axes(area, title, "value", end, range)?;
    for (lower, upper) in [(3, 4), (2, 5), (1, 6), (0, 7)] {
        let at = |i: usize| {
            move |&(step, spread): &(u64, Quantiles)| (step as f64, f64::from(spread.0[i]))
        };
        let above = spreads.iter().map(at(upper));
        let outline: Vec<_> = above.chain(spreads.iter().rev().map(at(lower))).collect();
        let band = Polygon::new(outline, colour.mix(BAND_OPACITY).filled());
        chart.draw_series(std::iter::once(band)).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Figures of 3 × 5 points, a row of bits each line.
const FIGURES: [[u8; 5]; 10] = [
    [7, 5, 5, 5, 7],
    [2, 6, 2, 2, 7],
    [7, 1, 7, 4, 7],
    [7, 1, 7, 1, 7],
    [5, 5, 7, 1, 1],
    [7, 4, 7, 1, 7],
    [7, 4, 7, 5, 7],
    [7, 1, 2, 2, 2],
    [7, 5, 7, 5, 7],
    [7, 5, 7, 1, 7],
];

/// Images of samples in rows, those with a guess that is not the label on a red ground: the label stands at the left,
/// the guess at the right.
struct Grid<'a> {
    title: &'a str,
    /// Samples, and what each was taken for.
    cells: &'a [(u32, Option<u32>)],
    /// Rows and columns.
    size: (usize, usize),
    /// The share of all samples that a full grid is, for a scale of accuracy beside it.
    scale: Option<f64>,
}

impl Grid<'_> {
    fn draw(&self, area: &Area<'_>, set: Option<&Dataset>, image_tags: &mut String) -> Result<()> {
        write(area, self.title, &font(16, &INK), (20, 14))?;
        let pixels = set.and_then(|set| {
            let samples: Vec<u32> = self.cells.iter().map(|(sample, _)| *sample).collect();
            Some((images::size(set)?, images::some(set, &samples)?))
        });
        let Some((size, pictures)) = pixels else {
            return write(area, "no pictures with classes", &font(14, &QUIET), (20, 44));
        };
        let (rows, columns) = self.size;
        let image = self.image(size, &pictures);
        let file = encoded(&image, columns * size[1], rows * size[0])?;
        let (x, y) = area.get_pixel_range();
        let indent = if self.scale.is_some() { 48 } else { 0 };
        let (left, top) = (x.start + 20 + indent, y.start + 40);
        let (w, h) = (x.end - left - 20, y.end - top - 16);
        // A scale beside it needs it from top to bottom.
        let fit = if self.scale.is_some() { "none" } else { "xMidYMid" };
        let data = STANDARD.encode(file);
        let _ = writeln!(
            image_tags,
            "<image x=\"{left}\" y=\"{top}\" width=\"{w}\" height=\"{h}\" preserveAspectRatio=\"{fit}\" href=\"data:image/png;base64,{data}\"/>"
        );
        for i in 0..=5 {
            let Some(share) = self.scale else { break };
            let accuracy = 100.0 * (1.0 - share * f64::from(i) / 5.0);
            let text = format!("{} %", (accuracy * 10.0).round() / 10.0);
            write(area, &text, &font(12, &QUIET), (20, 40 + h * i / 5 - 6))?;
        }
        Ok(())
    }

    /// The pixels in red, green and blue.
    fn image(&self, [height, width, channels]: [usize; 3], pictures: &Images) -> Vec<u8> {
        let (rows, columns) = self.size;
        let mut image = vec![255; rows * height * columns * width * 3];
        for (i, &(_, guess)) in self.cells.iter().enumerate() {
            let label = pictures.labels[i];
            let mistake = guess.filter(|&guess| guess != label);
            let ground = if mistake.is_some() { WRONG } else { [255; 3] };
            let corner = i / columns * height * columns * width + i % columns * width;
            let mut put = |x: usize, y: usize, colour: [u8; 3]| {
                image[(corner + y * columns * width + x) * 3..][..3].copy_from_slice(&colour);
            };
            let sample = pictures.pixels[i * height * width * channels..].chunks(channels);
            for (at, pixel) in sample.take(height * width).enumerate() {
                let colour = match pixel {
                    &[ink] => {
                        ground.map(|light| (u32::from(light) * u32::from(255 - ink) / 255) as u8)
                    }
                    _ => std::array::from_fn(|c| pixel[c]),
                };
                put(at % width, at / width, colour);
            }
            let Some(guess) = mistake.filter(|_| height >= 8 && width >= 10) else { continue };
            for (figure, left) in [(label, 1), (guess, width - 4)] {
                let lines = FIGURES.get(figure as usize).into_iter().flatten().enumerate();
                for (y, line) in lines {
                    let points = (0..3).filter(|x| line & (4 >> x) != 0);
                    points.for_each(|x| put(left + x, height - 6 + y, [0; 3]));
                }
            }
        }
        image
    }
}

fn encoded(rgb: &[u8], width: usize, height: usize) -> Result<Vec<u8>> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(rgb));
    written.map_err(|error| error.to_string())?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_where_it_leaves_the_range() {
        let line = [(0.0, -1.0), (2.0, 1.0), (3.0, 1.0), (5.0, 5.0), (7.0, 1.0), (8.0, 9.0)];
        let cut = [
            vec![(1.0, 0.0), (2.0, 1.0), (3.0, 1.0), (4.0, 3.0)],
            vec![(6.0, 3.0), (7.0, 1.0), (7.25, 3.0)],
        ];
        assert_eq!(within(&line, 0.0..3.0), cut);
        assert_eq!(within(&line, -9.0..9.0), [line]);
        assert!(
            within(&line, 20.0..30.0).is_empty()
                && within(&[(0.0, 5.0), (1.0, 5.0)], 0.0..1.0).is_empty()
        );
        assert_eq!(within(&[(0.0, -1.0), (1.0, 9.0)], 1.0..4.0), [[(0.2, 1.0), (0.5, 4.0)]]);
    }

    #[test]
    fn a_mistake_is_red_with_its_label_left_and_its_guess_right() {
        let cells = [(0, None), (1, Some(7)), (2, Some(2))];
        let grid = Grid { title: "", cells: &cells, size: (1, 3), scale: None };
        let pictures = Images { labels: vec![4, 1, 2], pixels: vec![0; 3 * 8 * 10] };
        let image = grid.image([8, 10, 1], &pictures);
        let row = |y: usize| -> String {
            let name = |pixel: &[u8]| match pixel {
                [255, 255, 255] => '.',
                [0, 0, 0] => '#',
                pixel if pixel == WRONG => 'r',
                _ => '?',
            };
            image[y * 90..][..90].chunks(3).map(name).collect()
        };
        let rows: Vec<String> = (0..8).map(row).collect();
        let plain = "..........rrrrrrrrrr..........";
        assert_eq!((&rows[0][..], &rows[1][..]), (plain, plain));
        assert_eq!(rows[2], "..........rr#rrr###r..........");
        assert_eq!(rows[3], "..........r##rrrrr#r..........");
        assert_eq!(rows[4], "..........rr#rrrr#rr..........");
        assert_eq!(rows[6], "..........r###rrr#rr..........");
        assert_eq!(rows[7], plain);
    }
}
