//! Transforms of pictures and other arrays.

use data::FittedColumn;
use data::columns::ColumnKind;
use data::transforms::FittedTransform;
use data::transforms::color::FittedColor;
use data::transforms::crop::FittedCrop;
use data::transforms::gray::FittedGray;

use super::ColumnState;
use crate::chain::OperatorChain;
use crate::proto::data_type;
use crate::writer::{GraphWriter, Setting, wholes};

/// The axes of an array of which nothing but quotients are taken, and by what.
pub(super) fn only_divided(column: &FittedColumn) -> Option<(&[usize], Vec<f64>)> {
    let divisor = |transform: &FittedTransform| match transform {
        FittedTransform::Divide(fitted) => Some(fitted.by),
        _ => None,
    };
    let divisors = column.transforms.iter().map(divisor).collect::<Option<_>>()?;
    (column.kind == ColumnKind::Array).then_some((&column.shape[..], divisors))
}

/// The input of a column of arrays, its axes as in Gradus.
pub(super) fn input(writer: &mut GraphWriter<'_>, column: &FittedColumn) -> ColumnState {
    let FittedColumn { name, shape, .. } = column;
    let width = shape.iter().product();
    let array = writer.add_input(name, shape, data_type::FLOAT);
    let open = writer.reshape(name, array, vec![-1, width as i64]);
    ColumnState { open, width, finished: Vec::new() }
}

impl ColumnState {
    /// As pictures `[batch, rows, columns, channels]`.
    fn pictures(&self, chain: &mut OperatorChain<'_, '_>, form: [usize; 3]) -> String {
        let dims = std::iter::once(-1).chain(form.map(|size| size as i64));
        chain.writer.reshape(chain.label, self.open.clone(), dims.collect())
    }

    /// Takes pictures of another form back.
    fn set_pictures(
        &mut self,
        chain: &mut OperatorChain<'_, '_>,
        pictures: String,
        form: [usize; 3],
    ) {
        self.width = form.iter().product();
        let dims = vec![-1, self.width as i64];
        self.open = chain.writer.reshape(chain.label, pictures, dims);
    }
}

/// The middle of each picture.
pub(super) fn crop(
    chain: &mut OperatorChain<'_, '_>,
    fitted: &FittedCrop,
    state: &mut ColumnState,
) {
    let FittedCrop { from: [rows, columns, channels], size: [height, width] } = *fitted;
    let pictures = state.pictures(chain, fitted.from);
    let starts = [(rows - height) / 2, (columns - width) / 2];
    let ends = [starts[0] + height, starts[1] + width];
    let [starts, ends, axes] = [starts, ends, [1, 2]].map(|places| chain.wholes(&wholes(&places)));
    let middle = chain.of("Slice", &[&pictures, &starts, &ends, &axes]);
    state.set_pictures(chain, middle, [height, width, channels]);
}

/// One channel of three, with the weights of ITU-R BT.601.
pub(super) fn gray(
    chain: &mut OperatorChain<'_, '_>,
    fitted: &FittedGray,
    state: &mut ColumnState,
) {
    let FittedGray { from: [rows, columns, channels], rounds } = *fitted;
    if channels != 3 {
        return;
    }
    let pictures = state.pictures(chain, fitted.from);
    let weights = chain.column(&[0.299, 0.587, 0.114]);
    let mut gray = chain.of("MatMul", &[&pictures, &weights]);
    if rounds {
        let sum = chain.plus(&gray, 0.5);
        gray = chain.of("Floor", &[&sum]);
    }
    state.set_pictures(chain, gray, [rows, columns, 1]);
}

/// Three equal channels of one.
pub(super) fn color(
    chain: &mut OperatorChain<'_, '_>,
    fitted: &FittedColor,
    state: &mut ColumnState,
) {
    let FittedColor { from: [rows, columns, channels] } = *fitted;
    if channels != 1 {
        return;
    }
    let gray = state.pictures(chain, fitted.from);
    let channels = chain.with("Concat", &[&*gray; 3], &[("axis", Setting::Whole(3))]);
    state.set_pictures(chain, channels, [rows, columns, 3]);
}
