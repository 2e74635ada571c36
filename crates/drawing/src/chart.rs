//! Charts in SVG: histograms and lines over numbers, bars and dots in rows with names, side by side on a page.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::{SvgPicture, ticks};

/// Colours of series, to be told apart on light ground and on dark.
pub const SERIES_COLORS: [&str; 8] =
    ["#3b63e6", "#d93a3f", "#1f8a4c", "#b06a00", "#8a4fc9", "#00838f", "#c2448f", "#7a7a2a"];

/// Around the page and between charts.
const MARGIN: f64 = 20.0;
/// Width of a chart, and charts side by side.
const WIDTH: f64 = 400.0;
const MOST_COLUMNS: usize = 3;
/// Above and below the field of a chart: title, note and a name of an axis; marks and a name.
const HEAD: f64 = 58.0;
const FOOT: f64 = 42.0;
/// The height of a field over numbers, and what is left of it.
const FIELD: f64 = 150.0;
const LEFT: f64 = 62.0;
/// The height of a row with a name, and the space for the name.
const ROW: f64 = 20.0;
const NAME: f64 = 140.0;
/// Marks on an axis of numbers, at most one more, and the letters for which there is space at one.
const TICKS: usize = 4;
const TICK_LETTERS: usize = 8;
/// Width of a letter of the title, and of small text.
const LETTER: f64 = 7.6;
const SMALL_LETTER: f64 = 6.4;
/// Lines of the legend.
const LEGEND: f64 = 22.0;
/// The share of a range that stays free at each end.
const FREE: f64 = 0.05;

const STYLE: &str = "\
    .page { font-size: 16px; font-weight: 600; }\n\
    .title { font-weight: 600; }\n\
    .page, .title, .name { fill: var(--ink); }\n\
    .note, .tick, .row { font-size: 11px; }\n\
    .page, .title, .name, .note, .first { text-anchor: start; }\n\
    .left, .row { text-anchor: end; }\n\
    .grid { stroke: var(--border); stroke-width: 0.6; }\n\
    .zero, .whisker { stroke: var(--ink); stroke-width: 1.2; }\n\
    .series { fill: none; stroke-width: 2; stroke-linejoin: round; }\n";

/// Charts on one page.
///
/// # Examples
///
/// ```
/// use gradus_drawing::{ChartPanel, ChartPage, ChartShapes};
///
/// let shapes = ChartShapes::Lines { xs: vec![1.0, 2.0], lines: vec![vec![0.5, 0.25]], text: |x| x.to_string() };
/// let chart = ChartPanel { title: "x".into(), note: String::new(), values: "y".into(), shapes };
/// let page = ChartPage { title: "A line".into(), series: vec![], charts: vec![chart], number: |y| y.to_string() };
/// assert_eq!(page.svg().matches("class=\"series\"").count(), 1);
/// ```
#[derive(Clone, Debug)]
pub struct ChartPage {
    /// What it shows.
    pub title: String,
    /// The names of the series, at most as many as [`SERIES_COLORS`]; a single series needs none.
    pub series: Vec<String>,
    /// The charts, row by row.
    pub charts: Vec<ChartPanel>,
    /// A value as the text beside an axis.
    pub number: fn(f64) -> String,
}

/// A chart.
#[derive(Clone, Debug)]
pub struct ChartPanel {
    /// What it is about.
    pub title: String,
    /// What else is to be said; may be empty.
    pub note: String,
    /// What the values are, with their unit.
    pub values: String,
    /// What is drawn.
    pub shapes: ChartShapes,
}

/// What a chart draws. What is not finite is left out.
#[derive(Clone, Debug)]
pub enum ChartShapes {
    /// Bars side by side between two numbers.
    Histogram {
        /// The ends of the axis.
        ends: [f64; 2],
        /// Of each bin the count of each series; they are stacked.
        bins: Vec<Vec<f64>>,
        /// A number as the text at the axis.
        text: fn(f64) -> String,
    },
    /// A line for each series.
    Lines {
        /// Where the values are, ascending.
        xs: Vec<f64>,
        /// Of each series the values.
        lines: Vec<Vec<f64>>,
        /// A number as the text at the axis.
        text: fn(f64) -> String,
    },
    /// Bars in rows, the series stacked.
    Bars(Vec<ChartRow>),
    /// A dot for each series in each row.
    Dots(Vec<ChartRow>),
}

