//! Plots of characters.

use explain::descent::{Descent, PathEnd};

use super::written_table;
use crate::Language;
use crate::figure::{AxisScale, PlotAxis, Series, SeriesMark};
use crate::text::{TextAlign, number};

/// Lines of a plot.
const HEIGHT: usize = 16;
/// Columns of a plot at most.
const MAX_WIDTH: usize = 72;
/// The marks of series, in their order.
const MARKS: [char; 8] = ['*', '+', 'o', 'x', '#', '@', '%', '&'];
/// The shades of bands, from the outermost.
const BANDS: [char; 4] = ['░', '▒', '▓', '█'];
/// Rows that a path of descent is cut to.
const PATH_ROWS: usize = 11;

/// Series over two axes.
pub(super) fn plot(x: &PlotAxis, y: &PlotAxis, series: &[Series], width: usize) -> String {
    let upper = series.iter().filter(|series| series.mark == SeriesMark::Band);
    let upper = upper.flat_map(|band| band.y.iter().zip(&band.dy).map(|(y, dy)| y + dy));
    let xs = Span::of(x, series.iter().flat_map(|series| series.x.iter().copied()));
    let ys = Span::of(y, series.iter().flat_map(|series| series.y.iter().copied()).chain(upper));
    let labels = [ys.label(1.0), ys.label(0.0)];
    let margin = labels.iter().map(|label| super::width(label)).max().unwrap_or(0) + 1;
    let columns = width.saturating_sub(margin + 1).clamp(10, MAX_WIDTH);
    let mut grid = vec![vec![' '; columns]; HEIGHT];
    let mark_of = |(i, series): (usize, &Series)| match series.mark {
        SeriesMark::Band => BANDS[i.min(BANDS.len() - 1)],
        _ => MARKS[i % MARKS.len()],
    };
    let marks: Vec<char> = series.iter().enumerate().map(mark_of).collect();
    for (series, &mark) in series.iter().zip(&marks) {
        if series.mark == SeriesMark::Band {
            draw_band(&mut grid, series, [&xs, &ys], mark);
            continue;
        }
        let points = series.x.iter().zip(&series.y);
        let place = |(&x, &y): (&f64, &f64)| Some([xs.place(x)?, ys.place(y)?]);
        let mut last: Option<[f64; 2]> = None;
        for point in points.map(place) {
            let is_line = matches!(series.mark, SeriesMark::Line | SeriesMark::Dashed);
            let from = last.filter(|_| is_line).or(point);
            if let (Some([x0, y0]), Some([x1, y1])) = (from, point) {
                let pieces = ((x1 - x0).abs() * columns as f64).ceil().clamp(1.0, 200.0) as usize;
                for i in 0..=pieces {
                    let t = i as f64 / pieces as f64;
                    let column = ((x0 + (x1 - x0) * t) * (columns - 1) as f64).round() as usize;
                    let row = ((1.0 - y0 - (y1 - y0) * t) * (HEIGHT - 1) as f64).round() as usize;
                    grid[row.min(HEIGHT - 1)][column.min(columns - 1)] = mark;
                }
            }
            last = point;
        }
    }
    let mut text = format!("{}\n", y.label);
    for (i, row) in grid.iter().enumerate() {
        let label = match i {
            0 => &*labels[0],
            _ if i + 1 == HEIGHT => &*labels[1],
            _ => "",
        };
        let gap = " ".repeat(margin - 1 - super::width(label));
        let row: String = row.iter().collect();
        text += format!("{gap}{label} │{row}").trim_end();
        text.push('\n');
    }
    let [from, to] = [xs.label(0.0), xs.label(1.0)];
    let line = "─".repeat(columns);
    let gap =
        columns.saturating_sub(super::width(&from) + super::width(&to) + super::width(&x.label));
    let [before, after] = [gap / 2, gap - gap / 2].map(|gap| " ".repeat(gap));
    let indent = " ".repeat(margin);
    text += &format!("{indent}└{line}\n{indent} {from}{before}{}{after}{to}\n", x.label);
    if series.len() > 1 {
        let names = series.iter().zip(marks);
        let names = names.map(|(series, mark)| format!("{mark} {}", series.name));
        text += &super::wrap(&names.collect::<Vec<_>>().join("   "), width, "", "");
        text.push('\n');
    }
    text
}

