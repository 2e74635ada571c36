//! The layers that a graph becomes, under construction.

use std::collections::HashMap;
use std::rc::Rc;

use nn::layers::{BatchNorm, FeatureScale, Flatten};
use nn::registry::MAX_WIDTH;
use nn::{LayerInput, LayerKind};

use super::LastFunction;
use super::file::{MAX_ELEMENTS, OnnxFile, attribute, label};
use super::producers::Producers;
use super::tensor::{ConstantTensor, elements};
use super::view::{MAX_RANK, ValueView};
use crate::ImageLayout;
use crate::proto::NodeProto;

/// What a value of the graph is.
#[derive(Clone, Debug)]
pub(crate) enum OnnxValue {
    /// What no sample changes.
    Constant(Rc<ConstantTensor>),
    /// Sizes of axes.
    Sizes(Vec<AxisSize>),
    /// What samples become.
    Features(FeatureValue),
    /// What depends on an operator that cannot be read.
    Unknown,
}

impl OnnxValue {
    /// Sizes of axes: not more than a value has.
    pub(crate) fn of_sizes(sizes: Vec<AxisSize>) -> Result<Self, OperatorRefusal> {
        match sizes.len() > MAX_RANK {
            true => Err(format!("{} sizes, expected at most {MAX_RANK}", sizes.len()).into()),
            false => Ok(Self::Sizes(sizes)),
        }
    }
}

/// The size of an axis of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AxisSize {
    /// The samples of a batch.
    Batch,
    Whole(i64),
}

/// The output of a layer, or the samples.
#[derive(Clone, Debug)]
pub(crate) struct FeatureValue {
    pub(crate) source: LayerInput,
    pub(crate) view: ValueView,
    /// Whether they are whole numbers, which choose rows of a table.
    pub(crate) is_whole: bool,
}

/// Why an operator cannot be read.
pub(crate) enum OperatorRefusal {
    /// It depends on another one that cannot be read.
    Depends,
    Because(String),
}

impl From<String> for OperatorRefusal {
    fn from(why: String) -> Self {
        Self::Because(why)
    }
}

impl From<&str> for OperatorRefusal {
    fn from(why: &str) -> Self {
        Self::Because(why.to_owned())
    }
}

/// A layer.
#[derive(Clone, Debug)]
pub(crate) struct LayerDraft {
    pub(crate) kind: LayerKind,
    pub(crate) inputs: Vec<LayerInput>,
    /// The shape of its output for a sample.
    pub(crate) shape: Vec<usize>,
    pub(crate) is_frozen: bool,
    /// Its parameters by their part.
    pub(crate) parameters: Vec<(&'static str, Vec<f32>)>,
    /// Running means, then variances.
    pub(crate) statistics: Option<Vec<f32>>,
    /// The tensor of the file that its weight is from.
    pub(crate) weight_name: Option<String>,
    /// What it does to each channel besides, if that is all it does.
    pub(crate) affine: Option<ChannelAffine>,
    /// The value that it gives.
    pub(crate) result: String,
}

impl LayerDraft {
    /// A layer without parameters.
    pub(crate) fn new(
        kind: impl Into<LayerKind>,
        inputs: Vec<LayerInput>,
        shape: Vec<usize>,
    ) -> Self {
        Self {
            kind: kind.into(),
            inputs,
            shape,
            is_frozen: false,
            parameters: Vec::new(),
            statistics: None,
            weight_name: None,
            affine: None,
            result: String::new(),
        }
    }
}

/// `(x − mean) · factor + offset` for each channel.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ChannelAffine {
    pub(crate) mean: Vec<f32>,
    pub(crate) factor: Vec<f32>,
    pub(crate) offset: Vec<f32>,
    /// Whether a factor may be a trained parameter: it is not one number for all channels.
    pub(crate) is_trained: bool,
}

impl ChannelAffine {
    /// What it changes nothing by.
    pub(crate) fn identity(channels: usize) -> Self {
        let [mean, offset] = [vec![0.0; channels], vec![0.0; channels]];
        Self { mean, factor: vec![1.0; channels], offset, is_trained: false }
    }

