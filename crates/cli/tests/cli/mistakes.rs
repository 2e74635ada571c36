//! Usage errors and bad input: exit code 2, with what was found and what was expected.

use std::fs;

use crate::sandbox::Sandbox;

/// Expects exit 2 and this error.
#[track_caller]
fn assert_refused(sandbox: &Sandbox, line: &str, message: &str) {
    let error = sandbox.refused(line);
    assert!(error.starts_with(message), "{line}: {error}\nis not\n{message}");
}

/// Expects the error of each line of a table, in which `\n` is a line break.
#[track_caller]
fn assert_all_refused(sandbox: &Sandbox, table: &str) {
    for case in table.trim().lines() {
        let (line, message) = case.split_once(" | ").unwrap();
        assert_refused(sandbox, line, &message.replace(r"\n", "\n"));
    }
}

#[test]
fn unknown_names_are_refused_with_the_nearest_known_one() {
    let sandbox = Sandbox::new();
    let changed = |file: &str, from: &str, to: &str| {
        let text = sandbox.read("tiny.toml");
        assert!(text.contains(from), "{from}");
        sandbox.write(file, text.replacen(from, to, 1));
    };
    changed("key.toml", "batch = 4", "bach = 4");
    changed("layer.toml", r#""flatten""#, r#""flaten""#);
    changed("value.toml", r#""sgd""#, r#""sdg""#);
    let table = r"
train softmx | unknown preset `softmx`; did you mean `softmax`?\n  expected a file ending in .toml or one of softmax,
summary conv-dropuot | unknown preset `conv-dropuot`; did you mean `conv-dropout`?
train key.toml | key.toml:18:1: unknown field `bach`, expected one of `loss`,
check layer.toml | layer.toml:13:11: unknown variant `flaten`, expected one of `linear`,
bench value.toml | value.toml:16:13: unknown variant `sdg`, expected one of `sgd`,
train tiny.toml --set train.optimiser=sgd | tiny.toml with --set train.optimiser=sgd: unknown field `optimiser`,
trian | unrecognized subcommand 'trian'\n\n  tip: a similar subcommand exists: 'train'
train --treads 2 | unexpected argument '--treads' found\n\n  tip: a similar argument exists: '--threads'
";
    assert_all_refused(&sandbox, table);
    let layers =
        "13 | layers = [\"flaten\", { kind = \"linear\", units = 3 }]\n   |           ^^^^^^^^";
    for (file, name, excerpt) in [
        ("key", "batch", "18 | bach = 4\n   | ^^^^"),
        ("layer", "flatten", layers),
        ("value", "sgd", "16 | optimizer = \"sdg\"\n   |             ^^^^^"),
    ] {
        let error = sandbox.refused(&format!("train {file}.toml"));
        let end = format!("\n  did you mean `{name}`?\n   |\n{excerpt}\n");
        assert!(error.ends_with(&end), "{error}");
    }
    assert!(sandbox.list("runs").is_empty(), "nothing is left behind");
}

#[test]
fn a_shape_that_does_not_fit_is_refused_before_any_data_is_read() {
    let sandbox = Sandbox::new();
    fs::remove_file(sandbox.path("train-images")).unwrap();
    let kernel =
        "model.layers=[{kind='conv2d',filters=2,kernel=[3,5]},'flatten',{kind='linear',units=3}]";
    let message = "layer 1.conv2d: conv2d: kernel [3, 5] is larger than the padded image [4, 4], found [N, 4, 4, 1]";
    for command in ["train", "check", "bench"] {
        let set = format!("tiny.toml --set {kernel}");
        assert_refused(
            &sandbox,
            &format!("{command} {set}"),
            &format!("{}: {message}", set.replacen("--set", "with --set", 1)),
        );
    }
    let rows = "tiny.toml with --set model.layers=[{kind='linear',units=3}]: layer 1.linear: linear: expected [N, features] (put a flatten layer before it), found [N, 4, 4, 1]";
    let layers = "train tiny.toml --set model.layers=[{kind='linear',units=3}]";
    assert_refused(&sandbox, layers, rows);
    let data = Sandbox::new();
    let table = "
train tiny.toml --set model.layers=['flatten',{kind='linear',units=4}] | the last layer gives [N, 4], but the data has 3 classes or values: expected [N, 3]
train tiny.toml --set model.input=[4,5,1] | model.input is [4, 5, 1], but a sample of the training set is [4, 4, 1]
";
    assert_all_refused(&data, table);
    assert!(data.list("runs").is_empty());
}

#[test]
fn files_that_are_cut_or_foreign_are_named_and_nothing_is_half_read() {
    // Of each file so many bytes are kept, and others written behind them.
    let table = "
train-images | 0 | <!DOCTYPE html><title>404</title> | expected an IDX file of images (0x00000803), found what looks like a web page
test-images | 0 | \0\0\x08\x01\0\0\0\x01\x07 | expected an IDX file of images (0x00000803), found an IDX file of labels
train-images | 100 |  | ends after 100 bytes, expected 208
train-images | 10 |  | ends after 10 bytes, expected 16
test-labels | 11 |  | ends after 11 bytes, expected 14
train-labels | 0 | class,pixel | expected an IDX file of labels (0x00000801), found text (0x636c6173)
test-images | 112 | \0 | expected 112 bytes as the header says, found more
test-labels | 9 | \x03\x02\0\x01\x02 | label 3 at index 1, expected below 3
";
    for case in table.trim().lines() {
        let [file, kept, added, message] = case.split(" | ").collect::<Vec<_>>()[..] else {
            panic!("{case}")
        };
        let sandbox = Sandbox::new();
        let kept = &fs::read(sandbox.path(file)).unwrap()[..kept.parse().unwrap()];
        sandbox.write(file, [kept, added.as_bytes()].concat());
        assert_refused(&sandbox, "train tiny.toml", &format!("{file}: {message}"));
        assert!(sandbox.list("runs").is_empty());
    }
    let sandbox = Sandbox::new();
    fs::remove_file(sandbox.path("test-images")).unwrap();
    assert_refused(&sandbox, "train tiny.toml", "test-images: ");
}

#[test]
fn a_validation_set_that_cannot_be_is_refused_with_the_reason() {
    let sandbox = Sandbox::new();
    let size = "data.validation: expected a number of samples, 1 or more, or a fraction above 0 and below 1, found";
    let table = "
0 | PATH: SIZE 0
-3 | PATH: SIZE -3.0
0.0 | PATH: SIZE 0.0
1.0 | PATH: SIZE 1.0
-0.5 | PATH: SIZE -0.5
nan | PATH: SIZE NaN
many | PATH: expected a number of samples or a fraction between 0 and 1
12 | data.validation: expected at most 9 of the 12 training samples, found 12
13 | data.validation: expected at most 9 of the 12 training samples, found 13
0.9 | data.validation: expected at most 9 of the 12 training samples, found 11
2 | data.validation: class 2 has no sample among the 2 of the validation set, expected at least one in the training and in the validation set
";
    for case in table.trim().lines() {
        let (value, message) = case.split_once(" | ").unwrap();
        let set = format!("tiny.toml --set data.validation={value}");
        let path = set.replacen("--set", "with --set", 1);
        let message = message.replace("PATH", &path).replace("SIZE", size);
        assert_refused(&sandbox, &format!("train {set}"), &message);
    }
    let source = "[data.source]";
    let tiny =
        sandbox.read("tiny.toml").replace(source, &format!("data.validation = 12\n{source}"));
    sandbox.write("all.toml", tiny);
    let excerpt = "\n  |\n2 | data.validation = 12\n  |                   ^^\n";
    let most = "data.validation: expected at most 9 of the 12 training samples, found 12";
    assert_refused(&sandbox, "train all.toml", &format!("all.toml:2:19: {most}{excerpt}"));
    let metric = "--set train.early_stopping.metric=recall";
    let known = "train.early_stopping.metric: expected one of loss, accuracy, found \"recall\"\n";
    assert_refused(&sandbox, &format!("train tiny.toml {metric}"), known);
    let digits = "train softmax --set data.validation";
    let message =
        "data.validation: expected at most 59999 of the 60000 training samples, found 60000\n";
    assert_refused(&sandbox, &format!("{digits}=60000"), message);
    let message = "data.validation: class 0 has no sample among the 2 of the validation set";
    assert_refused(&sandbox, &format!("{digits}=2"), message);
    assert!(sandbox.list("runs").is_empty(), "nothing is left behind");
}

#[test]
fn a_training_file_that_is_named_as_test_file_is_noticed() {
    let sandbox = Sandbox::new();
    // Every image is another one.
    let mut images = fs::read(sandbox.path("train-images")).unwrap();
    images[16..].iter_mut().zip(0..).for_each(|(pixel, i)| *pixel = i);
    sandbox.write("train-images", images);
    let set =
        "--set data.source.test_images=train-images --set data.source.test_labels=train-labels";
    let message = "3 of 3 validation samples are in the test set as well: expected a test set with samples of its \
        own; is a training file named as test file?\n";
    assert_refused(&sandbox, &format!("train tiny.toml {set} --set data.validation=3"), message);
    sandbox.succeeds(&format!("train tiny.toml {set}"));
}

#[test]
fn files_that_are_not_models_are_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("half.safetensors", [7; 20]);
    let table = "
eval . | .: expected a run directory with checkpoints/last.safetensors, found a directory without it
eval tiny.toml | tiny.toml: expected a safetensors file, found another format or a damaged file:
summary half.safetensors | half.safetensors: expected a safetensors file
eval nothing | nothing:
";
    assert_all_refused(&sandbox, table);
}

#[test]
fn an_instruction_set_that_the_machine_does_not_have_is_refused() {
    let sandbox = Sandbox::new();
    let run = |isa: &str| {
        let mut command = sandbox.command(&["bench", "tiny.toml", "--seconds", "0.01", "--json"]);
        command.env("GRADUS_ISA", isa).output().unwrap()
    };
    let refused = run("sse9");
    let message = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{message}");
    let expected = "error: GRADUS_ISA: expected one that this machine has";
    assert!(message.starts_with(expected), "{message}");
    let portable = run("portable");
    assert!(String::from_utf8_lossy(&portable.stdout).contains("\"isa\":\"portable\""));
}

#[test]
fn settings_that_would_only_fail_later_are_refused_where_they_stand() {
    let sandbox = Sandbox::new();
    let tiny = sandbox.read("tiny.toml");
    sandbox.write("seed.toml", tiny.replace("steps = 5", "seed = 18446744073709551615\nsteps = 5"));
    sandbox.write("units.toml", tiny.replace("units = 3", "units = 10000000"));
    sandbox.write("utf16.toml", tiny.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>());
    let norm = "model.layers=['flatten',{kind='batch_norm'},{kind='linear',units=3}]";
    let table = r"
train seed.toml | seed.toml:19:8: expected an integer from -2^63 to 2^63 - 1, found 18446744073709551615\n
train units.toml | units.toml:13:49: model.layers.2.units: expected 1 to 1048576, found 10000000\n
summary utf16.toml | utf16.toml: is UTF-16; save it as UTF-8\n
train tiny.toml --set NORM --set train.batch=1 | layer 2.batch_norm: with a batch of 1 each channel has one value, and one value has no variance; expected a batch of 2 or more\n
check tiny.toml --set NORM --samples 1 | layer 2.batch_norm: with a batch of 1 each channel has one value
";
    assert_all_refused(&sandbox, &table.replace("NORM", norm));
    assert!(sandbox.list("runs").is_empty(), "nothing is left behind");
    // One sample at a time is evaluated with the running statistics.
    sandbox.succeeds(&format!("train tiny.toml --set {norm} --run norm"));
    sandbox.succeeds("eval norm");
}

#[test]
fn what_does_not_fit_the_data_or_the_memory_is_shown_at_its_line() {
    let sandbox = Sandbox::new();
    let tiny = sandbox.read("tiny.toml");
    let linear = "{ kind = \"linear\", units = 3 }";
    let wide = "{ kind = \"linear\", units = 600 },\n  { kind = \"linear\", units = 3 }";
    for (from, to, args, place, message) in [
        ("units = 3", "units = 4", "", "13:22", "the last layer gives [N, 4], but the data has 3"),
        (
            "[4, 4, 1]",
            "[4, 5, 1]",
            "",
            "11:9",
            "model.input is [4, 5, 1], but a sample of the training set",
        ),
        ("batch = 4", "batch = 13", "", "18:9", "train.batch: expected at most the 12 samples"),
        ("[model]", "[model]\nstart = 'none'", "", "11:9", "model.start: none: No such file"),
        (
            linear,
            wide,
            "--memory-limit 30kB",
            "13:22",
            "2.linear: 2.linear.weight [16, 600] with a batch of 4: ",
        ),
        // Other settings of the command line leave the place as it is.
        (
            linear,
            wide,
            "--memory-limit 30kB --steps 2 --seed 1",
            "13:22",
            "2.linear: 2.linear.weight",
        ),
        (
            "steps = 5",
            "steps = 5",
            "--set train.batch=13",
            "",
            "train.batch: expected at most the 12 samples",
        ),
    ] {
        assert!(tiny.contains(from), "{from}");
        sandbox.write("misfit.toml", tiny.replacen(from, to, 1));
        let error = sandbox.refused(&format!("train misfit.toml {args}"));
        let place = if place.is_empty() { String::new() } else { format!("misfit.toml:{place}: ") };
        assert!(error.starts_with(&format!("{place}{message}")), "{args}: {error}");
        if args.is_empty() {
            let bench = sandbox.refused("bench misfit.toml");
            assert!(bench.starts_with(&format!("{place}{message}")), "bench: {bench}");
        }
    }
    assert!(sandbox.list("runs").is_empty(), "nothing is left behind");
}

#[test]
fn settings_and_data_that_are_probably_mistakes_are_pointed_out() {
    let sandbox = Sandbox::new();
    let norm = "model.layers=['flatten',{kind='batch_norm',momentum=0.1},{kind='linear',units=3}]";
    let one = "--set data.limit=1 --set train.batch=1";
    let ran = sandbox.line(&format!("train tiny.toml --set {norm} {one}"));
    assert!(ran.err.starts_with("warning: layer 2.batch_norm: momentum 0.1: "), "{}", ran.err);
    let four = "--set data.source.classes=4 --set model.layers=['flatten',{kind='linear',units=4}]";
    let ran = sandbox.succeeds(&format!("train tiny.toml --set data.limit=4 {four}"));
    assert!(ran.err.starts_with("warning: train-images: class 3 has no sample\n"), "{}", ran.err);
    // All images of a class are the same one.
    let ran = sandbox.succeeds("train tiny.toml --set data.validation=3");
    let warning = "warning: 3 of 3 validation samples are in the test set as well\n";
    assert!(ran.err.starts_with(warning), "{}", ran.err);
}
