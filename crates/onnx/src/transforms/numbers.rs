//! Transforms of numbers.

use data::transforms::frequent_values::FittedFrequentValues;
use data::transforms::impute::FittedImpute;
use data::transforms::robust_scale::FittedRobustScale;

use super::ColumnState;
use crate::chain::OperatorChain;
use crate::proto::data_type;
use crate::writer::Setting;

/// From this magnitude on, 1 does not count beside a square.
const FAR: f64 = 1e15;

pub(super) fn impute(
    chain: &mut OperatorChain<'_, '_>,
    fitted: &FittedImpute,
    state: &mut ColumnState,
) {
    // NaN of what is missing, and of what is infinite, which is as missing.
    let difference = chain.of("Sub", &[&state.open, &state.open]);
    let is_missing = chain.of("IsNaN", &[&difference]);
    let values: Vec<f32> = fitted.values.iter().map(|&value| value as f32).collect();
    let values = chain.row(&values);
    state.open = chain.of("Where", &[&is_missing, &values, &state.open]);
    let flagged = fitted.flags.iter().enumerate().filter(|(_, flag)| **flag);
    let flagged: Vec<i64> = flagged.map(|(i, _)| i as i64).collect();
    if !flagged.is_empty() {
        let flags = chain.cast(&is_missing, data_type::FLOAT);
        state.finished.push(chain.columns_of(&flags, &flagged));
    }
}

/// `z / √(1 + (z / limit)²)`, where `z` is a number scaled.
pub(super) fn robust_scale(
    chain: &mut OperatorChain<'_, '_>,
    fitted: &FittedRobustScale,
    state: &mut ColumnState,
) {
    let FittedRobustScale { limit, medians, scales } = fitted;
    let scaled = chain.scaled(&state.open, medians, scales);
    state.open = scaled;
    if limit.is_infinite() {
        return;
    }
    let limit = chain.number(*limit);
    let share = chain.of("Div", &[&state.open, &limit]);
    let [low, high] = [-FAR, FAR].map(|bound| chain.number(bound));
    let share = chain.of("Clip", &[&share, &low, &high]);
    let square = chain.of("Mul", &[&share, &share]);
    let sum = chain.plus(&square, 1.0);
    let root = chain.of("Sqrt", &[&sum]);
    let bounded = chain.of("Div", &[&share, &root]);
    state.open = chain.of("Mul", &[&bounded, &limit]);
}

/// A feature for each value of each number, behind all numbers.
pub(super) fn frequent_values(
    chain: &mut OperatorChain<'_, '_>,
    fitted: &FittedFrequentValues,
    state: &mut ColumnState,
) {
    let mut all = vec![state.open.clone()];
    for (i, values) in fitted.values.iter().enumerate().filter(|(_, values)| !values.is_empty()) {
        let number = match state.width {
            1 => state.open.clone(),
            _ => chain.columns_of(&state.open, &[i as i64]),
        };
        let values = chain.row(values);
        let is_equal = chain.of("Equal", &[&number, &values]);
        all.push(chain.cast(&is_equal, data_type::FLOAT));
    }
    if all.len() > 1 {
        let operands: Vec<&str> = all.iter().map(String::as_str).collect();
        state.open = chain.with("Concat", &operands, &[("axis", Setting::Whole(1))]);
        state.width += fitted.values.iter().map(Vec::len).sum::<usize>();
    }
}

/// The logarithm of 1 and the magnitude, with the sign of the number.
pub(super) fn log(chain: &mut OperatorChain<'_, '_>, state: &mut ColumnState) {
    let magnitude = chain.of("Abs", &[&state.open]);
    let sum = chain.plus(&magnitude, 1.0);
    let log = chain.of("Log", &[&sum]);
    let sign = chain.of("Sign", &[&state.open]);
    state.open = chain.of("Mul", &[&log, &sign]);
}
