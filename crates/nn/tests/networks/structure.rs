//! From a description to a graph: shapes, parameters, and what is said where something does not fit.

use std::collections::BTreeMap;

use gradus_nn::layers::flatten::Flatten;
use gradus_nn::{Mode, Model, Network, NetworkError, Objective, Penalty};
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
            let parameters = model.parameters.iter().map(|p| (own(&p.name), p.shape.clone()));
            assert_eq!(parameters.collect::<BTreeMap<_, _>>(), example.parameters, "{example:?}");
            let statistics =
                model.running_statistics.iter().map(|s| (own(&s.name), vec![2, s.channels]));
            let statistics: BTreeMap<_, _> = statistics.collect();
            assert_eq!(statistics, example.running_statistics, "{example:?}");
            let prefix = format!("1.{}.", example.layer.name());
            assert!(model.parameters.iter().all(|p| p.name.starts_with(&prefix)), "{example:?}");
            let count: usize =
                model.parameters.iter().map(|p| p.shape.iter().product::<usize>()).sum();
            assert_eq!(model.layers[0].parameters, count, "{example:?}");
            assert_eq!(network.n_parameters(), Ok(count), "{example:?}");
        }
    }
}

#[test]
fn both_modes_have_one_vector_of_parameters() {
    let layers = "{ conv2d = { filters = 3, kernel = 2 } }, { batch_norm = {} }, 'relu', 'flatten',
                  { dropout = { rate = 0.5 } }, { linear = { units = 4 } }";
    let network = network("[5, 5, 1]", layers);
    let (train, evaluate) = (model(&network, Mode::Train), model(&network, Mode::Evaluate));
    let ranges = |model: &Model<f32>| -> Vec<_> {
        model.parameters.iter().map(|spec| (spec.name.clone(), spec.range.clone())).collect()
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
    let layers = "{ conv2d = { filters = 4, kernel = 5, padding = 'same' } }, 'relu', 'flatten',
                  { linear = { units = 10 } }";
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
        "[4, 4, 1] | 'relu', { linear = { units = 2 } }
           layer 2: linear: expected [N, features] (put a flatten layer before it), found [N, 4, 4, 1]
         [16] | { conv2d = { filters = 2, kernel = 3 } }
           layer 1: conv2d: expected images [N, height, width, channels], found [N, 16]
         [4, 4, 1] | { conv2d = { filters = 2, kernel = [5, 3] } }
           layer 1: conv2d: kernel [5, 3] is larger than the padded image [4, 4], found [N, 4, 4, 1]
         [4, 4, 1] | { conv2d = { filters = 2, kernel = 3, stride = 0 } }
           layers.1.stride: expected 1 or more, found 0
         [16] | { max_pool2d = { size = 2 } }
           layer 1: max_pool2d: expected an image [N, height, width, channels], found [N, 16]
         [4, 4, 1] | { avg_pool2d = { size = 2, padding = 2 } }
           layer 1: avg_pool2d: padding [2, 2, 2, 2] leaves windows of [2, 2] without a pixel, found [N, 4, 4, 1]
         [16] | 'flatten', { linear = { units = 3 } }
           the last layer gives [N, 3], but the data has 2 classes or values: expected [N, 2]
         [4, 4, 1] | 'relu'
           the last layer gives [N, 4, 4, 1], but the data has 2 classes or values: expected [N, 2]
         [] | 'flatten'
           input: expected one to six sizes above 0, found []
         [4, 0] | 'flatten'
           input: expected one to six sizes above 0, found [4, 0]
         [1, 1, 1, 1, 1, 1, 2] | 'flatten'
           input: expected one to six sizes above 0, found [1, 1, 1, 1, 1, 1, 2]",
    );
}

#[test]
fn settings_outside_their_range_are_named_with_their_layer() {
    assert_mistakes(
        "[4] | { linear = { units = 0 } }
           layers.1.units: expected 1 to 1048576, found 0
         [4] | 'relu', { dropout = { rate = 1 } }
           layers.2.rate: expected a number from 0 to below 1, found 1
         [4] | { leaky_relu = { slope = -0.1 } }
           layers.1.slope: expected a number of at least 0, found -0.1
         [4] | { conv2d = { filters = 2, kernel = [3, 1048577] } }
           layers.1.kernel: expected 1 to 1048576, found 1048577
         [4] | { batch_norm = { epsilon = 0 } }
           layers.1.epsilon: expected a number above 0, found 0
         [4] | { linear = { units = 2, weight_init = { normal = { deviation = -1 } } } }
           layers.1.weight_init.deviation: expected a number above 0, found -1
         [4] | { conv2d = { filters = 2, kernel = 3, padding = 1025 } }
           layers.1.padding: expected at most 1024, found 1025",
    );
    let network = network("[4]", "{ linear = { units = 2 } }");
    let objective = Objective { penalty: Penalty { l1: 0.0, l2: -1.0 }, ..Objective::default() };
    let error = model_error(&network, &objective);
    assert_eq!(error.to_string(), "l2: expected a number of at least 0, found -1");
    let error = Network { bias: f64::NAN, ..network }.outputs().unwrap_err();
    assert_eq!(error.to_string(), "bias: expected a finite number, found NaN");
}

