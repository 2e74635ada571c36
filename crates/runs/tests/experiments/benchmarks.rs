//! The networks of `bench/networks`: that they are those the peers build.

use gradus_runs::Experiment;

macro_rules! network {
    ($name:literal) => {
        ($name, include_str!(concat!("../../../../bench/networks/", $name, ".toml")))
    };
}

/// Weights of the convolutions and the last layer, factors and biases of batch normalisation.
const RESIDUAL: usize =
    27 * 24 + 2 * (9 * 24 + 2) * 24 + (9 * 24 + 2) * 48 + 2 * (9 * 48 + 2) * 48 + 49 * 10;

#[test]
fn every_network_of_the_benchmark_has_the_size_that_its_first_line_says() {
    let networks = [
        (network!("w1"), 784 * 10 + 10, 100),
        (network!("w2"), 784 * 50 + 50 + 50 * 10 + 10, 100),
        (network!("w3"), 185_300, 100),
        (network!("w4"), 785 * 1024 + 1025 * 1024 + 1025 * 10, 128),
        (network!("w5"), 244_076, 100),
        (network!("w6"), 26 * 32 + (25 * 32 + 1) * 64 + 3137 * 1024 + 1025 * 10, 100),
        (network!("w7"), 26 * 6 + (25 * 6 + 1) * 16 + 257 * 120 + 121 * 84 + 85 * 10, 128),
        (network!("w8"), 5 * 32 + 33 * 16 + 17 * 4, 10_000),
        (network!("w9"), 12 * 16 + (9 * 16 + 3) * 32 + 1569 * 50 + 51 * 10, 100),
        (network!("w10"), RESIDUAL, 100),
    ];
    for ((name, text), parameters, batch) in networks {
        assert!(text.starts_with("# ") && text.lines().next().unwrap().ends_with('.'), "{name}");
        let experiment = Experiment::parse(&format!("{name}.toml"), text).unwrap();
        assert_eq!(experiment.model.n_parameters(), Ok(parameters), "{name}");
        assert_eq!(experiment.train.batch, batch, "{name}");
    }
}
