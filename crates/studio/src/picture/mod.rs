//! The panels of a run as one picture, for where there is no browser.
//!
//! What each panel shows stands in the description that the page reads as well: `assets/panels/description.json`.

mod axis;
mod canvas;
mod description;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::LazyLock;

use data::Dataset;
use events::{EvaluationFinished, Event, Part, Quantiles, RunStarted, Snapshot, StepFinished};
use runs::Split;

use self::canvas::{Anchor, Image};
use self::description::{Content, Description, Events, NumberFormat, Panel, Range, Set, color};
use crate::error::RunError;
use crate::images::{self, Images};
use crate::library::OpenRun;
use crate::{OpenData, assets};

pub use self::canvas::Picture;

/// Points of the picture.
const SIZE: [f64; 2] = [1344.0, 756.0];
const HEAD: f64 = 64.0;
const COLUMNS: usize = 3;
/// Around a panel, and above what it shows.
const MARGIN: f64 = 14.0;
const TITLE: f64 = 30.0;
/// Beside a grid that is a scale of accuracy.
const SCALE_WIDTH: f64 = 44.0;
/// Steps of that scale.
const SCALE_STEPS: usize = 5;
/// Points of a text.
const NAME_TEXT: f64 = 22.0;
const TITLE_TEXT: f64 = 16.0;
const LINE_TEXT: f64 = 14.0;
const SMALL_TEXT: f64 = 12.0;

/// The panels of the run in `folder`.
///
/// # Errors
///
/// If the run cannot be read.
pub fn picture(folder: &Path, open_data: OpenData) -> Result<Picture, RunError> {
    let run = OpenRun::at(folder, open_data);
    let lines = run.history().map_err(|error| error.of(folder))?;
    let events = lines.events();
    let timeline = Timeline::of(&events);
    let data = run.data().ok();
    let experiment = run.experiment().ok();
    let description = Description::read();
    let mut drawing = Drawing {
        picture: Picture::new(SIZE[0], SIZE[1]),
        description: &description,
        timeline: &timeline,
        data: data.as_deref(),
        loss: experiment.map(|experiment| experiment.train.loss),
    };
    drawing.head(&run.id);
    let rows = description.panels.len().div_ceil(COLUMNS);
    let size = [SIZE[0] / COLUMNS as f64, (SIZE[1] - HEAD) / rows as f64];
    for (i, panel) in description.panels.iter().enumerate() {
        let left = (i % COLUMNS) as f64 * size[0] + MARGIN;
        let top = HEAD + (i / COLUMNS) as f64 * size[1] + MARGIN;
        let [right, bottom] = [left + size[0] - 2.0 * MARGIN, top + size[1] - 2.0 * MARGIN];
        drawing.panel(panel, Area { left, top, right, bottom });
    }
    Ok(drawing.picture)
}

/// The events of a run by kind.
#[derive(Default)]
struct Timeline<'a> {
    started: Option<&'a RunStarted>,
    steps: Vec<&'a StepFinished>,
    evaluations: Vec<&'a EvaluationFinished>,
    snapshots: Vec<&'a Snapshot>,
    /// The step at which the axes end.
    end: u64,
}

impl<'a> Timeline<'a> {
    fn of(events: &'a [Event]) -> Self {
        let mut timeline = Self { end: 1, ..Self::default() };
        for event in events {
            match event {
                Event::RunStarted(started) => timeline.started = Some(started),
                Event::StepFinished(step) => timeline.steps.push(step),
                Event::EvaluationFinished(evaluation) if evaluation.part == Part::Test => {
                    timeline.evaluations.push(evaluation);
                }
                Event::Snapshot(snapshot) => timeline.snapshots.push(snapshot),
                Event::RunFinished(finished) => timeline.end = finished.summary.steps.max(1),
                _ => {}
            }
        }
        let last = timeline.steps.last().map_or(0, |step| step.step);
        timeline.end = timeline.end.max(last);
        timeline
    }

