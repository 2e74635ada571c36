//! The commands that do not train: `presets`, `summary`, `eval`, `check`, `explain`, `bench`.

use std::fs;

use gradus::runs::presets::{self, Preset};
use serde_json::Value;

use crate::sandbox::Sandbox;

#[test]
fn the_name_alone_prints_the_guide() {
    let ran = Sandbox::new().line("");
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    ran.tells(&["Usage: gradus", "train ", "explain ", "Getting started:", "gradus train "]);
    ran.tells(&["Exit codes: 0 success"]);
}

#[test]
fn presets_are_listed_with_what_was_published() {
    let ran = Sandbox::new().line("presets");
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines: Vec<String> = ran.out.lines().map(words).collect();
    assert_eq!((ran.code, lines.len()), (Some(0), 1 + presets::ALL.len()));
    assert_eq!(lines[0], "preset data network parameters published source");
    let softmax =
        "softmax mnist 28x28x1 → 784 → 10 7,850 0.9268 best codelab, mnist_1.0_softmax.py";
    assert_eq!(lines[1], softmax);
    let bn_conv = "bn-conv mnist 28x28x1 → 28x28x24 → 14x14x48 → 7x7x64 → 3136 → 200 → 10 708,362 0.9955 best";
    assert!(lines[9].starts_with(bn_conv), "{}", lines[9]);
}

#[test]
fn data_is_described_and_drawn() {
    let sandbox = Sandbox::new();
    let described = "\
source  idx
sample  [4, 4, 1], bytes from 0 to 200, divided by 255

part   samples  of each class
train       12  0: 4  1: 4  2: 4
test         6  0: 2  1: 2  2: 2
";
    let ran = sandbox.line("data tiny.toml");
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), described), "{}", ran.err);
    let list = "data.augment=['flip',{kind='shift',pixels=1}]";
    let ran = sandbox.line(&format!("data tiny.toml --set {list} --json"));
    let report = ran.json();
    assert_eq!(report["augment"], serde_json::json!(["flip", "shift"]));
    assert_eq!(report["parts"][1]["classes"], serde_json::json!([2, 2, 2]));
    assert_eq!(report["range"], serde_json::json!([0.0, 200.0]));
    // Width and height of a PNG are big-endian after 16 bytes; a sample of 4 × 4 takes 64 × 64 pixels, and 2 of gap.
    let size = |file: &str| {
        let png = fs::read(sandbox.path(file)).unwrap();
        assert!(png.starts_with(b"\x89PNG"));
        [16, 20].map(|at| u32::from_be_bytes(png[at..at + 4].try_into().unwrap()))
    };
    sandbox.succeeds("data tiny.toml --png plain.png");
    assert_eq!(size("plain.png"), [3 * 66 - 2, 4 * 66 - 2]);
    sandbox.succeeds(&format!("data tiny.toml --augment --png augmented.png --set {list}"));
    assert_eq!(size("augmented.png"), [10 * 66 - 2, 10 * 66 - 2]);
    let ran = sandbox.line("data tiny.toml --augment --png none.png");
    assert_eq!(ran.code, Some(2));
    ran.tells(&[
        "--augment: expected an experiment with augmentations, found none",
        "--set 'data.augment=",
    ]);
    let regression = "[data]\nsource = { kind = 'matrix_exponential', samples = 10 }\n\
        [model]\ninput = [4]\nlayers = [{ kind = 'linear', units = 4 }]\n\
        [train]\nloss = 'mean_squared_error'\nsteps = 1\nbatch = 5\n";
    sandbox.write("matrices.toml", regression);
    sandbox
        .line("data matrices.toml")
        .tells(&["[4], real numbers from -", "values instead of classes"]);
    let ran = sandbox.line("data matrices.toml --png none.png");
    assert_eq!(ran.code, Some(2));
    ran.tells(&[
        "--png: expected samples of [rows, columns, channels] with 1 or 3 channels, found [4]",
    ]);
}

#[test]
fn a_network_is_summed_up_from_a_preset_a_file_a_run_and_a_model() {
    let table = "\
layer      output        parameters  multiply-adds
input      [N, 4, 4, 1]
1.flatten  [N, 16]
2.linear   [N, 3]                51             48
total                            51             48
";
    let sandbox = Sandbox::new();
    sandbox.succeeds("train tiny.toml --run here");
    for network in ["tiny.toml", "here", "here/checkpoints/last.safetensors"] {
        let ran = sandbox.line(&format!("summary {network}"));
        assert_eq!((ran.code, ran.out.as_str()), (Some(0), table), "{network}: {}", ran.err);
    }
    let preset = sandbox.line("summary conv-dropout").out;
    assert!(preset.lines().last().is_some_and(|line| line.contains("244,076")), "{preset}");
}

