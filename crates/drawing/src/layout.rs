//! Where boxes and the edges between them stand. The crate `graphlay` places them, for the reasons in
//! `docs/decisions/0016-network-drawings.md`.

use std::fmt::Write as _;

use graphlay::{
    Direction, Edge, EdgeRoute, Graph, LayoutError, LayoutOptions, Node, NodeId, Point, PortHint,
    PortSides, Rect, RoutingStyle, SeedMode, Side, Size, layout,
};
use serde::Serialize;

use crate::Diagram;

/// A drawing that is not higher is not broken into columns.
const LOW: f64 = 700.0;
/// Width by height of a drawing in columns, in the order in which they are tried.
const ASPECTS: [f64; 6] = [1.6, 1.3, 1.1, 0.9, 0.7, 0.5];
/// The most columns.
const MAX_COLUMNS: u32 = 16;
/// The most boxes, and the most boxes that edges pass together: placing them takes a second.
const MAX_BOXES: usize = 500;
const MAX_PASSED: usize = 3000;
/// Between two boxes in the direction of the flow, and side by side.
const GAPS: [f64; 2] = [38.0, 28.0];
/// Around the drawing.
const MARGIN: f64 = 12.0;
/// What is between a label and its edge at most.
const CLOSE: f64 = 12.0;
/// The radius of the corners of edges.
const RADIUS: f64 = 14.0;

/// Positions of boxes and edges, in points from the upper left corner.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DiagramLayout {
    /// Width of the drawing.
    pub width: f64,
    /// Height of the drawing.
    pub height: f64,
    /// Left, top, width and height of the box of each node.
    pub boxes: Vec<[f64; 4]>,
    /// The edges; those of a network in the order of the layers that they lead to.
    pub edges: Vec<Route>,
}

/// The way of an edge; in a network that of an output to a layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Route {
    /// The box where it begins.
    pub from: usize,
    /// The box where it ends.
    pub to: usize,
    /// The line, as the path of an SVG.
    pub path: String,
    /// The middle of its label, if it has one.
    pub label: Option<[f64; 2]>,
}

/// Why a graph cannot be drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DrawingError {
    /// It has too many boxes or edges.
    #[error("too large for a drawing: {0}")]
    Layout(#[from] LayoutError),
}

/// An edge that is to be placed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlannedEdge {
    /// The box where it begins.
    pub from: usize,
    /// The box where it ends.
    pub to: usize,
    /// Width and height of its label.
    pub label: [f64; 2],
    /// Where it enters the box, from -1 at the top of its left side to 1 at the bottom.
    pub port: f64,
}

/// Places boxes of the given sizes, the flow from left to right, with labels in the middle of the edges.
///
/// Each box stands before those that edges from it lead to, and what leads to a box stands beside it from top to bottom in
/// the order of the edges, so that a tree has no edges that cross. Edges lead from earlier boxes to later ones.
///
/// # Errors
///
/// If there are too many.
///
/// ```
/// use gradus_drawing::{PlannedEdge, place_to_the_right};
///
/// let edge = PlannedEdge { from: 0, to: 1, label: [30.0, 28.0], port: 0.0 };
/// let placed = place_to_the_right(&[[60.0, 36.0]; 2], &[edge])?;
/// let [first, second] = placed.boxes[..] else { panic!("two boxes") };
/// assert!(first[0] + first[2] + 30.0 <= second[0], "there is space for the label");
/// # Ok::<(), gradus_drawing::DrawingError>(())
/// ```
pub fn place_to_the_right(
    sizes: &[[f64; 2]],
    edges: &[PlannedEdge],
) -> Result<DiagramLayout, DrawingError> {
    let seeds = seeds(sizes.len(), edges);
    let nodes = sizes.iter().zip(seeds).map(|(&size, seed)| Node {
        size: self::size(size),
        position: Some(seed),
        ..Node::default()
    });
    let planned = edges.iter().map(|edge| Edge {
        label_size: Some(size(edge.label)),
        target_port: Some(PortHint::Offset { side: Side::Left, t: edge.port }),
        source_port: Some(PortHint::Side(Side::Right)),
        ..Edge::new(id(edge.from), id(edge.to))
    });
    let graph = Graph { nodes: nodes.collect(), edges: planned.collect() };
    let mut options = LayoutOptions::layered_default();
    options.direction = Direction::LeftRight;
    options.seed_mode = SeedMode::Structure;
    options.routing.style = RoutingStyle::Diagonal;
    options.routing.port_sides = PortSides::FacingOnly;
    let widest = edges.iter().map(|edge| edge.label[0]).fold(0.0, f64::max);
    options.spacing.layer_gap = widest + 2.0 * CLOSE;
    options.spacing.node_gap = GAPS[1];
    Ok(placed(&graph, options, middle)?)
}

