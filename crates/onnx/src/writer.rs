//! An ONNX graph under construction.

use std::collections::{HashMap, HashSet};

use graph::{Graph, NodeId, Shape, Tensor};
use nn::{Model, TrainedGraph};
use prost::Message as _;

use crate::proto::{
    AttributeProto, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto,
    ValueInfoProto, attribute_type, data_type,
};
use crate::{IR_VERSION, ImageLayout, OPSET};

/// The name of the only input.
pub(crate) const INPUT: &str = "input";
/// The name of the size of the batch.
const BATCH: &str = "batch";
/// The operators for other models than networks, which take texts, and their version.
const LEARNING: &str = "ai.onnx.ml";
const LEARNING_OPSET: i64 = 3;
/// Where the axes of an image in one layout are in the other.
const TO_FIRST: [usize; 4] = [0, 3, 1, 2];
const TO_LAST: [usize; 4] = [0, 2, 3, 1];

/// A setting of an operator.
pub(crate) enum Setting<'a> {
    Number(f64),
    Numbers(&'a [f32]),
    Whole(i64),
    Wholes(&'a [i64]),
    Texts(&'a [String]),
}

/// A graph under construction, and what it is made from.
pub(crate) struct GraphWriter<'a> {
    pub(crate) graph: &'a Graph<f32>,
    model: &'a Model<f32>,
    trained: TrainedGraph<'a>,
    /// The names of values that are written, in one layout or both.
    names: HashMap<(NodeId, ImageLayout), String>,
    used: HashSet<String>,
    nodes: Vec<NodeProto>,
    initializers: Vec<StoredValue>,
    /// The products and convolutions that take what follows them into their weights, by the name of their result: the axis
    /// of the weight that is that of the channels.
    affine: HashMap<String, usize>,
    /// That of the input.
    layout: ImageLayout,
    inputs: Vec<ValueInfoProto>,
    outputs: Vec<ValueInfoProto>,
}

/// A value that is part of the file.
struct StoredValue {
    name: String,
    dims: Vec<usize>,
    values: StoredNumbers,
}

enum StoredNumbers {
    Numbers(Vec<f32>),
    Wholes(Vec<i64>),
}

impl<'a> GraphWriter<'a> {
    pub(crate) fn new(trained: TrainedGraph<'a>, layout: ImageLayout) -> Self {
        let model = trained.model();
        let shape = model.graph.shape(model.input);
        let layout = if is_image(shape) { layout } else { ImageLayout::ChannelsLast };
        Self {
            graph: &model.graph,
            model,
            trained,
            names: HashMap::new(),
            used: HashSet::new(),
            nodes: Vec::new(),
            initializers: Vec::new(),
            affine: HashMap::new(),
            layout,
            inputs: Vec::new(),
            outputs: Vec::new(),
        }
    }

    /// The layout of the pictures that go in.
    pub(crate) fn layout(&self) -> ImageLayout {
        self.layout
    }

    /// Sizes of a sample of the network.
    pub(crate) fn input_dims(&self) -> &'a [usize] {
        self.graph.shape(self.model.input).dims()
    }

    /// Adds an input with these sizes of a sample, and returns its name.
    pub(crate) fn add_input(&mut self, name: &str, dims: &[usize], elements: i32) -> String {
        self.used.insert(name.to_owned());
        self.inputs.push(value_info(name, dims, elements));
        name.to_owned()
    }

    /// Adds an input for what the network takes, in the layout of pictures that was asked for.
    pub(crate) fn add_picture_input(&mut self, name: &str) -> String {
        let mut dims = self.input_dims().to_vec();
        if self.layout == ImageLayout::ChannelsFirst {
            dims.rotate_right(1);
        }
        self.add_input(name, &dims, data_type::FLOAT)
    }

    /// What the network takes is that value.
    pub(crate) fn set_features(&mut self, layout: ImageLayout, name: String) {
        self.names.insert((self.model.input, layout), name);
    }

    /// Nothing but an input gets that name.
    pub(crate) fn reserve(&mut self, name: &str) {
        self.used.insert(name.to_owned());
    }

    /// Adds a value to the outputs. It gets another name if an input has this one.
    pub(crate) fn add_output(&mut self, name: &str, dims: &[usize], elements: i32, value: String) {
        if self.inputs.iter().all(|input| input.name != name) {
            self.used.remove(name);
        }
        let name = self.node("Identity", name, &[value], &[]);
        self.outputs.push(value_info(&name, dims, elements));
    }

    /// The prediction, and its sizes for a sample.
    pub(crate) fn prediction(&mut self) -> (String, &'a [usize]) {
        let id = self.model.prediction;
        (self.value(id), self.graph.shape(id).dims())
    }

    /// The nodes that are written, in order.
    pub(crate) fn needed(&self) -> Vec<NodeId> {
        self.trained.nodes().collect()
    }

    fn is_image(&self, id: NodeId) -> bool {
        is_image(self.graph.shape(id))
    }

    /// Whether a value is an image that is written with its channels first, and not otherwise.
    pub(crate) fn is_channels_first(&self, id: NodeId) -> bool {
        let has = |layout| self.names.contains_key(&(id, layout));
        has(ImageLayout::ChannelsFirst) && !has(ImageLayout::ChannelsLast)
    }

    /// The values of a node that no sample changes.
    pub(crate) fn constant_values(&self, id: NodeId) -> Option<&Tensor<f32>> {
        self.trained.constant(id)
    }

    /// The name of a value with its axes in the order of Gradus.
    pub(crate) fn value(&mut self, id: NodeId) -> String {
        self.value_in(id, ImageLayout::ChannelsLast)
    }

    /// The name of an image with its channels first.
    pub(crate) fn image(&mut self, id: NodeId) -> String {
        self.value_in(id, ImageLayout::ChannelsFirst)
    }

    /// The name of a value in a layout; it is transposed if it is written in the other one.
    pub(crate) fn value_in(&mut self, id: NodeId, layout: ImageLayout) -> String {
        if let Some(name) = self.names.get(&(id, layout)) {
            return name.clone();
        }
        if let Some(value) = self.trained.constant(id).cloned() {
            let name = self.label(id);
            let name = self.constant(&name, value.shape(), value.values().to_vec());
            self.names.insert((id, layout), name.clone());
            return name;
        }
        let (other, axes) = match layout {
            ImageLayout::ChannelsFirst => (ImageLayout::ChannelsLast, TO_FIRST),
            ImageLayout::ChannelsLast => (ImageLayout::ChannelsFirst, TO_LAST),
        };
        let from = self.names[&(id, other)].clone();
        let label = format!("{from}/{}", layout.name());
        let name = self.transpose(&label, from, &axes);
        self.names.insert((id, layout), name.clone());
        name
    }

    /// The name of an operand of an op with broadcasting, so that its axes stand below those of the result `to`.
    pub(crate) fn broadcast(&mut self, id: NodeId, to: NodeId, layout: ImageLayout) -> String {
        let (shape, rank) = (self.graph.shape(id).clone(), self.graph.shape(to).rank());
        let is_first = layout == ImageLayout::ChannelsFirst && rank == 4;
        if !shape.is_batched() {
            let value =
                self.trained.constant(id).expect("without samples it is a constant").clone();
            if !is_first || shape.dims().is_empty() {
                return self.value(id);
            }
            let mut dims = vec![1; 3 - shape.dims().len()];
            dims.extend(shape.dims());
            let value = Tensor::new(dims, value.into_values()).transposed(&[2, 0, 1]);
            let label = self.label(id);
            return self.constant(&label, value.shape(), value.values().to_vec());
        }
        if shape.rank() == rank {
            return self.value_in(id, layout);
        }
        // The batch axis stays the first.
        let (name, label) = (self.value(id), self.label(id));
        let mut dims = vec![-1];
        dims.resize(1 + rank - shape.rank(), 1);
        dims.extend(wholes(shape.dims()));
        let name = self.reshape(&label, name, dims);
        if is_first { self.transpose(&label, name, &TO_FIRST) } else { name }
    }

    /// The layout in which an op that works element by element is written: that of its operands.
    pub(crate) fn layout_of(&self, operands: &[NodeId], result: NodeId) -> ImageLayout {
        let is_first = self.is_image(result)
            && operands.iter().any(|&id| self.is_image(id) && self.is_channels_first(id));
        if is_first { ImageLayout::ChannelsFirst } else { ImageLayout::ChannelsLast }
    }

    /// Orders the axes of a value anew.
    pub(crate) fn transpose(&mut self, label: &str, value: String, axes: &[usize]) -> String {
        let axes = wholes(axes);
        self.node("Transpose", label, &[value], &[("perm", Setting::Wholes(&axes))])
    }

    /// Reshapes a value.
    pub(crate) fn reshape(&mut self, label: &str, value: String, dims: Vec<i64>) -> String {
        let shape = self.wholes(&format!("{label}/shape"), dims);
        self.node("Reshape", &format!("{label}/reshape"), &[value, shape], &[])
    }

    /// What a node is called: its layer and itself.
    pub(crate) fn label(&self, id: NodeId) -> String {
        self.trained.label(id)
    }

    fn unused(&mut self, label: &str) -> String {
        let numbered = (2..).map(|number| format!("{label}_{number}"));
        let mut names = std::iter::once(label.to_owned()).chain(numbered);
        let name = names.find(|name| !self.used.contains(name)).expect("endless");
        self.used.insert(name.clone());
        name
    }

    /// Adds a value to the file, and returns its name.
    pub(crate) fn constant(&mut self, label: &str, dims: &[usize], values: Vec<f32>) -> String {
        let name = self.unused(label);
        let (dims, values) = (dims.to_vec(), StoredNumbers::Numbers(values));
        self.initializers.push(StoredValue { name: name.clone(), dims, values });
        name
    }

    /// A number.
    pub(crate) fn scalar(&mut self, label: &str, value: f64) -> String {
        self.constant(label, &[], vec![value as f32])
    }

    /// Whole numbers in a row.
    pub(crate) fn wholes(&mut self, label: &str, values: Vec<i64>) -> String {
        let name = self.unused(label);
        let dims = vec![values.len()];
        let values = StoredNumbers::Wholes(values);
        self.initializers.push(StoredValue { name: name.clone(), dims, values });
        name
    }

    /// Adds an operator, and returns the name of its result.
    pub(crate) fn node(
        &mut self,
        operator: &str,
        label: &str,
        operands: &[String],
        settings: &[(&str, Setting<'_>)],
    ) -> String {
        self.node_of("", operator, label, operands, settings)
    }

    /// As [`node`](Self::node), of the operators of [`LEARNING`].
    pub(crate) fn learning_node(
        &mut self,
        operator: &str,
        label: &str,
        operands: &[String],
        settings: &[(&str, Setting<'_>)],
    ) -> String {
        self.node_of(LEARNING, operator, label, operands, settings)
    }

    /// Whether there are operators of [`LEARNING`].
    pub(crate) fn has_learning_nodes(&self) -> bool {
        self.nodes.iter().any(|node| node.domain == LEARNING)
    }

    fn node_of(
        &mut self,
        domain: &str,
        operator: &str,
        label: &str,
        operands: &[String],
        settings: &[(&str, Setting<'_>)],
    ) -> String {
        let name = self.unused(label);
        self.nodes.push(NodeProto {
            input: operands.to_vec(),
            output: vec![name.clone()],
            // Called after its result. Some programs have one list of names for operators and values, and would find two.
            name: String::new(),
            op_type: operator.to_owned(),
            attribute: settings.iter().map(|(name, setting)| setting.proto(name)).collect(),
            domain: domain.to_owned(),
        });
        name
    }

    /// The value of a node of the graph is that name.
    pub(crate) fn set(&mut self, id: NodeId, layout: ImageLayout, name: String) {
        self.names.insert((id, layout), name);
    }

    /// The value of a node that cannot be written, so that all such nodes are found.
    pub(crate) fn set_placeholder(&mut self, id: NodeId) {
        self.names.insert((id, ImageLayout::ChannelsLast), String::new());
    }

    /// The result `name` may take what follows into its weights.
    pub(crate) fn set_affine(&mut self, name: &str, channel_axis: usize) {
        self.affine.insert(name.to_owned(), channel_axis);
    }

    /// Makes `factor · y + offset` of a product or a convolution `y` for each channel, where nothing else reads it. Returns
    /// whether it could.
    pub(crate) fn fold(
        &mut self,
        y: NodeId,
        result: NodeId,
        factor: Option<&[f32]>,
        offset: &[f32],
    ) -> bool {
        let found = [ImageLayout::ChannelsFirst, ImageLayout::ChannelsLast]
            .into_iter()
            .find_map(|layout| Some((layout, self.names.get(&(y, layout))?.clone())));
        let Some((layout, name)) = found.filter(|_| self.trained.n_readers(y) == 1) else {
            return false;
        };
        let Some(&channel_axis) = self.affine.get(&name) else { return false };
        let at = self.nodes.iter().position(|node| node.output[0] == name).expect("it is written");
        let weight = self.nodes[at].input[1].clone();
        let has_bias = self.nodes[at].input.len() > 2;
        let weight = self.initializer(&weight);
        if weight.dims[channel_axis] != offset.len() {
            return false;
        }
        if let (Some(factor), StoredNumbers::Numbers(values)) = (factor, &mut weight.values) {
            let inner: usize = weight.dims[channel_axis + 1..].iter().product();
            for (at, value) in values.iter_mut().enumerate() {
                *value *= factor[at / inner % factor.len()];
            }
        }
        if has_bias {
            let bias = self.nodes[at].input[2].clone();
            let StoredNumbers::Numbers(values) = &mut self.initializer(&bias).values else {
                unreachable!("a bias is of numbers")
            };
            for (i, value) in values.iter_mut().enumerate() {
                *value = *value * factor.map_or(1.0, |factor| factor[i]) + offset[i];
            }
        } else {
            let bias = self.constant(&format!("{name}/bias"), &[offset.len()], offset.to_vec());
            self.nodes[at].input.push(bias);
            if self.nodes[at].op_type == "MatMul" {
                "Gemm".clone_into(&mut self.nodes[at].op_type);
            }
        }
        self.names.insert((result, layout), name);
        true
    }

    fn initializer(&mut self, name: &str) -> &mut StoredValue {
        let mut found = self.initializers.iter_mut().filter(|found| found.name == name);
        found.next().expect("it is written")
    }

    /// The graph with its inputs and outputs.
    pub(crate) fn finish(self) -> GraphProto {
        GraphProto {
            node: self.nodes,
            name: "network".to_owned(),
            initializer: self.initializers.into_iter().map(StoredValue::proto).collect(),
            input: self.inputs,
            output: self.outputs,
            sparse_initializer: Vec::new(),
        }
    }
}

impl Setting<'_> {
    fn proto(&self, name: &str) -> AttributeProto {
        let mut proto = AttributeProto { name: name.to_owned(), ..AttributeProto::default() };
        match self {
            Self::Number(value) => {
                proto.f = Some(*value as f32);
                proto.r#type = Some(attribute_type::FLOAT);
            }
            Self::Numbers(values) => {
                proto.floats = values.to_vec();
                proto.r#type = Some(attribute_type::FLOATS);
            }
            Self::Texts(texts) => {
                proto.strings = texts.iter().map(|text| text.clone().into_bytes()).collect();
                proto.r#type = Some(attribute_type::STRINGS);
            }
            Self::Whole(value) => {
                proto.i = Some(*value);
                proto.r#type = Some(attribute_type::INT);
            }
            Self::Wholes(values) => {
                proto.ints = values.to_vec();
                proto.r#type = Some(attribute_type::INTS);
            }
        }
        proto
    }
}

impl StoredValue {
    fn proto(self) -> TensorProto {
        let (data_type, raw_data) = match self.values {
            StoredNumbers::Numbers(values) => {
                (data_type::FLOAT, values.iter().flat_map(|value| value.to_le_bytes()).collect())
            }
            StoredNumbers::Wholes(values) => {
                (data_type::INT64, values.iter().flat_map(|value| value.to_le_bytes()).collect())
            }
        };
        TensorProto {
            dims: wholes(&self.dims),
            data_type: Some(data_type),
            name: self.name,
            raw_data: Some(raw_data),
            ..TensorProto::default()
        }
    }
}

fn is_image(shape: &Shape) -> bool {
    shape.is_batched() && shape.rank() == 4
}

/// Sizes, or numbers of axes, as ONNX has them.
pub(crate) fn wholes(sizes: &[usize]) -> Vec<i64> {
    sizes.iter().map(|&size| size as i64).collect()
}

/// An axis of an image, or of another value, in a layout.
pub(crate) fn axis_in(axis: usize, layout: ImageLayout) -> i64 {
    let axis = match layout {
        ImageLayout::ChannelsFirst => TO_LAST[axis],
        ImageLayout::ChannelsLast => axis,
    };
    axis as i64
}

/// A value of the batch with these sizes of a sample.
fn value_info(name: &str, dims: &[usize], elem_type: i32) -> ValueInfoProto {
    let batch = DimensionProto { dim_param: Some(BATCH.to_owned()), dim_value: None };
    let dims =
        dims.iter().map(|&size| DimensionProto { dim_value: Some(size as i64), dim_param: None });
    let shape = TensorShapeProto { dim: std::iter::once(batch).chain(dims).collect() };
    let tensor_type = TensorTypeProto { elem_type, shape: Some(shape) };
    ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(TypeProto { tensor_type: Some(tensor_type) }),
        doc_string: String::new(),
    }
}

/// A file with a graph.
pub(crate) fn file(graph: GraphProto, layout: ImageLayout, classes: &[String]) -> Vec<u8> {
    let entry = |key: &str, value: String| StringStringEntryProto { key: key.to_owned(), value };
    let mut metadata_props = vec![entry("image_layout", layout.name().to_owned())];
    if !classes.is_empty() {
        metadata_props.push(entry("classes", classes.join("\n")));
    }
    let version = |domain: &str, version| OperatorSetIdProto {
        domain: domain.to_owned(),
        version: Some(version),
    };
    let mut opset_import = vec![version("", OPSET)];
    if graph.node.iter().any(|node| node.domain == LEARNING) {
        opset_import.push(version(LEARNING, LEARNING_OPSET));
    }
    let model = ModelProto {
        ir_version: Some(IR_VERSION),
        producer_name: "gradus".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        doc_string: String::new(),
        graph: Some(graph),
        opset_import,
        metadata_props,
    };
    model.encode_to_vec()
}
