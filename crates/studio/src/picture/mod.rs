//! The panels of a run as one picture, for where there is no browser.

mod axis;
mod canvas;
mod description;
mod sheet;
mod sweep;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use data::Dataset;
use events::{EvaluationFinished, Event, MetricInfo, Metrics, Part, Quantiles, Snapshot};
use runs::{Experiment, Parts};

use self::canvas::{Anchor, Image};
use self::description::{Content, Curve, Curves, Description, NumberFormat, Panel, color};
use crate::data_cache::DataCache;
use crate::error::RunError;
use crate::images::{self, Images};
use crate::library::OpenRun;
use crate::{OpenData, assets};

pub use self::canvas::Picture;
pub use self::sheet::SampleSheet;
pub use self::sweep::sweep_picture;

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
    let run = OpenRun::at(folder, Arc::new(DataCache::new(open_data)));
    let events = run.history().map_err(|error| error.of(folder))?.events();
    let steps = events.iter().map(|event| match event {
        Event::StepFinished(step) => step.step,
        Event::RunFinished(finished) => finished.summary.steps,
        _ => 1,
    });
    // The log knows the loss, also of a program with losses of its own.
    let other_loss = events.iter().find_map(|event| match event {
        Event::RunStarted(started) => {
            let is_in_nats = |metric: &MetricInfo| metric.name == "loss" && metric.unit == "nats";
            Some((!started.metrics.iter().any(is_in_nats)).then(|| started.loss.clone()))
        }
        _ => None,
    });
    let mut drawing = Drawing {
        picture: Picture::new(SIZE[0], SIZE[1]),
        description: Description::read(),
        end: steps.max().unwrap_or(1).max(1) as f64,
        events: &events,
        data: run.data().ok(),
        augmented: run.experiment().ok().filter(|of| !of.data.augment.is_empty()),
        other_loss: other_loss.flatten(),
    };
    drawing.head(&run.id);
    let panels = &drawing.description.panels;
    let rows = panels.len().div_ceil(COLUMNS);
    let size = [SIZE[0] / COLUMNS as f64, (SIZE[1] - HEAD) / rows as f64];
    for (i, panel) in panels.iter().enumerate() {
        drawing.panel(panel, Area::of_panel(i, COLUMNS, size));
    }
    Ok(drawing.picture)
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
    /// What panel `i`, row by row, has of a place of this size, without the margins.
    fn of_panel(i: usize, columns: usize, [width, height]: [f64; 2]) -> Self {
        let left = (i % columns) as f64 * width + MARGIN;
        let top = HEAD + (i / columns) as f64 * height + MARGIN;
        let [right, bottom] = [left + width - 2.0 * MARGIN, top + height - 2.0 * MARGIN];
        Self { left, top, right, bottom }
    }

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
    description: &'static Description,
    events: &'a [Event],
    /// The step at which the axes end.
    end: f64,
    data: Option<Arc<Parts>>,
    /// The experiment, if it augments training samples.
    augmented: Option<Experiment>,
    /// The loss, unless it is in nats.
    other_loss: Option<String>,
}