#[test]
fn a_network_with_branches_is_drawn() {
    let sandbox = Sandbox::new();
    let layers = r#"[
        { kind = "conv2d", filters = 2, kernel = 3, padding = "same", name = "stem", freeze = true },
        { kind = "conv2d", filters = 2, kernel = 3, padding = "same" },
        "relu",
        { kind = "add", from = "stem" },
        "flatten",
        { kind = "linear", units = 3, learning_rate_factor = 0.1 },
    ]"#;
    let tiny = sandbox.read("tiny.toml");
    let residual = tiny.replace(r#"["flatten", { kind = "linear", units = 3 }]"#, layers);
    sandbox.write("residual.toml", residual);
    let table = "\
layer               output        parameters  multiply-adds
○    input          [N, 4, 4, 1]
●    stem (conv2d)  [N, 4, 4, 2]          20            288  frozen
├─╮
● │  2.conv2d       [N, 4, 4, 2]          38            576
● │  3.relu         [N, 4, 4, 2]
●─╯  4.add          [N, 4, 4, 2]
●    5.flatten      [N, 32]
●    6.linear       [N, 3]                99             96  rate × 0.1
total                                    157            960
";
    let ran = sandbox.line("summary residual.toml --svg network.svg");
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), table), "{}", ran.err);
    let picture = sandbox.read("network.svg");
    assert_eq!(picture.matches("class=\"edge\"").count(), 7, "{picture}");
    let ran = sandbox.line("summary residual.toml --dot");
    ran.tells(&["digraph \"residual.toml\" {", "n1 -> n4 [label=\"[N, 4, 4, 2]\"];"]);
    let ran = sandbox.line("summary residual.toml --svg nowhere/network.svg");
    assert_eq!(ran.code, Some(2));
    ran.tells(&["writing nowhere/network.svg"]);
}

#[test]
fn a_run_and_its_file_are_measured_alike() {
    let sandbox = Sandbox::new();
    // So small a rate that the weights stay 0: all classes are equally likely, and the first is taken.
    let train = "train tiny.toml --set train.schedule.learning_rate=1e-300 --run here";
    sandbox.succeeds(train);
    let report = "\
data                        test-images
samples                     6
loss                        1.0986
accuracy                    0.3333 (4 misclassified)
balanced accuracy           0.3333
precision macro             0.1111
precision weighted          0.1111
recall macro                0.3333
recall weighted             0.3333
f1 macro                    0.1667
f1 weighted                 0.1667
roc auc                     0.5000
average precision           0.3333
log loss                    1.0986
brier score                 0.6667
expected calibration error  0.0000

each class:
class  samples  predicted  precision  recall      f1  roc auc  average precision
0            2          6     0.3333  1.0000  0.5000   0.5000             0.3333
1            2          0     0.0000  0.0000  0.0000   0.5000             0.3333
2            2          0     0.0000  0.0000  0.0000   0.5000             0.3333

confusion matrix (rows: label, columns: prediction):
   0  1  2
0  2  0  0
1  2  0  0
2  2  0  0

worst mistakes, by probability of the true class:
sample  label  predicted  predicted probability  label probability
     1      1          0                 0.3333             0.3333
     2      2          0                 0.3333             0.3333
";
    for model in ["here", "here/checkpoints/last.safetensors"] {
        let ran = sandbox.line(&format!("eval {model} --mistakes 2"));
        assert_eq!((ran.code, ran.out.as_str()), (Some(0), report), "{}", ran.err);
    }
    let other =
        sandbox.line("eval here --data train-images train-labels --json --mistakes 0").json();
    assert_eq!((&other["data"], &other["samples"]), (&"train-images".into(), &12.into()));
    assert_eq!(other["confusion"], serde_json::json!([[4, 0, 0], [4, 0, 0], [4, 0, 0]]));
    assert_eq!(other["worst_mistakes"], serde_json::json!([]));
}

