//! Drawings of networks: text, Graphviz DOT, SVG, and positions for a page; and what other drawings need for that.

mod axis;
mod chart;
mod dot;
mod lanes;
mod layout;
mod svg;

use graph::Float;
use nn::{LayerInput, LayerSummary, Model};

pub use axis::{rounded, ticks};
pub use chart::{ChartPage, ChartPanel, ChartRow, ChartShapes, SERIES_COLORS};
pub use lanes::LaneRow;
pub use layout::{DiagramLayout, DrawingError, PlannedEdge, Route, place_to_the_right};
pub use svg::{SvgPicture, escaped};

/// What is drawn of a network: its input, then its layers in their order.
///
/// ```
/// use nn::{Mode, Network, Objective};
///
/// let network: Network = toml::from_str(r#"
///     input = [4]
///     layers = [
///         { kind = "linear", units = 4 },
///         "relu",
///         { kind = "add", from = "1.linear" },
///     ]
/// "#)?;
/// let model = network.model::<f32>(Mode::Train, &Objective::default(), 4, graph::Shape::batch([]))?;
/// let diagram = gradus_drawing::Diagram::of(&model);
/// let lines: Vec<_> = diagram.lanes().unwrap().into_iter().map(|row| row.lanes).collect();
/// assert_eq!(lines, ["○", "●", "├─╮", "● │", "●─╯"]);
/// assert!(diagram.dot("residual").contains("n1 -> n3"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Diagram {
    /// The input, then the layers.
    pub nodes: Vec<DiagramNode>,
}

/// The input of a network or one of its layers.
#[derive(Clone, Debug, PartialEq)]
pub struct DiagramNode {
    /// Its path; that of the input is `input`.
    pub path: String,
    /// The kind of a layer whose path does not say it.
    pub kind: Option<&'static str>,
    /// The nodes whose outputs it takes, in order.
    pub inputs: Vec<usize>,
    /// The shape of its output.
    pub output: String,
    /// Its sizes for one sample.
    pub sizes: Vec<usize>,
    /// Trained numbers.
    pub parameters: usize,
    /// Whether training leaves its parameters as they are.
    pub is_frozen: bool,
    /// Factor of the learning rate for its parameters.
    pub learning_rate_factor: f64,
}

impl Diagram {
    /// What is drawn of `model`.
    pub fn of<T: Float>(model: &Model<T>) -> Self {
        let input = model.graph.shape(model.input);
        let input = DiagramNode {
            path: "input".into(),
            kind: None,
            inputs: Vec::new(),
            output: input.to_string(),
            sizes: input.dims().to_vec(),
            parameters: 0,
            is_frozen: false,
            learning_rate_factor: 1.0,
        };
        let layer = |layer: &LayerSummary| {
            // Without parameters there is nothing to train otherwise.
            let has_parameters = layer.parameters > 0;
            DiagramNode {
                path: layer.path.clone(),
                kind: layer.name().map(|_| layer.kind),
                inputs: layer.inputs.iter().map(|input| node_of(*input)).collect(),
                output: layer.output.to_string(),
                sizes: layer.output.dims().to_vec(),
                parameters: layer.parameters,
                is_frozen: has_parameters && layer.is_frozen,
                learning_rate_factor: if has_parameters { layer.learning_rate_factor } else { 1.0 },
            }
        };
        Self { nodes: std::iter::once(input).chain(model.layers.iter().map(layer)).collect() }
    }

    /// Whether every layer takes the output of the one before and nothing else.
    pub fn is_sequence(&self) -> bool {
        let mut layers = self.nodes.iter().enumerate().skip(1);
        layers.all(|(i, node)| node.inputs == [i - 1])
    }

    /// From which node an output goes to which, in the order of the layers that take it.
    fn edges(&self) -> impl Iterator<Item = [usize; 2]> {
        let nodes = self.nodes.iter().enumerate();
        nodes.flat_map(|(to, node)| node.inputs.iter().map(move |&from| [from, to]))
    }
}

/// The number of the node that `input` names.
fn node_of(input: LayerInput) -> usize {
    match input {
        LayerInput::Samples => 0,
        LayerInput::Layer(index) => index + 1,
    }
}

impl DiagramNode {
    /// How its parameters are trained, if not as usual: `frozen`, `rate × 0.1`.
    pub fn training(&self) -> Option<String> {
        let factor = self.learning_rate_factor;
        match self.is_frozen {
            true => Some("frozen".into()),
            false => (factor != 1.0).then(|| format!("rate × {factor}")),
        }
    }

    /// Path, kind and parameters, a line each where there is something to say.
    fn lines(&self) -> Vec<String> {
        let kind = self.kind.map(str::to_owned);
        let counted = match self.parameters {
            0 => None,
            1 => Some("1 parameter".to_owned()),
            n => Some(format!("{} parameters", thousands(n))),
        };
        let numbers: Vec<_> = [counted, self.training()].into_iter().flatten().collect();
        let numbers = (!numbers.is_empty()).then(|| numbers.join(", "));
        [Some(self.path.clone()), kind, numbers].into_iter().flatten().collect()
    }
}

/// A whole number with its thousands apart: `244,076`.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

#[cfg(test)]
mod testing {
    //! Networks to draw.

    use super::{Diagram, DiagramNode};

    /// A network of nodes `(path, inputs)`.
    pub(crate) fn diagram(nodes: &[(&str, &[usize])]) -> Diagram {
        let node = |&(path, inputs): &(&str, &[usize])| DiagramNode {
            path: path.into(),
            kind: None,
            inputs: inputs.to_vec(),
            output: "[N, 4]".into(),
            sizes: vec![4],
            parameters: 0,
            is_frozen: false,
            learning_rate_factor: 1.0,
        };
        Diagram { nodes: nodes.iter().map(node).collect() }
    }

    /// A plain sequence of `n` layers.
    pub(crate) fn sequence(n: usize) -> Diagram {
        let nodes: Vec<(&str, &[usize])> = vec![("layer", &[]); n + 1];
        let mut diagram = diagram(&nodes);
        diagram
            .nodes
            .iter_mut()
            .enumerate()
            .skip(1)
            .for_each(|(i, node)| node.inputs = vec![i - 1]);
        diagram
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_says_what_is_known_of_it() {
        let mut node = testing::diagram(&[("head", &[])]).nodes.remove(0);
        assert_eq!(node.lines(), ["head"]);
        (node.kind, node.parameters, node.learning_rate_factor) = (Some("linear"), 7850, 0.1);
        assert_eq!(node.lines(), ["head", "linear", "7,850 parameters, rate × 0.1"]);
        (node.parameters, node.is_frozen) = (1, true);
        assert_eq!(node.lines(), ["head", "linear", "1 parameter, frozen"]);
    }

    #[test]
    fn thousands_stand_apart() {
        let texts = [0, 12, 123, 1234, 1_234_567].map(thousands);
        assert_eq!(texts, ["0", "12", "123", "1,234", "1,234,567"]);
    }
}
