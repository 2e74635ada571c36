//! The windows of convolutions and pools.

use nn::{PaddingSetting, Pair};

use super::layers::{OperatorNode, OperatorRefusal};

/// The windows of an operator on an image.
pub(crate) struct ReadWindow {
    pub(crate) kernel: [usize; 2],
    pub(crate) stride: [usize; 2],
    /// Before and behind, for each axis.
    pub(crate) pads: [[usize; 2]; 2],
    /// How many there are.
    pub(crate) output: [usize; 2],
}

impl ReadWindow {
    /// The windows of an operator on images of a size.
    pub(crate) fn of(
        node: &OperatorNode<'_>,
        kernel: [usize; 2],
        image: [usize; 2],
    ) -> Result<Self, OperatorRefusal> {
        let dilations = node.wholes("dilations").unwrap_or(&[1, 1]);
        if dilations.iter().any(|&dilation| dilation != 1) {
            return Err(format!("dilations {dilations:?}, expected 1").into());
        }
        let stride = match node.wholes("strides") {
            None => [1; 2],
            Some(strides) => sizes(strides).ok_or_else(|| format!("strides {strides:?}"))?,
        };
        if [kernel, stride].as_flattened().contains(&0) {
            return Err(format!("windows of {kernel:?} in steps of {stride:?}").into());
        }
        let mut pads = match node.text("auto_pad") {
            b"" | b"NOTSET" => explicit(node.wholes("pads").unwrap_or(&[0; 4]))?,
            b"VALID" => [[0; 2]; 2],
            mode @ (b"SAME_UPPER" | b"SAME_LOWER") => [0, 1].map(|axis| {
                let last = (image[axis].div_ceil(stride[axis]) - 1) * stride[axis];
                let total = (last + kernel[axis]).saturating_sub(image[axis]);
                let less = total / 2;
                if mode == b"SAME_UPPER" { [less, total - less] } else { [total - less, less] }
            }),
            other => return Err(format!("auto_pad {}", String::from_utf8_lossy(other)).into()),
        };
        let is_rounded_up = node.whole("ceil_mode", 0) != 0;
        let mut output = [0; 2];
        for axis in 0..2 {
            let [before, behind] = pads[axis];
            let (kernel, stride) = (kernel[axis], stride[axis]);
            let padded = image[axis] + before + behind;
            let Some(rest) = padded.checked_sub(kernel) else {
                return Err(format!("a window of {kernel} on {padded} pixels").into());
            };
            output[axis] = rest / stride + 1;
            // One more window, if it begins before the padding behind.
            if is_rounded_up
                && !rest.is_multiple_of(stride)
                && output[axis] * stride < image[axis] + before
            {
                pads[axis][1] = output[axis] * stride + kernel - image[axis] - before;
                output[axis] += 1;
            }
        }
        Ok(Self { kernel, stride, pads, output })
    }

    /// The padding as a setting of a layer.
    pub(crate) fn padding(&self) -> PaddingSetting {
        let [[top, bottom], [left, right]] = self.pads;
        match [top, bottom, left, right] {
            [0, 0, 0, 0] => PaddingSetting::default(),
            [a, b, c, d] if a == b && b == c && c == d => a.into(),
            sides => sides.into(),
        }
    }
}

/// Two sizes, or one for both axes, as a setting of a layer.
pub(crate) fn pair(sizes: [usize; 2]) -> Pair {
    if sizes[0] == sizes[1] { sizes[0].into() } else { sizes.into() }
}

/// Two sizes of an image or a window: not larger than any image is.
pub(crate) fn sizes(wholes: &[i64]) -> Option<[usize; 2]> {
    let [rows, columns] = *wholes else { return None };
    let size = |whole: i64| usize::try_from(whole).ok().filter(|&size| size <= 1 << 20);
    Some([size(rows)?, size(columns)?])
}

/// Padding before and behind, for each axis.
fn explicit(pads: &[i64]) -> Result<[[usize; 2]; 2], OperatorRefusal> {
    let found = match *pads {
        [top, left, bottom, right] => sizes(&[top, left]).zip(sizes(&[bottom, right])),
        _ => None,
    };
    let ([top, left], [bottom, right]) = found.ok_or_else(|| format!("pads {pads:?}"))?;
    Ok([[top, bottom], [left, right]])
}