#[test]
fn two_classes_by_one_output_have_a_matrix_of_two_rows() {
    let sandbox = Sandbox::new();
    for set in ["train-labels", "test-labels"] {
        // Dark and bright, after a header of eight bytes.
        let mut labels = fs::read(sandbox.path(set)).unwrap();
        labels[8..].iter_mut().for_each(|label| *label = (*label).min(1));
        sandbox.write(set, labels);
    }
    let one = "--set model.layers=['flatten',{kind='linear',units=1}] --set data.source.classes=2";
    let train = format!("train tiny.toml {one} --set train.schedule.learning_rate=1e-300");
    let report = "\
confusion matrix (rows: label, columns: prediction):
   0  1
0  2  0
1  4  0

worst mistakes, by probability of the true class:
sample  label  predicted  predicted probability  label probability
     1      1          0                 0.5000             0.5000
";
    sandbox.succeeds(&format!("{train} --set train.loss=binary_cross_entropy --run here"));
    for data in ["", "--data test-images test-labels"] {
        let ran = sandbox.line(&format!("eval here --mistakes 1 {data}"));
        assert!(ran.out.ends_with(report), "{}", ran.out + &ran.err);
    }
    let error = sandbox.refused(&train);
    assert!(error.contains("one output for two classes, such as binary_cross_entropy"), "{error}");
}

#[test]
fn a_loss_without_probabilities_shows_scores() {
    let sandbox = Sandbox::new();
    let train = "train tiny.toml --set train.schedule.learning_rate=1e-300 \
        --set train.loss=hinge --run here";
    sandbox.succeeds(train);
    let ran = sandbox.line("eval here --mistakes 1");
    let mistake = "\
sample  label  predicted  predicted score  label score
     1      1          0           0.0000       0.0000
";
    assert!(ran.out.ends_with(mistake), "{}", ran.out);
    let json = sandbox.line("eval here --json").json();
    let first = &json["worst_mistakes"][0];
    assert_eq!((&first["label_probability"], &first["label_score"]), (&Value::Null, &0.0.into()));
}

#[test]
fn gradients_are_checked_and_a_threshold_that_is_missed_exits_1() {
    let sandbox = Sandbox::new();
    // The others need data that may not be installed.
    let has_data = |preset: &&Preset| preset.experiment().data.source.name() == "mnist";
    let presets = presets::ALL.iter().filter(has_data);
    let presets = presets.map(|preset| format!("check {}", preset.name));
    for line in presets.chain(["check tiny.toml --every".to_owned()]) {
        let ran = sandbox.succeeds(&line);
        let parameters = ran.out.lines().filter(|line| line.ends_with("  ok")).count();
        let last = format!("all {parameters} gradients agree within 1e-6");
        assert_eq!(ran.out.lines().last(), Some(&last[..]), "{line}");
        assert_eq!(
            ran.out.lines().count(),
            parameters + 2,
            "a heading, a line for each, a verdict"
        );
    }
    for tolerance in ["0", "nan", "-1"] {
        let ran = sandbox.line(&format!("check tiny.toml --tolerance={tolerance}"));
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.out.contains("FAIL"), "{}", ran.out);
    }
}

#[test]
fn frozen_parameters_are_named_and_not_checked() {
    let sandbox = Sandbox::new();
    let layers =
        r#""flatten", { kind = "linear", units = 5, name = "features", freeze = true }, "tanh","#;
    let text = sandbox.read("tiny.toml").replacen(r#""flatten","#, layers, 1);
    sandbox.write("frozen.toml", text.replacen("value = 0", "value = 0.1", 1));
    let ran = sandbox.succeeds("check frozen.toml");
    for name in ["features.weight", "features.bias"] {
        let line = ran.out.lines().find(|line| line.starts_with(name)).unwrap();
        assert!(line.ends_with("frozen: has no gradient"), "{}", ran.out);
    }
    let last = "all 2 gradients agree within 1e-6; 2 parameters are frozen";
    assert_eq!(ran.out.lines().last(), Some(last));
}

#[test]
fn ties_before_a_pool_are_not_differentiable_and_not_wrong() {
    let sandbox = Sandbox::new();
    // Every window of the pool sees equal values: a step in any direction changes the winners.
    let layers = r#"{ kind = "conv2d", filters = 2, kernel = 3, padding = "same" }, { kind = "max_pool2d", size = 2 }, "flatten","#;
    let text = sandbox.read("tiny.toml").replacen(r#""flatten","#, layers, 1);
    sandbox.write("ties.toml", text);
    let ran = sandbox.line("check ties.toml");
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let line = |name: &str| ran.out.lines().find(|line| line.starts_with(name)).unwrap();
    let verdict = "not differentiable here (ties): nothing compared";
    assert!(line("1.conv2d.weight").ends_with(verdict), "{}", ran.out);
    assert!(line("4.linear.bias").ends_with("  ok"), "{}", ran.out);
    let last = ran.out.lines().last().unwrap();
    assert!(last.contains("gradients agree within 1e-6, 1 could not be compared"), "{last}");
    // A gradient that is wrong beside it is not hidden.
    let ran = sandbox.line("check ties.toml --tolerance=0");
    assert_eq!(ran.code, Some(1), "{ran:?}");
}

#[test]
fn g9_two_apples_at_ten_pay_22() {
    let sandbox = Sandbox::new();
    let ran =
        sandbox.run(&["explain", "(apple*count)*tax", "--at", "apple=10", "count=2", "tax=1.1"]);
    let table = "\
#  operation      value  gradient
0  apple             10       2.2
1  count              2        11
2  apple · count     20       1.1
3  tax              1.1        20
4  #2 · tax          22         1

result = 22
";
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), table));
}