impl Drawing<'_> {
    fn evaluations(&self, part: Part) -> impl DoubleEndedIterator<Item = &EvaluationFinished> {
        self.events.iter().filter_map(move |event| match event {
            Event::EvaluationFinished(evaluation) if evaluation.part == part => Some(evaluation),
            _ => None,
        })
    }

    fn snapshots(&self) -> impl DoubleEndedIterator<Item = &Snapshot> {
        self.events.iter().filter_map(|event| match event {
            Event::Snapshot(snapshot) => Some(snapshot),
            _ => None,
        })
    }

    /// A metric over the steps, without the events that do not have it.
    fn metric(&self, part: Part, name: &str) -> Vec<[f64; 2]> {
        let point = |step: u64, metrics: &Metrics| Some([step as f64, metrics.get(name)?]);
        let of_step = |event: &Event| match event {
            Event::StepFinished(step) => point(step.step, &step.metrics),
            _ => None,
        };
        match part {
            Part::Train => self.events.iter().filter_map(of_step).collect(),
            _ => self.evaluations(part).filter_map(|of| point(of.step, &of.metrics)).collect(),
        }
    }

    fn small_text(&mut self, at: [f64; 2], anchor: Anchor, text: &str) {
        self.picture.text(at, anchor, (SMALL_TEXT, color("--quiet")), text);
    }

    /// The name of the run and where it has come to.
    fn head(&mut self, name: &str) {
        self.picture.text([MARGIN, 30.0], Anchor::Start, (NAME_TEXT, color("--ink")), name);
        let planned = self.events.iter().rev().find_map(|event| match event {
            Event::RunStarted(started) => Some(started.steps_planned),
            _ => None,
        });
        let last = |part| self.evaluations(part).next_back();
        let [validation, test] = [Part::Validation, Part::Test].map(last);
        let mut line = format!("step {}", test.map_or(0, |evaluation| evaluation.step));
        if let Some(planned) = planned.flatten() {
            let _ = write!(line, " of {planned}");
        }
        if let Some(evaluation) = test {
            let _ = write!(line, ", epoch {:.1}", evaluation.epoch);
        }
        for evaluation in validation.into_iter().chain(test) {
            let EvaluationFinished { part, metrics, best, .. } = evaluation;
            let _ = write!(line, ", {part} loss {:.4}", metrics.loss());
            if let Some(accuracy) = metrics.get("accuracy") {
                let _ = write!(line, ", {part} accuracy {:.2} %", 100.0 * accuracy);
            }
            if let Some(best) = best.get("accuracy") {
                let _ = write!(line, " (best {:.2} %)", 100.0 * best.value);
            }
        }
        self.picture.text([MARGIN, 54.0], Anchor::Start, (LINE_TEXT, color("--quiet")), &line);
    }

    fn panel(&mut self, panel: &Panel, area: Area) {
        let is_other = match &panel.content {
            Content::Curves(_) => self.other_loss.is_some(),
            Content::Bands { .. } => false,
            Content::Grid { set, .. } => {
                self.data.as_ref().and_then(|data| images::size(data.get(*set)?)).is_none()
            }
        };
        let title = panel.other_title.as_ref().filter(|_| is_other).unwrap_or(&panel.title);
        let at = [area.left, area.top + TITLE_TEXT];
        self.picture.text(at, Anchor::Start, (TITLE_TEXT, color("--ink")), text(title));
        let body = Area { top: area.top + TITLE, ..area };
        let unavailable = match &panel.content {
            Content::Curves(curves) => self.curves(body, curves),
            Content::Bands { color: name } => {
                self.bands(body, &panel.name, color(name));
                None
            }
            Content::Grid { set, rows, columns } => self.grid(body, *set, [*rows, *columns]),
        };
        if let Some(why) = unavailable {
            let at = [body.left, body.top + TITLE];
            self.picture.text(at, Anchor::Start, (LINE_TEXT, color("--quiet")), text(why));
        }
    }

    /// The curves of a metric, one for each part of the data. Returns why there are none.
    fn curves(&mut self, area: Area, curves: &Curves) -> Option<&'static str> {
        let Curves { metric, axis, text: format, range } = curves;
        let all =
            self.description.curves.iter().map(|curve| (curve, self.metric(curve.part, metric)));
        let drawn = |(curve, points): &(&Curve, Vec<_>)| {
            curve.part != Part::Validation || !points.is_empty()
        };
        let all: Vec<(&Curve, Vec<[f64; 2]>)> = all.filter(drawn).collect();
        let is_tested = self.evaluations(Part::Test).next().is_some();
        if is_tested
            && all.iter().any(|(curve, points)| curve.part == Part::Test && points.is_empty())
        {
            return Some("panel.no_classes");
        }
        let values: Vec<Vec<f64>> = all
            .iter()
            .map(|(_, points)| points.iter().map(|[_, value]| *value).collect())
            .collect();
        let range = axis::curves_range(range, &values[0], &values[1..]);
        let axis = match &self.other_loss {
            Some(loss) if metric == "loss" => {
                format!("{}, {}", loss.replace('_', " "), text("axis.mean_per_sample"))
            }
            _ => text(axis).to_owned(),
        };
        let chart = self.axes(area, range, &axis, *format);
        let mut right = area.right;
        let y = area.top - TITLE + TITLE_TEXT;
        for (curve, _) in all.iter().rev() {
            let label = text(&curve.label);
            self.small_text([right, y], Anchor::End, label);
            // About half as wide as high is a letter.
            right -= label.chars().count() as f64 * SMALL_TEXT * 0.55 + 6.0;
            let swatch = [[right - 16.0, y - 4.0], [right, y - 4.0]];
            self.picture.line(&swatch, color(&curve.color), curve.width.max(1.5));
            right -= 30.0;
        }
        for (curve, mut points) in all {
            points.retain(|[_, value]| value.is_finite());
            points.iter_mut().for_each(|[_, value]| *value = axis::bounded(*value));
            for part in within(&points, range) {
                let part: Vec<_> = part.into_iter().map(|point| chart.at(point)).collect();
                self.picture.line(&part, color(&curve.color), curve.width);
            }
        }
        None
    }

    /// Nested bands of the quantiles of all weights or biases.
    fn bands(&mut self, area: Area, name: &str, ink: [u8; 3]) {
        let quantiles = self.snapshots().filter_map(|snapshot| {
            let Quantiles(edges) = match name {
                "weights" => snapshot.weights?,
                "biases" => snapshot.biases?,
                _ => return None,
            };
            let is_finite = edges.iter().all(|edge| edge.is_finite());
            is_finite.then(|| (snapshot.step as f64, edges.map(f64::from)))
        });
        let quantiles: Vec<(f64, [f64; 8])> = quantiles.collect();
        let range = axis::padded_range(axis::extent(quantiles.iter().map(|(_, edges)| edges)));
        let chart = self.axes(area, range, text("axis.value"), NumberFormat::Number);
        for &[low, high] in &self.description.bands {
            let edge = |i: usize| quantiles.iter().map(move |(step, edges)| [*step, edges[i]]);
            let outline = edge(high).chain(edge(low).rev()).map(|point| chart.at(point)).collect();
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
        let chart = Chart { plot, end: self.end, range };
        let most = ((plot.height() / 34.0) as usize).max(2);
        for value in drawing::ticks(range, most) {
            let [_, y] = chart.at([0.0, value]);
            self.picture.line(&[[plot.left, y], [plot.right, y]], color("--line"), 1.0);
            let text = match format {
                NumberFormat::Percent => axis::axis_percent(value),
                NumberFormat::Number => axis::short_number(value, 3),
            };
            self.small_text([plot.left - 6.0, y + 4.0], Anchor::End, &text);
        }
        let most = ((area.width() - left) / 70.0).max(2.0) as usize;
        let steps: Vec<f64> = drawing::ticks([0.0, self.end], most);
        for &step in steps.iter().filter(|step| step.fract() == 0.0) {
            let text = axis::step_text(step, steps[steps.len() - 1]);
            let [x, _] = chart.at([step, 0.0]);
            self.small_text([x, plot.bottom + 16.0], Anchor::Middle, &text);
        }
        self.small_text([plot.right, area.bottom - 4.0], Anchor::End, text("axis.step"));
        self.small_text([area.left, area.top + SMALL_TEXT], Anchor::Start, label);
        chart
    }

    /// Samples side by side. Returns why there are none.
    fn grid(&mut self, area: Area, set: Part, [rows, columns]: [usize; 2]) -> Option<&'static str> {
        let data = self.data.clone();
        let data = data.as_ref().and_then(|parts| parts.get(set));
        let n = data.map_or(0, Dataset::len);
        let cells = match set {
            Part::Train => self.snapshots().next_back().map(batch),
            _ => self.evaluations(set).next_back().map(|last| misclassified_first(last, n)),
        };
        let mut cells = cells.unwrap_or_default();
        cells.truncate(rows * columns);
        let samples: Vec<u32> = cells.iter().map(|(sample, _)| *sample).collect();
        let augmented = self.augmented.as_ref().filter(|_| set == Part::Train);
        let step = self.snapshots().next_back().map_or(0, |snapshot| snapshot.step);
        let known = data.and_then(|data| {
            let images = match augmented {
                Some(experiment) => images::of_batch(experiment, data, &samples, step),
                None => images::some(data, &samples),
            };
            Some((images::size(data)?, images?))
        });
        let Some((size, known)) = known else { return Some("panel.no_images") };
        let image = grid_image(&cells, [rows, columns], size, &known, &self.description.numerals);
        // A full grid of an evaluated set is a scale of accuracy: it is as high as the share that it shows.
        let share = (rows * columns) as f64 / n as f64;
        if set == Part::Train || share > 1.0 {
            let [w, h] = [image.width as f64, image.height as f64];
            let factor = (area.width() / w).min(area.height() / h);
            let [w, h] = [w * factor, h * factor];
            let corner = [(area.left + area.right - w) / 2.0, (area.top + area.bottom - h) / 2.0];
            self.picture.image(corner, [w, h], &image);
            return None;
        }
        let size = [area.width() - SCALE_WIDTH, area.height()];
        self.picture.image([area.left + SCALE_WIDTH, area.top], size, &image);
        for i in 0..=SCALE_STEPS {
            let part = i as f64 / SCALE_STEPS as f64;
            // The first stands below its line, the last above it, so that none leaves the panel.
            let y = area.top + area.height() * part + SMALL_TEXT * (0.8 - 0.8 * part);
            let accuracy = axis::axis_percent(1.0 - share * part);
            self.small_text([area.left, y], Anchor::Start, &accuracy);
        }
        None
    }
}

