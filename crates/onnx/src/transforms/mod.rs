//! The transforms of the data before a network: the cells of rows become its features.

mod categories;
mod numbers;
mod pictures;

use data::columns::ColumnKind;
use data::transforms::FittedTransform;
use data::{FittedColumn, FittedTransforms};

use crate::ImageLayout;
use crate::chain::OperatorChain;
use crate::proto::data_type;
use crate::writer::{GraphWriter, INPUT, Setting};

/// The numbers of a column between two transforms.
struct ColumnState {
    /// `[batch, width]`: what the next transform changes. Codes of categories are −1 for one that training did not have.
    open: String,
    width: usize,
    /// Features that no transform changes any more, each `[batch, …]`.
    finished: Vec<String>,
}

/// Writes the inputs of a file and what becomes of them; the features are the input of the network.
///
/// # Errors
///
/// All transforms and columns that cannot be written.
pub(crate) fn write(
    writer: &mut GraphWriter<'_>,
    transforms: &FittedTransforms,
) -> Result<(), Vec<String>> {
    if let [column] = transforms.columns()
        && let Some((shape, divisors)) = pictures::only_divided(column)
        && *shape == *writer.input_dims()
    {
        let mut features = writer.add_picture_input(INPUT);
        for divisor in divisors {
            let mut chain = OperatorChain { writer, label: "divide" };
            let divisor = chain.number(divisor);
            features = chain.of("Div", &[&features, &divisor]);
        }
        writer.set_features(writer.layout(), features);
        return Ok(());
    }
    transforms.columns().iter().for_each(|column| writer.reserve(&column.name));
    let (mut features, mut unsupported) = (Vec::new(), Vec::new());
    for column in transforms.columns() {
        match write_column(writer, column) {
            Ok(mut of_column) => features.append(&mut of_column),
            Err(why) => unsupported.push(format!("column `{}`: {why}", column.name)),
        }
    }
    if !unsupported.is_empty() {
        return Err(unsupported);
    }
    let mut all = match &features[..] {
        [only] => only.clone(),
        _ => writer.node("Concat", "features", &features, &[("axis", Setting::Whole(1))]),
    };
    if writer.input_dims() != [transforms.width()] {
        let dims = writer.input_dims().iter().map(|&size| size as i64);
        all = writer.reshape("features", all, std::iter::once(-1).chain(dims).collect());
    }
    writer.set_features(ImageLayout::ChannelsLast, all);
    Ok(())
}

fn write_column(
    writer: &mut GraphWriter<'_>,
    column: &FittedColumn,
) -> Result<Vec<String>, String> {
    let mut state = input(writer, column)?;
    for transform in &column.transforms {
        let name = format!("{}/{}", column.name, kind(transform));
        let mut chain = OperatorChain { writer, label: &name };
        apply(&mut chain, transform, &mut state)
            .map_err(|why| format!("`{}`: {why}", kind(transform)))?;
    }
    let ColumnState { open, finished, .. } = state;
    Ok(std::iter::once(open).chain(finished).collect())
}

/// The input of a column.
fn input(writer: &mut GraphWriter<'_>, column: &FittedColumn) -> Result<ColumnState, String> {
    let FittedColumn { name, kind, categories, .. } = column;
    let open = match kind {
        ColumnKind::Number => writer.add_input(name, &[1], data_type::FLOAT),
        ColumnKind::WholeCategory => categories::of_numbers(writer, name, categories)?,
        ColumnKind::Category => categories::of_texts(writer, name, categories),
        ColumnKind::Array => return Ok(pictures::input(writer, column)),
        ColumnKind::Date | ColumnKind::Constant | ColumnKind::Identifier => {
            return Err(format!("a column of the kind {kind}"));
        }
    };
    Ok(ColumnState { open, width: 1, finished: Vec::new() })
}

/// How each transform is written.
fn apply(
    chain: &mut OperatorChain<'_, '_>,
    transform: &FittedTransform,
    state: &mut ColumnState,
) -> Result<(), String> {
    use FittedTransform as Kind;
    match transform {
        Kind::Impute(fitted) if !fitted.values.is_empty() => numbers::impute(chain, fitted, state),
        // Categories of which none was missing.
        Kind::Impute(_) => {}
        Kind::Standardize(fitted) => {
            state.open = chain.scaled(&state.open, &fitted.means, &fitted.deviations);
        }
        Kind::RobustScale(fitted) => numbers::robust_scale(chain, fitted, state),
        Kind::Divide(fitted) => {
            let divisor = chain.number(fitted.by);
            state.open = chain.of("Div", &[&state.open, &divisor]);
        }
        Kind::FrequentValues(fitted) => numbers::frequent_values(chain, fitted, state),
        Kind::Log(_) => numbers::log(chain, state),
        Kind::OneHot(fitted) => categories::one_hot(chain, fitted, state),
        Kind::Ordinal(_) => categories::ordinal(chain, state),
        Kind::Crop(fitted) => pictures::crop(chain, fitted, state),
        Kind::Gray(fitted) => pictures::gray(chain, fitted, state),
        Kind::Color(fitted) => pictures::color(chain, fitted, state),
        Kind::Resize(fitted) if fitted.from[..2] == fitted.size => {}
        Kind::Resize(_) | Kind::DateParts(_) => {
            return Err("this transform has no operators".to_owned());
        }
    }
    Ok(())
}

/// The name of a transform.
fn kind(transform: &FittedTransform) -> &'static str {
    use FittedTransform as Kind;
    match transform {
        Kind::Impute(_) => "impute",
        Kind::Standardize(_) => "standardize",
        Kind::RobustScale(_) => "robust_scale",
        Kind::Divide(_) => "divide",
        Kind::FrequentValues(_) => "frequent_values",
        Kind::Log(_) => "log",
        Kind::OneHot(_) => "one_hot",
        Kind::Ordinal(_) => "ordinal",
        Kind::DateParts(_) => "date_parts",
        Kind::Resize(_) => "resize",
        Kind::Crop(_) => "crop",
        Kind::Gray(_) => "gray",
        Kind::Color(_) => "color",
    }
}