    /// The layer that does this: factors alone are a `feature_scale`, others a frozen `batch_norm`.
    pub(crate) fn finish(self, draft: &mut LayerDraft) {
        let Self { mean, factor, offset, is_trained } = self;
        if mean.iter().chain(&offset).all(|&value| value == 0.0) {
            draft.kind = FeatureScale {}.into();
            draft.is_frozen = !is_trained;
            draft.parameters = vec![("scale", factor)];
            return;
        }
        let kind = BatchNorm::default();
        // With epsilon it is 1.
        let variance = vec![(1.0 - kind.epsilon) as f32; mean.len()];
        draft.kind = kind.into();
        draft.is_frozen = true;
        draft.parameters = vec![("scale", factor), ("offset", offset)];
        draft.statistics = Some([mean, variance].concat());
    }
}

/// An operator, and the version of its meaning.
pub(crate) struct OperatorNode<'a> {
    pub(crate) proto: &'a NodeProto,
    pub(crate) opset: i64,
}

impl<'a> OperatorNode<'a> {
    pub(crate) fn operator(&self) -> &'a str {
        &self.proto.op_type
    }

    /// A whole number, or what it is by default.
    pub(crate) fn whole(&self, name: &str, default: i64) -> i64 {
        attribute(self.proto, name).and_then(|found| found.i).unwrap_or(default)
    }

    /// Whole numbers, if they are set.
    pub(crate) fn wholes(&self, name: &str) -> Option<&'a [i64]> {
        attribute(self.proto, name).map(|found| &found.ints[..])
    }

    /// A number, or what it is by default.
    pub(crate) fn number(&self, name: &str, default: f32) -> f32 {
        attribute(self.proto, name).and_then(|found| found.f).unwrap_or(default)
    }

    /// A text; empty if it is not set.
    pub(crate) fn text(&self, name: &str) -> &'a [u8] {
        attribute(self.proto, name).and_then(|found| found.s.as_deref()).unwrap_or_default()
    }

    /// The name of an operand, if there is one.
    pub(crate) fn operand(&self, at: usize) -> Option<&'a str> {
        self.proto.input.get(at).map(|name| &**name).filter(|name| !name.is_empty())
    }

    /// The name of its result.
    pub(crate) fn result(&self) -> &'a str {
        self.proto.output.first().map_or("", |name| name)
    }
}

/// A graph that is read.
pub(crate) struct GraphReader<'a> {
    pub(crate) file: &'a OnnxFile,
    pub(crate) producers: Producers<'a>,
    values: HashMap<String, OnnxValue>,
    pub(crate) layers: Vec<LayerDraft>,
    /// How many numbers may still be made of those of the file.
    n_left: usize,
    /// The function at the end that was left out.
    pub(crate) last: LastFunction,
    /// What the network is otherwise than the graph, a sentence each.
    pub(crate) notes: Vec<String>,
}

impl<'a> GraphReader<'a> {
    pub(crate) fn new(file: &'a OnnxFile) -> Self {
        let mut reader = Self {
            file,
            producers: Producers::of(file),
            values: HashMap::new(),
            layers: Vec::new(),
            n_left: (1 << 24) + 2 * file.n_bytes,
            last: LastFunction::None,
            notes: Vec::new(),
        };
        let shape = reader.input_shape();
        let view = match file.layout {
            ImageLayout::ChannelsFirst => ValueView::channels_first(&shape),
            ImageLayout::ChannelsLast => ValueView::row_major(&shape),
        };
        let input =
            FeatureValue { source: LayerInput::Samples, view, is_whole: file.input.is_whole };
        reader.set(&file.input.name, OnnxValue::Features(input));
        reader
    }