#[test]
fn absurd_sizes_are_refused_before_anything_overflows_or_is_allocated() {
    const HUGE: &str = "1000000000000000000";
    let cases = [
        ("[4294967296, 4294967296]", "'flatten'"),
        ("[1, 9223372036854775807]", "'flatten'"),
        ("[784]", "{ linear = { units = HUGE } }"),
        ("[784]", "{ linear = { units = 1000000 } }, { linear = { units = 1000000 } }"),
        // Each fits, all together do not.
        ("[32768]", "{ linear = { units = 32768 } }, { linear = { units = 32768 } }"),
        ("[28, 28, 1]", "{ conv2d = { filters = HUGE, kernel = 3 } }"),
        ("[28, 28, 1]", "{ conv2d = { filters = 1000000000, kernel = 1, bias = false } }"),
        ("[28, 28, 1]", "{ conv2d = { filters = 4, kernel = HUGE } }"),
        ("[28, 28, 1]", "{ conv2d = { filters = 4, kernel = [HUGE, 1], padding = 'same' } }"),
        ("[28, 28, 1]", "{ conv2d = { filters = 4, kernel = 3, padding = HUGE } }"),
        (
            "[28, 28, 1]",
            "{ conv2d = { filters = 4, kernel = 9, padding = [0, 9223372036854775807, 0, 0] } }",
        ),
        ("[1, 1, 1000000]", "{ conv2d = { filters = 2, kernel = 1, padding = 1024 } }"),
        ("[28, 28, 1]", "{ max_pool2d = { size = HUGE } }"),
        ("[28, 28, 1]", "{ avg_pool2d = { size = HUGE, padding = HUGE } }"),
    ];
    for (input, layers) in cases {
        mistake(input, &layers.replace("HUGE", HUGE));
    }
    let wide = mistake("[784]", &format!("{{ linear = {{ units = {HUGE} }} }}"));
    assert_eq!(wide, format!("layers.1.units: expected 1 to 1048576, found {HUGE}"));
    let wide = mistake("[1048576]", "{ linear = { units = 1048576 } }");
    let rule = "parameter: a network has at most 1073741824 parameters";
    assert_eq!(wide, format!("layer 1 (linear): {rule}, found [1048576, 1048576]"));
    let wide = mistake("[64, 64, 1]", "{ conv2d = { filters = 1000000, kernel = 1 } }");
    assert_eq!(wide, "layer 1 (conv2d): more than 1073741824 values for one sample");
    // A stride or a window beyond the image is allowed.
    let layers = format!(
        "{{ max_pool2d = {{ size = {HUGE}, stride = {HUGE}, padding = 'same' }} }}, 'flatten'"
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
        Some(format!("layer {layer} (batch_norm): {reason}; expected a batch of 2 or more"))
    };
    let pooled = "{ avg_pool2d = { size = 4 } }, { batch_norm = {} }, 'flatten'";
    let pixels = "'relu', { batch_norm = {} }, 'flatten'";
    assert_eq!(refused("[6]", "{ batch_norm = {} }", 1), message("1"));
    assert_eq!(refused("[4, 4, 2]", pooled, 1), message("2"));
    assert_eq!(refused("[1, 1, 2]", pixels, 1), message("2"));
    assert_eq!(refused("[1, 2, 2]", pixels, 1), None);
    assert_eq!(refused("[6]", "{ batch_norm = {} }", 2), None);
    assert_eq!(refused("[4, 4, 2]", pooled, 2), None);
    assert_eq!(refused("[6]", "'relu'", 1), None);
}

#[test]
fn a_momentum_that_seems_to_be_that_of_pytorch_is_pointed_out() {
    let warnings = |momentum: &str| {
        let layers = format!("'relu', {{ batch_norm = {{ momentum = {momentum} }} }}");
        network("[6]", &layers).warnings()
    };
    let text = "layer 2 (batch_norm): momentum 0.1: only this share of the old running value is kept \
                in each step; PyTorch's momentum is 1 minus this, so its 0.1 is 0.9 here";
    assert_eq!(warnings("0.1"), [text]);
    assert!(warnings("0.5").is_empty());
}