    /// A metric over the steps, without the events that do not have it.
    fn metric(&self, events: Events, name: &str) -> Vec<(u64, f64)> {
        match events {
            Events::Steps => {
                let steps = self.steps.iter();
                steps.filter_map(|step| Some((step.step, step.metrics.get(name)?))).collect()
            }
            Events::Evaluations => {
                let tests = self.evaluations.iter();
                tests.filter_map(|test| Some((test.step, test.metrics.get(name)?))).collect()
            }
        }
    }

    /// Quantiles over the steps.
    fn quantiles(&self, name: &str) -> Vec<(u64, [f64; 8])> {
        let of = |snapshot: &Snapshot| match name {
            "weights" => snapshot.weights,
            "biases" => snapshot.biases,
            _ => None,
        };
        let wide = |Quantiles(edges): Quantiles| edges.map(f64::from);
        let found = self.snapshots.iter();
        found.filter_map(|snapshot| Some((snapshot.step, wide(of(snapshot)?)))).collect()
    }
}

/// A part of the picture.
#[derive(Clone, Copy)]
struct Area {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl Area {
    fn width(&self) -> f64 {
        self.right - self.left
    }

    fn height(&self) -> f64 {
        self.bottom - self.top
    }
}

/// A picture that is being drawn, and what it shows.
struct Drawing<'a> {
    picture: Picture,
    description: &'a Description,
    timeline: &'a Timeline<'a>,
    data: Option<&'a Split>,
    loss: Option<nn::Loss>,
}

