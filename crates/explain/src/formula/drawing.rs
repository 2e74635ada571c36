//! The graph of a formula as a drawing: the flow from left to right, values above and gradients below each edge.
//!
//! One structure for a picture in SVG and for a page. The library that places the boxes is that of the drawings of
//! networks: `docs/decisions/0016-network-drawings.md`.

use drawing::{DiagramLayout, DrawingError, PlannedEdge, Route, SvgPicture, place_to_the_right};
use serde::Serialize;

use super::{EvaluatedFormula, FormulaNode};
use crate::FormulaValue;

/// Nodes of a drawing at most: more are not readable, and placing them would take seconds.
pub const MAX_NODES: usize = 150;

/// Height of a box without operands or with one, and what each more adds: space for the two numbers of its edge.
const BOX_HEIGHT: f64 = 36.0;
const PORT_GAP: f64 = 42.0;
/// Between the border of a box and its text, and around a number of an edge.
const PADDING: f64 = 14.0;
const LABEL_PADDING: f64 = 6.0;
/// From an edge to the baselines of the number above and of the one below.
const ABOVE: f64 = -6.0;
const BELOW: f64 = 15.0;

/// The graph of a formula, placed. Points are from the upper left corner.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GraphDrawing {
    /// Width of the drawing.
    pub width: f64,
    /// Height of the drawing.
    pub height: f64,
    /// The nodes of the formula in their order, and at the end the result.
    pub nodes: Vec<DrawnNode>,
    /// In the order of the forward pass.
    pub edges: Vec<DrawnEdge>,
}

/// A node of a drawing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DrawnNode {
    /// The node of the formula.
    pub node: usize,
    /// What it is.
    pub kind: DrawnKind,
    /// Its name or its sign: `apple`, `×`, `exp`.
    pub label: String,
    /// The middle.
    pub x: f64,
    /// The middle.
    pub y: f64,
    /// Width of its box.
    pub width: f64,
    /// Height of its box.
    pub height: f64,
}

/// What a node of a drawing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DrawnKind {
    /// A name with its value.
    Name,
    /// A number or a constant.
    Constant,
    /// An operator or a function.
    Operation,
    /// The result, without a box: the end of the last edge.
    Result,
}

/// An edge of a drawing: a value on the way to what reads it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DrawnEdge {
    /// The node where it begins, its number in the drawing.
    pub from: usize,
    /// The node that reads the value.
    pub to: usize,
    /// Which operand of that it is.
    pub operand: usize,
    /// The line, as the path of an SVG.
    pub path: String,
    /// Above the edge: the value.
    pub value: DrawnNumber,
    /// Below the edge: the gradient that flows back along it. None for what depends on no variable.
    pub gradient: Option<DrawnNumber>,
}

/// A number beside an edge.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DrawnNumber {
    /// The middle of its baseline.
    pub x: f64,
    /// Its baseline.
    pub y: f64,
    /// Up to four significant digits.
    pub text: String,
}

/// An edge before it is placed.
struct NumberedEdge<'a> {
    from: usize,
    to: usize,
    operand: usize,
    value: &'a FormulaValue,
    gradient: Option<&'a FormulaValue>,
}

/// Places the graph of a formula.
///
/// # Errors
///
/// If it has more than [`MAX_NODES`] nodes, or too many edges pass each other.
///
/// # Examples
///
/// ```
/// use gradus_explain::drawing::draw;
/// use gradus_explain::formula::Formula;
///
/// let formula = Formula::parse("apple * count")?;
/// let at = [("apple".into(), 10.0.into()), ("count".into(), 2.0.into())];
/// let drawing = draw(&formula.evaluate(&at, &[])?)?;
/// let texts = drawing.edges.iter().map(|edge| (&*edge.value.text, &*edge.gradient.as_ref().unwrap().text));
/// assert_eq!(texts.collect::<Vec<_>>(), [("10", "2"), ("2", "10"), ("20", "1")]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn draw(evaluation: &EvaluatedFormula) -> Result<GraphDrawing, GraphDrawingError> {
    let n = evaluation.nodes.len();
    if n > MAX_NODES {
        return Err(GraphDrawingError::Nodes { found: n });
    }
    let edges = edges(evaluation);
    let mut nodes: Vec<DrawnNode> = evaluation.nodes.iter().map(unplaced).collect();
    nodes.push(DrawnNode {
        node: n - 1,
        kind: DrawnKind::Result,
        label: "result".into(),
        width: SvgPicture::width("result"),
        ..nodes[n - 1].clone()
    });
    nodes[n].height = BOX_HEIGHT;
    let planned: Vec<_> = edges.iter().map(|edge| planned(edge, &nodes, evaluation)).collect();
    let sizes: Vec<_> = nodes.iter().map(|node| [node.width, node.height]).collect();
    let DiagramLayout { width, height, boxes, edges: routes } =
        place_to_the_right(&sizes, &planned)?;
    for (node, [left, top, width, height]) in nodes.iter_mut().zip(boxes) {
        (node.x, node.y) = (left + width / 2.0, top + height / 2.0);
    }
    let edges = edges.iter().zip(routes).map(|(edge, route)| placed(edge, route)).collect();
    Ok(GraphDrawing { width, height, nodes, edges })
}

