//! Experiment files: mistakes are shown where they stand, settings are replaced, defaults written out.

use gradus_runs::{DataSpec, Experiment, ExperimentError, Split, presets};
use nn::Mode;
use nn::schedule::constant::ConstantRate;

const FILE: &str = r#"
[model]
input = [28, 28, 1]
layers = [
    { kind = "conv2d", filters = 4, kernel = 5 },
    "relu",
    "flatten",
    { kind = "linear", units = 10 },
]

[train]
optimizer = { kind = "adam", beta1 = 0.8 }
batch = 100
epochs = 3.0
"#;

fn read(text: &str) -> Result<Experiment, String> {
    Experiment::parse("digits.toml", text).map_err(|error| error.to_string())
}

/// Reads the file with some settings replaced.
fn set(settings: &[(&str, &str)]) -> Result<Experiment, String> {
    let own = |(path, value): &(&str, &str)| ((*path).to_owned(), (*value).to_owned());
    let settings: Vec<_> = settings.iter().map(own).collect();
    let found = Experiment::parse_with("digits.toml", FILE, &settings);
    found.map_err(|error: ExperimentError| error.to_string())
}

/// The lines of a table, each with `N` cells between bars; `\n` in a cell is a line break, `\t` a tab, TRAIN stands
/// for the names of all settings of the training, LAYERS and OPTIMIZERS for those of the registries.
fn cases<const N: usize>(table: &str) -> impl Iterator<Item = [String; N]> {
    let train = "`loss`, `class_weights`, `optimizer`, `schedule`, `clip`, `lookahead`, `ema`, `l1`, `l2`, `batch`, `shards`, `order`, `epochs`, `steps`, `seed`, \
        `evaluate_every`, `report_every`, `best_of_equal`, `early_stopping`, `checkpoint_minutes`, `checkpoint_every`, `checkpoints`";
    let names = |names: &[&str]| {
        names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    };
    let table = table.replace("TRAIN", train).replace("LAYERS", &names(nn::LayerKind::NAMES));
    let table = table.replace("OPTIMIZERS", &names(nn::optim::Optimizer::NAMES));
    let line = |line: &str| {
        let cells = line.split(" | ").map(|cell| cell.replace(r"\n", "\n").replace(r"\t", "\t"));
        cells.collect::<Vec<_>>().try_into().unwrap_or_else(|cells| panic!("{cells:?}"))
    };
    table.trim().lines().map(line).collect::<Vec<_>>().into_iter()
}

#[test]
fn a_mistake_is_shown_with_line_column_suggestion_and_caret() {
    let error = read(&FILE.replace("epochs = 3.0", "epocs = 3.0")).unwrap_err();
    let (first, rest) = error.split_once('\n').unwrap();
    assert!(first.starts_with("digits.toml:14:1: unknown field `epocs`, expected"), "{first}");
    assert_eq!(rest, "  did you mean `epochs`?\n   |\n14 | epocs = 3.0\n   | ^^^^^");
    // What stands before the mistake is counted in letters, and tabs stay tabs.
    let table = r#"
epochs = 3.0 | «epocs» = 3.0 | unknown field `epocs`, expected one of TRAIN\n  did you mean `epochs`?
"relu" | «"rellu"» | unknown variant `rellu`, expected one of LAYERS\n  did you mean `relu`?
kernel = 5 | «kernal» = 5 | unknown field `kernal`, expected one of `filters`, `kernel`, `stride`, `padding`, `weight_init`, `bias`, `name`, `from`, `freeze`, `learning_rate_factor`\n  did you mean `kernel`?
kind = "adam" | kind = «"adom"» | unknown variant `adom`, expected one of OPTIMIZERS\n  did you mean `adam`?
batch = 100 | batch = 100\norder = «"shuffled"» | unknown variant `shuffled`, expected one of `shuffled_epochs`, `shuffled_drop_last`, `fixed_order`, `with_replacement`\n  did you mean `shuffled_epochs`?
[model] | [«modle»] | unknown field `modle`, expected one of `name`, `data`, `model`, `train`, `reference`\n  did you mean `model`?
{ kind = "linear", units = 10 } | { kind = "linear", units = «"ten"» } | invalid type: string "ten", expected usize
{ kind = "linear", units = 10 } | «"linear"» | missing field `units`
batch = 100 | \t«name»."größe" = 1 | unknown field `name`, expected one of TRAIN
batch = 100 | batch = 100\n«"数量"» = 3 | unknown field `数量`, expected one of TRAIN
batch = 100 | batch = [1, "größe" «2»] | missing comma between array elements, expected `,`
"#;
    assert_shown(table);
}

