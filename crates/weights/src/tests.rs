//! Tensors there and back.

use nn::{Mode, Model, Network, Objective};
use random_networks::{RandomTrial, SEEDS, network, parse};

use super::*;

fn trial(network: &Network) -> RandomTrial<f32> {
    RandomTrial::new(network, &Objective::default(), Mode::Evaluate, 1, 1)
}

fn plan(network: &Network, model: &Model<f32>, scheme: NameScheme) -> WeightPlan {
    WeightPlan::new(network, model, scheme).unwrap()
}

/// The tensors of a network whose parameters are numbered from 0.
fn numbered(network: &Network, scheme: NameScheme) -> Vec<NumberArray> {
    let trial = trial(network);
    let parameters: Vec<f32> = (0..trial.parameters.len()).map(|at| at as f32).collect();
    plan(network, &trial.model, scheme).tensors(&parameters, &trial.running_statistics)
}

#[test]
fn random_networks_come_back_as_they_were() {
    let mut n_refused = 0;
    for seed in SEEDS {
        let network = network(seed);
        let trial = trial(&network);
        for scheme in NameScheme::ALL {
            let plan = match WeightPlan::new(&network, &trial.model, scheme) {
                Ok(plan) => plan,
                // Groups of features whose order is another one.
                Err(PlanError::Order { .. }) => {
                    n_refused += 1;
                    continue;
                }
                Err(error) => panic!("{error}"),
            };
            let mut tensors = plan.tensors(&trial.parameters, &trial.running_statistics);
            tensors.reverse();
            let taken = plan.take(&tensors).unwrap();
            assert_eq!(taken.parameters, trial.parameters, "{scheme:?}, seed {seed}");
            assert_eq!(taken.running_statistics, trial.running_statistics, "seed {seed}");
            let with_tensors = trial.model.layers.iter().filter(|layer| layer.parameters > 0);
            assert!(taken.layers.len() >= with_tensors.count());
            assert_eq!(NameScheme::of_names(tensors.iter().map(|t| &*t.name)), Some(scheme));
        }
    }
    assert!(n_refused < 10, "{n_refused}");
}

#[test]
fn axes_and_the_features_of_an_image_are_where_pytorch_has_them() {
    let network = parse(
        &[2, 1, 2],
        "{ kind = 'conv2d', filters = 2, kernel = 1, name = 'first', bias = false }, 'relu', 'flatten', \
         'batch_norm', { kind = 'linear', units = 2, bias = false }",
    );
    let torch = numbered(&network, NameScheme::Torch);
    let find = |name: &str| torch.iter().find(|tensor| tensor.name == name).unwrap();
    // Ours is `[1, 1, inputs, outputs]`.
    let conv = find("first.weight");
    assert_eq!((&conv.shape[..], &conv.values[..]), (&[2, 2, 1, 1][..], &[0.0, 2.0, 1.0, 3.0][..]));
    // Channel 0 of both rows, then channel 1: features 0, 2, 1, 3 here.
    assert_eq!(find("3.weight").values, [4.0, 6.0, 5.0, 7.0]);
    let linear = find("4.weight");
    assert_eq!(linear.shape, [2, 4]);
    assert_eq!(linear.values, [12.0, 16.0, 14.0, 18.0, 13.0, 17.0, 15.0, 19.0]);
    let book = numbered(&network, NameScheme::Book);
    let names: Vec<&str> = book.iter().map(|tensor| &*tensor.name).collect();
    assert_eq!(names, ["W1", "gamma1", "beta1", "running_mean1", "running_var1", "W2"]);
    assert_eq!(book[5].values, [12.0, 13.0, 16.0, 17.0, 14.0, 15.0, 18.0, 19.0]);
    let keras = numbered(&network, NameScheme::Keras);
    let names: Vec<&str> = keras.iter().map(|tensor| &*tensor.name).collect();
    assert_eq!(names[..2], ["first/kernel", "batch_normalization/gamma"]);
    assert_eq!(keras[0].values, [0.0, 1.0, 2.0, 3.0]);
}