/// A row of a chart.
#[derive(Clone, Debug, PartialEq)]
pub struct ChartRow {
    /// Its name.
    pub name: String,
    /// The value of each series.
    pub values: Vec<f64>,
    /// The standard deviation of the sum of the values, if it is drawn.
    pub deviation: Option<f64>,
}

impl ChartPage {
    /// The page as an SVG picture, readable on light and dark ground.
    pub fn svg(&self) -> String {
        let columns = self.charts.len().clamp(1, MOST_COLUMNS);
        let width = MARGIN + columns as f64 * (WIDTH + MARGIN);
        let legend = self.legend(width);
        let top = legend.last().map_or(48.0, |[_, y]| y + LEGEND + 8.0);
        let heights = self
            .charts
            .chunks(columns)
            .map(|row| row.iter().map(|chart| chart.shapes.height()).fold(0.0, f64::max));
        let heights: Vec<f64> = heights.collect();
        let height = top + heights.iter().sum::<f64>() + MARGIN;
        let mut picture = SvgPicture::new([width, height], STYLE);
        let title = fitted(&self.title, width - 2.0 * MARGIN, LETTER * 1.2);
        picture.text("page", [MARGIN, 30.0], &title);
        for ((name, [x, y]), color) in self.series.iter().zip(legend).zip(SERIES_COLORS) {
            picture.element(format_args!(
                "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"11\" height=\"11\" fill=\"{color}\"/>",
                y - 10.0
            ));
            picture.text("name", [x + 17.0, y], &fitted(name, width - 3.0 * MARGIN, LETTER));
        }
        let mut y = top;
        for (row, height) in self.charts.chunks(columns).zip(heights) {
            for (i, chart) in row.iter().enumerate() {
                let x = MARGIN + i as f64 * (WIDTH + MARGIN);
                chart.draw(&mut picture, [x, y], self.number);
            }
            y += height;
        }
        picture.finish()
    }

    /// Where the names of the series begin.
    fn legend(&self, width: f64) -> Vec<[f64; 2]> {
        let mut at = [MARGIN, 56.0];
        let place = |name: &String| {
            let needed = name.width() as f64 * LETTER + 40.0;
            if at[0] > MARGIN && at[0] + needed > width - MARGIN {
                at = [MARGIN, at[1] + LEGEND];
            }
            let found = at;
            at[0] += needed;
            found
        };
        self.series.iter().map(place).collect()
    }
}

impl ChartShapes {
    fn height(&self) -> f64 {
        let field = match self {
            Self::Histogram { .. } | Self::Lines { .. } => FIELD,
            Self::Bars(rows) | Self::Dots(rows) => ROW * rows.len() as f64,
        };
        HEAD + field + FOOT
    }
}

/// From numbers to points of the picture.
#[derive(Clone, Copy)]
struct ChartAxis {
    numbers: [f64; 2],
    points: [f64; 2],
}

impl ChartAxis {
    fn at(self, value: f64) -> f64 {
        let [low, high] = self.numbers;
        // Halves, since the difference of two large numbers may overflow.
        let share = (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0);
        self.points[0] + share * (self.points[1] - self.points[0])
    }
}

impl ChartPanel {
    fn draw(&self, picture: &mut SvgPicture, [x, y]: [f64; 2], number: fn(f64) -> String) {
        picture.text("title", [x, y + 14.0], &fitted(&self.title, WIDTH, LETTER));
        picture.text("note", [x, y + 31.0], &fitted(&self.note, WIDTH, SMALL_LETTER));
        let top = y + HEAD;
        match &self.shapes {
            ChartShapes::Histogram { ends, bins, text } => {
                let most = bins.iter().map(|bin| bin.iter().sum()).fold(0.0, f64::max);
                let axes = self.axes(picture, [x, top], (*ends, *text), ([0.0, most], number));
                draw_bins(picture, axes, bins);
            }
            ChartShapes::Lines { xs, lines, text } => {
                let ends = around(xs.iter().copied(), 0.0);
                let values = around(lines.iter().flatten().copied(), FREE);
                let axes = self.axes(picture, [x, top], (ends, *text), (values, number));
                draw_lines(picture, axes, xs, lines);
            }
            ChartShapes::Bars(rows) => {
                let sums = rows.iter().flat_map(|row| {
                    let (sum, deviation) = (row.values.iter().sum(), row.deviation.unwrap_or(0.0));
                    [0.0, sum, sum - deviation, sum + deviation]
                });
                let axis = self.row_axis(picture, [x, top], rows, around(sums, 0.0), number);
                draw_bars(picture, axis, top, rows);
            }
            ChartShapes::Dots(rows) => {
                let values = rows.iter().flat_map(|row| row.values.iter().copied());
                let axis = self.row_axis(picture, [x, top], rows, around(values, FREE), number);
                draw_dots(picture, axis, top, rows);
            }
        }
    }

