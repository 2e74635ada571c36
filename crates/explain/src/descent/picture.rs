//! Paths over lines of equal height, or over a curve, as a picture in SVG.

use drawing::{SERIES_COLORS, SvgPicture, ticks};

use super::{Descent, DescentPath, FunctionCurve, PathEnd, Surface};
use crate::six_digits;

/// Width and height of the field with the paths.
const FIELD: [f64; 2] = [560.0, 420.0];
/// Space to the left of the field, above, and below.
const LEFT: f64 = 64.0;
const TOP: f64 = 18.0;
const BOTTOM: f64 = 44.0;
/// Space to the right, for the names of the paths.
const LEGEND: f64 = 230.0;
const LEGEND_LINE: f64 = 40.0;
/// Marks on each axis, at most one more.
const TICKS: usize = 6;

/// Colours of the paths.
const COLORS: [&str; super::MAX_PATHS] = SERIES_COLORS;

const STYLE: &str = "\
    .field { fill: none; stroke: var(--border); }\n\
    .contour { fill: none; stroke: var(--quiet); stroke-width: 0.8; opacity: 0.6; }\n\
    .curve { fill: none; stroke: var(--ink); stroke-width: 1.5; }\n\
    .path { fill: none; stroke-width: 2; stroke-linejoin: round; }\n\
    .tick { font-size: 11px; }\n\
    .axis, .name { fill: var(--ink); }\n\
    .name, .end { text-anchor: start; }\n\
    .end { font-size: 11px; }\n";

/// From the numbers of the axes to points of the picture.
struct Field {
    x: [f64; 2],
    y: [f64; 2],
}

impl Field {
    fn point(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let share = |[first, last]: [f64; 2], value: f64| (value - first) / (last - first);
        [LEFT + FIELD[0] * share(self.x, x), TOP + FIELD[1] * (1.0 - share(self.y, y))]
    }

    /// A line as the path of an SVG. A point far outside is moved to where numbers are still short.
    fn path(&self, points: impl IntoIterator<Item = [f64; 2]>) -> String {
        let mut text = String::new();
        for (i, point) in points.into_iter().enumerate() {
            let [x, y] = self.point(point).map(|value| value.clamp(-1e5, 1e5));
            text += &format!("{}{x:.1} {y:.1}", if i == 0 { "M" } else { "L" });
        }
        text
    }
}

impl Descent {
    /// The paths over what lies below them. None with three variables.
    pub fn svg(&self) -> Option<String> {
        let field = match (&self.surface, &self.curve) {
            (Some(surface), _) => Field { x: ends(&surface.xs), y: ends(&surface.ys) },
            (None, Some(curve)) => Field { x: ends(&curve.x), y: range(&curve.y) },
            (None, None) => return None,
        };
        let legend_height = TOP + LEGEND_LINE * self.paths.len() as f64;
        let height = (TOP + FIELD[1] + BOTTOM).max(legend_height);
        let mut picture = SvgPicture::new([LEFT + FIELD[0] + LEGEND, height], STYLE);
        picture.element(format_args!(
            "<clipPath id=\"field\"><rect x=\"{LEFT}\" y=\"{TOP}\" width=\"{}\" height=\"{}\"/></clipPath>",
            FIELD[0], FIELD[1]
        ));
        self.write_axes(&mut picture, &field);
        picture.element(format_args!("<g clip-path=\"url(#field)\">"));
        match (&self.surface, &self.curve) {
            (Some(surface), _) => write_contours(&mut picture, &field, surface),
            (None, Some(FunctionCurve { x, y })) => {
                let points = x.iter().zip(y).filter(|(_, y)| y.is_finite()).map(|(&x, &y)| [x, y]);
                let path = field.path(points);
                picture.element(format_args!("<path class=\"curve\" d=\"{path}\"/>"));
            }
            (None, None) => {}
        }
        for (path, color) in self.paths.iter().zip(COLORS) {
            write_path(&mut picture, &field, path, color);
        }
        picture.element(format_args!("</g>"));
        for (i, (path, color)) in self.paths.iter().zip(COLORS).enumerate() {
            write_legend(&mut picture, TOP + LEGEND_LINE * i as f64, path, color);
        }
        Some(picture.finish())
    }