impl Drawing<'_> {
    /// The name of the run and where it has come to.
    fn head(&mut self, name: &str) {
        let timeline = self.timeline;
        let left = MARGIN;
        self.picture.text([left, 30.0], Anchor::Start, (NAME_TEXT, color("--ink")), name);
        let planned = timeline.started.and_then(|started| started.steps_planned);
        let last = timeline.evaluations.last();
        let mut line = format!("step {}", last.map_or(0, |evaluation| evaluation.step));
        if let Some(planned) = planned {
            let _ = write!(line, " of {planned}");
        }
        if let Some(evaluation) = last {
            let (epoch, loss) = (evaluation.epoch, evaluation.metrics.loss());
            let _ = write!(line, ", epoch {epoch:.1}, test loss {loss:.4}");
            if let Some(now) = evaluation.metrics.get("accuracy") {
                let best = evaluation.best.get("accuracy").map_or(now, |best| best.value);
                let (now, best) = (100.0 * now, 100.0 * best);
                let _ = write!(line, ", test accuracy {now:.2} % (best {best:.2} %)");
            }
        }
        self.picture.text([left, 54.0], Anchor::Start, (LINE_TEXT, color("--quiet")), &line);
    }

    fn panel(&mut self, panel: &Panel, area: Area) {
        let body = Area { top: area.top + TITLE, ..area };
        let is_other = match &panel.content {
            Content::Curves { .. } => self.loss.as_ref().is_some_and(|loss| !loss.is_in_nats()),
            Content::Bands { .. } => false,
            Content::Grid { set, .. } => self.set(*set).and_then(images::size).is_none(),
        };
        let title = panel.other_title.as_ref().filter(|_| is_other).unwrap_or(&panel.title);
        let title = text(title);
        let at = [area.left, area.top + TITLE_TEXT];
        self.picture.text(at, Anchor::Start, (TITLE_TEXT, color("--ink")), &title);
        match &panel.content {
            Content::Curves { metric, axis, text: format, range } => {
                self.curves(body, metric, axis, *format, range);
            }
            Content::Bands { color: name } => self.bands(body, &panel.name, color(name)),
            Content::Grid { set, rows, columns } => self.grid(body, *set, [*rows, *columns]),
        }
    }

    /// A line instead of what a panel shows.
    fn note(&mut self, area: Area, note: &str) {
        let at = [area.left, area.top + TITLE];
        self.picture.text(at, Anchor::Start, (LINE_TEXT, color("--quiet")), note);
    }

    /// The curves of a metric: training thin, test thick.
    fn curves(
        &mut self,
        area: Area,
        metric: &str,
        axis: &str,
        format: NumberFormat,
        range: &Range,
    ) {
        let (description, timeline) = (self.description, self.timeline);
        let values = |events| -> Vec<f64> {
            timeline.metric(events, metric).into_iter().map(|(_, value)| value).collect()
        };
        let test = values(Events::Evaluations);
        if test.is_empty() && !timeline.evaluations.is_empty() {
            return self.note(area, &text("panel.no_classes"));
        }
        let range = axis::curve_range(range, &values(Events::Steps), &test);
        let other = self.loss.as_ref().filter(|loss| metric == "loss" && !loss.is_in_nats());
        let axis = match other {
            Some(loss) => {
                format!("{}, {}", loss.name().replace('_', " "), text("axis.mean_per_sample"))
            }
            None => text(axis),
        };
        let chart = self.axes(area, range, &axis, format);
        let mut right = area.right;
        for curve in description.curves.iter().rev() {
            let label = text(&curve.label);
            let ink = color(&curve.color);
            let y = area.top - TITLE + TITLE_TEXT;
            let at = [right, y];
            self.picture.text(at, Anchor::End, (SMALL_TEXT, color("--quiet")), &label);
            // About half as wide as high is a letter.
            right -= label.chars().count() as f64 * SMALL_TEXT * 0.55 + 6.0;
            let swatch = vec![[right - 16.0, y - 4.0], [right, y - 4.0]];
            self.picture.line(swatch, ink, curve.width.max(1.5));
            right -= 30.0;
        }
        for curve in &description.curves {
            let mut points = timeline.metric(curve.events, metric);
            while points.len() > description.max_steps {
                let mut count = 0;
                points.retain(|_| {
                    count += 1;
                    count % 2 == 0
                });
            }
            let finite = points.into_iter().filter(|(_, value)| value.is_finite());
            let points: Vec<_> =
                finite.map(|(step, value)| (step as f64, axis::bounded(value))).collect();
            for part in within(&points, range) {
                let part = part.into_iter().map(|(step, value)| chart.at(step, value)).collect();
                self.picture.line(part, color(&curve.color), curve.width);
            }
        }
    }

    /// Nested bands of the quantiles of all weights or biases.
    fn bands(&mut self, area: Area, name: &str, ink: [u8; 3]) {
        let mut quantiles = self.timeline.quantiles(name);
        quantiles.retain(|(_, edges)| edges.iter().all(|edge| edge.is_finite()));
        let range = axis::padded_range(axis::extent(quantiles.iter().map(|(_, edges)| edges)));
        let chart = self.axes(area, range, &text("axis.value"), NumberFormat::Number);
        for &[low, high] in &self.description.bands {
            let at = |edge: usize| {
                let chart = &chart;
                move |(step, edges): &(u64, [f64; 8])| chart.at(*step as f64, edges[edge])
            };
            let above = quantiles.iter().map(at(high));
            let outline = above.chain(quantiles.iter().rev().map(at(low))).collect();
            self.picture.area(outline, ink, self.description.band_opacity);
        }
    }

    /// Draws axes over the steps of the run.
    fn axes(&mut self, area: Area, range: [f64; 2], label: &str, format: NumberFormat) -> Chart {
        let description::Margin { left, right, top, bottom } = self.description.margin;
        let plot = Area {
            left: area.left + left,
            top: area.top + top,
            right: area.right - right,
            bottom: area.bottom - bottom,
        };
        let end = self.timeline.end as f64;
        let chart = Chart { plot, end, range };
        let (line, style) = (color("--line"), (SMALL_TEXT, color("--quiet")));
        let most = ((plot.height() / 34.0) as usize).max(2);
        for value in axis::ticks(range, most) {
            let y = chart.at(0.0, value)[1];
            self.picture.line(vec![[plot.left, y], [plot.right, y]], line, 1.0);
            let text = match format {
                NumberFormat::Percent => axis::axis_percent(value),
                NumberFormat::Number => axis::short_number(value, 3),
            };
            self.picture.text([plot.left - 6.0, y + 4.0], Anchor::End, style, &text);
        }
        let most = ((area.width() - left) / 70.0).max(2.0) as usize;
        let steps: Vec<f64> = axis::ticks([0.0, end], most);
        for &step in steps.iter().filter(|step| step.fract() == 0.0) {
            let text = axis::step_text(step, steps[steps.len() - 1]);
            let at = [chart.at(step, 0.0)[0], plot.bottom + 16.0];
            self.picture.text(at, Anchor::Middle, style, &text);
        }
        self.picture.text([plot.right, area.bottom - 4.0], Anchor::End, style, &text("axis.step"));
        self.picture.text([area.left, area.top + SMALL_TEXT], Anchor::Start, style, label);
        chart
    }

    fn set(&self, set: Set) -> Option<&Dataset> {
        self.data.map(|split| match set {
            Set::Train => &split.train,
            Set::Test => &split.test,
        })
    }

    /// Samples side by side.
    fn grid(&mut self, area: Area, set: Set, [rows, columns]: [usize; 2]) {
        let data = self.set(set);
        let n = data.map_or(0, Dataset::len);
        let cells = match set {
            Set::Train => self.timeline.snapshots.last().map_or(Vec::new(), |last| batch(last)),
            Set::Test => {
                self.timeline.evaluations.last().map_or(Vec::new(), |last| test_samples(last, n))
            }
        };
        let cells = &cells[..cells.len().min(rows * columns)];
        let samples: Vec<u32> = cells.iter().map(|(sample, _)| *sample).collect();
        let known =
            data.and_then(|data| Some((images::size(data)?, images::some(data, &samples)?)));
        let Some((size, known)) = known else {
            return self.note(area, &text("panel.no_images"));
        };
        let image = grid_image(cells, [rows, columns], size, &known, &self.description.numerals);
        // A full grid of the test set is a scale of accuracy: it is as high as the share that it shows.
        let share =
            (set == Set::Test && n >= rows * columns).then(|| (rows * columns) as f64 / n as f64);
        let Some(share) = share else {
            let [w, h] = [image.width as f64, image.height as f64];
            let factor = (area.width() / w).min(area.height() / h);
            let [w, h] = [w * factor, h * factor];
            let corner = [(area.left + area.right - w) / 2.0, (area.top + area.bottom - h) / 2.0];
            return self.picture.image(corner, [w, h], image);
        };
        let corner = [area.left + SCALE_WIDTH, area.top];
        self.picture.image(corner, [area.right - corner[0], area.height()], image);
        for i in 0..=SCALE_STEPS {
            let part = i as f64 / SCALE_STEPS as f64;
            let accuracy = axis::axis_percent(1.0 - share * part);
            // The first stands below its line, the last above it, so that none leaves the panel.
            let y = area.top + area.height() * part + SMALL_TEXT * (0.8 - 0.8 * part);
            let style = (SMALL_TEXT, color("--quiet"));
            self.picture.text([area.left, y], Anchor::Start, style, &accuracy);
        }
    }
}

