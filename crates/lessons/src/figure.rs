//! What instruments show, as data: a page and a terminal each draw a figure in their own way.
//!
//! Numbers that are not finite are `null` in JSON.

use explain::descent::Descent;
use explain::drawing::GraphDrawing;
use serde::Serialize;

use crate::text::{Pass, TextAlign};

/// A figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// What it shows, if that is not clear from where it stands.
    pub title: Option<String>,
    /// The figure itself.
    #[serde(flatten)]
    pub content: FigureContent,
}

/// The kinds of figures.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FigureContent {
    /// Rows of cells.
    Table {
        /// The heads of the columns.
        columns: Vec<TableColumn>,
        /// The rows, a cell for each column.
        rows: Vec<Vec<TableCell>>,
    },
    /// A computational graph: values above and gradients below each edge.
    Graph {
        /// Boxes and edges with their positions.
        drawing: GraphDrawing,
        /// The numbers that the reader is to fill in.
        blanks: Vec<Blank>,
    },
    /// Series over two axes.
    Plot {
        /// The horizontal axis.
        x: PlotAxis,
        /// The vertical axis.
        y: PlotAxis,
        /// Lines, points and arrows.
        series: Vec<Series>,
        /// Whether both axes have the same length per unit.
        equal: bool,
    },
    /// Paths of descent on a surface or a curve.
    Contours {
        /// Surface and paths.
        descent: Descent,
    },
    /// Bars in groups.
    Bars {
        /// The name of each group.
        x: Vec<String>,
        /// The vertical axis.
        y: PlotAxis,
        /// A bar in each group.
        series: Vec<BarSeries>,
    },
    /// Histograms side by side.
    Histograms {
        /// The axis that all share.
        x: PlotAxis,
        /// The histograms.
        panels: Vec<HistogramPanel>,
    },
    /// Small pictures in a grid.
    Pictures {
        /// Pictures in a row.
        columns: usize,
        /// The pictures.
        pictures: Vec<SmallPicture>,
    },
}

impl From<FigureContent> for Figure {
    fn from(content: FigureContent) -> Self {
        Self { title: None, content }
    }
}

impl Figure {
    /// The same with a title.
    #[must_use]
    pub fn titled(self, title: impl Into<String>) -> Self {
        Self { title: Some(title.into()), ..self }
    }

    /// A table. A head begins with the alignment of its column: `<layer` is on the left, `>parameters` on the right.
    pub fn table<C: Into<TableCell>>(
        heads: &[&str],
        rows: impl IntoIterator<Item = Vec<C>>,
    ) -> Self {
        let columns = heads.iter().map(|head| {
            let (align, label) = head.split_at(1);
            let align = if align == ">" { TextAlign::Right } else { TextAlign::Left };
            TableColumn { label: label.to_owned(), align }
        });
        let rows = rows.into_iter().map(|row| row.into_iter().map(Into::into).collect());
        FigureContent::Table { columns: columns.collect(), rows: rows.collect() }.into()
    }

    /// Series over two axes.
    pub fn plot(x: PlotAxis, y: PlotAxis, series: Vec<Series>) -> Self {
        FigureContent::Plot { x, y, series, equal: false }.into()
    }

    /// Bars in groups.
    pub fn bars(x: Vec<String>, y: PlotAxis, series: Vec<BarSeries>) -> Self {
        FigureContent::Bars { x, y, series }.into()
    }

    /// Small pictures.
    pub fn pictures(columns: usize, pictures: Vec<SmallPicture>) -> Self {
        FigureContent::Pictures { columns, pictures }.into()
    }
}

/// The head of a column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableColumn {
    /// What stands in it.
    pub label: String,
    /// On which side.
    pub align: TextAlign,
}

/// A cell of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableCell {
    /// Its text.
    pub text: String,
    /// How it stands out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark: Option<CellMark>,
}

impl TableCell {
    /// A cell that stands out.
    pub fn marked(text: impl Into<String>, mark: CellMark) -> Self {
        Self { text: text.into(), mark: Some(mark) }
    }
}

impl<S: Into<String>> From<S> for TableCell {
    fn from(text: S) -> Self {
        Self { text: text.into(), mark: None }
    }
}

/// How a cell stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CellMark {
    /// The result.
    Strong,
    /// Of less weight.
    Quiet,
    /// Correct.
    Right,
    /// Misclassified, or otherwise wrong.
    Wrong,
    /// A value of the forward pass.
    Forward,
    /// A gradient of the backward pass.
    Backward,
}

/// An axis.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlotAxis {
    /// What it measures, with its unit.
    pub label: String,
    /// How numbers become places.
    pub scale: AxisScale,
    /// From and to; from the numbers if not given.
    pub range: Option<[f64; 2]>,
}

impl PlotAxis {
    /// A linear axis.
    pub fn new(label: impl Into<String>) -> Self {
        Self { label: label.into(), scale: AxisScale::Linear, range: None }
    }

    /// The same, logarithmic.
    #[must_use]
    pub fn log(self) -> Self {
        Self { scale: AxisScale::Log, ..self }
    }