/// Expects the error of each case of a table (what is replaced, by what, message) at the place in `«»`.
fn assert_shown(table: &str) {
    for [from, to, message] in cases(table) {
        assert!(FILE.contains(&from), "{from}");
        let marked = FILE.replacen(&from, &to, 1);
        let start = marked.find('«').expect(&to);
        let end = marked.find('»').expect(&to) - '«'.len_utf8();
        let text = marked.replace(['«', '»'], "");
        let excerpt = diagnostics::Excerpt::new(&text, start..end);
        let place = format!("{}:{}", excerpt.line, excerpt.column);
        let expected = format!("digits.toml:{place}: {message}\n{excerpt}");
        assert_eq!(read(&text).unwrap_err(), expected);
    }
}

#[test]
fn a_setting_outside_its_range_is_shown_where_it_stands() {
    // TOML has no integers from 2^63 on; the reader of numbers would take them up to 2^64.
    let table = r#"
batch = 100 | batch = «0» | train.batch: expected 1 or more, found 0
epochs = 3.0 | epochs = «0.0» | train.epochs: expected a number above 0, found 0
epochs = 3.0 | epochs = «nan» | train.epochs: expected a number above 0, found NaN
epochs = 3.0 | steps = «0» | train.steps: expected 1 or more, found 0
beta1 = 0.8 | beta1 = «1.0» | train.optimizer.beta1: expected a number from 0 to below 1, found 1
batch = 100 | schedule = { kind = "warmup", then = { kind = "constant", learning_rate = «-1» } } | train.schedule.then.learning_rate: expected a number above 0, found -1
[model] | data.transforms.arrays = [«{ kind = "divide", by = 0 }»]\n[model] | data.transforms.arrays.1: divide: by is 0, expected a finite number, not 0
[model] | data.transforms.columns.x = [{ kind = "divide" }, «{ kind = "robust_scale", limit = 0 }»]\n[model] | data.transforms.columns.x.2: robust_scale: limit is 0, expected above 0, or inf
[model] | data.transforms.categories = «[{ kind = "impute" }]»\n[model] | data.transforms.categories: the list returns categories, expected numbers; end it with `one_hot` or `ordinal`
[model] | data.validation = «0»\n[model] | data.validation: expected a number of samples, 1 or more, or a fraction above 0 and below 1, found 0
[model] | data.validation = «-1»\n[model] | data.validation: expected a number of samples, 1 or more, or a fraction above 0 and below 1, found -1.0
[model] | data.validation = «1.0»\n[model] | data.validation: expected a number of samples, 1 or more, or a fraction above 0 and below 1, found 1.0
[model] | data.validation = «"all"»\n[model] | expected a number of samples or a fraction between 0 and 1
batch = 100 | early_stopping = { patience = «0» } | train.early_stopping.patience: expected 1 or more, found 0
batch = 100 | early_stopping = { min_improvement = «-1» } | train.early_stopping.min_improvement: expected a number of at least 0, found -1
[model] | data.limit = «0»\n[model] | data.limit: expected 1 or more, found 0
[model] | data.augment = [{ kind = "shift", pixels = 3 }, { kind = "rotate", degrees = «200» }]\n[model] | data.augment.2.degrees: expected a number above 0 and at most 180, found 200
[model] | data.augment = [{ pixels = «28», kind = "shift" }]\n[model] | data.augment.1.pixels: expected less than the 28 rows and 28 columns of a picture, found [28, 28]
[model] | data.augment = [«"rotat"»]\n[model] | unknown variant `rotat`, expected one of `shift`, `rotate`, `scale`, `shear`, `elastic`, `flip`, `erase`, `brightness`\n  did you mean `rotate`?
units = 10 | units = «1048577» | model.layers.4.units: expected 1 to 1048576, found 1048577
filters = 4 | filters = «1000000000000000000» | model.layers.1.filters: expected 1 to 1048576, found 1000000000000000000
kernel = 5 | kernel = «[5, 9223372036854775807]» | model.layers.1.kernel: expected 1 to 1048576, found 9223372036854775807
"relu" | { kind = "leaky_relu", slope = «-0.1» } | model.layers.2.slope: expected a number of at least 0, found -0.1
batch = 100 | batch = 100\nseed = «18446744073709551615» | expected an integer from -2^63 to 2^63 - 1, found 18446744073709551615
units = 10 | units = «9223372036854775808» | expected an integer from -2^63 to 2^63 - 1, found 9223372036854775808
"#;
    assert_shown(table);
    let without_place = r#"
epochs = 3.0 |  | [train]: expected either `epochs` or `steps`, found neither
epochs = 3.0 | epochs = 3.0\nsteps = 9 | [train]: expected either `epochs` or `steps`, found both
[model] | name = '../digits'\n[model] | name: expected a folder name, found `../digits`
[model] | name = "a\u001b[2J"\n[model] | name: expected a folder name, found `a\u{1b}[2J`
"#;
    for [from, to, message] in cases(without_place) {
        let error = read(&FILE.replacen(&from, &to, 1)).unwrap_err();
        assert_eq!(error, format!("digits.toml: {message}"));
    }
}