/// Where steps and values lie in the picture.
struct Chart {
    plot: Area,
    end: f64,
    range: [f64; 2],
}

impl Chart {
    fn at(&self, step: f64, value: f64) -> [f64; 2] {
        let (plot, [low, high]) = (&self.plot, self.range);
        let value = value.clamp(low, high);
        let up = if high > low { (value - low) / (high - low) } else { 0.0 };
        [plot.left + plot.width() * (step / self.end).min(1.0), plot.bottom - plot.height() * up]
    }
}

/// A sample, and the class that was predicted for it.
type Cell = (u32, Option<u32>);

/// The samples of the last batch.
fn batch(snapshot: &Snapshot) -> Vec<Cell> {
    let predictions = snapshot.predictions.iter().copied().map(Some).chain(std::iter::repeat(None));
    snapshot.batch.iter().copied().zip(predictions).collect()
}

/// The misclassified samples first, then the others in order.
fn test_samples(evaluation: &EvaluationFinished, n: usize) -> Vec<Cell> {
    let misclassified: BTreeSet<u32> =
        evaluation.misclassified.iter().map(|(sample, _)| *sample).collect();
    let first = evaluation.misclassified.iter().map(|&(sample, class)| (sample, Some(class)));
    let others = (0..n as u32).filter(|sample| !misclassified.contains(sample));
    first.chain(others.map(|sample| (sample, None))).collect()
}