/// Where the boxes would stand if all were alike: the library keeps their layers and their order.
fn seeds(n: usize, edges: &[PlannedEdge]) -> Vec<Point> {
    /// Between two layers, and between two boxes in one.
    const PITCH: [f64; 2] = [200.0, 64.0];
    let mut steps_to_the_end = vec![0_usize; n];
    for edge in edges.iter().rev() {
        let steps = &mut steps_to_the_end;
        steps[edge.from] = steps[edge.from].max(steps[edge.to] + 1);
    }
    let mut heights: Vec<f64> = Vec::with_capacity(n);
    let mut n_first = 0;
    for to in 0..n {
        let before = edges.iter().filter(|edge| edge.to == to).map(|edge| heights[edge.from]);
        let before: Vec<f64> = before.collect();
        heights.push(match before.len() {
            0 => {
                n_first += 1;
                PITCH[1] * n_first as f64
            }
            len => before.iter().sum::<f64>() / len as f64,
        });
    }
    let most = steps_to_the_end.iter().max().copied().unwrap_or(0);
    let layers = steps_to_the_end.into_iter().map(|steps| PITCH[0] * (most - steps) as f64);
    layers.zip(heights).map(|(x, y)| Point::new(x, y)).collect()
}

impl Diagram {
    /// Places boxes of the given sizes, the flow from top to bottom. What would be high is broken into columns, if
    /// they fit into `width`. `label` is the size of the label of an edge from a node.
    ///
    /// # Errors
    ///
    /// If the network is too large.
    pub fn layout(
        &self,
        sizes: &[[f64; 2]],
        label: impl Fn(usize) -> Option<[f64; 2]>,
        width: f64,
    ) -> Result<DiagramLayout, DrawingError> {
        let nodes = sizes.iter().map(|&size| Node { size: self::size(size), ..Node::default() });
        let edges = self.edges().map(|[from, to]| Edge {
            label_size: label(from).map(size),
            ..Edge::new(id(from), id(to))
        });
        let graph = Graph { nodes: nodes.collect(), edges: edges.collect() };
        let whole = place(&graph, 0.0)?;
        if whole.height > LOW {
            for aspect in ASPECTS {
                let columns = place(&graph, aspect)?;
                if columns.width <= width {
                    return Ok(columns);
                }
            }
        }
        Ok(whole)
    }
}

fn size([width, height]: [f64; 2]) -> Size {
    Size::new(width, height)
}

fn id(node: usize) -> NodeId {
    NodeId(u32::try_from(node).unwrap_or(u32::MAX))
}

/// The graph in columns with this ratio of width and height, or in one column if it is 0.
fn place(graph: &Graph, aspect: f64) -> Result<DiagramLayout, LayoutError> {
    let mut options = LayoutOptions::process_map();
    [options.spacing.layer_gap, options.spacing.node_gap] = GAPS;
    options.spacing.edge_label_margin = GAPS[0] / 2.0;
    options.wrap.viewport_aspect = aspect;
    options.tuning.wrap.max_rows = MAX_COLUMNS;
    placed(graph, options, label_center)
}

/// The graph as the library places it, the middle of each label by `center`.
fn placed(
    graph: &Graph,
    mut options: LayoutOptions,
    center: fn(&EdgeRoute, Size) -> Point,
) -> Result<DiagramLayout, LayoutError> {
    options.limits.max_nodes = Some(MAX_BOXES);
    options.limits.max_dummies = Some(MAX_PASSED);
    let placed = layout(graph, &options)?;
    let labels: Vec<_> = graph
        .edges
        .iter()
        .zip(&placed.edges)
        .map(|(edge, route)| Some((center(route, edge.label_size?), edge.label_size?)))
        .collect();
    let boxed = labels.iter().flatten().map(|&(center, size)| Rect::from_center(center, size));
    let bounds = boxed.fold(placed.bounds, Rect::union);
    let [left, top] = [bounds.min.x - MARGIN, bounds.min.y - MARGIN];
    let at = |point: Point| [round(point.x - left), round(point.y - top)];
    let boxes = placed.nodes.iter().map(|node| {
        let Size { width, height } = node.size;
        let [x, y] = at(node.center);
        [round(x - width / 2.0), round(y - height / 2.0), width, height]
    });
    let edges = graph.edges.iter().zip(&placed.edges).zip(labels).map(|((edge, route), label)| {
        let points: Vec<_> = route.points.iter().copied().map(at).collect();
        Route {
            from: edge.source.index(),
            to: edge.target.index(),
            path: path(&points),
            label: label.map(|(center, _)| at(center)),
        }
    });
    Ok(DiagramLayout {
        width: round(bounds.width() + 2.0 * MARGIN),
        height: round(bounds.height() + 2.0 * MARGIN),
        boxes: boxes.collect(),
        edges: edges.collect(),
    })
}