    /// The shape of a sample as Gradus has it: images with their channels last.
    pub(crate) fn input_shape(&self) -> Vec<usize> {
        let mut shape = self.file.input.dims.clone();
        if shape.len() == 3 && self.file.layout == ImageLayout::ChannelsFirst {
            shape.rotate_left(1);
        }
        shape
    }

    /// The shape of what a layer takes.
    pub(crate) fn shape(&self, source: LayerInput) -> Vec<usize> {
        match source {
            LayerInput::Samples => self.input_shape(),
            LayerInput::Layer(index) => self.layers[index].shape.clone(),
        }
    }

    pub(crate) fn set(&mut self, name: &str, value: OnnxValue) {
        self.values.insert(name.to_owned(), value);
    }

    /// A value by its name.
    pub(crate) fn named(&mut self, name: &str) -> Result<OnnxValue, OperatorRefusal> {
        if !self.values.contains_key(name)
            && let Some(tensor) = self.file.tensors.get(name)
        {
            let read = ConstantTensor::read(tensor).map_err(|what| format!("{name}: {what}"))?;
            self.set(name, OnnxValue::Constant(read.into()));
        }
        match self.values.get(name) {
            None | Some(OnnxValue::Unknown) => Err(OperatorRefusal::Depends),
            Some(found) => Ok(found.clone()),
        }
    }

    /// An operand; none if it is left out.
    pub(crate) fn value(
        &mut self,
        node: &OperatorNode<'_>,
        at: usize,
    ) -> Result<Option<OnnxValue>, OperatorRefusal> {
        node.operand(at).map(|name| self.named(name)).transpose()
    }

    /// A value that samples change, of real numbers.
    pub(crate) fn named_features(&mut self, name: &str) -> Result<FeatureValue, OperatorRefusal> {
        match self.named(name)? {
            OnnxValue::Features(x) if x.is_whole => {
                Err("no layer computes it of whole numbers".into())
            }
            OnnxValue::Features(x) => Ok(x),
            _ => Err(format!("{name} depends on no sample").into()),
        }
    }

    /// An operand that samples change, of real numbers.
    pub(crate) fn features(
        &mut self,
        node: &OperatorNode<'_>,
        at: usize,
    ) -> Result<FeatureValue, OperatorRefusal> {
        let name = node.operand(at).ok_or_else(|| format!("operand {} is left out", at + 1))?;
        self.named_features(name)
    }

    /// A tensor that is made of another one.
    pub(crate) fn copied(&mut self, tensor: ConstantTensor) -> Result<OnnxValue, OperatorRefusal> {
        self.take(tensor.dims.iter().product())?;
        Ok(OnnxValue::Constant(tensor.into()))
    }

    /// Takes numbers out of those that may be made of a file of this size: a small file shall not fill the memory by naming a
    /// tensor again and again.
    fn take(&mut self, n_numbers: usize) -> Result<(), OperatorRefusal> {
        let left = self.n_left.checked_sub(n_numbers);
        self.n_left = left.ok_or("the tensors of the file are copied too often")?;
        Ok(())
    }

    /// An operand that no sample changes; none if it is left out.
    pub(crate) fn optional(
        &mut self,
        node: &OperatorNode<'_>,
        at: usize,
    ) -> Result<Option<Rc<ConstantTensor>>, OperatorRefusal> {
        match self.value(node, at)? {
            None => Ok(None),
            Some(OnnxValue::Constant(tensor)) => Ok(Some(tensor)),
            Some(_) => Err(format!("operand {} depends on the samples", at + 1).into()),
        }
    }

    /// An operand that no sample changes.
    pub(crate) fn constant(
        &mut self,
        node: &OperatorNode<'_>,
        at: usize,
    ) -> Result<Rc<ConstantTensor>, OperatorRefusal> {
        let found = self.optional(node, at)?;
        found.ok_or_else(|| format!("operand {} is left out", at + 1).into())
    }

