//! The examples run, and come out as they say.

#[path = "../examples/custom_op.rs"]
mod custom_op;
#[path = "../examples/own_arrays.rs"]
mod own_arrays;
#[path = "../examples/predict.rs"]
mod predict;
#[path = "../examples/record.rs"]
mod record;

#[test]
fn an_op_of_ones_own_is_checked_and_used() {
    custom_op::main().unwrap();
}

#[test]
fn a_network_learns_arrays_of_ones_own() {
    own_arrays::main().unwrap();
}

#[test]
fn a_saved_network_is_loaded_and_predicts() {
    predict::main().unwrap();
}

#[test]
fn a_run_is_recorded_by_one_call_and_beside_an_observer_of_ones_own() {
    record::main().unwrap();
}