    /// The same, from one number to another.
    #[must_use]
    pub fn range(self, from: f64, to: f64) -> Self {
        Self { range: Some([from, to]), ..self }
    }
}

/// How the numbers of an axis or a slider become places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AxisScale {
    /// Equal differences are equally long.
    Linear,
    /// Equal factors are equally long; only for numbers above 0.
    Log,
}

/// Numbers over numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// How it is drawn.
    pub mark: SeriesMark,
    /// Horizontal places.
    pub x: Vec<f64>,
    /// Vertical places.
    pub y: Vec<f64>,
    /// Horizontal parts of arrows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dx: Vec<f64>,
    /// Vertical parts of arrows; the heights of bands.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dy: Vec<f64>,
}

impl Series {
    /// A line through points, or the points alone.
    pub fn new(name: impl Into<String>, mark: SeriesMark, points: &[[f64; 2]]) -> Self {
        let (x, y) = points.iter().map(|&[x, y]| (x, y)).unzip();
        Self { name: name.into(), mark, x, y, dx: Vec::new(), dy: Vec::new() }
    }

    /// A band: at each place its lower and its upper edge.
    pub fn band(name: impl Into<String>, edges: &[[f64; 3]]) -> Self {
        let part = |of: fn(&[f64; 3]) -> f64| edges.iter().map(of).collect();
        let (x, y, dy) =
            (part(|edge| edge[0]), part(|edge| edge[1]), part(|edge| edge[2] - edge[1]));
        Self { name: name.into(), mark: SeriesMark::Band, x, y, dx: Vec::new(), dy }
    }

    /// Arrows: place and direction of each.
    pub fn arrows(name: impl Into<String>, arrows: &[[f64; 4]]) -> Self {
        let part = |i: usize| arrows.iter().map(|arrow| arrow[i]).collect();
        let [x, y, dx, dy] = [0, 1, 2, 3].map(part);
        Self { name: name.into(), mark: SeriesMark::Arrows, x, y, dx, dy }
    }
}

/// How a series is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SeriesMark {
    /// A line.
    Line,
    /// A broken line.
    Dashed,
    /// Points.
    Points,
    /// Arrows.
    Arrows,
    /// The area between two edges. Bands of a figure lie within each other and have one colour, the darker the further in.
    Band,
}

/// A bar in each group.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BarSeries {
    /// Its name in the legend.
    pub name: String,
    /// The height in each group.
    pub values: Vec<f64>,
}

/// A histogram.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HistogramPanel {
    /// What it counts.
    pub caption: String,
    /// The borders of the buckets, one more than counts.
    pub edges: Vec<f64>,
    /// Numbers in each bucket.
    pub counts: Vec<u64>,
}

impl HistogramPanel {
    /// Counts numbers in buckets of equal width; those outside of the range are left out.
    pub fn count(
        caption: impl Into<String>,
        range: [f64; 2],
        buckets: usize,
        values: impl IntoIterator<Item = f64>,
    ) -> Self {
        let [from, to] = range;
        let width = (to - from) / buckets as f64;
        let mut counts = vec![0; buckets];
        for value in values {
            if (from..=to).contains(&value) {
                counts[(((value - from) / width) as usize).min(buckets - 1)] += 1;
            }
        }
        let edges = (0..=buckets).map(|i| from + width * i as f64).collect();
        Self { caption: caption.into(), edges, counts }
    }
}

/// A small picture.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SmallPicture {
    /// What stands below it.
    pub caption: String,
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// The meaning of the pixels.
    pub shade: Shade,
    /// Row by row.
    pub pixels: Vec<i16>,
    /// How it stands out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mark: Option<CellMark>,
}

impl SmallPicture {
    /// A picture of ink on paper, such as a digit.
    pub fn grey(
        caption: impl Into<String>,
        width: usize,
        ink: impl IntoIterator<Item = u8>,
    ) -> Self {
        let pixels: Vec<i16> = ink.into_iter().map(i16::from).collect();
        let height = pixels.len() / width;
        Self { caption: caption.into(), width, height, shade: Shade::Grey, pixels, mark: None }
    }

    /// A picture of numbers of both signs, such as weights; `largest` is the magnitude of the full colour.
    pub fn signed(
        caption: impl Into<String>,
        width: usize,
        largest: f32,
        values: impl IntoIterator<Item = f32>,
    ) -> Self {
        let scale = 127.0 / largest.max(f32::MIN_POSITIVE);
        let pixel = |value: f32| (value * scale).round().clamp(-127.0, 127.0) as i16;
        let pixels: Vec<i16> = values.into_iter().map(pixel).collect();
        let height = pixels.len() / width;
        Self { caption: caption.into(), width, height, shade: Shade::Signed, pixels, mark: None }
    }
}

/// The meaning of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shade {
    /// 0 (paper) to 255 (ink).
    Grey,
    /// −127 to 127, in two colours.
    Signed,
}

/// A number of a graph that the reader is to fill in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Blank {
    /// The edge, as numbered in the drawing.
    pub edge: usize,
    /// Which of its two numbers.
    pub pass: Pass,
    /// The box of the question.
    pub name: String,
}
