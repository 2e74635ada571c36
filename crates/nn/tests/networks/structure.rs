//! From a description to a graph: shapes, parameters, and what is said where something does not fit.

use std::collections::BTreeMap;

use gradus_nn::layers::flatten::Flatten;
use gradus_nn::losses::binary_cross_entropy::BinaryCrossEntropy;
use gradus_nn::losses::cross_entropy::CrossEntropy;
use gradus_nn::losses::hinge::Hinge;
use gradus_nn::losses::mean_squared_error::MeanSquaredError;
use gradus_nn::{
    Bias, LayerInput, Loss, Mode, Model, Network, NetworkError, Objective, ParameterRole, Penalty,
};
use graph::Shape;

use crate::common::{examples, network};

fn model(network: &Network, mode: Mode) -> Model<f32> {
    crate::common::model(network, mode, &Objective::default())
}

fn model_error(network: &Network, objective: &Objective) -> NetworkError {
    network.model::<f32>(Mode::Train, objective, 2, Shape::batch([])).unwrap_err()
}

#[test]
fn every_layer_has_the_shape_and_the_parameters_of_its_examples_in_both_modes() {
    for example in examples() {
        // The flatten layer makes every output one that a loss takes, and has no parameters.
        let layers = vec![example.layer.clone(), Flatten {}.into()];
        let network = Network { layers, ..network(&format!("{:?}", example.input), "'flatten'") };
        for model in [Mode::Train, Mode::Evaluate].map(|mode| model(&network, mode)) {
            assert_eq!(model.layers[0].output, Shape::batch(&example.output[..]), "{example:?}");
            let own = |name: &str| name.rsplit('.').next().unwrap().to_owned();
            let parameters = model.parameters.iter().map(|p| (own(&p.path), p.shape.clone()));
            assert_eq!(parameters.collect::<BTreeMap<_, _>>(), example.parameters, "{example:?}");
            let statistics =
                model.running_statistics.iter().map(|s| (own(&s.path), vec![2, s.channels]));
            let statistics: BTreeMap<_, _> = statistics.collect();
            assert_eq!(statistics, example.running_statistics, "{example:?}");
            let prefix = format!("1.{}.", example.layer.kind.name());
            assert!(model.parameters.iter().all(|p| p.path.starts_with(&prefix)), "{example:?}");
            let count: usize =
                model.parameters.iter().map(|p| p.shape.iter().product::<usize>()).sum();
            assert_eq!(model.layers[0].parameters, count, "{example:?}");
            assert_eq!(network.n_parameters(), Ok(count), "{example:?}");
        }
    }
}

#[test]
fn both_modes_have_one_vector_of_parameters() {
    let layers =
        "{ kind = 'conv2d', filters = 3, kernel = 2 }, { kind = 'batch_norm' }, 'relu', 'flatten',
                  { kind = 'dropout', rate = 0.5 }, { kind = 'linear', units = 4 }";
    let network = network("[5, 5, 1]", layers);
    let (train, evaluate) = (model(&network, Mode::Train), model(&network, Mode::Evaluate));
    let ranges = |model: &Model<f32>| -> Vec<_> {
        model.parameters.iter().map(|spec| (spec.path.clone(), spec.range.clone())).collect()
    };
    assert_eq!(ranges(&train), ranges(&evaluate));
    assert_eq!(train.initial_parameters(3), evaluate.initial_parameters(3));
    let ends = [0].into_iter().chain(train.parameters.iter().map(|spec| spec.range.end));
    let starts = train.parameters.iter().map(|spec| spec.range.start);
    assert!(starts.zip(ends).all(|(start, end)| start == end), "one behind the other");
    assert_eq!(train.running_statistics.len(), evaluate.running_statistics.len());
    assert_eq!((train.graph.n_inputs(), evaluate.graph.n_inputs()), (2, 3));
}

