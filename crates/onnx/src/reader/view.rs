//! How the elements of a value of an ONNX graph lie in the output of a layer.
//!
//! ONNX has the channels of an image first, Gradus last. A layer is applied to what it takes as Gradus has it; operators that
//! only order axes anew, or join and divide them, become no layer but another view of the same output.

/// The most axes of a value: no operator of a network needs as many.
pub(crate) const MAX_RANK: usize = 16;

/// Steps of one size along an axis: from one index to the next the element moves on by `stride`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ViewStep {
    pub(crate) size: usize,
    pub(crate) stride: usize,
}

/// For each axis of a value, without that of the batch, how its indices move over the elements of a layer's output: nested
/// steps, the outermost first. Steps of size 1 are left out and steps that continue each other are one, so that equal views
/// are equal values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ValueView {
    axes: Vec<Vec<ViewStep>>,
}

impl ValueView {
    /// The axes as the layer has them.
    pub(crate) fn row_major(shape: &[usize]) -> Self {
        let mut stride = 1;
        let mut axes: Vec<_> = Vec::new();
        for &size in shape.iter().rev() {
            axes.push(joined([ViewStep { size, stride }]));
            stride *= size;
        }
        axes.reverse();
        Self { axes }
    }

    /// An image of the shape `[height, width, channels]` with its channels first; other shapes as they are.
    pub(crate) fn channels_first(shape: &[usize]) -> Self {
        let view = Self::row_major(shape);
        if shape.len() == 3 { view.transposed(&[2, 0, 1]) } else { view }
    }

    /// The size of each axis.
    pub(crate) fn dims(&self) -> Vec<usize> {
        self.axes.iter().map(|steps| steps.iter().map(|step| step.size).product()).collect()
    }

    /// The number of axes.
    pub(crate) fn rank(&self) -> usize {
        self.axes.len()
    }

    /// The number of elements.
    pub(crate) fn len(&self) -> usize {
        self.dims().iter().product()
    }

    /// Axis `i` is axis `axes[i]` of this.
    pub(crate) fn transposed(&self, axes: &[usize]) -> Self {
        Self { axes: axes.iter().map(|&axis| self.axes[axis].clone()).collect() }
    }

    /// The same elements in the same order with axes of other sizes; none if an axis would have to begin within a step.
    pub(crate) fn reshaped(&self, dims: &[usize]) -> Option<Self> {
        let mut steps = joined(self.axes.iter().flatten().copied()).into_iter();
        let mut next = steps.next();
        let mut axes = Vec::new();
        for &size in dims {
            let mut missing = size;
            let mut axis = Vec::new();
            while missing > 1 {
                let step = next?;
                if missing.is_multiple_of(step.size) {
                    axis.push(step);
                    missing /= step.size;
                    next = steps.next();
                } else if step.size.is_multiple_of(missing) {
                    let rest = step.size / missing;
                    axis.push(ViewStep { size: missing, stride: step.stride * rest });
                    next = Some(ViewStep { size: rest, ..step });
                    missing = 1;
                } else {
                    return None;
                }
            }
            axes.push(joined(axis));
        }
        let is_whole = next.is_none() && dims.iter().all(|&size| size > 0);
        (is_whole && dims.len() <= MAX_RANK).then_some(Self { axes })
    }

    /// With another axis at the end, of which each element becomes `size` that follow each other.
    pub(crate) fn with_features(&self, size: usize) -> Self {
        let mut axes = self.axes.clone();
        for step in axes.iter_mut().flatten() {
            step.stride *= size;
        }
        axes.push(joined([ViewStep { size, stride: 1 }]));
        Self { axes }
    }

    /// Where the elements along some axes are, relative to the first, in row-major order of these axes.
    pub(crate) fn places(&self, axes: &[usize]) -> Vec<usize> {
        let mut places = vec![0];
        for step in axes.iter().flat_map(|&axis| &self.axes[axis]) {
            let indices = |place: &usize| {
                let place = *place;
                (0..step.size).map(move |index| place + index * step.stride)
            };
            places = places.iter().flat_map(indices).collect();
        }
        places
    }