    /// Draws the axes of a field over numbers.
    fn axes(
        &self,
        picture: &mut SvgPicture,
        [x, top]: [f64; 2],
        (ends, text): ([f64; 2], fn(f64) -> String),
        (values, number): ([f64; 2], fn(f64) -> String),
    ) -> [ChartAxis; 2] {
        let bottom = top + FIELD;
        let across = ChartAxis { numbers: widened(ends), points: [x + LEFT, x + WIDTH - 14.0] };
        let up = ChartAxis { numbers: widened(values), points: [bottom, top] };
        picture.text("note", [x, top - 9.0], &fitted(&self.values, WIDTH, SMALL_LETTER));
        for tick in ticks(up.numbers, TICKS) {
            let y = up.at(tick);
            line(picture, "grid", [across.points[0], y], [across.points[1], y]);
            picture.text("tick left", [across.points[0] - 7.0, y + 4.0], &number(tick));
        }
        write_ticks(picture, across, bottom + 16.0, text);
        [across, up]
    }

    /// Draws the axis of rows, and their names.
    fn row_axis(
        &self,
        picture: &mut SvgPicture,
        [x, top]: [f64; 2],
        rows: &[ChartRow],
        values: [f64; 2],
        number: fn(f64) -> String,
    ) -> ChartAxis {
        let axis = ChartAxis { numbers: widened(values), points: [x + NAME, x + WIDTH - 14.0] };
        let bottom = top + ROW * rows.len() as f64;
        for tick in ticks(axis.numbers, TICKS) {
            line(picture, "grid", [axis.at(tick), top], [axis.at(tick), bottom]);
        }
        for (row, y) in rows.iter().zip(row_centers(top)) {
            let name = fitted(&row.name, NAME - 8.0, SMALL_LETTER);
            picture.text("row", [x + NAME - 8.0, y + 4.0], &name);
        }
        write_ticks(picture, axis, bottom + 16.0, number);
        picture.text("note", [x, bottom + 33.0], &fitted(&self.values, WIDTH, SMALL_LETTER));
        axis
    }
}

fn write_ticks(picture: &mut SvgPicture, axis: ChartAxis, y: f64, text: fn(f64) -> String) {
    let round = ticks(axis.numbers, TICKS);
    if round.iter().all(|tick| text(*tick).width() <= TICK_LETTERS) {
        round.into_iter().for_each(|tick| picture.text("tick", [axis.at(tick), y], &text(tick)));
        return;
    }
    // Of long texts, such as dates, there is space for three, and a round number is not a round date.
    let [low, high] = axis.numbers;
    let places = [(low, "tick first"), (low / 2.0 + high / 2.0, "tick"), (high, "tick left")];
    for (tick, class) in places {
        picture.text(class, [axis.at(tick), y], &text(tick));
    }
}

fn draw_bins(picture: &mut SvgPicture, [across, up]: [ChartAxis; 2], bins: &[Vec<f64>]) {
    let width = (across.points[1] - across.points[0]) / bins.len().max(1) as f64;
    for (i, bin) in bins.iter().enumerate() {
        let x = across.points[0] + width * i as f64;
        let mut below = 0.0;
        for (count, color) in bin.iter().zip(SERIES_COLORS) {
            let (bottom, top) = (up.at(below), up.at(below + count));
            below += count;
            if *count > 0.0 {
                rect(picture, [x + 0.5, top], [width - 1.0, bottom - top], color);
            }
        }
    }
    line(picture, "zero", [across.points[0], up.at(0.0)], [across.points[1], up.at(0.0)]);
}