    /// An operand of `n` real numbers that no sample changes: as many, or one that stands for all.
    pub(crate) fn vector(
        &mut self,
        node: &OperatorNode<'_>,
        at: usize,
        n: usize,
    ) -> Result<Option<Vec<f32>>, OperatorRefusal> {
        let Some(tensor) = self.optional(node, at)? else { return Ok(None) };
        match tensor.floats() {
            Some([value]) if n <= MAX_WIDTH => Ok(Some(vec![*value; n])),
            Some(values) if values.len() == n && tensor.dims.last() == Some(&n) => {
                Ok(Some(values.to_vec()))
            }
            _ => {
                let found = &tensor.dims;
                Err(format!("operand {} has the shape {found:?}, expected [{n}]", at + 1).into())
            }
        }
    }

    /// The name of the tensor of the file that an operand is, perhaps with its axes in another order.
    pub(crate) fn tensor_name(&self, node: &OperatorNode<'_>, at: usize) -> Option<String> {
        let name = node.operand(at)?;
        let before = self.producers.of_value(name).and_then(|(_, before)| before.input.first());
        Some(before.map_or(name, |name| name).to_owned())
    }

    /// Adds a layer that gives the result of an operator in a layout.
    pub(crate) fn push(
        &mut self,
        node: &OperatorNode<'_>,
        mut draft: LayerDraft,
        view: ValueView,
    ) -> Result<OnnxValue, OperatorRefusal> {
        self.take(draft.parameters.iter().map(|(_, values)| values.len()).sum())?;
        node.result().clone_into(&mut draft.result);
        let source = LayerInput::Layer(self.layers.len());
        self.layers.push(draft);
        Ok(OnnxValue::Features(FeatureValue { source, view, is_whole: false }))
    }

    /// The layer that gives an operand and may take what is done to it: nothing else reads it.
    pub(crate) fn last_layer(
        &mut self,
        node: &OperatorNode<'_>,
        x: &FeatureValue,
    ) -> Option<&mut LayerDraft> {
        let LayerInput::Layer(index) = x.source else { return None };
        let draft = &mut self.layers[index];
        let is_direct = node.proto.input.contains(&draft.result);
        (is_direct && self.producers.n_readers(&draft.result) == 1).then_some(draft)
    }

    /// The result of an operator is the operand `x`, as another view or with what was done to it in its layer.
    pub(crate) fn same(&mut self, node: &OperatorNode<'_>, x: FeatureValue) -> OnnxValue {
        if let Some(draft) = self.last_layer(node, &x) {
            node.result().clone_into(&mut draft.result);
        }
        OnnxValue::Features(x)
    }

    /// The same value behind a layer that makes one axis of all, where the shape has several.
    pub(crate) fn flattened(&mut self, x: FeatureValue) -> FeatureValue {
        let shape = self.shape(x.source);
        if shape.len() == 1 {
            return x;
        }
        let kind = LayerKind::from(Flatten {});
        let found = self.layers.iter().position(|it| it.kind == kind && it.inputs == [x.source]);
        let index = found.unwrap_or_else(|| {
            let draft = LayerDraft::new(kind, vec![x.source], vec![shape.iter().product()]);
            self.layers.push(draft);
            self.layers.len() - 1
        });
        FeatureValue { source: LayerInput::Layer(index), ..x }
    }

    /// The value with the given axes as its last one, which is flattened if that needs it.
    pub(crate) fn with_last_axis(
        &mut self,
        x: FeatureValue,
        axes: &[usize],
    ) -> Result<FeatureValue, OperatorRefusal> {
        let block = x.view.block(axes);
        if block == self.shape(x.source).last().copied() {
            return Ok(x);
        }
        match block == Some(x.view.len()) {
            true => Ok(self.flattened(x)),
            false => {
                let dims = x.view.dims();
                Err(format!("axes {axes:?} of {dims:?} are not the channels here").into())
            }
        }
    }

    /// The same, and where the elements along these axes are.
    pub(crate) fn along_last_axis(
        &mut self,
        x: FeatureValue,
        axes: &[usize],
    ) -> Result<(FeatureValue, Vec<usize>), OperatorRefusal> {
        let x = self.with_last_axis(x, axes)?;
        let places = x.view.places(axes);
        Ok((x, places))
    }