#[test]
fn augmentations_need_pictures_and_are_written_back() {
    let text = "data.augment = [«'flip'»]\nmodel = { input = [784], layers = ['relu'] }\ntrain.steps = 1\n";
    let error = read(&text.replace(['«', '»'], "")).unwrap_err();
    let expected = "digits.toml:1:16: data.augment: expected samples of [rows, columns, channels]; remove it, or change \
        model.input, found samples of [784]\n";
    assert!(error.starts_with(expected), "{error}");
    let list =
        "[{ kind = 'shift', pixels = [0, 3] }, 'elastic', { kind = 'flip', direction = 'both' }]";
    let experiment = set(&[("data.augment", list)]).unwrap();
    let written = experiment.to_text();
    let line = "augment = [{ kind = \"shift\", pixels = [0, 3] }, { kind = \"elastic\", pixels = 1.0, sigma = 4.0 }, \
        { kind = \"flip\", direction = \"both\" }]\n";
    assert!(written.contains(line), "{written}");
    assert_eq!(read(&written), Ok(experiment));
    // Those who use none do not meet it.
    assert!(!read(FILE).unwrap().to_text().contains("augment"));
}

#[test]
fn text_that_is_not_toml_is_an_error_and_its_control_characters_stay_in_the_file() {
    let tables = ["[train]\n[train]", "train = 1\r\n[model"];
    let short = ["", "\0", "=", "[", "\u{feff}\u{feff}", "a", "\"", "🦀 = 1"];
    let control = ["\"\\u001b[2J\" = 1", "train = \u{1b}]0;title\u{7}", "a = '\u{202e}'"];
    for text in tables.into_iter().chain(short).chain(control) {
        let error = read(text).unwrap_err();
        let is_hidden = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        assert!(error.starts_with("digits.toml:") && !error.contains(is_hidden), "{error:?}");
    }
}

#[test]
fn an_experiment_of_a_program_lists_its_settings_whatever_its_numbers() {
    let mut experiment = read(FILE).unwrap();
    let listed = experiment.settings();
    assert!(listed.contains(&("train.batch".into(), "100".into())), "{listed:?}");
    assert!(listed.contains(&("model.layers.2".into(), "\"relu\"".into())), "{listed:?}");
    experiment.train.seed = u64::MAX;
    assert_eq!(experiment.settings(), [("experiment".into(), experiment.to_text())]);
}

