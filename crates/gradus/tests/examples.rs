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
fn every_example_comes_out_as_it_says() {
    custom_op::main().unwrap();
    own_arrays::main().unwrap();
    predict::main().unwrap();
    record::main().unwrap();
}