/// Why the graph of a formula cannot be drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GraphDrawingError {
    /// It has too many nodes.
    #[error("the graph of the formula has {found} nodes, a drawing has at most {MAX_NODES}")]
    Nodes {
        /// The number of its nodes.
        found: usize,
    },
    /// Its edges cannot be placed.
    #[error("the graph of the formula is {0}")]
    Layout(#[from] DrawingError),
}

fn edges(evaluation: &EvaluatedFormula) -> Vec<NumberedEdge<'_>> {
    let nodes = &evaluation.nodes;
    let mut edges = Vec::new();
    for node in nodes {
        for (operand, (&from, flow)) in node.operands.iter().zip(&node.flows).enumerate() {
            let (value, gradient) = (&nodes[from].value, flow.as_ref());
            edges.push(NumberedEdge { from, to: node.node, operand, value, gradient });
        }
    }
    if let Some(last) = nodes.last() {
        let (value, gradient) = (&last.value, last.gradient.as_ref());
        edges.push(NumberedEdge { from: last.node, to: nodes.len(), operand: 0, value, gradient });
    }
    edges
}

fn unplaced(node: &FormulaNode) -> DrawnNode {
    let kind = match node.op {
        "parameter" => DrawnKind::Name,
        "constant" => DrawnKind::Constant,
        _ => DrawnKind::Operation,
    };
    let label = label(node);
    let more_operands = node.operands.len().saturating_sub(1) as f64;
    let (width, height) =
        (SvgPicture::width(&label) + 2.0 * PADDING, BOX_HEIGHT + PORT_GAP * more_operands);
    DrawnNode { node: node.node, kind, label, x: 0.0, y: 0.0, width, height }
}

/// The name of a node, or the sign of what it computes.
fn label(node: &FormulaNode) -> String {
    match node.op {
        "add" => "+".into(),
        "sub" | "neg" => "−".into(),
        "mul" => "×".into(),
        "div" => "÷".into(),
        "pow" => "^".into(),
        "vector" => "[ ]".into(),
        "element" => match node.operation.rsplit_once('[') {
            Some((_, index)) => format!("[{index}"),
            None => "[ ]".into(),
        },
        "maximum" => "max".into(),
        "minimum" => "min".into(),
        "parameter" | "constant" => node.operation.clone(),
        function => function.into(),
    }
}

fn planned(
    edge: &NumberedEdge<'_>,
    nodes: &[DrawnNode],
    evaluation: &EvaluatedFormula,
) -> PlannedEdge {
    let n_operands = evaluation.nodes.get(edge.to).map_or(1, |node| node.operands.len());
    // Operands from top to bottom, as far apart as their numbers are high.
    let middle = (n_operands - 1) as f64 / 2.0;
    let port = (edge.operand as f64 - middle) * PORT_GAP / (nodes[edge.to].height / 2.0);
    let texts = [Some(edge.value), edge.gradient].map(|number| number.map_or(String::new(), short));
    let width = texts.iter().map(|text| SvgPicture::width(text)).fold(0.0, f64::max);
    let label = [width + 2.0 * LABEL_PADDING, BELOW - ABOVE + 12.0];
    PlannedEdge { from: edge.from, to: edge.to, label, port }
}

fn placed(edge: &NumberedEdge<'_>, route: Route) -> DrawnEdge {
    let [x, y] = route.label.unwrap_or_default();
    let number =
        |number: &FormulaValue, below: f64| DrawnNumber { x, y: y + below, text: short(number) };
    DrawnEdge {
        from: edge.from,
        to: edge.to,
        operand: edge.operand,
        path: route.path,
        value: number(edge.value, ABOVE),
        gradient: edge.gradient.map(|gradient| number(gradient, BELOW)),
    }
}

/// Four significant digits; of a vector its first elements.
fn short(value: &FormulaValue) -> String {
    const SHOWN: usize = 3;
    let digits = |number: f64| {
        let rounded: f64 = format!("{number:.3e}").parse().unwrap_or(number);
        crate::six_digits(rounded)
    };
    match value {
        FormulaValue::Number(number) => digits(*number),
        FormulaValue::Vector(elements) => {
            let shown = elements.iter().take(SHOWN).map(|&element| digits(element));
            let more = if elements.len() > SHOWN { ", …" } else { "" };
            format!("[{}{more}]", shown.collect::<Vec<_>>().join(", "))
        }
    }
}

const STYLE: &str = "\
    .edge { stroke: var(--quiet); stroke-width: 1.2; }\n\
    .label { fill: var(--ink); }\n\
    .value, .gradient { font-size: 12px; font-weight: 600; paint-order: stroke; stroke: var(--ground); stroke-width: 4px; }\n\
    .value { fill: var(--line); }\n\
    .gradient { fill: var(--other); }\n";