#[test]
fn a_file_in_another_encoding_is_named() {
    let decode = |bytes: &[u8]| {
        let text = Experiment::decode("digits.toml", bytes.to_vec());
        text.map_err(|error| error.to_string())
    };
    let utf16 = |to_bytes: fn(u16) -> [u8; 2], mark: &[u16]| -> Vec<u8> {
        mark.iter().copied().chain(FILE.encode_utf16()).flat_map(to_bytes).collect()
    };
    for mark in [&[0xfeff][..], &[]] {
        for to_bytes in [u16::to_le_bytes, u16::to_be_bytes] {
            let error = decode(&utf16(to_bytes, mark)).unwrap_err();
            assert_eq!(error, "digits.toml: is UTF-16; save it as UTF-8");
        }
    }
    let error = decode(b"a = 1\nb = 'gr\xf6\xdfe'").unwrap_err();
    assert_eq!(error, "digits.toml: expected UTF-8, found byte 0xf6 in line 2");
    // A byte order mark of UTF-8 and the line ends of Windows are read.
    let windows = format!("\u{feff}{}", FILE.replace('\n', "\r\n"));
    assert_eq!(read(&decode(windows.as_bytes()).unwrap()), read(FILE));
}

#[test]
fn real_numbers_are_used_as_they_are_and_bytes_are_divided_by_255() {
    use data::{Dataset, Features, Targets};
    let data =
        |data: &str| read(&format!("[data]\nsource = 'memory'\n{data}\n{FILE}")).unwrap().data;
    let (plain, halves) = (data(""), data("transforms.arrays = [{ kind = 'divide', by = 2 }]"));
    let values = data("transforms.arrays = []");
    let none = data("transforms = { arrays = [], standardize_target = false }");
    for (features, divisor) in
        [(Features::U8(vec![1, 3]), 255.0), (Features::F32(vec![1.0, 3.0]), 1.0)]
    {
        let targets = Targets::Values { values: vec![4.0, 8.0], width: 1 };
        let set = Dataset::new("set", [1], features, targets.clone()).unwrap();
        let prepared = |data: &DataSpec| {
            let parts =
                data.prepare(Split { train: set.clone(), test: set.clone().take(1) }).unwrap();
            // What is prepared stays as it is, whatever the experiment says.
            let again = halves.prepare(parts.clone()).unwrap();
            assert_eq!((&again.train, &again.test), (&parts.train, &parts.test));
            assert_eq!(parts.train.features(), set.features());
            assert_eq!(parts.transforms().unwrap().divisor(), Some(parts.test.divisor()));
            parts.train
        };
        assert_eq!(prepared(&plain).divisor(), divisor);
        assert_eq!(prepared(&halves).divisor(), 2.0);
        assert_eq!(prepared(&none).divisor(), 1.0);
        assert_eq!((prepared(&plain).targets(), prepared(&none).targets()), (&targets, &targets));
        let standardized = Targets::Values { values: vec![-1.0, 1.0], width: 1 };
        assert_eq!(prepared(&values).targets(), &standardized);
    }
}

#[test]
fn settings_are_replaced_by_their_path() {
    let original = read(FILE).unwrap();
    let layers = "['flatten', { kind = 'linear', units = 10 }]";
    let others = [("train.clip.norm", "1"), ("data.source", "memory"), ("model.layers", layers)];
    let settings = [&[("train.batch", "50"), ("train.optimizer", "sgd")], &others[..]].concat();
    let changed = set(&settings).unwrap();
    assert_eq!((changed.train.batch, changed.train.optimizer.name()), (50, "sgd"));
    assert_eq!(changed.train.clip.norm, Some(1.0));
    assert_eq!(changed.data.source, gradus_runs::sources::memory::MemoryData {}.into());
    assert_eq!(changed.model.n_parameters(), Ok(7850));
    // The rest is as it was.
    assert_eq!((changed.name, changed.train.epochs), (original.name, original.train.epochs));
}