#[test]
fn work_is_counted_for_one_sample() {
    let layers =
        "{ kind = 'conv2d', filters = 4, kernel = 5, padding = 'same' }, 'relu', 'flatten',
                  { kind = 'linear', units = 10 }";
    let model = model(&network("[28, 28, 1]", layers), Mode::Train);
    let counts: Vec<u64> = model.layers.iter().map(|layer| layer.multiply_adds).collect();
    assert_eq!(counts, [28 * 28 * 5 * 5 * 4, 0, 0, 28 * 28 * 4 * 10]);
    assert_eq!(model.multiply_adds(), counts.iter().sum());
}

/// What is said about a network with two outputs.
fn mistake(input: &str, layers: &str) -> String {
    diagnostics::chain(&model_error(&network(input, layers), &Objective::default()))
}

/// Checks pairs of lines: an input and layers, and what is said about that network with two outputs.
#[track_caller]
fn assert_mistakes(cases: &str) {
    let lines: Vec<&str> = cases.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    for case in lines.chunks(2) {
        let (input, layers) = case[0].split_once(" | ").unwrap();
        assert_eq!(mistake(input, layers), case[1], "{}", case[0]);
    }
}

#[test]
fn what_does_not_fit_is_named_with_number_kind_and_both_shapes() {
    assert_mistakes(
        "[4, 4, 1] | 'relu', { kind = 'linear', units = 2 }
           layer 2.linear: linear: expected [N, features] (put a flatten layer before it), found [N, 4, 4, 1]
         [16] | { kind = 'conv2d', filters = 2, kernel = 3 }
           layer 1.conv2d: conv2d: expected images [N, height, width, channels], found [N, 16]
         [4, 4, 1] | { kind = 'conv2d', filters = 2, kernel = [5, 3] }
           layer 1.conv2d: conv2d: kernel [5, 3] is larger than the padded image [4, 4], found [N, 4, 4, 1]
         [4, 4, 1] | { kind = 'conv2d', filters = 2, kernel = 3, stride = 0 }
           layers.1.stride: expected 1 or more, found 0
         [16] | { kind = 'max_pool2d', size = 2 }
           layer 1.max_pool2d: max_pool2d: expected an image [N, height, width, channels], found [N, 16]
         [4, 4, 1] | { kind = 'avg_pool2d', size = 2, padding = 2 }
           layer 1.avg_pool2d: avg_pool2d: padding [2, 2, 2, 2] leaves windows of [2, 2] without a pixel, found [N, 4, 4, 1]
         [16] | 'flatten', { kind = 'linear', units = 3 }
           the last layer gives [N, 3], but the data has 2 classes or values: expected [N, 2]
         [16] | { kind = 'linear', units = 1 }
           the last layer gives [N, 1], but the data has 2 classes or values: expected [N, 2], or a loss that takes one \
output for two classes, such as binary_cross_entropy
         [4, 4, 1] | 'relu'
           the last layer gives [N, 4, 4, 1], but the data has 2 classes or values: expected [N, 2]
         [] | 'flatten'
           input: expected one to six sizes above 0, with at most 1073741824 values, found []
         [4, 0] | 'flatten'
           input: expected one to six sizes above 0, with at most 1073741824 values, found [4, 0]
         [1, 1, 1, 1, 1, 1, 2] | 'flatten'
           input: expected one to six sizes above 0, with at most 1073741824 values, found [1, 1, 1, 1, 1, 1, 2]",
    );
}

#[test]
fn one_output_is_enough_for_two_class_numbers_if_the_loss_has_a_binary_form() {
    let fits = |loss: Loss, outputs, target| {
        let network = network("[4]", "{ kind = 'linear', units = 1 }");
        let objective = Objective { loss, ..Objective::default() };
        network.model::<f32>(Mode::Train, &objective, outputs, target).is_ok()
    };
    let (number, row) = (Shape::batch([]), Shape::batch([2]));
    for loss in [Loss::from(BinaryCrossEntropy {}), Hinge {}.into()] {
        assert!(fits(loss.clone(), 2, number.clone()));
        assert!(!fits(loss.clone(), 2, row.clone()) && !fits(loss, 3, number.clone()));
    }
    for loss in [Loss::default(), MeanSquaredError {}.into()] {
        assert!(!fits(loss.clone(), 2, number.clone()) && fits(loss, 1, number.clone()));
    }
}

