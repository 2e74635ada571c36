//! ONNX graphs as networks of layers.

mod activations;
mod assembly;
mod file;
mod layers;
mod limits;
mod operators;
mod producers;
mod standardizations;
mod tensor;
#[cfg(test)]
mod tests;
mod view;
mod window;

use std::collections::{HashMap, HashSet};

use nn::losses::{BinaryCrossEntropy, MeanSquaredError};
use nn::{Loss, Network, NetworkError};

use self::activations::ActivationChain;
use self::file::OnnxFile;
use self::layers::{GraphReader, OnnxValue, OperatorNode, OperatorRefusal};
use self::standardizations::Standardization;

/// A network that was read from an ONNX file.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportedNetwork {
    /// Its layers. Images go in as `[height, width, channels]`.
    pub network: Network,
    /// The parameter vector.
    pub parameters: Vec<f32>,
    /// The running statistics, one batch normalisation after the other.
    pub running_statistics: Vec<f32>,
    /// The names of the classes, if the file has them.
    pub classes: Vec<String>,
    /// What its outputs are: logits after a softmax that was left out, values otherwise.
    pub loss: Loss,
    /// Which tensor of the file the weight of each layer is.
    pub weights: Vec<Option<String>>,
    /// What the network is otherwise than the graph, a sentence each.
    pub notes: Vec<String>,
}

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The bytes are not a model that can be read.
    #[error("not an ONNX file that can be read: {0}")]
    Format(String),
    /// The operators have a version whose meaning is not known.
    #[error(
        "operators of version {found}, expected {first} to {last}: export it with one of these"
    )]
    Opset {
        /// The version.
        found: i64,
        /// The first that is known.
        first: i64,
        /// The last that is known.
        last: i64,
    },
    /// Not exactly one input or output.
    #[error("expected one {what}, found {}{}", found.len(), listed(found))]
    Ends {
        /// `input` or `output`.
        what: &'static str,
        /// Their names.
        found: Vec<String>,
    },
    /// The input is not a batch of samples of a fixed size.
    #[error("input {name:?} {what}")]
    Input {
        /// Its name.
        name: String,
        /// What is wrong with it.
        what: String,
    },
    /// The elements of a tensor are in another file.
    #[error(
        "the tensor {tensor:?} is in another file, {file:?}; make one file of it in Python:\n  import onnx\n  onnx.save_model(onnx.load('FILE'), 'FILE', save_as_external_data=False)"
    )]
    External {
        /// The tensor.
        tensor: String,
        /// The file.
        file: String,
    },
    /// Two values have one name.
    #[error("two values are called {name:?}")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// A value is read that is not given before.
    #[error(
        "{reader} reads {value:?}, {}",
        if *is_later { "which is computed later: a cycle, or out of order" } else { "which is not in the file" }
    )]
    Missing {
        /// The operator.
        reader: String,
        /// The value.
        value: String,
        /// Whether an operator after it gives it.
        is_later: bool,
    },
    /// A number of a parameter that no network can have.
    #[error("{layer}: element {index} of its {part} is {value}")]
    NotFinite {
        /// The path of the layer.
        layer: String,
        /// The parameter.
        part: &'static str,
        /// Its element.
        index: usize,
        /// The number.
        value: f32,
    },
    /// Operators that no layer computes.
    #[error("no layers for {} of the graph:{}", counted(.0), lines(.0))]
    Unsupported(Vec<String>),
    /// The layers do not fit one behind the other.
    #[error("the layers of the graph do not fit: {0}")]
    Network(#[from] NetworkError),
}

fn listed(names: &[String]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("{name:?}")).collect();
    if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) }
}

fn counted(found: &[String]) -> String {
    if found.len() == 1 { "an operator".to_owned() } else { format!("{} operators", found.len()) }
}

fn lines(found: &[String]) -> String {
    found.iter().map(|line| format!("\n  {line}")).collect()
}