#[test]
fn steps_and_epochs_replace_each_other() {
    let steps = set(&[("train.steps", "7")]).unwrap().train;
    assert_eq!((steps.steps, steps.epochs), (Some(7), None));
    let epochs = set(&[("train.steps", "7"), ("train.epochs", "0.5")]).unwrap().train;
    assert_eq!((epochs.steps, epochs.epochs), (None, Some(0.5)));
    assert_eq!(epochs.steps_for(60_000), 300);
    assert_eq!((epochs.steps_for(1), epochs.evaluation_interval(1)), (1, 1));
    // 4 whole batches of 100 in 450 samples, and half of an epoch of 4.
    let dropped = set(&[("train.order", "shuffled_drop_last"), ("train.epochs", "2.5")]).unwrap();
    assert_eq!((dropped.train.batch, dropped.train.steps_for(450)), (100, 10));
}

#[test]
fn a_replaced_setting_that_is_wrong_is_named_by_its_path() {
    let table = r#"
train.bach | 5 | digits.toml with --set train.bach=5: unknown field `bach`, expected one of TRAIN\n  did you mean `batch`?
train.batch | many | digits.toml with --set train.batch=many: invalid type: string "many", expected usize
train.batch | 0 | digits.toml with --set train.batch=0: train.batch: expected 1 or more, found 0
train.batch.size | 5 | --set train.batch.size=5: `batch` is not a table with `size`
train.seed | 18446744073709551615 | --set train.seed=18446744073709551615: expected an integer from -2^63 to 2^63 - 1, found 18446744073709551615
model.layers | [{kind="linear",units=9223372036854775808}] | --set model.layers=[{kind="linear",units=9223372036854775808}]: expected an integer from -2^63 to 2^63 - 1, found 9223372036854775808
model.layers | ['flatten',{kind="linear",units=2000000}] | digits.toml with --set model.layers=['flatten',{kind="linear",units=2000000}]: model.layers.2.units: expected 1 to 1048576, found 2000000
train.optimizer | adem | digits.toml with --set train.optimizer=adem: unknown variant `adem`, expected one of OPTIMIZERS\n  did you mean `adam`?
"#;
    for [path, value, message] in cases(table) {
        assert_eq!(set(&[(&path, &value)]).unwrap_err(), message);
    }
}

#[test]
fn every_default_is_written_out_and_read_back() {
    let shown = read(FILE).unwrap().to_text();
    let lines = r#"name = "digits",source = "mnist",order = "shuffled_epochs",report_every = 10"#;
    for line in lines.split(',').chain(["learning_rate = 0.001", "beta2 = 0.999"]) {
        assert!(shown.contains(line), "{line} in\n{shown}");
    }
    let presets = presets::ALL.iter().map(|preset| (preset.name, preset.text));
    for (name, text) in presets.chain([("digits", FILE)]) {
        let experiment = Experiment::parse(&format!("{name}.toml"), text).unwrap();
        let written = experiment.to_text();
        assert_eq!(Experiment::parse("other.toml", &written).unwrap(), experiment, "{written}");
    }
}

