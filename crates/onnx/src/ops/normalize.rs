//! What batch normalisation does with each channel, `(x − mean) · factor + offset`: part of the product or convolution
//! before it, if nothing else reads that.

use super::OpNode;
use crate::ImageLayout::ChannelsFirst;
use crate::chain::OperatorChain;
use crate::writer::GraphWriter;

pub(super) fn write(writer: &mut GraphWriter<'_>, node: &OpNode) -> Result<(), String> {
    let [x, terms] = node.operands[..] else { unreachable!("two operands") };
    let Some(terms) = writer.constant_values(terms) else {
        return Err("its terms depend on the samples".to_owned());
    };
    let channels = terms.shape()[1];
    let rows: Vec<Vec<f32>> = terms.values().chunks(channels.max(1)).map(<[f32]>::to_vec).collect();
    let [means, factors, offsets] = <[_; 3]>::try_from(rows).map_err(|_| "no channels")?;
    let terms = means.iter().zip(&factors).zip(&offsets);
    let folded: Vec<f32> = terms.map(|((mean, factor), offset)| offset - mean * factor).collect();
    if writer.fold(x, node.id, Some(&factors), &folded) {
        return Ok(());
    }
    let layout = writer.layout_of(&node.operands, node.id);
    let x = writer.value_in(x, layout);
    let mut constant = |name: &str, values: Vec<f32>| {
        let mut dims = vec![channels];
        if layout == ChannelsFirst {
            dims.extend([1, 1]);
        }
        writer.constant(&format!("{}/{name}", node.label), &dims, values)
    };
    let [mean, factor, offset] =
        [constant("mean", means), constant("factor", factors), constant("offset", offsets)];
    let mut formula = OperatorChain { writer, label: &node.label };
    let centred = formula.of("Sub", &[&x, &mean]);
    let scaled = formula.of("Mul", &[&centred, &factor]);
    let y = formula.of("Add", &[&scaled, &offset]);
    writer.set(node.id, layout, y);
    Ok(())
}