fn draw_lines(
    picture: &mut SvgPicture,
    [across, up]: [ChartAxis; 2],
    xs: &[f64],
    lines: &[Vec<f64>],
) {
    for (values, color) in lines.iter().zip(SERIES_COLORS) {
        let known = xs.iter().zip(values).filter(|(_, value)| value.is_finite());
        let points: Vec<[f64; 2]> =
            known.map(|(x, value)| [across.at(*x), up.at(*value)]).collect();
        let path: Vec<_> = points.iter().map(|[x, y]| format!("{x:.1} {y:.1}")).collect();
        if path.is_empty() {
            continue;
        }
        picture.element(format_args!(
            "<path class=\"series\" stroke=\"{color}\" d=\"M{}\"/>",
            path.join("L")
        ));
        points.into_iter().for_each(|point| dot(picture, point, 2.6, color));
    }
}

fn draw_bars(picture: &mut SvgPicture, axis: ChartAxis, top: f64, rows: &[ChartRow]) {
    for (row, y) in rows.iter().zip(row_centers(top)) {
        let mut sum = 0.0;
        for (value, color) in row.values.iter().zip(SERIES_COLORS) {
            let (from, to) = (axis.at(sum), axis.at(sum + value));
            sum += value;
            if value.is_finite() {
                let size = [(to - from).abs(), ROW - 6.0];
                rect(picture, [from.min(to), y - size[1] / 2.0], size, color);
            }
        }
        if let Some(deviation) = row.deviation.filter(|deviation| (sum + deviation).is_finite()) {
            let [low, high] = [axis.at(sum - deviation), axis.at(sum + deviation)];
            line(picture, "whisker", [low, y], [high, y]);
        }
    }
    let bottom = top + ROW * rows.len() as f64;
    line(picture, "zero", [axis.at(0.0), top], [axis.at(0.0), bottom]);
}

fn draw_dots(picture: &mut SvgPicture, axis: ChartAxis, top: f64, rows: &[ChartRow]) {
    for (row, y) in rows.iter().zip(row_centers(top)) {
        for (value, color) in row.values.iter().zip(SERIES_COLORS) {
            if value.is_finite() {
                dot(picture, [axis.at(*value), y], 4.0, color);
            }
        }
    }
}

fn row_centers(top: f64) -> impl Iterator<Item = f64> {
    (0..).map(move |row| top + ROW * (f64::from(row) + 0.5))
}

fn line(picture: &mut SvgPicture, class: &str, [x, y]: [f64; 2], [to_x, to_y]: [f64; 2]) {
    picture.element(format_args!(
        "<line class=\"{class}\" x1=\"{x:.1}\" y1=\"{y:.1}\" x2=\"{to_x:.1}\" y2=\"{to_y:.1}\"/>"
    ));
}

fn rect(picture: &mut SvgPicture, [x, y]: [f64; 2], [width, height]: [f64; 2], color: &str) {
    picture.element(format_args!(
        "<rect x=\"{x:.2}\" y=\"{y:.2}\" width=\"{width:.2}\" height=\"{height:.2}\" fill=\"{color}\"/>"
    ));
}

fn dot(picture: &mut SvgPicture, [x, y]: [f64; 2], radius: f64, color: &str) {
    picture.element(format_args!(
        "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{color}\"/>"
    ));
}

/// The range of what is finite, with a share of it at both ends.
fn around(values: impl Iterator<Item = f64>, free: f64) -> [f64; 2] {
    let finite = values.filter(|value| value.is_finite());
    let [low, high] = finite.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], value| {
        [low.min(value), high.max(value)]
    });
    let margin = free * (high - low);
    if margin.is_finite() { [low - margin, high + margin] } else { [low, high] }
}

/// A range in which numbers can be told apart.
fn widened([low, high]: [f64; 2]) -> [f64; 2] {
    match low.partial_cmp(&high) {
        Some(std::cmp::Ordering::Less) => [low, high],
        Some(std::cmp::Ordering::Equal) => {
            let size = if low == 0.0 { 1.0 } else { low.abs() * 0.1 };
            [low - size, high + size]
        }
        _ => [0.0, 1.0],
    }
}