/// Where steps and values lie in the picture.
struct Chart {
    plot: Area,
    end: f64,
    range: [f64; 2],
}

impl Chart {
    fn at(&self, [step, value]: [f64; 2]) -> [f64; 2] {
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
    let Snapshot { batch, predictions, .. } = snapshot;
    batch.iter().enumerate().map(|(i, &sample)| (sample, predictions.get(i).copied())).collect()
}

/// The misclassified samples first, then the others in order.
fn misclassified_first(evaluation: &EvaluationFinished, n: usize) -> Vec<Cell> {
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
    let mut image = Image::filled(columns * width, rows * height, card);
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
fn within(points: &[[f64; 2]], [low, high]: [f64; 2]) -> Vec<Vec<[f64; 2]>> {
    let mut parts: Vec<Vec<[f64; 2]>> = Vec::new();
    for pair in points.windows(2) {
        let [[x0, y0], [x1, y1]] = [pair[0], pair[1]];
        let at = |share: f64| [x0 + (x1 - x0) * share, y0 + (y1 - y0) * share];
        // Where the line enters the range and leaves it. A level line is in it everywhere or nowhere.
        let crossings = [low, high].map(|bound| (bound - y0) / (y1 - y0));
        let [into, out] = match y0 == y1 {
            true if low <= y0 && y0 <= high => [0.0, 1.0],
            true => continue,
            false => [crossings[0].min(crossings[1]), crossings[0].max(crossings[1])],
        };
        let (into, out) = (into.max(0.0), out.min(1.0));
        match parts.last_mut() {
            _ if into > out => {}
            Some(part) if into == 0.0 && part.last() == Some(&pair[0]) => part.push(at(out)),
            _ => parts.push(vec![at(into), at(out)]),
        }
    }
    parts
}

/// The English text called `key`.
fn text(key: &str) -> &'static str {
    static TEXTS: LazyLock<BTreeMap<&str, String>> = LazyLock::new(|| {
        serde_json::from_str(assets::text("text/en.json")).expect("a text for each key")
    });
    TEXTS.get(key).unwrap_or_else(|| panic!("there is no text {key}"))
}

#[cfg(test)]
mod tests {
    use runs::Split;