#[test]
fn a_formula_is_explained_in_json_and_a_mistake_in_it_is_shown() {
    let sandbox = Sandbox::new();
    let circuit = "1/(1+exp(-(w0*x0+w1*x1+w2)))";
    let at = ["--at", "w0=2", "x0=-1", "w1=-3", "x1=-2", "w2=-3", "--json"];
    let ran = sandbox.run(&[&["explain", circuit], &at[..]].concat());
    let object = ran.json();
    assert!((object["result"].as_f64().unwrap() - 0.731_058_578_63).abs() < 1e-10, "{object}");
    let ran = sandbox.run(&["explain", "(apple*cuont", "--at", "apple=1"]);
    assert_eq!(ran.code, Some(2));
    let message = "\
error: expected an operator or `)`, found the end of the formula

(apple*cuont
            ^
";
    assert_eq!(ran.err, message);
}

#[test]
fn speed_is_measured() {
    let ran = Sandbox::new().line("bench tiny.toml --seconds 0.05 --threads 2 --json");
    let report = ran.json();
    assert_eq!((&report["network"], &report["threads"]), (&"tiny".into(), &2.into()));
    let numbers = "samples_per_second inference_samples_per_second gflops peak_gflops fraction_of_peak \
        bandwidth_gbytes_per_second startup_seconds";
    for number in numbers.split(' ') {
        assert!(report[number].as_f64() > Some(0.0), "{number} in {report}");
    }
    for batch in ["1", "100", "1000"] {
        assert!(report["inference_seconds"][batch].as_f64() > Some(0.0), "{batch} in {report}");
    }
    assert_eq!(report["allocations_per_step"], 0.0);
    assert!(report["update_us"].as_f64() >= Some(0.0), "{report}");
    let layers = report["layers"].as_array().unwrap();
    let names: Vec<_> = layers.iter().map(|layer| layer["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["the data", "1.flatten", "2.linear", "loss"]);
    for time in ["forward_us", "backward_us"] {
        assert!(layers[2][time].as_f64() > Some(0.0), "{time} in {report}");
    }
}

#[test]
fn speed_is_printed_as_text() {
    let ran = Sandbox::new().succeeds("bench tiny.toml --seconds 0.05 --threads 1");
    let memory =
        ["network    tiny, 1 threads, ", " GB/s read\n", "           0 allocations per step\n"];
    ran.tells(&memory);
    let header = "\nµs per step, all threads  forward  backward\nthe data ";
    ran.tells(&[" µs for a batch of 1000\n", header, "\nupdate "]);
}

#[test]
fn a_plan_is_printed_instead_of_measuring() {
    let ran = Sandbox::new().succeeds("bench tiny.toml --plan");
    ran.tells(&["batch 4: 1 tiles of width 4, 4 samples each\n", "\nbytes: "]);
    ran.tells(&[
        "chunks of gradients\n  2.linear.weight ",
        "forward   the data              load input",
    ]);
    ran.tells(&["forward   2.linear      ", "backward  2.linear      "]);
    assert!(!ran.out.contains("samples/s"), "{}", ran.out);
}

#[test]
fn a_closed_output_is_not_an_error() {
    let sandbox = Sandbox::new();
    let lines = "|presets|summary softmax|explain 1+1|check tiny.toml|train tiny.toml --json";
    for line in lines.split('|') {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let args: Vec<&str> = line.split_whitespace().collect();
        let output = sandbox.command(&args).stdout(writer).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{line}: {err}");
        assert!(!err.contains("error"), "{line}: {err}");
    }
    let names = ["best", "last", "step-000000", "step-000003"];
    let names = names.map(|name| format!("{name}.safetensors"));
    assert_eq!(sandbox.list("runs/tiny-1/checkpoints"), names);
}