    /// An operand that is an image, and its height, width and channels.
    pub(crate) fn image(
        &mut self,
        node: &OperatorNode<'_>,
    ) -> Result<(FeatureValue, [usize; 3]), OperatorRefusal> {
        let x = self.features(node, 0)?;
        let shape = self.shape(x.source);
        match shape[..] {
            [height, width, channels] if x.view == ValueView::channels_first(&shape) => {
                Ok((x, [height, width, channels]))
            }
            _ => {
                let dims = x.view.dims();
                let expected = "expected images [batch, channels, height, width]";
                Err(format!("it takes samples of {dims:?}, {expected}").into())
            }
        }
    }

    /// Whether the output of the graph is what this operator gives, as it is.
    pub(crate) fn is_last(&self, node: &OperatorNode<'_>) -> bool {
        let mut name = &*self.file.output;
        for _ in 0..self.file.nodes.len() {
            if name == node.result() {
                return true;
            }
            match self.producers.of_value(name) {
                Some((_, next))
                    if next.op_type == "Identity" && self.producers.n_readers(name) == 1 =>
                {
                    let Some(before) = next.input.first() else { return false };
                    name = before;
                }
                _ => return false,
            }
        }
        false
    }

    /// Numbers along the channels of a value, to which a tensor is broadcast; one number if it is the same for all. The value is
    /// flattened if the tensor differs along all of it.
    pub(crate) fn channel_vector(
        &mut self,
        x: FeatureValue,
        tensor: &ConstantTensor,
    ) -> Result<(FeatureValue, Vec<f32>), OperatorRefusal> {
        let axes = varying_axes(&x.view, tensor)?;
        let (x, places) = match axes.is_empty() {
            true => (x, vec![0]),
            false => self.along_last_axis(x, &axes)?,
        };
        Ok((x, ordered(tensor, &places)?))
    }

    /// What an operator is called in messages.
    pub(crate) fn label(&self, node: &OperatorNode<'_>) -> String {
        label(node.proto)
    }
}

/// The axes of a value along which the numbers of a tensor differ that is broadcast to it.
pub(crate) fn varying_axes(
    view: &ValueView,
    tensor: &ConstantTensor,
) -> Result<Vec<usize>, OperatorRefusal> {
    let dims = view.dims();
    let mut axes = Vec::new();
    let mut fits = tensor.dims.len() <= dims.len() + 1;
    for (from_end, &size) in tensor.dims.iter().rev().enumerate() {
        match dims.len().checked_sub(from_end + 1) {
            _ if size == 1 => {}
            Some(axis) if dims[axis] == size => axes.push(axis),
            _ => fits = false,
        }
    }
    axes.reverse();
    let shape = &tensor.dims;
    match fits {
        true => Ok(axes),
        false => Err(format!("a tensor of the shape {shape:?} and samples of {dims:?}").into()),
    }
}

/// The numbers of a tensor in the order of a layer, where each is at its place.
pub(crate) fn ordered(
    tensor: &ConstantTensor,
    places: &[usize],
) -> Result<Vec<f32>, OperatorRefusal> {
    let values = tensor.floats().ok_or("a tensor of whole numbers, expected real ones")?;
    Ok(placed(values, places))
}

/// Numbers, each at its place.
pub(crate) fn placed(values: &[f32], places: &[usize]) -> Vec<f32> {
    let mut placed = vec![0.0; values.len()];
    for (&place, &value) in places.iter().zip(values) {
        placed[place] = value;
    }
    placed
}

/// A shape of an output, if it is not larger than any network has.
pub(crate) fn checked_shape(shape: Vec<usize>) -> Result<Vec<usize>, OperatorRefusal> {
    match elements(&shape) {
        Some(1..=MAX_ELEMENTS) => Ok(shape),
        _ => Err(format!("it gives samples of {shape:?}, expected 1 to 2^30 numbers").into()),
    }
}