/// Fills what is between the edges of a band.
fn draw_band(grid: &mut [Vec<char>], band: &Series, [xs, ys]: [&Span; 2], mark: char) {
    let points = band.x.iter().zip(band.y.iter().zip(&band.dy));
    let place = |(&x, (&y, &dy)): (&f64, (&f64, &f64))| {
        Some([xs.place(x)?, ys.place(y)?, ys.place(y + dy)?])
    };
    let points: Vec<[f64; 3]> = points.filter_map(place).collect();
    let columns = grid[0].len();
    for column in 0..columns {
        let x = column as f64 / (columns - 1) as f64;
        let Some(pair) = points.windows(2).find(|pair| (pair[0][0]..=pair[1][0]).contains(&x))
        else {
            continue;
        };
        let t = (x - pair[0][0]) / (pair[1][0] - pair[0][0]).max(f64::MIN_POSITIVE);
        let row = |edge: usize| {
            let place = pair[0][edge] + (pair[1][edge] - pair[0][edge]) * t;
            ((1.0 - place) * (HEIGHT - 1) as f64).round() as usize
        };
        grid[row(2)..=row(1)].iter_mut().for_each(|row| row[column] = mark);
    }
}

/// The numbers that an axis shows.
struct Span {
    from: f64,
    to: f64,
    scale: AxisScale,
}

impl Span {
    fn of(axis: &PlotAxis, numbers: impl Iterator<Item = f64>) -> Self {
        let scale = axis.scale;
        let scaled = |value: f64| if scale == AxisScale::Log { value.log10() } else { value };
        let all = numbers.map(scaled).filter(|value| value.is_finite());
        let [from, to] = match axis.range {
            Some(range) => range.map(scaled),
            None => all.fold([f64::INFINITY, f64::NEG_INFINITY], |[from, to], value| {
                [from.min(value), to.max(value)]
            }),
        };
        match from < to {
            true => Self { from, to, scale },
            // One number alone, or none.
            false => {
                let middle = if from.is_finite() { from } else { 0.0 };
                Self { from: middle - 0.5, to: middle + 0.5, scale }
            }
        }
    }

    /// From 0 to 1; nothing for what is outside.
    fn place(&self, value: f64) -> Option<f64> {
        let value = if self.scale == AxisScale::Log { value.log10() } else { value };
        let place = (value - self.from) / (self.to - self.from);
        (0.0..=1.0).contains(&place).then_some(place)
    }

    fn label(&self, place: f64) -> String {
        let value = self.from + (self.to - self.from) * place;
        number(if self.scale == AxisScale::Log { 10_f64.powf(value) } else { value }, 3)
    }
}

/// Paths of descent: on the plane, and their points in tables.
pub(super) fn descent(descent: &Descent, width: usize, language: Language) -> String {
    let mut text = String::new();
    if let [x, y] = &descent.names[..] {
        let series = descent.paths.iter().map(|path| {
            let points: Vec<[f64; 2]> =
                path.points.iter().map(|point| [point.at[0], point.at[1]]).collect();
            let name = format!("{} {}", path.optimizer, path.learning_rate);
            Series::new(name, SeriesMark::Line, &points)
        });
        let axes = [x, y].map(PlotAxis::new);
        text += &plot(&axes[0], &axes[1], &series.collect::<Vec<_>>(), width);
    }
    for path in &descent.paths {
        let ends = match path.outcome {
            PathEnd::Diverged { step } => match language {
                Language::En => format!(", diverged at step {step}"),
                Language::Zh => format!("，在第 {step} 步发散"),
            },
            _ => String::new(),
        };
        text += &format!("{} {}{ends}\n", path.optimizer, path.learning_rate);
        let every = path.points.len().saturating_sub(1).div_ceil(PATH_ROWS - 1).max(1);
        let rows = path
            .points
            .iter()
            .enumerate()
            .filter(|(i, _)| i % every == 0 || i + 1 == path.points.len());
        let rows = rows.map(|(i, point)| {
            let at = point.at.iter().map(|&at| number(at, 4));
            let step = std::iter::once(i.to_string());
            step.chain(at).chain([number(point.value, 4)]).collect()
        });
        let names = descent.names.iter().cloned();
        let step = language.say("step", "步").to_owned();
        let heads = std::iter::once(step).chain(names).chain([descent.formula.clone()]);
        text += &written_table(
            heads.map(|head| (TextAlign::Right, head)),
            &rows.collect::<Vec<Vec<String>>>(),
        );
    }
    text
}
