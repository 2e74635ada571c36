//! Convolution: of all channels, or of each by itself.

use graph::Tensor;
use nn::Bias;
use nn::LayerKind;
use nn::layers::{Conv2d, DepthwiseConv2d};

use super::super::layers::{
    GraphReader, LayerDraft, OnnxValue, OperatorNode, OperatorRefusal, checked_shape,
};
use super::super::view::ValueView;
use super::super::window::{ReadWindow, pair};

pub(super) fn read(
    reader: &mut GraphReader<'_>,
    node: &OperatorNode<'_>,
) -> Result<OnnxValue, OperatorRefusal> {
    let (x, [height, width, channels]) = reader.image(node)?;
    let weight = reader.constant(node, 1)?;
    let (Some(values), &[filters, of_group, rows, columns]) = (weight.floats(), &weight.dims[..])
    else {
        let found = &weight.dims;
        return Err(format!("a weight of the shape {found:?}, expected four axes").into());
    };
    let window = ReadWindow::of(node, [rows, columns], [height, width])?;
    let groups = usize::try_from(node.whole("group", 1)).unwrap_or(0);
    if filters == 0 || groups.checked_mul(of_group) != Some(channels) {
        return Err(
            format!("{groups} groups of {of_group} channels, its images have {channels}").into()
        );
    }
    let bias = reader.vector(node, 2, filters)?;
    let (kernel, stride, padding) = (pair(window.kernel), pair(window.stride), window.padding());
    let has_bias = if bias.is_some() { None } else { Some(Bias::IsPresent(false)) };
    let (kind, weight): (LayerKind, _) = if groups == 1 {
        let kind = Conv2d { stride, padding, bias: has_bias, ..Conv2d::new(filters, kernel) };
        (kind.into(), Tensor::new(&weight.dims, values).transposed(&[2, 3, 1, 0]))
    } else if of_group == 1 && filters.is_multiple_of(channels) {
        let multiplier = filters / channels;
        let kind = DepthwiseConv2d {
            multiplier,
            stride,
            padding,
            bias: has_bias,
            ..DepthwiseConv2d::new(kernel)
        };
        let dims = [channels, multiplier, rows, columns];
        (kind.into(), Tensor::new(dims, values).transposed(&[2, 3, 0, 1]))
    } else {
        return Err(format!(
            "{groups} groups of {of_group} channels, expected one group, or a channel each"
        )
        .into());
    };
    let [out_rows, out_columns] = window.output;
    let shape = checked_shape(vec![out_rows, out_columns, filters])?;
    let view = ValueView::channels_first(&shape);
    let mut draft = LayerDraft::new(kind, vec![x.source], shape);
    draft.parameters = vec![("weight", weight.into_values())];
    draft.parameters.extend(bias.map(|bias| ("bias", bias)));
    draft.weight_name = reader.tensor_name(node, 1);
    reader.push(node, draft, view)
}