    /// The number of elements along some axes, if these are elements that follow each other.
    pub(crate) fn block(&self, axes: &[usize]) -> Option<usize> {
        let mut end = 1;
        for step in self.steps(axes).iter().rev() {
            if step.stride != end {
                return None;
            }
            end *= step.size;
        }
        Some(end)
    }

    /// The steps along some axes, the longest first, those that continue each other as one.
    pub(crate) fn steps(&self, axes: &[usize]) -> Vec<ViewStep> {
        let mut steps: Vec<_> = axes.iter().flat_map(|&axis| &self.axes[axis]).copied().collect();
        steps.sort_by_key(|step| std::cmp::Reverse(step.stride));
        joined(steps)
    }
}

/// Steps without those of size 1, those that continue each other as one.
fn joined(steps: impl IntoIterator<Item = ViewStep>) -> Vec<ViewStep> {
    let mut all: Vec<ViewStep> = Vec::new();
    for step in steps.into_iter().filter(|step| step.size != 1) {
        match all.last_mut() {
            Some(outer) if outer.stride == step.stride * step.size => {
                *outer = ViewStep { size: outer.size * step.size, stride: step.stride };
            }
            _ => all.push(step),
        }
    }
    all
}

/// The axis of a sample with so many that an axis of the file is, whose first is that of the batch and which counts from the last
/// if it is negative; none for that of the batch, and for one that is not there.
pub(crate) fn sample_axis(of_file: i64, rank: usize) -> Option<usize> {
    let axis = if of_file < 0 { of_file + rank as i64 } else { of_file - 1 };
    usize::try_from(axis).ok().filter(|&axis| axis < rank)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_channels_of_a_flattened_image_are_apart() {
        // Two rows, one column, two channels: r0c0 r0c1 r1c0 r1c1 in memory.
        let view = ValueView::channels_first(&[2, 1, 2]);
        assert_eq!(view.dims(), [2, 2, 1]);
        let flat = view.reshaped(&[4]).unwrap();
        assert_eq!(flat.places(&[0]), [0, 2, 1, 3]);
        assert_eq!((flat.block(&[0]), view.block(&[0])), (Some(4), Some(2)));
        assert_eq!(view.block(&[1]), None);
    }

    #[test]
    fn an_image_of_one_channel_is_the_same_in_both_layouts_when_it_is_flat() {
        let view = ValueView::channels_first(&[28, 28, 1]);
        assert_eq!(view.reshaped(&[784]).unwrap(), ValueView::row_major(&[784]));
        assert_ne!(view, ValueView::row_major(&[28, 28, 1]));
    }

    #[test]
    fn axes_are_joined_and_divided_where_elements_follow_each_other() {
        let view = ValueView::channels_first(&[4, 4, 6]);
        let groups = view.reshaped(&[3, 32]).unwrap();
        assert_eq!(groups.steps(&[0]), [ViewStep { size: 3, stride: 2 }]);
        assert_eq!(groups.reshaped(&[6, 4, 4]).unwrap(), view);
        // Five does not divide a step, nor a step five.
        assert_eq!(view.reshaped(&[5, 2]), None);
        assert_eq!(view.reshaped(&[95]), None);
        assert_eq!(view.reshaped(&[96, 2]), None);
        assert_eq!(view.reshaped(&[0, 96]), None);
    }

    #[test]
    fn a_transposition_back_is_the_first_view() {
        let view = ValueView::channels_first(&[2, 3, 4]);
        assert_eq!(view.transposed(&[1, 2, 0]), ValueView::row_major(&[2, 3, 4]));
        assert_eq!(ValueView::row_major(&[2, 3]).with_features(5).dims(), [2, 3, 5]);
        assert_eq!(
            ValueView::row_major(&[2, 3]).with_features(5),
            ValueView::row_major(&[2, 3, 5])
        );
    }
}