    use super::*;

    #[test]
    fn a_line_is_cut_where_it_leaves_the_range() {
        let line = [[0.0, -1.0], [2.0, 1.0], [3.0, 1.0], [5.0, 5.0], [7.0, 1.0], [8.0, 9.0]];
        let cut = [
            vec![[1.0, 0.0], [2.0, 1.0], [3.0, 1.0], [4.0, 3.0]],
            vec![[6.0, 3.0], [7.0, 1.0], [7.25, 3.0]],
        ];
        assert_eq!(within(&line, [0.0, 3.0]), cut);
        assert_eq!(within(&line, [-9.0, 9.0]), [line]);
        assert!(within(&line, [20.0, 30.0]).is_empty());
        assert!(within(&[[0.0, 5.0], [1.0, 5.0]], [0.0, 1.0]).is_empty());
        assert_eq!(within(&[[0.0, -1.0], [1.0, 9.0]], [1.0, 4.0]), [[[0.2, 1.0], [0.5, 4.0]]]);
    }

    #[test]
    fn a_misclassified_sample_is_red_with_its_label_left_and_its_prediction_right() {
        let cells = [(0, None), (1, Some(7)), (2, Some(2))];
        let images = Images { labels: vec![4, 1, 2], pixels: vec![0; 3 * 8 * 10] };
        let numerals = &Description::read().numerals;
        let image = grid_image(&cells, [1, 3], [8, 10, 1], &images, numerals).pixels;
        let row = |y: usize| -> String {
            let name = |pixel: &[u8]| match pixel {
                [255, 255, 255] => '.',
                pixel if pixel == color("--ink") => '#',
                pixel if pixel == color("--misclassified") => 'r',
                _ => '?',
            };
            image[y * 90..][..90].chunks(3).map(name).collect()
        };
        let rows = "..........rrrrrrrrrr..........
                    ..........rrrrrrrrrr..........
                    ..........rr#rrr###r..........
                    ..........r##rrrrr#r..........
                    ..........rr#rrrr#rr..........
                    ..........rr#rrrr#rr..........
                    ..........r###rrr#rr..........
                    ..........rrrrrrrrrr..........";
        assert_eq!(
            (0..8).map(row).collect::<Vec<_>>(),
            rows.split_whitespace().collect::<Vec<_>>()
        );
    }