/// Samples in rows, the misclassified on a red ground: the label stands at the left, the prediction at the right.
fn grid_image(
    cells: &[Cell],
    [rows, columns]: [usize; 2],
    [height, width, channels]: [usize; 3],
    images: &Images,
    numerals: &[[u8; 5]; 10],
) -> Image {
    let [card, ground, ink] = ["--card", "--misclassified", "--ink"].map(color);
    let mut image = Image {
        width: columns * width,
        height: rows * height,
        pixels: card.repeat(rows * height * columns * width),
    };
    for (i, &(_, predicted)) in cells.iter().take(rows * columns).enumerate() {
        let label = images.labels[i];
        let mistake = predicted.filter(|&predicted| predicted != label);
        let ground = if mistake.is_some() { ground } else { card };
        let corner = i / columns * height * image.width + i % columns * width;
        let mut put = |x: usize, y: usize, color: [u8; 3]| {
            image.pixels[(corner + y * columns * width + x) * 3..][..3].copy_from_slice(&color);
        };
        let sample = images.pixels[i * height * width * channels..].chunks(channels);
        for (at, pixel) in sample.take(height * width).enumerate() {
            let color = match pixel {
                &[dark] => std::array::from_fn(|c| {
                    let [light, ink] = [ground[c], ink[c]].map(i32::from);
                    (light + (ink - light) * i32::from(dark) / 255) as u8
                }),
                _ => std::array::from_fn(|c| pixel[c]),
            };
            put(at % width, at / width, color);
        }
        let Some(predicted) = mistake.filter(|_| height >= 8 && width >= 10) else { continue };
        for (class, left) in [(label, 1), (predicted, width - 4)] {
            let lines = numerals.get(class as usize).into_iter().flatten().enumerate();
            for (y, line) in lines {
                let points = (0..3).filter(|x| line & (4 >> x) != 0);
                points.for_each(|x| put(left + x, height - 6 + y, ink));
            }
        }
    }
    image
}