impl GraphDrawing {
    /// The drawing as a picture in SVG, for light and dark ground.
    pub fn svg(&self) -> String {
        let mut picture = SvgPicture::new([self.width, self.height], STYLE);
        for edge in &self.edges {
            picture.element(format_args!("<path class=\"edge\" d=\"{}\"/>", edge.path));
        }
        for node in &self.nodes {
            let DrawnNode { x, y, width, height, .. } = *node;
            if node.kind != DrawnKind::Result {
                picture.element(format_args!(
                    "<rect class=\"box\" x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"12\"/>",
                    x - width / 2.0,
                    y - height / 2.0
                ));
            }
            picture.text("label", [x, y + 4.5], &node.label);
        }
        for edge in &self.edges {
            for (class, number) in
                [("value", Some(&edge.value)), ("gradient", edge.gradient.as_ref())]
            {
                if let Some(number) = number {
                    picture.text(class, [number.x, number.y], &number.text);
                }
            }
        }
        picture.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formula::Formula;

    fn drawn(text: &str, at: &[(&str, f64)]) -> GraphDrawing {
        let at: Vec<_> = at.iter().map(|&(name, value)| (name.to_owned(), value.into())).collect();
        draw(&Formula::parse(text).unwrap().evaluate(&at, &[]).unwrap()).unwrap()
    }

    #[test]
    fn every_edge_has_its_value_above_and_its_gradient_below() {
        let drawing = drawn("x * x + 2", &[("x", 3.0)]);
        let labels: Vec<_> = drawing.nodes.iter().map(|node| node.label.as_str()).collect();
        assert_eq!(labels, ["x", "×", "2", "+", "result"]);
        let numbers = |edge: &DrawnEdge| {
            let gradient = edge.gradient.as_ref().map(|gradient| gradient.text.clone());
            if let Some(gradient) = &edge.gradient {
                assert!(gradient.y > edge.value.y && gradient.x == edge.value.x);
            }
            (edge.from, edge.to, edge.operand, edge.value.text.clone(), gradient)
        };
        let one = || Some("1".to_owned());
        let want = [
            (0, 1, 0, "3".into(), Some("3".into())),
            (0, 1, 1, "3".into(), Some("3".into())),
            (1, 3, 0, "9".into(), one()),
            (2, 3, 1, "2".into(), None),
            (3, 4, 0, "11".into(), one()),
        ];
        assert_eq!(drawing.edges.iter().map(numbers).collect::<Vec<_>>(), want);
    }

    #[test]
    fn operands_stand_from_top_to_bottom_and_no_numbers_of_a_tree_meet() {
        let text = "(apple * apple_count + orange * orange_count) / tax";
        let at = [("apple", 100.0), ("apple_count", 2.0), ("orange", 150.0), ("orange_count", 3.0)];
        let drawing = drawn(text, &[&at[..], &[("tax", 1.1)]].concat());
        let names = ["apple", "apple_count", "orange", "orange_count", "tax"];
        let height = |name| drawing.nodes.iter().find(|node| node.label == name).unwrap().y;
        assert!(names.map(height).is_sorted());
        let numbers: Vec<_> =
            drawing.edges.iter().map(|edge| [edge.value.x, edge.value.y]).collect();
        for (i, a) in numbers.iter().enumerate() {
            let is_near = |b: &[f64; 2]| (a[0] - b[0]).abs() < 40.0 && (a[1] - b[1]).abs() < 26.0;
            assert!(!numbers[..i].iter().any(is_near), "{numbers:?}");
        }
    }

    #[test]
    fn boxes_are_inside_and_the_flow_goes_to_the_right() {
        let text = "1/(1+exp(-(w0*x0+w1*x1+w2)))";
        let at = [("w0", 2.0), ("x0", -1.0), ("w1", -3.0), ("x1", -2.0), ("w2", -3.0)];
        let drawing = drawn(text, &at);
        for node in &drawing.nodes {
            let (half_width, half_height) = (node.width / 2.0, node.height / 2.0);
            assert!(node.x >= half_width && node.x + half_width <= drawing.width, "{node:?}");
            assert!(node.y >= half_height && node.y + half_height <= drawing.height, "{node:?}");
        }
        for edge in &drawing.edges {
            assert!(drawing.nodes[edge.from].x < drawing.nodes[edge.to].x, "{edge:?}");
        }
    }

    #[test]
    fn names_are_text_and_what_is_too_large_is_refused() {
        let svg = drawn("价格 * 2", &[("价格", 10.0)]).svg();
        assert!(svg.contains(">价格</text>") && svg.contains("class=\"gradient\""), "{svg}");
        let long = Formula::parse(&vec!["1"; 80].join("+")).unwrap().evaluate(&[], &[]).unwrap();
        let error = draw(&long).unwrap_err().to_string();
        assert_eq!(error, "the graph of the formula has 159 nodes, a drawing has at most 150");
    }
}