    /// A run of events alone, whose data are images without ink.
    fn run_of(lines: &str) -> Picture {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("events.jsonl"), lines).unwrap();
        let experiment = "data.source = 'mnist'\ntrain = { steps = 1, batch = 1 }\n\
            model = { input = [1, 1, 1], layers = ['flatten'] }\n";
        std::fs::write(folder.path().join("experiment.toml"), experiment).unwrap();
        let open_data: OpenData = |_| {
            let targets = data::Targets::Labels { values: vec![0; 4], classes: 2 };
            let features = data::Features::U8(vec![0; 4]);
            let set = Dataset::new("made up", [1, 1, 1], features, targets).unwrap();
            Ok(Split { train: set.clone(), test: set }.into())
        };
        picture(folder.path(), open_data).unwrap()
    }

    #[test]
    fn extreme_values_and_too_many_samples_have_a_picture() {
        let many = vec!["0"; 101].join(",");
        let snapshots = [0, 1].map(|step| {
            let values = r#""train_secs":0.0,"weights":EDGES,"biases":null,"parameters":[]"#;
            let batch = format!(r#""batch":[{many}],"predictions":[{many}]"#);
            format!(r#"{{"event":"snapshot","step":{step},{batch},{values}}}"#) + "\n"
        });
        let losses = ["1e308", "null", "1.5e308"].map(|loss| {
            let at =
                r#""event":"evaluation_finished","step":1,"epoch":1.0,"part":"test","samples":4"#;
            format!(r#"{{{at},"metrics":{{"loss":{loss}}},"best":{{}},"misclassified":[]}}"#) + "\n"
        });
        let lines = snapshots.concat() + &losses.concat();
        for edges in ["[-3e38,-1,-1,0,0,1,1,3e38]", "[-1e39,-1,-1,0,0,1,1,1e39]", "null"] {
            let picture = run_of(&lines.replace("EDGES", edges));
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
        let numerals = &Description::read().numerals;
        let image = grid_image(&cells, [2, 2], [1, 1, 1], &images, numerals);
        assert_eq!((image.width, image.height, image.pixels.len()), (2, 2, 12));
    }
}