/// The parts of a line whose values lie in a range.
fn within(points: &[(f64, f64)], [low, high]: [f64; 2]) -> Vec<Vec<(f64, f64)>> {
    let mut parts: Vec<Vec<(f64, f64)>> = Vec::new();
    for pair in points.windows(2) {
        let [(x0, y0), (x1, y1)] = [pair[0], pair[1]];
        let at = |share: f64| (x0 + (x1 - x0) * share, y0 + (y1 - y0) * share);
        // Where the line enters the range and leaves it.
        let crossings = [low, high].map(|bound| (bound - y0) / (y1 - y0));
        let [into, out] = match y0 == y1 {
            true if low <= y0 && y0 <= high => [0.0, 1.0],
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

/// The English text called `key`.
fn text(key: &str) -> String {
    static TEXTS: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
        serde_json::from_str(assets::text("text/en.json")).expect("a text for each key")
    });
    TEXTS.get(key).unwrap_or_else(|| panic!("there is no text {key}")).clone()
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
        assert_eq!(within(&line, [0.0, 3.0]), cut);
        assert_eq!(within(&line, [-9.0, 9.0]), [line]);
        assert!(
            within(&line, [20.0, 30.0]).is_empty()
                && within(&[(0.0, 5.0), (1.0, 5.0)], [0.0, 1.0]).is_empty()
        );
        assert_eq!(within(&[(0.0, -1.0), (1.0, 9.0)], [1.0, 4.0]), [[(0.2, 1.0), (0.5, 4.0)]]);
    }

    #[test]
    fn a_misclassified_sample_is_red_with_its_label_left_and_its_prediction_right() {
        let cells = [(0, None), (1, Some(7)), (2, Some(2))];
        let images = Images { labels: vec![4, 1, 2], pixels: vec![0; 3 * 8 * 10] };
        let numerals = Description::read().numerals;
        let image = grid_image(&cells, [1, 3], [8, 10, 1], &images, &numerals).pixels;
        let row = |y: usize| -> String {
            let name = |pixel: &[u8]| match pixel {
                [255, 255, 255] => '.',
                pixel if pixel == color("--ink") => '#',
                pixel if pixel == color("--misclassified") => 'r',
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

    /// A run of events alone, whose data are images without ink.
    fn run_of(lines: &str) -> Picture {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("events.jsonl"), lines).unwrap();
        let experiment = "[data]\nsource = \"mnist\"\n[model]\ninput = [1, 1, 1]\nlayers = [\"flatten\"]\n\
            [train]\nsteps = 1\nbatch = 1\n";
        std::fs::write(folder.path().join("experiment.toml"), experiment).unwrap();
        let open_data: OpenData = |_| {
            let targets = || data::Targets::Labels { values: vec![0; 4], classes: 2 };
            let features = || data::Features::U8(vec![0; 4]);
            let set = || Dataset::new("made up", [1, 1, 1], features(), targets()).unwrap();
            Ok(Split { train: set(), test: set() })
        };
        picture(folder.path(), open_data).unwrap()
    }

    #[test]
    fn extreme_values_and_too_many_samples_have_a_picture() {
        let quantiles = |low: &str, high: &str| format!("[{low},-1,-1,0,0,1,1,{high}]");
        let snapshot = |step: u64, edges: &str| {
            let many = vec!["0"; 101].join(",");
            format!(
                "{{\"event\":\"snapshot\",\"step\":{step},\"train_secs\":0.0,\"batch\":[{many}],\"predictions\":[{many}],\"weights\":{edges},\"biases\":null,\"parameters\":[]}}\n"
            )
        };
        for edges in [quantiles("-3e38", "3e38"), quantiles("-1e39", "1e39"), "null".into()] {
            let losses = ["1e308", "null", "1.5e308"].map(|loss| {
                format!(
                    "{{\"event\":\"evaluation_finished\",\"step\":1,\"epoch\":1.0,\"part\":\"test\",\"samples\":4,\"metrics\":{{\"loss\":{loss}}},\"best\":{{}},\"misclassified\":[]}}\n"
                )
            });
            let lines = [snapshot(0, &edges), snapshot(1, &edges), losses.concat()].concat();
            let picture = run_of(&lines);
            let svg = picture.svg();
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{edges}: {svg}");
            assert_eq!(svg.matches("<image").count(), 2, "{edges}");
            assert!(picture.png().starts_with(b"\x89PNG"));
        }
    }

    #[test]
    fn more_samples_than_a_grid_has_cells_are_left_out() {
        let cells = [(0, None); 5];
        let images = Images { labels: vec![0; 5], pixels: vec![9; 5] };
        let numerals = Description::read().numerals;
        let image = grid_image(&cells, [2, 2], [1, 1, 1], &images, &numerals);
        assert_eq!((image.width, image.height, image.pixels.len()), (2, 2, 12));
    }
}