/// The middle of the label of a route: where the library has space for it or, since that is elsewhere for some routes
/// in columns, below the node from which the route goes up to the next column, or in the middle of the longest part.
fn label_center(route: &EdgeRoute, size: Size) -> Point {
    let parts = || route.points.array_windows::<2>();
    let is_near = |at: &Point| {
        parts().any(|[a, b]| {
            let [dx, dy] = [(a.x, b.x, at.x), (a.y, b.y, at.y)]
                .map(|(a, b, at)| (a.min(b) - at).max(at - a.max(b)).max(0.0));
            dx < size.width / 2.0 + CLOSE && dy < size.height + CLOSE
        })
    };
    let length = |[a, b]: &[Point; 2]| (b.x - a.x).hypot(b.y - a.y);
    let goes_up = parts().any(|[a, b]| b.y < a.y);
    let part = match goes_up {
        true => parts().next(),
        false => parts().max_by(|a, b| length(a).total_cmp(&length(b))),
    };
    let middle = part.map(|[a, b]| Point::new((a.x + b.x) / 2.0, (a.y + b.y) / 2.0));
    route.label_anchor.filter(|at| !goes_up && is_near(at)).or(middle).unwrap_or_default()
}

/// The middle of the first part of a route that is as wide as its label, since many routes may meet at the end; or else of
/// the longest.
fn middle(route: &EdgeRoute, label: Size) -> Point {
    let length = |[a, b]: &[Point; 2]| (b.x - a.x).hypot(b.y - a.y);
    let mut parts = route.points.array_windows::<2>();
    let longest = parts.clone().max_by(|a, b| length(a).total_cmp(&length(b)));
    let part = parts.find(|[a, b]| b.x - a.x >= label.width).or(longest);
    part.map(|[a, b]| Point::new((a.x + b.x) / 2.0, (a.y + b.y) / 2.0)).unwrap_or_default()
}

/// To a tenth of a point.
fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// A line through some points with round corners, as the path of an SVG.
fn path(points: &[[f64; 2]]) -> String {
    let Some(([x, y], _)) = points.split_first() else { return String::new() };
    let mut text = format!("M{x} {y}");
    for &[before, corner, after] in points.array_windows() {
        let [[a, b], [c, d]] = [before, after].map(|end| towards(corner, end));
        let [x, y] = corner;
        let _ = write!(text, "L{a} {b}Q{x} {y} {c} {d}");
    }
    if let [_, .., [x, y]] = points {
        let _ = write!(text, "L{x} {y}");
    }
    text
}

/// The point at the radius of a corner on the way to `end`, at most half of the way.
fn towards(corner: [f64; 2], end: [f64; 2]) -> [f64; 2] {
    let [dx, dy] = [end[0] - corner[0], end[1] - corner[1]];
    let length = dx.hypot(dy);
    let share = if length > 2.0 * RADIUS { RADIUS / length } else { 0.5 };
    [round(corner[0] + share * dx), round(corner[1] + share * dy)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{diagram, sequence};

    fn laid_out(diagram: &Diagram, width: f64) -> Result<DiagramLayout, DrawingError> {
        let sizes = vec![[120.0, 44.0]; diagram.nodes.len()];
        diagram.layout(&sizes, |_| Some([80.0, 14.0]), width)
    }

    #[test]
    fn corners_are_round() {
        assert_eq!(path(&[[0.0, 0.0], [0.0, 50.0]]), "M0 0L0 50");
        let corner = path(&[[0.0, 0.0], [0.0, 50.0], [20.0, 50.0]]);
        assert_eq!(corner, "M0 0L0 36Q0 50 10 50L20 50");
        assert_eq!(path(&[]), "");
    }

    #[test]
    fn every_edge_goes_down_from_a_box_to_a_box_beside_what_it_passes() {
        let residual = diagram(&[("i", &[]), ("a", &[0]), ("b", &[1]), ("add", &[2, 1])]);
        let DiagramLayout { boxes, edges, width, height } = laid_out(&residual, 900.0).unwrap();
        let ends: Vec<_> = edges.iter().map(|edge| [edge.from, edge.to]).collect();
        assert_eq!(ends, [[0, 1], [1, 2], [2, 3], [1, 3]]);
        assert!(boxes.is_sorted_by(|a, b| a[1] + a[3] < b[1]), "{boxes:?}");
        let is_inside =
            |&[x, y, w, h]: &[f64; 4]| x >= 0.0 && y >= 0.0 && x + w <= width && y + h <= height;
        assert!(boxes.iter().all(is_inside));
    }

    #[test]
    fn a_long_network_is_broken_into_columns_that_fit() {
        let long = sequence(30);
        let [wide, narrow, one] =
            [f64::INFINITY, 500.0, 200.0].map(|width| laid_out(&long, width).unwrap());
        assert!(wide.height < 1200.0 && wide.width < 2000.0, "{} x {}", wide.width, wide.height);
        assert!(narrow.width <= 500.0 && narrow.width < wide.width);
        assert!(one.width < 200.0 && one.height > 2000.0);
    }

    #[test]
    fn a_network_that_is_too_large_is_refused_at_once() {
        let all = |n: usize| {
            let mut dense = sequence(n);
            dense
                .nodes
                .iter_mut()
                .enumerate()
                .for_each(|(i, node)| node.inputs = (0..i).rev().collect());
            dense
        };
        for (large, says) in [(sequence(MAX_BOXES), "nodes"), (all(60), "waypoints")] {
            let error = laid_out(&large, 900.0).unwrap_err().to_string();
            assert!(error.contains("too large for a drawing") && error.contains(says), "{error}");
        }
    }
}
