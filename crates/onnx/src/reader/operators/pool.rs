//! The largest or mean pixel of each window, or of the whole image.

use nn::LayerKind;
use nn::layers::{AvgPool2d, GlobalAvgPool2d, MaxPool2d};

use super::super::layers::{
    FeatureValue, GraphReader, LayerDraft, OnnxValue, OperatorNode, OperatorRefusal, checked_shape,
};
use super::super::view::ValueView;
use super::super::window::{ReadWindow, pair, sizes};

pub(super) fn read(
    reader: &mut GraphReader<'_>,
    node: &OperatorNode<'_>,
) -> Result<OnnxValue, OperatorRefusal> {
    let (x, [height, width, channels]) = reader.image(node)?;
    match node.operator() {
        "GlobalAveragePool" => return global(reader, node, &x, true, 3),
        "GlobalMaxPool" => return global(reader, node, &x, false, 3),
        _ => {}
    }
    let kernel = node.wholes("kernel_shape").unwrap_or_default();
    let kernel =
        sizes(kernel).ok_or_else(|| format!("windows of {kernel:?}, expected two sizes"))?;
    let window = ReadWindow::of(node, kernel, [height, width])?;
    if node.whole("storage_order", 0) != 0 {
        return Err("indices in the order of columns".into());
    }
    let (size, stride, padding) = (pair(kernel), Some(pair(window.stride)), window.padding());
    let stride = stride.filter(|&stride| stride != size);
    let kind: LayerKind = match node.operator() {
        "MaxPool" => MaxPool2d { size, stride, padding }.into(),
        // Padding of the file counts as zeros, that of a window which is only begun does not.
        _ if node.whole("count_include_pad", 0) != 0 && has_padding(node) => {
            return Err("means that count the padding".into());
        }
        _ => AvgPool2d { size, stride, padding }.into(),
    };
    let [rows, columns] = window.output;
    let shape = checked_shape(vec![rows, columns, channels])?;
    let view = ValueView::channels_first(&shape);
    reader.push(node, LayerDraft::new(kind, vec![x.source], shape), view)
}

/// Whether an operator adds rows or columns around an image.
fn has_padding(node: &OperatorNode<'_>) -> bool {
    let is_same = node.text("auto_pad").starts_with(b"SAME");
    is_same || node.wholes("pads").is_some_and(|pads| pads.iter().any(|&pad| pad != 0))
}

/// The mean or largest pixel of each channel, with `rank` axes of a sample, those of pixels of size 1.
pub(super) fn global(
    reader: &mut GraphReader<'_>,
    node: &OperatorNode<'_>,
    x: &FeatureValue,
    is_mean: bool,
    rank: usize,
) -> Result<OnnxValue, OperatorRefusal> {
    let shape = reader.shape(x.source);
    let channels = shape[2];
    let (kind, shape): (LayerKind, _) = match is_mean {
        true => (GlobalAvgPool2d {}.into(), vec![channels]),
        false => (MaxPool2d::new([shape[0], shape[1]]).into(), vec![1, 1, channels]),
    };
    let mut dims = vec![channels];
    dims.resize(rank, 1);
    let view = ValueView::row_major(&dims);
    reader.push(node, LayerDraft::new(kind, vec![x.source], shape), view)
}
