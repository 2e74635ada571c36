//! Columns of categories: codes of what training knew, −1 for others, NaN for missing cells.

use data::transforms::one_hot::FittedOneHot;

use super::ColumnState;
use crate::chain::OperatorChain;
use crate::proto::data_type;
use crate::writer::{GraphWriter, Setting};

/// The codes of texts; a missing cell is an empty text.
///
/// No standard operator takes texts: runtimes without the operators of `ai.onnx.ml` do not have it.
pub(super) fn of_texts(writer: &mut GraphWriter<'_>, name: &str, categories: &[String]) -> String {
    let texts = writer.add_input(name, &[1], data_type::STRING);
    let keys: Vec<String> = categories.iter().cloned().chain([String::new()]).collect();
    let codes: Vec<f32> = codes(categories.len()).chain([f32::NAN]).collect();
    let settings = [
        ("keys_strings", Setting::Texts(&keys)),
        ("values_floats", Setting::Numbers(&codes)),
        ("default_float", Setting::Number(-1.0)),
    ];
    writer.learning_node("LabelEncoder", &format!("{name}/code"), &[texts], &settings)
}

/// The codes of whole numbers, which go in as numbers; a missing cell is NaN.
pub(super) fn of_numbers(
    writer: &mut GraphWriter<'_>,
    name: &str,
    categories: &[String],
) -> Result<String, String> {
    let number = |category: &String| category.parse::<f32>().ok();
    let numbers: Option<Vec<f32>> = categories.iter().map(number).collect();
    let numbers = numbers.ok_or("its categories are not all numbers")?;
    let x = writer.add_input(name, &[1], data_type::FLOAT);
    let label = format!("{name}/code");
    let mut chain = OperatorChain { writer, label: &label };
    let known = chain.row(&numbers);
    let is_equal = chain.of("Equal", &[&x, &known]);
    let is_equal = chain.cast(&is_equal, data_type::FLOAT);
    // One more than the code, or 0 for none.
    let numbers_from_1: Vec<f32> = codes(categories.len()).map(|code| code + 1.0).collect();
    let weights = chain.column(&numbers_from_1);
    let after = chain.of("MatMul", &[&is_equal, &weights]);
    let code = chain.plus(&after, -1.0);
    let is_missing = chain.of("IsNaN", &[&x]);
    Ok(chain.of("Where", &[&is_missing, &x, &code]))
}

/// The codes of so many categories.
fn codes(count: usize) -> impl Iterator<Item = f32> {
    (0..count).map(|code| code as f32)
}

pub(super) fn one_hot(
    chain: &mut OperatorChain<'_, '_>,
    fitted: &FittedOneHot,
    state: &mut ColumnState,
) {
    let known: Vec<f32> = codes(fitted.categories).collect();
    let known = chain.row(&known);
    let is_equal = chain.of("Equal", &[&state.open, &known]);
    state.open = chain.cast(&is_equal, data_type::FLOAT);
    state.width = fitted.categories;
    if fitted.is_sign {
        let signs = chain.column(&[-1.0, 1.0]);
        state.open = chain.of("MatMul", &[&state.open, &signs]);
        state.width = 1;
    }
}

pub(super) fn ordinal(chain: &mut OperatorChain<'_, '_>, state: &mut ColumnState) {
    let is_missing = chain.of("IsNaN", &[&state.open]);
    let unseen = chain.number(-1.0);
    state.open = chain.of("Where", &[&is_missing, &unseen, &state.open]);
}
