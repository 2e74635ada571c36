//! Pictures in SVG, readable on light and dark ground; and a network as one.

use std::fmt::{self, Write as _};

use unicode_width::UnicodeWidthStr as _;

use crate::{Diagram, DiagramLayout, DrawingError, Route};

/// Width of a terminal cell of the text in a box, of a label, and the height of a line.
const CELL: f64 = 7.6;
const LABEL_CELL: f64 = 6.6;
const LINE: f64 = 18.0;
/// Between the border of a box and its text.
const PADDING: [f64; 2] = [14.0, 8.0];
const MIN_WIDTH: f64 = 96.0;

/// A text as it stands between the tags of an element.
///
/// ```
/// assert_eq!(gradus_drawing::escaped("a < b & c"), "a &lt; b &amp; c");
/// ```
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// What all pictures have: the colours of the ground, of boxes and text, and two that tell values from gradients.
const STYLE: &str = "\
    svg { --ground: #ffffff; --box: #f3f1ec; --border: #b9b4aa; --ink: #1d1d1f; --quiet: #5c5c64; --line: #3b63e6; --other: #c62f35; }\n\
    @media (prefers-color-scheme: dark) {\n\
    svg { --ground: #141416; --box: #26262b; --border: #4a4a54; --ink: #ececee; --quiet: #a0a0a8; --line: #7f9bff; --other: #ff6f6b; }\n\
    }\n\
    .ground { fill: var(--ground); }\n\
    .box { fill: var(--box); stroke: var(--border); }\n\
    .edge { fill: none; stroke: var(--line); stroke-width: 1.5; }\n\
    text { font: 13px system-ui, \"Noto Sans\", \"Noto Sans CJK SC\", sans-serif; fill: var(--quiet); text-anchor: middle; }\n";

const NETWORK_STYLE: &str = "\
    .frozen { stroke-dasharray: 5 3; }\n\
    .tip { fill: var(--line); }\n\
    .path { font-weight: 600; fill: var(--ink); }\n\
    .shape { font-size: 11px; }\n";

/// A picture in SVG, element by element. Its style has `--ground`, `--box`, `--border`, `--ink`, `--quiet`, `--line` and
/// `--other`, colours that differ on light and dark ground.
///
/// ```
/// let mut picture = gradus_drawing::SvgPicture::new([40.0, 20.0], "");
/// picture.text("name", [20.0, 10.0], "a < b");
/// assert!(picture.finish().ends_with(">a &lt; b</text>\n</svg>\n"));
/// ```
#[derive(Clone, Debug)]
pub struct SvgPicture {
    text: String,
}

impl SvgPicture {
    /// A picture of this width and height, with more style.
    pub fn new([width, height]: [f64; 2], style: &str) -> Self {
        let text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n\
             <style>\n{STYLE}{style}</style>\n\
             <rect class=\"ground\" width=\"{width}\" height=\"{height}\"/>\n"
        );
        Self { text }
    }

    /// Adds an element as it is written.
    pub fn element(&mut self, element: fmt::Arguments<'_>) {
        let _ = writeln!(self.text, "{element}");
    }

    /// Adds text at a point.
    pub fn text(&mut self, class: &str, [x, y]: [f64; 2], content: &str) {
        let content = escaped(content);
        self.element(format_args!(
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{content}</text>"
        ));
    }

    /// The width that text in a box needs, in points.
    pub fn width(text: &str) -> f64 {
        text.width() as f64 * CELL
    }

    /// The text of the picture.
    pub fn finish(self) -> String {
        self.text + "</svg>\n"
    }
}

impl Diagram {
    /// The network as an SVG picture: parameters in the boxes, shapes at the edges.
    ///
    /// # Errors
    ///
    /// If the network is too large.
    pub fn svg(&self) -> Result<String, DrawingError> {
        let labels: Vec<_> = (0..self.nodes.len()).map(|i| self.labels(i)).collect();
        let sizes: Vec<_> = labels.iter().map(|lines| box_size(lines)).collect();
        let label = |i: usize| Some([self.nodes[i].output.width() as f64 * LABEL_CELL, LINE]);
        let DiagramLayout { width, height, boxes, edges } =
            self.layout(&sizes, label, f64::INFINITY)?;
        let mut picture = SvgPicture::new([width, height], NETWORK_STYLE);
        picture.element(format_args!(
            "<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"6\" markerHeight=\"6\" orient=\"auto\"><path class=\"tip\" d=\"M0 0L8 4L0 8z\"/></marker></defs>"
        ));
        for Route { path, .. } in &edges {
            picture.element(format_args!(
                "<path class=\"edge\" marker-end=\"url(#tip)\" d=\"{path}\"/>"
            ));
        }
        for Route { from, label, .. } in &edges {
            let Some([x, y]) = *label else { continue };
            let shape = &self.nodes[*from].output;
            let width = shape.width() as f64 * LABEL_CELL;
            picture.element(format_args!(
                "<rect class=\"ground\" x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"14\"/>",
                x - width / 2.0,
                y - 7.0
            ));
            picture.text("shape", [x, y + 4.0], shape);
        }
        for ((node, lines), [x, y, width, height]) in self.nodes.iter().zip(labels).zip(boxes) {
            let class = if node.is_frozen { "box frozen" } else { "box" };
            picture.element(format_args!(
                "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"8\"/>"
            ));
            for (i, line) in lines.iter().enumerate() {
                let baseline = y + PADDING[1] + LINE * i as f64 + 13.5;
                let class = if i == 0 { "path" } else { "more" };
                picture.text(class, [x + width / 2.0, baseline], line);
            }
        }
        Ok(picture.finish())
    }
}

fn box_size(lines: &[String]) -> [f64; 2] {
    let cells = lines.iter().map(|line| line.width()).max().unwrap_or(0);
    let width = cells as f64 * CELL + 2.0 * PADDING[0];
    [width.max(MIN_WIDTH).round(), lines.len() as f64 * LINE + 2.0 * PADDING[1]]
}

#[cfg(test)]
mod tests {
    use crate::testing::diagram;

    #[test]
    fn a_picture_has_a_box_for_each_node_a_line_for_each_edge_and_no_markup_of_a_name() {
        let mut residual = diagram(&[("input", &[]), ("<b>&", &[0]), ("add", &[1, 0])]);
        residual.nodes[1].is_frozen = true;
        let svg = residual.svg().unwrap();
        assert_eq!(svg.matches("class=\"box").count(), 3);
        assert_eq!(svg.matches("class=\"edge\"").count(), 3);
        assert_eq!(svg.matches("class=\"shape\"").count(), 3);
        assert_eq!(svg.matches("class=\"box frozen\"").count(), 1);
        assert!(svg.contains("&lt;b&gt;&amp;") && !svg.contains("<b>"));
        assert!(svg.contains("output [N, 4]"));
    }
}
