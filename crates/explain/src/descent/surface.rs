//! What lies below the paths: heights on a grid with lines of equal height, or a curve.

use serde::Serialize;

use super::contours::contour;
use super::{DescentPath, PathEnd};

/// Points of the grid along each axis: lines of equal height look smooth.
const GRID: usize = 61;
/// Points of a curve.
const CURVE: usize = 201;
/// Lines of equal height.
const LEVELS: usize = 12;
/// The function is evaluated so often for a surface or a curve.
pub(super) const EVALUATIONS: usize = GRID * GRID;
/// What is shown around the paths, as a part of their extent.
const MARGIN: f64 = 0.15;
/// The shorter side at least, as a part of the longer one: a path along one axis has a valley beside it.
const LEAST: f64 = 0.3;

/// The heights of a function of two variables.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Surface {
    /// The columns of the grid: the first variable.
    pub xs: Vec<f64>,
    /// The rows of the grid: the second variable.
    pub ys: Vec<f64>,
    /// `heights[row][column]` is that at `ys[row]` and `xs[column]`.
    pub heights: Vec<Vec<f64>>,
    /// Lines of equal height, between which there are equally many points of the grid.
    pub contours: Vec<Contour>,
}

/// The lines of one height.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Contour {
    /// The height.
    pub height: f64,
    /// Points `[x, y]` of each line. A closed one ends where it began.
    pub lines: Vec<Vec<[f64; 2]>>,
}

/// The graph of a function of one variable.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FunctionCurve {
    /// The variable.
    pub x: Vec<f64>,
    /// The function.
    pub y: Vec<f64>,
}

/// The points that are to be seen: those no worse than the start. Those of a path that diverges are left out.
pub(super) fn shown(paths: &[DescentPath], ascends: bool) -> Vec<Vec<f64>> {
    let of_path = |path: &DescentPath| {
        let start = path.points.first().map_or(0.0, |point| point.value);
        let is_shown = move |value: f64| if ascends { value >= start } else { value <= start };
        let all = matches!(path.outcome, PathEnd::Ended);
        let points = path.points.iter().enumerate();
        // A path that overshoots and comes back is seen; one that ends badly is not.
        let points = points.filter(move |(i, point)| *i == 0 || is_shown(point.value) && all);
        points.map(|(_, point)| point.at.clone()).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of_path).collect()
}

/// From where to where each axis is shown.
fn bounds(points: &[Vec<f64>], axes: usize) -> Vec<[f64; 2]> {
    let range = |axis: usize| {
        let values = points.iter().map(|point| point[axis]);
        let [least, most] = values
            .fold([f64::INFINITY, f64::NEG_INFINITY], |[least, most], value| {
                [least.min(value), most.max(value)]
            });
        if least <= most { [least, most] } else { [0.0, 0.0] }
    };
    let ranges: Vec<[f64; 2]> = (0..axes).map(range).collect();
    let longest = ranges.iter().map(|[least, most]| most - least).fold(0.0, f64::max);
    // Where all stand still, so much of the surroundings that something is seen.
    let longest = if longest > 0.0 { longest } else { 2.0 };
    let padded = |[least, most]: [f64; 2]| {
        let extent = (most - least).max(LEAST * longest);
        let middle = (least + most) / 2.0;
        let half = extent * (0.5 + MARGIN);
        // Far from 0 a small extent would be rounded away.
        let half = half.max(middle.abs() * 1e-6);
        [middle - half, middle + half]
    };
    ranges.into_iter().map(padded).collect()
}

fn steps([first, last]: [f64; 2], n: usize) -> Vec<f64> {
    (0..n).map(|i| first + (last - first) * i as f64 / (n - 1) as f64).collect()
}

impl Surface {
    pub(super) fn below(points: &[Vec<f64>], mut height: impl FnMut(&[f64]) -> f64) -> Self {
        let bounds = bounds(points, 2);
        let [xs, ys] = [0, 1].map(|axis| steps(bounds[axis], GRID));
        let mut row = |y: f64| xs.iter().map(|&x| height(&[x, y])).collect::<Vec<_>>();
        let heights: Vec<Vec<f64>> = ys.iter().map(|&y| row(y)).collect();
        let contours = levels(&heights)
            .into_iter()
            .map(|level| Contour { height: level, lines: contour(&xs, &ys, &heights, level) });
        let contours = contours.collect();
        Self { xs, ys, heights, contours }
    }
}

impl FunctionCurve {
    pub(super) fn below(points: &[Vec<f64>], mut height: impl FnMut(&[f64]) -> f64) -> Self {
        let x = steps(bounds(points, 1)[0], CURVE);
        let y = x.iter().map(|&x| height(&[x])).collect();
        Self { x, y }
    }
}

/// Heights between which there are equally many points.
fn levels(heights: &[Vec<f64>]) -> Vec<f64> {
    let mut sorted: Vec<f64> =
        heights.iter().flatten().copied().filter(|height| height.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let level = |i: usize| sorted.get(sorted.len() * (2 * i + 1) / (2 * LEVELS)).copied();
    let mut levels: Vec<f64> = (0..LEVELS).filter_map(level).collect();
    levels.dedup();
    levels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_surface_has_the_paths_within_and_its_heights_are_those_of_the_function() {
        let points = [vec![-7.0, 2.0], vec![1.0, 2.0]];
        let surface = Surface::below(&points, |at| at[0] + 10.0 * at[1]);
        let ends = |axis: &[f64]| [axis[0], axis[GRID - 1]];
        // 8 wide; 0.3 · 8 high, as the points have one height.
        let [left, right] = ends(&surface.xs);
        let [low, high] = ends(&surface.ys);
        assert!((left + 8.2).abs() < 1e-12 && (right - 2.2).abs() < 1e-12, "{left} {right}");
        assert!((low - 0.44).abs() < 1e-12 && (high - 3.56).abs() < 1e-12, "{low} {high}");
        assert_eq!(surface.heights[3][5], surface.xs[5] + 10.0 * surface.ys[3]);
        assert_eq!(surface.contours.len(), LEVELS);
    }

    #[test]
    fn a_flat_or_undefined_surface_has_few_lines_or_none() {
        let flat = Surface::below(&[vec![0.0, 0.0]], |_| 1.0);
        assert_eq!(flat.contours.len(), 1);
        assert!(flat.xs[0] == -flat.xs[GRID - 1] && flat.xs[0] < 0.0);
        let nowhere = Surface::below(&[], |_| f64::NAN);
        assert!(nowhere.contours.is_empty());
    }

    #[test]
    fn between_two_lines_there_are_equally_many_points() {
        let surface = Surface::below(&[vec![-1.0, -1.0], vec![1.0, 1.0]], |at| at[0].exp() + at[1]);
        let all = surface.heights.iter().flatten();
        let below = |level: f64| all.clone().filter(|height| **height < level).count();
        let counts: Vec<_> = surface.contours.iter().map(|contour| below(contour.height)).collect();
        let gaps: Vec<_> = counts.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().all(|gap| gap.abs_diff(EVALUATIONS / LEVELS) < 5), "{gaps:?}");
    }
}