#[test]
fn settings_outside_their_range_are_named_with_their_layer() {
    assert_mistakes(
        "[4] | { kind = 'linear', units = 0 }
           layers.1.units: expected 1 to 1048576, found 0
         [4] | 'relu', { kind = 'dropout', rate = 1 }
           layers.2.rate: expected a number from 0 to below 1, found 1
         [4] | { kind = 'leaky_relu', slope = -0.1 }
           layers.1.slope: expected a number of at least 0, found -0.1
         [4] | { kind = 'conv2d', filters = 2, kernel = [3, 1048577] }
           layers.1.kernel: expected 1 to 1048576, found 1048577
         [4] | { kind = 'batch_norm', epsilon = 0 }
           layers.1.epsilon: expected a number above 0, found 0
         [4] | { kind = 'linear', units = 2, weight_init = { kind = 'normal', deviation = -1 } }
           layers.1.weight_init.deviation: expected a number above 0, found -1
         [4] | { kind = 'conv2d', filters = 2, kernel = 3, padding = 1025 }
           layers.1.padding: expected at most 1024, found 1025",
    );
    let network = network("[4]", "{ kind = 'linear', units = 2 }");
    let objective = Objective { penalty: Penalty { l1: 0.0, l2: -1.0 }, ..Objective::default() };
    let error = model_error(&network, &objective);
    assert_eq!(error.to_string(), "l2: expected a number of at least 0, found -1");
    let objective =
        Objective { loss: CrossEntropy { label_smoothing: 1.0 }.into(), ..Objective::default() };
    let error = model_error(&network, &objective);
    assert_eq!(error.to_string(), "label_smoothing: expected a number from 0 to below 1, found 1");
    let error = Network { bias: Bias::Value(f64::NAN), ..network }.outputs().unwrap_err();
    assert_eq!(error.to_string(), "bias: expected a finite number, found NaN");
}

#[test]
fn absurd_sizes_are_refused_before_anything_overflows_or_is_allocated() {
    const HUGE: &str = "1000000000000000000";
    let cases = [
        ("[4294967296, 4294967296]", "'flatten'"),
        ("[1, 9223372036854775807]", "'flatten'"),
        ("[784]", "{ kind = 'linear', units = HUGE }"),
        ("[784]", "{ kind = 'linear', units = 1000000 }, { kind = 'linear', units = 1000000 }"),
        // Each fits, all together do not.
        ("[32768]", "{ kind = 'linear', units = 32768 }, { kind = 'linear', units = 32768 }"),
        ("[28, 28, 1]", "{ kind = 'conv2d', filters = HUGE, kernel = 3 }"),
        ("[28, 28, 1]", "{ kind = 'conv2d', filters = 1000000000, kernel = 1, bias = false }"),
        ("[28, 28, 1]", "{ kind = 'conv2d', filters = 4, kernel = HUGE }"),
        ("[28, 28, 1]", "{ kind = 'conv2d', filters = 4, kernel = [HUGE, 1], padding = 'same' }"),
        ("[28, 28, 1]", "{ kind = 'conv2d', filters = 4, kernel = 3, padding = HUGE }"),
        (
            "[28, 28, 1]",
            "{ kind = 'conv2d', filters = 4, kernel = 9, padding = [0, 9223372036854775807, 0, 0] }",
        ),
        ("[1, 1, 1000000]", "{ kind = 'conv2d', filters = 2, kernel = 1, padding = 1024 }"),
        ("[28, 28, 1]", "{ kind = 'max_pool2d', size = HUGE }"),
        ("[28, 28, 1]", "{ kind = 'avg_pool2d', size = HUGE, padding = HUGE }"),
    ];
    for (input, layers) in cases {
        mistake(input, &layers.replace("HUGE", HUGE));
    }
    let wide = mistake("[784]", &format!("{{ kind = 'linear', units = {HUGE} }}"));
    assert_eq!(wide, format!("layers.1.units: expected 1 to 1048576, found {HUGE}"));
    let wide = mistake("[1048576]", "{ kind = 'linear', units = 1048576 }");
    let rule = "parameter: a network has at most 1073741824 parameters";
    assert_eq!(wide, format!("layer 1.linear: {rule}, found [1048576, 1048576]"));
    let wide = mistake("[64, 64, 1]", "{ kind = 'conv2d', filters = 1000000, kernel = 1 }");
    assert_eq!(wide, "layer 1.conv2d: more than 1073741824 values for one sample");
    // A stride or a window beyond the image is allowed.
    let layers = format!(
        "{{ kind = 'max_pool2d', size = {HUGE}, stride = {HUGE}, padding = 'same' }}, 'flatten'"
    );
    assert_eq!(network("[28, 28, 1]", &layers).outputs(), Ok(1));
}