/// A text that is cut where there is no space for more.
fn fitted(text: &str, width: f64, letter: f64) -> String {
    let most = (width / letter) as usize;
    if text.width() <= most {
        return text.to_owned();
    }
    let mut used = 1;
    let fits = |letter: &char| {
        used += letter.width().unwrap_or(0);
        used <= most
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(charts: Vec<ChartShapes>) -> String {
        let chart = |shapes| ChartPanel {
            title: "<column>".to_owned(),
            note: String::new(),
            values: "rows".to_owned(),
            shapes,
        };
        let charts = charts.into_iter().map(chart).collect();
        let series = vec!["a & b".to_owned(), "c".to_owned()];
        ChartPage { title: "Page".to_owned(), series, charts, number: |x| x.to_string() }.svg()
    }

    fn row(name: &str, values: &[f64], deviation: Option<f64>) -> ChartRow {
        ChartRow { name: name.to_owned(), values: values.to_vec(), deviation }
    }

    /// The numbers of an attribute, in order.
    fn attributes(svg: &str, of: &str, name: &str) -> Vec<f64> {
        let elements = svg.split(of).skip(1);
        let value = |element: &str| {
            let (_, rest) = element.split_once(&format!("{name}=\""))?;
            rest.split_once('"')?.0.parse().ok()
        };
        elements.filter_map(value).collect()
    }

    #[test]
    fn a_histogram_stacks_its_series_in_proportion_to_the_counts() {
        let bins = vec![vec![1.0, 3.0], vec![0.0, 0.0], vec![2.0, 0.0]];
        let svg =
            page(vec![ChartShapes::Histogram { ends: [0.0, 3.0], bins, text: |x| x.to_string() }]);
        let heights = attributes(&svg, "<rect x", "height");
        // Two squares of the legend, then the bars: a field of 150 points is 4 rows.
        assert_eq!(heights, [11.0, 11.0, 37.5, 112.5, 75.0]);
        assert!(svg.contains("&lt;column&gt;") && svg.contains("a &amp; b"));
    }

    #[test]
    fn bars_begin_at_zero_and_whiskers_are_as_long_as_two_deviations() {
        let rows = vec![row("first", &[2.0], Some(0.5)), row("second", &[-1.0], None)];
        let svg = page(vec![ChartShapes::Bars(rows)]);
        let widths = attributes(&svg, "<rect x", "width");
        let scale = (WIDTH - 14.0 - NAME) / 3.5;
        let expected = [11.0, 11.0, 2.0 * scale, scale];
        assert!(widths.iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.01), "{widths:?}");
        let [low, high] =
            ["x1", "x2"].map(|end| attributes(&svg, "<line class=\"whisker\"", end)[0]);
        assert!((high - low - scale).abs() < 0.2, "{low} {high}");
    }

    #[test]
    fn numbers_that_are_not_finite_or_all_the_same_leave_a_picture() {
        let text: fn(f64) -> String = |x| x.to_string();
        let svg = page(vec![
            ChartShapes::Lines {
                xs: vec![-1e308, 0.0, 1e308],
                lines: vec![vec![1.0, f64::NAN, f64::INFINITY], vec![f64::NAN; 3]],
                text,
            },
            ChartShapes::Lines { xs: vec![2.0], lines: vec![vec![7.0]], text },
            ChartShapes::Dots(vec![row("x", &[f64::NAN, 1.0], None)]),
            ChartShapes::Bars(vec![row("x", &[f64::NAN], Some(f64::NAN))]),
            ChartShapes::Histogram { ends: [1.0, 1.0], bins: vec![], text },
        ]);
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert_eq!(svg.matches("class=\"series\"").count(), 2);
        assert_eq!(svg.matches("<circle").count(), 3);
    }

    #[test]
    fn texts_of_an_axis_that_are_long_stand_at_its_ends_and_in_the_middle() {
        let shapes = |text| ChartShapes::Lines { xs: vec![0.0, 10.0], lines: vec![], text };
        let short = page(vec![shapes(|x| x.to_string())]);
        assert_eq!(short.matches("class=\"tick\"").count(), 5);
        let long = page(vec![shapes(|x| format!("2024-03-{:02}", x + 10.0))]);
        for text in ["first\" x=\"82.0", ">2024-03-10<", ">2024-03-15<", ">2024-03-20<"] {
            assert_eq!(long.matches(text).count(), 1, "{text} in {long}");
        }
        assert_eq!(long.matches("2024").count(), 3);
    }

    #[test]
    fn long_names_are_cut_and_wide_letters_count_twice() {
        assert_eq!(fitted("abcdef", 60.0, 10.0), "abcdef");
        assert_eq!(fitted("abcdefg", 60.0, 10.0), "abcde…");
        assert_eq!(fitted("面积（平方米）", 60.0, 10.0), "面积…");
    }
}