#[test]
fn a_layer_that_does_not_fit_is_shown_where_it_stands() {
    let table = r#"
"flatten",\n    { kind = "linear", units = 10 } | «{ kind = "linear", units = 10 }» | layer 3.linear: linear: expected [N, features] (put a flatten layer before it), found [N, 24, 24, 4]
{ kind = "conv2d", filters = 4, kernel = 5 } | «{ kind = "conv2d", filters = 4, kernel = [5, 29] }» | layer 1.conv2d: conv2d: kernel [5, 29] is larger than the padded image [28, 28], found [N, 28, 28, 1]
"relu" | «{ kind = "add", from = "input" }» | layer 2.add: add: expected an output of the shape [N, 24, 24, 4], found [N, 28, 28, 1]
"relu" | { kind = "add", from = [«"b"»] } | model.layers.2.from.1: expected the name of an earlier layer or `input`, found "b"
"relu" | { kind = "relu", from = «"4.linear"» } | model.layers.2.from.1: expected the name of an earlier layer or `input`, found "4.linear", which is layer 4
"relu" | { from = «3», kind = "relu" } | expected the name of a layer or a list of them
"relu" | { name = «"a.b"», kind = "relu" } | model.layers.2.name: expected 1 to 64 letters, digits, `_` or `-`, and not `input`, found "a.b"
"relu" | { kind = "relu", «frm» = "input" } | unknown field `frm`, expected one of `name`, `from`, `freeze`, `learning_rate_factor`\n  did you mean `from`?
{ kind = "conv2d", filters = 4, kernel = 5 } | «"relu"», { kind = "tanh", from = "input" } | model.layers.1: expected a later layer that takes the output of 1.relu, found none
"#;
    assert_shown(table);
    let frozen = FILE.replace("kernel = 5", "kernel = 5, freeze = true");
    let error = read(&frozen.replace("units = 10", "units = 10, freeze = true")).unwrap_err();
    assert!(error.contains("all layers with parameters are frozen"), "{error}");
}

#[test]
fn an_output_that_the_data_does_not_have_is_named_with_both_shapes() {
    let experiment = read(&FILE.replace("units = 10", "units = 12")).unwrap();
    let (objective, labels) = (experiment.train.objective(), graph::Shape::batch([]));
    let model = experiment.model.model::<f32>(Mode::Train, &objective, 10, labels);
    assert_eq!(
        diagnostics::chain(&model.unwrap_err()),
        "the last layer gives [N, 12], but the data has 10 classes or values: expected [N, 10]"
    );
}

#[test]
fn an_experiment_is_written_a_layer_a_line() {
    let text = r#"
[model]
input = [28, 28, 1]
layers = [
  { kind = "conv2d", kernel = 5, filters = 4, freeze = true, name = "a" },
  "relu",
  { kind = "add", from = ["a"] },
  "flatten",
  { kind = "linear", units = 10, learning_rate_factor = 0.5, bias = false },
]

[train]
batch = 100
epochs = 1
"#;
    let written = read(text).unwrap().to_text();
    let expected = r#"
[model]
input = [28, 28, 1]
weight_init = "he_normal"
bias = 0.0
layers = [
  { kind = "conv2d", filters = 4, kernel = 5, stride = 1, padding = "valid", name = "a", freeze = true },
  "relu",
  { kind = "add", from = ["a"] },
  "flatten",
  { kind = "linear", units = 10, bias = false, learning_rate_factor = 0.5 },
]

[train]
l1 = 0.0
"#;
    assert!(written.contains(expected), "{written}");
    for line in [
        "\nloss = { kind = \"cross_entropy\", label_smoothing = 0.0 }\n",
        "\nschedule = { kind = \"constant\", learning_rate = 0.001 }\n",
    ] {
        assert!(written.contains(line), "{written}");
    }
}

#[test]
fn settings_of_a_component_given_by_name_and_of_a_layer_are_replaced() {
    // Of a component that is not in the file the default.
    let changed = set(&[("train.schedule.learning_rate", "0.5")]).unwrap();
    assert_eq!(changed.train.schedule, ConstantRate { learning_rate: 0.5 }.into());
    let changed = set(&[("train.optimizer", "adam"), ("train.optimizer.beta1", "0.5")]).unwrap();
    let adam = nn::optim::adam::Adam { beta1: 0.5, ..Default::default() };
    assert_eq!(changed.train.optimizer, adam.into());
    let changed = set(&[("model.layers.2.name", "act"), ("model.layers.4.units", "12")]).unwrap();
    assert_eq!(changed.model.layers[1].name.as_deref(), Some("act"));
    assert_eq!(changed.model.outputs(), Ok(12));
}