#[test]
fn a_batch_normalisation_of_one_value_a_channel_is_refused_in_training_only() {
    let refused = |input: &str, layers: &str, batch: usize| {
        let network = network(input, layers);
        assert_eq!(model(&network, Mode::Evaluate).check_batch(batch), Ok(()), "{layers}");
        let found = model(&network, Mode::Train).check_batch(batch);
        found.err().map(|error| diagnostics::chain(&error))
    };
    let message = |layer: &str| {
        let reason = "with a batch of 1 each channel has one value, and one value has no variance";
        Some(format!("layer {layer}.batch_norm: {reason}; expected a batch of 2 or more"))
    };
    let pooled = "{ kind = 'avg_pool2d', size = 4 }, { kind = 'batch_norm' }, 'flatten'";
    let pixels = "'relu', { kind = 'batch_norm' }, 'flatten'";
    assert_eq!(refused("[6]", "{ kind = 'batch_norm' }", 1), message("1"));
    assert_eq!(refused("[4, 4, 2]", pooled, 1), message("2"));
    assert_eq!(refused("[1, 1, 2]", pixels, 1), message("2"));
    assert_eq!(refused("[1, 2, 2]", pixels, 1), None);
    assert_eq!(refused("[6]", "{ kind = 'batch_norm' }", 2), None);
    assert_eq!(refused("[4, 4, 2]", pooled, 2), None);
    assert_eq!(refused("[6]", "'relu'", 1), None);
}

#[test]
fn a_momentum_that_seems_to_be_that_of_pytorch_is_pointed_out() {
    let warnings = |momentum: &str| {
        let layers = format!("'relu', {{ kind = 'batch_norm', momentum = {momentum} }}");
        network("[6]", &layers).warnings()
    };
    let text = "layer 2.batch_norm: momentum 0.1: only this share of the old running value is kept \
                in each step; PyTorch's momentum is 1 minus this, so its 0.1 is 0.9 here";
    assert_eq!(warnings("0.1"), [text]);
    assert!(warnings("0.5").is_empty());
}

/// A residual block, a branch, and a frozen layer.
const BRANCHES: &str = "
    { kind = 'linear', units = 4, name = 'stem', freeze = true }, 'tanh',
    { kind = 'linear', units = 4, learning_rate_factor = 0.1 },
    { kind = 'add', from = ['2.tanh', 'stem'], name = 'sum' },
    { kind = 'linear', units = 3, from = 'input', name = 'side' },
    { kind = 'linear', units = 3, from = 'sum' },
    { kind = 'add', from = ['side'] }";

#[test]
fn layers_take_what_they_name() {
    use LayerInput::{Layer, Samples};
    let model = model(&network("[4]", BRANCHES), Mode::Train);
    let paths: Vec<&str> = model.layers.iter().map(|layer| &layer.path[..]).collect();
    assert_eq!(paths, ["stem", "2.tanh", "3.linear", "sum", "side", "6.linear", "7.add"]);
    let inputs: Vec<_> = model.layers.iter().map(|layer| layer.inputs.clone()).collect();
    let sum = vec![Layer(2), Layer(1), Layer(0)];
    let [first, second, third] = [vec![Samples], vec![Layer(0)], vec![Layer(1)]];
    let rest = [vec![Samples], vec![Layer(3)], vec![Layer(5), Layer(4)]];
    assert_eq!(inputs, [&[first, second, third, sum][..], &rest].concat());
    let of_parameters: Vec<_> = model
        .parameters
        .iter()
        .map(|spec| {
            (spec.layer(), spec.part(), spec.role, spec.is_frozen, spec.learning_rate_factor)
        })
        .collect();
    let (weight, bias) = (ParameterRole::Weight, ParameterRole::Bias);
    assert_eq!(
        of_parameters[..4],
        [
            ("stem", "weight", weight, true, 1.0),
            ("stem", "bias", bias, true, 1.0),
            ("3.linear", "weight", weight, false, 0.1),
            ("3.linear", "bias", bias, false, 0.1),
        ]
    );
}

