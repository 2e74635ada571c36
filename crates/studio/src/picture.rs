//! The six panels of a run as one picture, for where there is no browser.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use data::Dataset;
use events::{EvaluationFinished, Event, Measured, RunStarted, Spread, StepFinished};
use plotters::coord::Shift;
use plotters::prelude::*;

use crate::OpenData;
use crate::library::OpenRun;
use crate::pictures::{self, Pictures};
use crate::report::ReportError;

/// The window of the codelab.
const SIZE: (u32, u32) = (1344, 756);
const HEAD: u32 = 64;
/// Test samples that are shown, in rows and columns; a tenth of MNIST's.
const GRID: (usize, usize) = (25, 40);
const BATCH: (usize, usize) = (10, 10);

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
    let mut images = String::new();
    {
        let root = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        let drawn = draw(&root, &run.id, &story, data.as_deref(), &mut images);
        drawn.map_err(|error| wrong(format!("drawing: {error}")))?;
    }
    // The library has no pictures in SVG.
    Ok(text.replacen("</svg>", &format!("{images}</svg>"), 1))
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
    looks: Vec<&'a Measured>,
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
                Event::Measured(look) => story.looks.push(look),
                Event::RunFinished(finished) => story.end = finished.summary.steps.max(1),
                _ => {}
            }
        }
        let last = story.steps.last().map_or(0, |step| step.step);
        story.end = story.end.max(last);
        story
    }
}

fn draw(
    root: &Area<'_>,
    name: &str,
    story: &Story<'_>,
    data: Option<&runs::Split>,
    images: &mut String,
) -> Result<()> {
    root.fill(&WHITE).map_err(|error| error.to_string())?;
    let (head, body) = root.split_vertically(HEAD);
    draw_head(&head, name, story)?;
    let panels = body.split_evenly((2, 3));
    let accuracy = |step: &StepFinished| step.accuracy;
    let curves = Curves {
        title: "Accuracy",
        axis: "share right",
        range: Some((0.0, 1.0)),
        train: story.steps.iter().filter_map(|step| Some((step.step, accuracy(step)?))).collect(),
        test: story
            .evaluations
            .iter()
            .filter_map(|test| Some((test.step, test.accuracy?)))
            .collect(),
    };
    curves.draw(&panels[0], story.end)?;
    let curves = Curves {
        title: "Loss",
        axis: "nats per sample",
        range: None,
        train: story.steps.iter().map(|step| (step.step, step.loss_nats)).collect(),
        test: story.evaluations.iter().map(|test| (test.step, test.loss_nats)).collect(),
    };
    curves.draw(&panels[1], story.end)?;
    let spreads = |of: fn(&Measured) -> Option<Spread>| -> Vec<(u64, Spread)> {
        story.looks.iter().filter_map(|look| Some((look.step, of(look)?))).collect()
    };
    draw_bands(&panels[3], "Weights", WEIGHTS, &spreads(|look| look.weights), story.end)?;
    draw_bands(&panels[4], "Biases", BIASES, &spreads(|look| look.biases), story.end)?;
    let batch: Vec<(u32, Option<u32>)> = story.looks.last().map_or(Vec::new(), |look| {
        let guesses = look.guesses.iter().copied().map(Some).chain(std::iter::repeat(None));
        look.batch.iter().copied().zip(guesses).collect()
    });
    let train = data.map(|split| &split.train);
    draw_grid(&panels[2], "Training digits", train, &batch, BATCH, images)?;
    let test = data.map(|split| &split.test);
    let shown = test_samples(story.evaluations.last().copied(), test.map_or(0, Dataset::len));
    draw_grid(&panels[5], "Test digits, mistakes first", test, &shown, GRID, images)
}

/// Those that are not recognised first, then the others in order.
fn test_samples(evaluation: Option<&EvaluationFinished>, n: usize) -> Vec<(u32, Option<u32>)> {
    let Some(evaluation) = evaluation else { return Vec::new() };
    let wrong: std::collections::BTreeSet<u32> =
        evaluation.wrong.iter().map(|(sample, _)| *sample).collect();
    let first = evaluation.wrong.iter().map(|&(sample, guess)| (sample, Some(guess)));
    let others =
        (0..n as u32).filter(|sample| !wrong.contains(sample)).map(|sample| (sample, None));
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
        let _ =
            write!(line, ", epoch {:.1}, test loss {:.4}", evaluation.epoch, evaluation.loss_nats);
        if let Some((now, best)) = evaluation.accuracy.zip(evaluation.best_accuracy) {
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
            let points = points.map(|&(step, value)| (step as f64, value.clamp(low, high)));
            let line = LineSeries::new(points, colour.stroke_width(width));
            chart.draw_series(line).map_err(|error| error.to_string())?;
        }
        Ok(())
    }
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
    spreads: &[(u64, Spread)],
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
        let at =
            |i: usize| move |&(step, spread): &(u64, Spread)| (step as f64, f64::from(spread.0[i]));
        let above = spreads.iter().map(at(upper));
        let outline: Vec<_> = above.chain(spreads.iter().rev().map(at(lower))).collect();
        let band = Polygon::new(outline, colour.mix(BAND_OPACITY).filled());
        chart.draw_series(std::iter::once(band)).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Pictures of samples in rows, those with a guess that is not the label on a red ground.
fn draw_grid(
    area: &Area<'_>,
    title: &str,
    set: Option<&Dataset>,
    cells: &[(u32, Option<u32>)],
    (rows, columns): (usize, usize),
    images: &mut String,
) -> Result<()> {
    write(area, title, &font(16, &INK), (20, 14))?;
    let pixels = set.and_then(|set| {
        let samples: Vec<u32> = cells.iter().map(|(sample, _)| *sample).collect();
        Some((pictures::size(set)?, pictures::some(set, &samples)?))
    });
    let Some(([height, width, channels], Pictures { labels, pixels })) = pixels else {
        return write(area, "no pictures with classes", &font(14, &QUIET), (20, 44));
    };
    let mut image = vec![255; rows * height * columns * width * 3];
    for (i, (_, guess)) in cells.iter().enumerate() {
        let ground = if guess.is_some_and(|guess| guess != labels[i]) { WRONG } else { [255; 3] };
        let sample = &pixels[i * height * width * channels..];
        for y in 0..height {
            for x in 0..width {
                let at =
                    ((i / columns * height + y) * columns * width + i % columns * width + x) * 3;
                for colour in 0..3 {
                    let from = (y * width + x) * channels;
                    image[at + colour] = match channels {
                        1 => {
                            let (ground, ink) =
                                (u32::from(ground[colour]), u32::from(sample[from]));
                            (ground * (255 - ink) / 255) as u8
                        }
                        _ => sample[from + colour],
                    };
                }
            }
        }
    }
    let file = encoded(&image, columns * width, rows * height)?;
    let (x, y) = area.get_pixel_range();
    let (left, top) = (x.start + 20, y.start + 40);
    let (w, h) = (x.end - left - 20, y.end - top - 16);
    let data = STANDARD.encode(file);
    let _ = writeln!(
        images,
        "<image x=\"{left}\" y=\"{top}\" width=\"{w}\" height=\"{h}\" href=\"data:image/png;base64,{data}\"/>"
    );
    Ok(())
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
