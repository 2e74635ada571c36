//! Lines of equal height through a grid.
//!
//! In each cell of four points a line is straight, between edges that it crosses where a linear height would reach the
//! level. Where all four edges are crossed, the height in the middle says which are joined.
//! Source: Lorensen, Cline (1987), "Marching cubes", in two dimensions.

use std::collections::BTreeMap;

/// An edge of the grid: from the point of a row and a column to the right, or up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct GridEdge {
    row: usize,
    column: usize,
    goes_up: bool,
}

/// The lines of height `level`; a closed one ends where it began. Cells with a height that is not finite have none.
pub(super) fn contour(
    xs: &[f64],
    ys: &[f64],
    heights: &[Vec<f64>],
    level: f64,
) -> Vec<Vec<[f64; 2]>> {
    // The one or two edges to which a line continues from each edge.
    let mut next: BTreeMap<GridEdge, Vec<GridEdge>> = BTreeMap::new();
    for row in 0..ys.len() - 1 {
        for column in 0..xs.len() - 1 {
            for [a, b] in parts_in_cell(heights, [row, column], level) {
                next.entry(a).or_default().push(b);
                next.entry(b).or_default().push(a);
            }
        }
    }
    let mut lines = Vec::new();
    // Those that end at the border first: what is left then is closed.
    let open: Vec<_> = next.iter().filter(|(_, to)| to.len() == 1).map(|(edge, _)| *edge).collect();
    let all: Vec<_> = next.keys().copied().collect();
    for start in open.into_iter().chain(all) {
        let mut line = vec![start];
        let mut at = start;
        while let Some(to) = next.get_mut(&at).and_then(Vec::pop) {
            // Each part is followed once, in one direction.
            let back = next.get_mut(&to).expect("entered both ways");
            let place = back.iter().position(|edge| *edge == at).expect("entered both ways");
            back.remove(place);
            line.push(to);
            at = to;
        }
        if line.len() > 1 {
            lines.push(line.iter().map(|edge| crossing(xs, ys, heights, *edge, level)).collect());
        }
    }
    lines
}

/// The parts of lines in the cell whose lower left point is at a row and a column, each by the edges that it joins.
fn parts_in_cell(
    heights: &[Vec<f64>],
    [row, column]: [usize; 2],
    level: f64,
) -> Vec<[GridEdge; 2]> {
    let corners = [[0, 0], [0, 1], [1, 1], [1, 0]];
    let values = corners.map(|[up, right]| heights[row + up][column + right]);
    if values.iter().any(|value| !value.is_finite()) {
        return Vec::new();
    }
    let edge = |up: usize, right: usize, goes_up| GridEdge {
        row: row + up,
        column: column + right,
        goes_up,
    };
    // Around the cell, edge i is that from corner i to the next.
    let edges = [edge(0, 0, false), edge(0, 1, true), edge(1, 0, false), edge(0, 0, true)];
    let is_above = values.map(|value| value >= level);
    let is_crossed = |i: usize| is_above[i] != is_above[(i + 1) % 4];
    match (0..4).filter(|&i| is_crossed(i)).collect::<Vec<_>>()[..] {
        [a, b] => vec![[edges[a], edges[b]]],
        [_, _, _, _] => {
            let middle_is_above = values.iter().sum::<f64>() / 4.0 >= level;
            // The corner of each line is one that differs from the middle.
            match is_above[0] == middle_is_above {
                true => vec![[edges[0], edges[1]], [edges[2], edges[3]]],
                false => vec![[edges[3], edges[0]], [edges[1], edges[2]]],
            }
        }
        _ => Vec::new(),
    }
}

/// Where a line crosses an edge.
fn crossing(xs: &[f64], ys: &[f64], heights: &[Vec<f64>], edge: GridEdge, level: f64) -> [f64; 2] {
    let GridEdge { row, column, goes_up } = edge;
    let (up, right) = (usize::from(goes_up), usize::from(!goes_up));
    let (from, to) = (heights[row][column], heights[row + up][column + right]);
    let share = (level - from) / (to - from);
    [
        xs[column] + share * (xs[column + right] - xs[column]),
        ys[row] + share * (ys[row + up] - ys[row]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(n: usize, height: impl Fn(f64, f64) -> f64) -> (Vec<f64>, Vec<Vec<f64>>) {
        let axis: Vec<f64> = (0..n).map(|i| -1.0 + 2.0 * i as f64 / (n - 1) as f64).collect();
        let heights = axis.iter().map(|&y| axis.iter().map(|&x| height(x, y)).collect()).collect();
        (axis, heights)
    }

    #[test]
    fn a_circle_is_one_closed_line_of_its_radius() {
        let (axis, heights) = grid(41, |x, y| x * x + y * y);
        let lines = contour(&axis, &axis, &heights, 0.25);
        assert_eq!(lines.len(), 1);
        let line = &lines[0];
        assert_eq!(line[0], line[line.len() - 1]);
        assert!(line.len() > 60, "{}", line.len());
        assert!(line.iter().all(|[x, y]| (x.hypot(*y) - 0.5).abs() < 2e-3), "{line:?}");
    }

    #[test]
    fn a_slope_has_one_straight_line_from_border_to_border() {
        let (axis, heights) = grid(5, |x, y| x + 0.1 * y);
        let lines = contour(&axis, &axis, &heights, 0.2);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].iter().all(|[x, y]| (x + 0.1 * y - 0.2).abs() < 1e-12), "{lines:?}");
        let ends = [lines[0][0][1], lines[0][lines[0].len() - 1][1]];
        assert!(ends.iter().all(|y| y.abs() == 1.0), "{ends:?}");
    }

    #[test]
    fn a_saddle_has_two_lines_that_do_not_cross() {
        for (sign, level) in [(1.0, 0.1), (1.0, -0.1), (-1.0, 0.1)] {
            let (axis, heights) = grid(2, |x, y| sign * x * y);
            let lines = contour(&axis, &axis, &heights, level);
            assert_eq!(lines.len(), 2, "{lines:?}");
            // Each goes around one corner that lies on the other side of the level than the middle.
            for line in lines {
                let [x, y] = [0, 1].map(|i| (line[0][i] + line[1][i]) / 2.0);
                assert!((sign * x * y > 0.0) == (level > 0.0), "{line:?}");
            }
        }
    }

    #[test]
    fn nothing_is_drawn_beside_what_is_not_finite_or_where_the_level_is_not_reached() {
        let (axis, heights) = grid(3, |x, _| if x < 0.0 { f64::NAN } else { x });
        let lines = contour(&axis, &axis, &heights, 0.5);
        assert!(lines.len() == 1 && lines[0].iter().all(|[x, _]| *x == 0.5), "{lines:?}");
        assert!(contour(&axis, &axis, &heights, 2.0).is_empty());
    }
}