#[test]
fn layers_with_other_names_are_found_by_shape_and_order() {
    let network = parse(
        &[4],
        "{ kind = 'linear', units = 4 }, 'batch_norm', { kind = 'linear', units = 4 }, 'batch_norm', \
         { kind = 'linear', units = 3 }",
    );
    let trial = trial(&network);
    let plan = plan(&network, &trial.model, NameScheme::Torch);
    let mut tensors = plan.tensors(&trial.parameters, &trial.running_statistics);
    for tensor in &mut tensors {
        let (layer, part) = tensor.name.split_once('.').unwrap();
        let layer =
            ["body.fc2", "norm.a", "body.fc10", "norm.b", "head"][layer.parse::<usize>().unwrap()];
        tensor.name = format!("{layer}.{part}");
    }
    let counter = "norm.a.num_batches_tracked".to_owned();
    tensors.push(NumberArray { name: counter, shape: vec![], values: vec![7.0] });
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    let taken = plan.take(&tensors).unwrap();
    assert_eq!(taken.parameters, trial.parameters);
    assert_eq!(taken.running_statistics, trial.running_statistics);
    let found: Vec<&str> = taken.layers.iter().map(|taken| &*taken.found).collect();
    assert_eq!(found, ["body.fc2", "norm.a", "body.fc10", "norm.b", "head"]);
}

#[test]
fn what_is_left_over_is_named_with_its_shape() {
    let network = parse(&[4], "{ kind = 'linear', units = 2 }, { kind = 'linear', units = 3 }");
    let trial = trial(&network);
    let plan = plan(&network, &trial.model, NameScheme::Torch);
    let mut tensors = plan.tensors(&trial.parameters, &[]);
    tensors[2] = NumberArray { name: "1.weight".into(), shape: vec![3, 5], values: vec![0.0; 15] };
    let error = plan.take(&tensors).unwrap_err().to_string();
    let expected = "layers without weights in the file:\n  2.linear: 1.weight [3, 2]\n  2.linear: 1.bias [3]\n\
        weights of the file without a layer:\n  1.weight [3, 5]\n  1.bias [3]";
    assert_eq!(error, expected);
    let mut tensors = plan.tensors(&trial.parameters, &[]);
    tensors[1].values[1] = f32::NAN;
    assert_eq!(plan.take(&tensors).unwrap_err().to_string(), "0.bias: element 1 is NaN");
}

#[test]
fn numbers_of_16_and_64_bits_are_read() {
    struct Raw(safetensors::Dtype, Vec<u8>);
    impl safetensors::View for Raw {
        fn dtype(&self) -> safetensors::Dtype {
            self.0
        }
        fn shape(&self) -> &[usize] {
            &[2]
        }
        fn data(&self) -> std::borrow::Cow<'_, [u8]> {
            self.1.as_slice().into()
        }
        fn data_len(&self) -> usize {
            self.1.len()
        }
    }
    use safetensors::Dtype;
    let bytes = |numbers: [u16; 2]| numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
    let doubles = [0.25_f64, -3.0].iter().flat_map(|n| n.to_le_bytes()).collect();
    let file = [
        // 1.5 and the smallest number above 0.
        ("half", Raw(Dtype::F16, bytes([0x3e00, 0x0001]))),
        ("brain", Raw(Dtype::BF16, bytes([0x3fc0, 0xc000]))),
        ("double", Raw(Dtype::F64, doubles)),
        ("counter", Raw(Dtype::I64, vec![1; 16])),
    ];
    let read = read_safetensors(&safetensors::serialize(file, None).unwrap()).unwrap();
    let find = |name: &str| &read.iter().find(|tensor| tensor.name == name).unwrap().values[..];
    assert_eq!(find("half"), [1.5, 2f32.powi(-24)]);
    assert_eq!(find("brain"), [1.5, -2.0]);
    assert_eq!(find("double"), [0.25, -3.0]);
    assert_eq!(read.len(), 3);
    assert_eq!(read_safetensors(&write_safetensors(&read).unwrap()).unwrap().len(), 3);
}
