//! The examples run, and come out as they say.

#[cfg(feature = "ndarray")]
#[path = "../examples/arrays.rs"]
mod arrays;
#[path = "../examples/bytes.rs"]
mod bytes;
#[path = "../examples/cross_validation.rs"]
mod cross_validation;
#[path = "../examples/custom_layer.rs"]
mod custom_layer;
#[path = "../examples/custom_loss.rs"]
mod custom_loss;
#[path = "../examples/custom_op.rs"]
mod custom_op;
#[path = "../examples/hello_digits.rs"]
mod hello_digits;
#[path = "../examples/moons.rs"]
mod moons;
#[path = "../examples/own_graph.rs"]
mod own_graph;
#[cfg(feature = "studio")]
#[path = "../examples/pages.rs"]
mod pages;
#[path = "../examples/predict.rs"]
mod predict;
#[path = "../examples/record.rs"]
mod record;
#[path = "../examples/residual.rs"]
mod residual;
#[path = "../examples/resume.rs"]
mod resume;
#[path = "../examples/rows.rs"]
mod rows;
#[path = "../examples/transfer.rs"]
mod transfer;
#[path = "../examples/tune.rs"]
mod tune;

#[test]
fn every_example_comes_out_as_it_says() {
    #[cfg(feature = "ndarray")]
    arrays::main().unwrap();
    bytes::main().unwrap();
    cross_validation::main().unwrap();
    custom_layer::main().unwrap();
    custom_loss::main().unwrap();
    custom_op::main().unwrap();
    hello_digits::main().unwrap();
    moons::main().unwrap();
    own_graph::main().unwrap();
    #[cfg(feature = "studio")]
    pages::main().unwrap();
    predict::main().unwrap();
    record::main().unwrap();
    residual::main().unwrap();
    resume::main().unwrap();
    rows::main().unwrap();
    transfer::main().unwrap();
    tune::main().unwrap();
}