/// Reads the bytes of an ONNX file: its graph as layers, with their parameters.
///
/// Opsets 7 to 25. Chains of operators that are one layer become that layer; dropout stays. A softmax at the end is left out, since
/// losses take logits.
///
/// # Errors
///
/// What is wrong with the bytes, or all operators that no layer computes.
///
/// # Examples
///
/// ```no_run
/// let imported = gradus_onnx::read_network(&std::fs::read("net.onnx")?)?;
/// println!("{} layers", imported.network.layers.len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_network(bytes: &[u8]) -> Result<ImportedNetwork, ImportError> {
    let file = OnnxFile::parse(bytes)?;
    let mut reader = GraphReader::new(&file);
    let mut parts = KnownParts::find(&reader);
    let mut unsupported = Vec::new();
    for (index, proto) in file.nodes.iter().enumerate() {
        let node = OperatorNode { proto, opset: file.opset };
        if parts.inner.contains(&index) {
            continue;
        }
        let read = match (parts.activations.remove(&index), parts.standardizations.remove(&index)) {
            (Some(chain), _) => operators::activation(&mut reader, &node, chain),
            (_, Some(found)) => operators::standardization(&mut reader, &node, &found),
            _ => operators::read(&mut reader, &node),
        };
        let value = read.unwrap_or_else(|why| {
            if let OperatorRefusal::Because(why) = why {
                unsupported.push(format!("{}: {why}", reader.label(&node)));
            }
            OnnxValue::Unknown
        });
        reader.set(node.result(), value);
        // Only the first result of an operator is read.
        for other in proto.output.iter().skip(1).filter(|name| reader.producers.n_readers(name) > 0)
        {
            unsupported
                .push(format!("{}: its second result is used, {other:?}", reader.label(&node)));
        }
    }
    match unsupported.is_empty() {
        true => assembly::assemble(reader),
        false => Err(ImportError::Unsupported(unsupported)),
    }
}

/// The operators of ONNX that are read: those that are layers, and those that chains for activations are made of.
pub fn readable_operators() -> impl Iterator<Item = &'static str> {
    operators::names().chain(activations::OPERATORS.iter().copied())
}

/// Chains of operators that are one layer, by their last operator.
struct KnownParts<'a> {
    activations: HashMap<usize, ActivationChain<'a>>,
    standardizations: HashMap<usize, Standardization<'a>>,
    /// The operators before the last of each.
    inner: HashSet<usize>,
}

impl<'a> KnownParts<'a> {
    fn find(reader: &GraphReader<'a>) -> Self {
        let mut parts = Self {
            activations: HashMap::new(),
            standardizations: HashMap::new(),
            inner: HashSet::new(),
        };
        // From the end: what a long chain is made of is not a short one.
        for (index, node) in reader.producers.nodes.iter().enumerate().rev() {
            if parts.inner.contains(&index) || !activations::is_function_of_elements(node) {
                continue;
            }
            if let Some(chain) = activations::find(&reader.producers, index) {
                parts.inner.extend(&chain.inner);
                parts.activations.insert(index, chain);
            } else if let Some(found) = standardizations::find(&reader.producers, index) {
                parts.inner.extend(&found.inner);
                parts.standardizations.insert(index, found);
            }
        }
        parts
    }
}

/// A number of 32 bits as it is written: 0.1 for the one nearest to it.
fn written_number(value: f64) -> f64 {
    (value as f32).to_string().parse().unwrap_or(value)
}

/// The loss that goes with a softmax, or a sigmoid of one output, at the end; of a network without either that of its outputs.
fn loss_of(last: LastFunction, outputs: usize, has_classes: bool) -> Loss {
    match last {
        LastFunction::Softmax => Loss::default(),
        LastFunction::Sigmoid => BinaryCrossEntropy::default().into(),
        LastFunction::None if outputs > 1 || has_classes => Loss::default(),
        LastFunction::None => MeanSquaredError {}.into(),
    }
}

/// The function at the end of a graph that was left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LastFunction {
    Softmax,
    Sigmoid,
    #[default]
    None,
}