#[test]
fn a_description_is_written_as_it_is_read() {
    let network = network("[4]", BRANCHES);
    let written = toml::to_string(&network).unwrap();
    assert_eq!(toml::from_str::<Network>(&written).unwrap(), network, "{written}");
}

#[test]
fn connections_that_cannot_be_made_are_named_with_their_layer() {
    assert_mistakes(
        "[4] | { kind = 'relu', from = 'b' }, { kind = 'relu', name = 'b' }
           layers.1.from.1: expected the name of an earlier layer or `input`, found \"b\", which is layer 2
         [4] | { kind = 'relu', from = 'a', name = 'a' }
           layers.1.from.1: expected the name of an earlier layer or `input`, found \"a\", this layer itself
         [4] | { kind = 'add', from = ['input', 'c'] }
           layers.1.from.2: expected the name of an earlier layer or `input`, found \"c\"
         [4] | 'relu', { kind = 'add' }
           layers.2.from: expected the layers whose outputs add takes beside that of the layer before, found none
         [4] | 'relu', { kind = 'tanh', from = ['1.relu', 'input'] }
           layers.2.from: expected one name, since tanh takes one input, found 2 names
         [4] | { kind = 'relu', name = 'a' }, { kind = 'relu', name = 'a' }
           layers.2.name: expected a name that no other layer has, found \"a\", the name of layer 1
         [4] | { kind = 'relu', name = 'input' }
           layers.1.name: expected 1 to 64 letters, digits, `_` or `-`, and not `input`, found \"input\"
         [4] | { kind = 'relu', name = \"a\\u001b\" }
           layers.1.name: expected 1 to 64 letters, digits, `_` or `-`, and not `input`, found \"a\\u{1b}\"
         [4] | { kind = 'relu', name = '' }
           layers.1.name: expected 1 to 64 letters, digits, `_` or `-`, and not `input`, found \"\"
         [4] | 'relu', { kind = 'linear', units = 2, from = 'input' }
           layers.1: expected a later layer that takes the output of 1.relu, found none
         [4] | { kind = 'linear', units = 2, learning_rate_factor = -1 }
           layers.1.learning_rate_factor: expected a number of at least 0, found -1
         [4] | { kind = 'linear', units = 3 }, { kind = 'add', from = ['input'] }
           layer 2.add: add: expected an output of the shape [N, 3], found [N, 4]",
    );
    let many = vec!["'relu'"; 10_001].join(",");
    assert_eq!(mistake("[4]", &many), "layers: expected at most 10000 layers, found 10001");
}

#[test]
fn a_frozen_network_cannot_be_trained() {
    let check = |layers: &str| network("[4]", layers).check().map_err(|error| error.to_string());
    let frozen = "{ kind = 'linear', units = 3, freeze = true }";
    let message = "all layers with parameters are frozen: expected at least one to train";
    assert_eq!(check(frozen), Err(message.to_owned()));
    assert_eq!(check(&format!("{frozen}, {{ kind = 'linear', units = 2 }}")), Ok(()));
    assert_eq!(check("'relu'"), Ok(()), "nothing to train and nothing frozen");
}

#[test]
fn a_frozen_batch_normalisation_uses_its_running_statistics_in_training_too() {
    let layers = "{ kind = 'batch_norm', freeze = true }, { kind = 'linear', units = 2 }";
    let model = model(&network("[4]", layers), Mode::Train);
    assert_eq!(model.graph.n_inputs(), 3);
    assert_eq!(model.check_batch(1), Ok(()));
}