    fn write_axes(&self, picture: &mut SvgPicture, field: &Field) {
        picture.element(format_args!(
            "<rect class=\"field\" x=\"{LEFT}\" y=\"{TOP}\" width=\"{}\" height=\"{}\"/>",
            FIELD[0], FIELD[1]
        ));
        for tick in ticks(field.x, TICKS) {
            let [x, _] = field.point([tick, field.y[0]]);
            picture.text("tick", [x, TOP + FIELD[1] + 16.0], &six_digits(tick));
        }
        for tick in ticks(field.y, TICKS) {
            let [_, y] = field.point([field.x[0], tick]);
            picture.text("tick", [LEFT - 26.0, y + 4.0], &six_digits(tick));
        }
        let middle = LEFT + FIELD[0] / 2.0;
        picture.text("axis", [middle, TOP + FIELD[1] + 36.0], &self.names[0]);
        let vertical = if self.surface.is_some() { &self.names[1] } else { &self.formula };
        picture.text("axis", [LEFT, TOP - 5.0], vertical);
    }
}

fn write_contours(picture: &mut SvgPicture, field: &Field, surface: &Surface) {
    for contour in &surface.contours {
        let lines = contour.lines.iter().map(|line| field.path(line.iter().copied()));
        let path = lines.collect::<String>();
        picture.element(format_args!("<path class=\"contour\" d=\"{path}\"/>"));
    }
}

fn write_path(picture: &mut SvgPicture, field: &Field, path: &DescentPath, color: &str) {
    let points: Vec<[f64; 2]> = path
        .points
        .iter()
        .map(|point| match point.at[..] {
            [x, y] => [x, y],
            _ => [point.at[0], point.value],
        })
        .filter(|[_, y]| y.is_finite())
        .collect();
    let line = field.path(points.iter().copied());
    picture.element(format_args!("<path class=\"path\" stroke=\"{color}\" d=\"{line}\"/>"));
    for (i, &point) in points.iter().enumerate() {
        let [x, y] = field.point(point);
        if (0.0..1e4).contains(&x) && (0.0..1e4).contains(&y) {
            let radius = if i + 1 == points.len() { 5 } else { 2 };
            picture.element(format_args!(
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{color}\"/>"
            ));
        }
    }
}

fn write_legend(picture: &mut SvgPicture, top: f64, path: &DescentPath, color: &str) {
    let left = LEFT + FIELD[0] + 16.0;
    picture.element(format_args!(
        "<circle cx=\"{left}\" cy=\"{:.1}\" r=\"5\" fill=\"{color}\"/>",
        top + 8.0
    ));
    let batch = path.batch.map_or(String::new(), |batch| format!(", batch {batch}"));
    let name = format!("{} {}{batch}", path.optimizer, six_digits(path.learning_rate));
    picture.text("name", [left + 12.0, top + 12.0], &name);
    let end = path.points.last().map_or("undefined".into(), |point| six_digits(point.value));
    let end = match path.outcome {
        PathEnd::Ended => format!("ends at {end}"),
        PathEnd::Worse => format!("ends at {end}, worse than it began"),
        PathEnd::Diverged { step } => format!("diverges at step {step}"),
    };
    picture.text("end", [left + 12.0, top + 27.0], &end);
}

fn ends(axis: &[f64]) -> [f64; 2] {
    [axis[0], axis[axis.len() - 1]]
}

/// From the least to the greatest of what is finite, and something around.
fn range(values: &[f64]) -> [f64; 2] {
    let finite = || values.iter().copied().filter(|value| value.is_finite());
    let least = finite().fold(f64::INFINITY, f64::min);
    let most = finite().fold(f64::NEG_INFINITY, f64::max);
    if least >= most {
        return if least == most { [least - 1.0, most + 1.0] } else { [-1.0, 1.0] };
    }
    let margin = 0.05 * (most - least);
    [least - margin, most + margin]
}
