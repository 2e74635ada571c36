//! The bytes of a file, checked as far as they can be without knowing what operators do.

use std::collections::{HashMap, HashSet};

use prost::Message as _;

use super::ImportError;
use super::limits::{MAX_BYTES, check_entries};
use super::tensor::{ConstantTensor, elements};
use crate::ImageLayout;
use crate::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, data_type,
};

/// The versions of the operators whose meaning is known.
const OPSETS: std::ops::RangeInclusive<i64> = 7..=25;
/// The most operators that change the output.
const MAX_NODES: usize = 20_000;
/// The most elements of a sample: as many as a network may take.
pub(crate) const MAX_ELEMENTS: usize = 1 << 30;

/// A graph whose names are known, in order.
#[derive(Debug)]
pub(crate) struct OnnxFile {
    /// The operators that the output depends on, in order.
    pub(crate) nodes: Vec<NodeProto>,
    /// The tensors that stand in the file, by name.
    pub(crate) tensors: HashMap<String, TensorProto>,
    pub(crate) input: OnnxInput,
    pub(crate) output: String,
    pub(crate) opset: i64,
    pub(crate) n_bytes: usize,
    /// The names of the classes, if the file has them.
    pub(crate) classes: Vec<String>,
    /// Whether images go in with their channels last.
    pub(crate) layout: ImageLayout,
}

/// The value that samples go in by.
#[derive(Debug)]
pub(crate) struct OnnxInput {
    pub(crate) name: String,
    /// The sizes of a sample.
    pub(crate) dims: Vec<usize>,
    /// Whether it takes whole numbers.
    pub(crate) is_whole: bool,
}

impl OnnxFile {
    /// Reads the bytes of a file.
    ///
    /// # Errors
    ///
    /// What is wrong with them.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, ImportError> {
        if bytes.len() > MAX_BYTES {
            let what = format!("it has {} bytes, expected at most {MAX_BYTES}", bytes.len());
            return Err(ImportError::Format(what));
        }
        check_entries(bytes).map_err(ImportError::Format)?;
        let model =
            ModelProto::decode(bytes).map_err(|error| ImportError::Format(error.to_string()))?;
        let opset = opset_of(&model)?;
        let metadata = |key: &str| {
            let mut entries = model.metadata_props.iter().filter(|entry| entry.key == key);
            entries.next().map(|entry| &*entry.value)
        };
        let classes = metadata("classes")
            .map_or(Vec::new(), |names| names.split('\n').map(str::to_owned).collect());
        let named_layout = metadata("image_layout").map(str::to_owned);
        let graph = model.graph.unwrap_or_default();
        if !graph.sparse_initializer.is_empty() {
            return Err(ImportError::Format("it has sparse tensors, expected dense ones".into()));
        }
        check_names(&graph)?;
        let [output] = &graph.output[..] else {
            return Err(ImportError::Ends { what: "output", found: names(&graph.output) });
        };
        let output = output.name.clone();
        let GraphProto { node, initializer, input, .. } = graph;
        let mut tensors = HashMap::new();
        for tensor in initializer {
            tensors.insert(tensor.name.clone(), tensor);
        }
        let input = only_input(&input, &tensors)?;
        let nodes = needed(node, &output)?;
        let layout = match named_layout.as_deref() {
            Some("channels-last") => ImageLayout::ChannelsLast,
            Some(_) => ImageLayout::ChannelsFirst,
            None => layout_of(&nodes, &input.name),
        };
        let n_bytes = bytes.len();
        Ok(Self { nodes, tensors, input, output, opset, n_bytes, classes, layout })
    }
}

/// The version of the operators of ONNX.
fn opset_of(model: &ModelProto) -> Result<i64, ImportError> {
    let mut of_onnx = model
        .opset_import
        .iter()
        .filter(|set| set.domain.is_empty() || set.domain == "ai.onnx")
        .map(|set| set.version.unwrap_or(0));
    match of_onnx.next() {
        Some(version) if OPSETS.contains(&version) => Ok(version),
        Some(found) => {
            Err(ImportError::Opset { found, first: *OPSETS.start(), last: *OPSETS.end() })
        }
        None => {
            Err(ImportError::Format("expected an ONNX model with a version of operators".into()))
        }
    }
}

fn names(values: &[ValueInfoProto]) -> Vec<String> {
    values.iter().map(|value| value.name.clone()).collect()
}

/// An error unless every value has a name of its own and is given before it is read, and every tensor is whole and here.
fn check_names(graph: &GraphProto) -> Result<(), ImportError> {
    let mut given = HashSet::new();
    let duplicate = |name: &str| ImportError::Duplicate { name: name.to_owned() };
    for tensor in &graph.initializer {
        check_tensor(tensor)?;
        if !given.insert(&*tensor.name) {
            return Err(duplicate(&tensor.name));
        }
    }
    let mut inputs = HashSet::new();
    for input in &graph.input {
        if !inputs.insert(&*input.name) {
            return Err(duplicate(&input.name));
        }
    }
    given.extend(inputs);
    let later: HashSet<&str> =
        graph.node.iter().flat_map(|node| &node.output).map(|name| &**name).collect();
    let missing = |reader: String, value: &str| {
        let (value, is_later) = (value.to_owned(), later.contains(value));
        Err(ImportError::Missing { reader, value, is_later })
    };
    for node in &graph.node {
        if let Some(value) =
            node.input.iter().find(|name| !name.is_empty() && !given.contains(&***name))
        {
            return missing(label(node), value);
        }
        for tensor in node.attribute.iter().filter_map(|attribute| attribute.t.as_ref()) {
            check_tensor(tensor)?;
        }
        for output in node.output.iter().filter(|name| !name.is_empty()) {
            if !given.insert(output) {
                return Err(duplicate(output));
            }
        }
    }
    match graph.output.iter().find(|output| !given.contains(&*output.name)) {
        Some(output) => missing("the output of the graph".to_owned(), &output.name),
        None => Ok(()),
    }
}

/// An error if the elements of a tensor are in another file.
fn check_tensor(tensor: &TensorProto) -> Result<(), ImportError> {
    let is_external = tensor.data_location == Some(1) || !tensor.external_data.is_empty();
    if !is_external {
        return Ok(());
    }
    let location = tensor.external_data.iter().find(|entry| entry.key == "location");
    Err(ImportError::External {
        tensor: tensor.name.clone(),
        file: location.map_or(String::new(), |entry| entry.value.clone()),
    })
}

/// The value that is neither a tensor of the file nor computed: samples go in by it.
fn only_input(
    inputs: &[ValueInfoProto],
    tensors: &HashMap<String, TensorProto>,
) -> Result<OnnxInput, ImportError> {
    let real: Vec<_> =
        inputs.iter().filter(|input| !tensors.contains_key(&input.name)).cloned().collect();
    let [input] = &real[..] else {
        return Err(ImportError::Ends { what: "input", found: names(&real) });
    };
    let name = input.name.clone();
    let refuse = |what: &str| ImportError::Input { name: name.clone(), what: what.to_owned() };
    let tensor = input.r#type.as_ref().and_then(|kind| kind.tensor_type.as_ref());
    let tensor = tensor.ok_or_else(|| refuse("has no type, expected a tensor"))?;
    let is_whole = match tensor.elem_type {
        data_type::FLOAT | data_type::DOUBLE | data_type::FLOAT16 | data_type::BFLOAT16 => false,
        data_type::INT32 | data_type::INT64 => true,
        other => {
            return Err(refuse(&format!("has elements of the type {other}, expected numbers")));
        }
    };
    let dims = tensor.shape.as_ref().map_or(&[][..], |shape| &shape.dim);
    let Some((_, dims)) = dims.split_first() else {
        return Err(refuse("has no sizes, expected [batch, …]"));
    };
    let sizes = dims.iter().map(|dim| usize::try_from(dim.dim_value?).ok().filter(|&n| n > 0));
    let Some(dims) = sizes.collect::<Option<Vec<usize>>>() else {
        let texts = dims.iter().map(|dim| match (dim.dim_value, &dim.dim_param) {
            (Some(size), _) => size.to_string(),
            (None, name) => name.clone().unwrap_or_else(|| "?".to_owned()),
        });
        let texts = texts.collect::<Vec<_>>().join(", ");
        return Err(refuse(&format!(
            "takes samples of [{texts}]; export the network for samples of a fixed size"
        )));
    };
    if dims.is_empty() || elements(&dims).is_none_or(|len| len > MAX_ELEMENTS) {
        return Err(refuse(&format!("takes samples of {dims:?}, expected 1 to 2^30 numbers")));
    }
    Ok(OnnxInput { name, dims, is_whole })
}

/// The operators that a value depends on, in order.
fn needed(nodes: Vec<NodeProto>, output: &str) -> Result<Vec<NodeProto>, ImportError> {
    let mut wanted: HashSet<String> = [output.to_owned()].into();
    let mut needed = Vec::new();
    for node in nodes.into_iter().rev() {
        if node.output.iter().any(|name| wanted.contains(name)) {
            wanted.extend(node.input.iter().cloned());
            needed.push(node);
        }
    }
    needed.reverse();
    match needed.len() {
        n if n > MAX_NODES => {
            Err(ImportError::Format(format!("{n} operators, expected at most {MAX_NODES}")))
        }
        _ => Ok(needed),
    }
}

/// The layout of images of a file that does not say it: channels last if all that is done to them is to put them first.
fn layout_of(nodes: &[NodeProto], input: &str) -> ImageLayout {
    let mut readers =
        nodes.iter().filter(|node| node.input.iter().any(|name| name == input)).peekable();
    let is_transposed = |node: &NodeProto| {
        let perm = attribute(node, "perm").map_or(&[][..], |perm| &perm.ints);
        node.op_type == "Transpose" && perm == [0, 3, 1, 2]
    };
    match readers.peek().is_some() && readers.all(is_transposed) {
        true => ImageLayout::ChannelsLast,
        false => ImageLayout::ChannelsFirst,
    }
}

/// A setting of an operator.
pub(crate) fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}

/// What an operator is called in messages.
pub(crate) fn label(node: &NodeProto) -> String {
    let name = match (&*node.name, node.output.first()) {
        ("", Some(output)) => output,
        (name, _) => name,
    };
    format!("{} ({name})", node.op_type)
}

/// The only element of a tensor of the file or of an operator `Constant`.
pub(crate) fn scalar(tensor: &TensorProto) -> Option<f64> {
    let is_small = tensor.dims.iter().all(|&size| size == 1);
    is_small.then(|| ConstantTensor::read(tensor).ok()?.scalar()).flatten()
}
