//! No command line and no setting causes a panic.

use std::fs;
use std::time::{Duration, Instant};

use crate::sandbox::Sandbox;

/// Values of `--set`, between blanks; two apostrophes alone are nothing.
const SETTINGS: &str = r#"
'' = a .=1 ..=1 =1 train=1 train.=1 train..batch=1
model.input=[] model.input=[4294967296,4294967296] model.input=[-1]
model.layers=[] model.layers=['relu','relu'
model.layers=[{kind="linear",units=HUGE}] model.layers=['flatten',{kind="linear",units=HUGE}]
model.layers=[{kind="conv2d",filters=HUGE,kernel=1},'flatten'] model.layers=[{kind="conv2d",filters=1,kernel=HUGE},'flatten']
model.layers=[{kind="conv2d",filters=1,kernel=3,stride=HUGE,padding=HUGE},'flatten']
model.layers=[{kind="conv2d",filters=1,kernel=9,padding=[MOST,MOST,MOST,MOST]},'flatten']
model.layers=[{kind="conv2d",filters=2,kernel=2},{kind="conv2d",filters=2,kernel=2,stride=HUGE},'flatten',{kind="linear",units=3}]
model.layers=[{kind="conv2d",filters=2,kernel=1,stride=HUGE,padding=MOST},'flatten',{kind="linear",units=3}]
model.layers=[{kind="conv2d",filters=800000,kernel=1,padding=16},'relu',{kind="max_pool2d",size=36},'flatten',{kind="linear",units=3}]
model.layers=[{kind="max_pool2d",size=0},'flatten',{kind="linear",units=3}]
model.layers=[{kind="max_pool2d",size=HUGE,stride=HUGE,padding='same'},'flatten',{kind="linear",units=3}]
model.layers=[{kind="dropout",rate=0.999999999},'flatten',{kind="linear",units=3}]
model.weight_init={kind="normal",deviation=1e300} model.weight_init={kind="constant",value=nan} model.bias=1e300
train.batch=0 train.batch=HUGE train.batch=MOST train.batch=13 train.shards=0 train.shards=MOST train.shards=-1 train.shards=4096 train.steps=-1 train.steps=1.5 train.seed=-1
train.evaluate_every=MOST train.report_every=MOST train.l2=1e300 train.l1=nan
train.clip.norm=1e-300 train.clip.value=1e-300 train.loss=hinge train.loss=mean_squared_error
train.optimizer={kind="adam",epsilon=1e-300} train.schedule={kind="step",every=0}
train.schedule={kind="cosine",learning_rate=0.1,steps=0}
data.transforms.arrays=[{kind="divide",by=0}] data.transforms.arrays=[{kind="divide",by=1e-300}] data.transforms.arrays=[{kind="divide",by=1e-45}]
data.transforms.arrays=[{kind="divide",by=inf}] data.transforms.arrays=[{kind="robust_scale"}] data.transforms.arrays=['one_hot'] data.transforms=none data.limit=MOST data.limit=1
data.source=memory data.source={} data.source={kind="idx"} data.source.classes=0 data.source.classes=HUGE
data.source.train_images=.
name= name=. name=.. name=../up name=a/b name=🦀 name='\u0000'
"#;

/// Command lines; behind a bar, the ways in which one may end. Two apostrophes alone are an empty argument.
const LINES: &str = r#"
train | '', ., .toml, nope.toml, folder.toml, bytes.toml, empty.toml, deep.toml, dotted.toml, header.toml, -- --steps, 🦀
train tiny.toml --steps | 0, -1, 18446744073709551615, 1 --epochs 1
train tiny.toml --epochs | nan, inf, 0, 1e-300
train tiny.toml --epochs=-1
train tiny.toml --seed | 9223372036854775807, 18446744073709551615
train tiny.toml --threads | 0, 64, 65535
train tiny.toml --target-accuracy | nan, 2
train tiny.toml --run | '', tiny.toml, tiny.toml/run, /
summary
summary | '', ., tiny.safetensors
eval
eval | '', folder.toml
eval here --data | train-images, here here, train-labels train-images
eval here --mistakes 18446744073709551615
predict
predict here
predict here | '', -, ., nope, here, tiny.toml, bytes.toml, train-labels, train-images, train-images train-images
predict here train-images --top | 0, 18446744073709551615
predict here train-images --output | '', /, nope/out.csv
predict here train-images --set | =, a=1, kinds.x=1, size=[4,4], size=[], delimiter=ab
check tiny.toml --samples | 0, 1000, 65535
check tiny.toml --directions | 0, -1
check tiny.toml | --tolerance x, --every --directions 3, --seed 18446744073709551615
bench tiny.toml --seconds | 0, nan, 1e300
bench tiny.toml --threads 0
explain
explain | '', ( '', 1e999, 1/0, 0^-1, ln(0), ln(-1) --json, √2, --
explain x --at
explain x --at | x, =1, x=1e999, x=1 y=2
explain 1 --at
explain x --at x=1 --wrt | y, '', x,x
explain x --at x=1 --svg | '', /, nope/nope.svg
explain -x --check --hessian --at | x=1, x=1e308, x=[1], x=[], x=[[1]], x=[1,
descend
descend x --from | '', x, x=, x=nan, x=[1], y=1, x=1 x=1, x=1e308 --learning-rate=1e308
descend x --from x=1 | --steps 0, --steps 18446744073709551615, --optimizer sdg, --optimizer '', --learning-rate 0, --learning-rate nan
descend x --from x=1 | --learning-rate 1,2,3 --optimizer sgd,adam, --batch 1, --svg /, --ascend --numerical --json
descend --data | line, square, line x, line --batch 0, line --batch 51, line --batch all,1,10 --learning-rate 1e300
help | train, help me
--version --json
-
"#;

#[test]
fn a_network_that_no_memory_holds_is_refused_with_layer_and_limit() {
    let sandbox = Sandbox::new();
    let layers = "model.layers=[{kind='conv2d',filters=1000000,kernel=1},'relu',{kind='max_pool2d',size=28},\
        'flatten',{kind='linear',units=10}]";
    let ran = sandbox.run(&["train", "softmax", "--set", layers]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    ran.tells(&["1.conv2d", "[N, 28, 28, 1000000]", "a batch of 100", "limit is 17179869184"]);
}

#[test]
fn a_memory_limit_counts_parameters_state_and_values_and_names_the_largest() {
    let sandbox = Sandbox::new();
    let train = "train tiny.toml --set model.layers=['flatten',{kind='linear',units=600},{kind='linear',units=3}]";
    sandbox.succeeds(&format!("{train} --memory-limit 1MiB --run enough"));
    for (limit, bytes) in [("30kB", "30000"), ("1", "1")] {
        let error = sandbox.refused(&format!("{train} --memory-limit {limit} --run too-much"));
        let expected = "2.linear: 2.linear.weight [16, 600] with a batch of 4: ";
        assert!(error.starts_with(expected), "{error}");
        assert!(error.ends_with(&format!(" bytes are needed, the limit is {bytes}\n")), "{error}");
    }
    assert!(!sandbox.path("too-much").exists());
    let error = sandbox.refused("train tiny.toml --memory-limit 2Gb");
    assert!(error.contains("expected a size such as 2GiB, 500MB or 1000000"), "{error}");
}

#[test]
fn a_hundred_thousand_layers_are_refused_at_once_and_at_their_line() {
    let sandbox = Sandbox::new();
    let text = sandbox.read("tiny.toml");
    let more = |n| "layers = [\"flatten\",".to_owned() + &" \"relu\",".repeat(n);
    sandbox.write("deep.toml", text.replace("layers = [\"flatten\",", &more(100_000)));
    sandbox.write("deeper.toml", text.replace("layers = [\"flatten\",", &more(1_000_000)));
    let begin = Instant::now();
    let error = sandbox.refused("train deep.toml");
    let expected = "deep.toml:13:10: model.layers: expected at most 10000 layers, found 100002\n";
    assert!(error.starts_with(expected) && error.len() < 1000, "{error}");
    let error = sandbox.refused("train deeper.toml");
    assert!(
        error.starts_with("deeper.toml: expected a file of at most 1048576 bytes, found one of 8")
    );
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
}

#[test]
fn nothing_that_is_typed_makes_it_panic() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("folder.toml")).unwrap();
    sandbox.write("bytes.toml", [0xff, 0xfe, 0x00]);
    sandbox.write("empty.toml", "");
    sandbox.write("deep.toml", format!("a = {}", "[".repeat(100_000)));
    sandbox.write("dotted.toml", format!("{}a = 1", "a.".repeat(100_000)));
    sandbox.write("header.toml", format!("[{}a]", "a.".repeat(100_000)));
    sandbox.succeeds("train tiny.toml --run here");
    let long = "x".repeat(100_000);
    let named = |line: &str| {
        line.replace("HUGE", "1000000000000000000").replace("MOST", &i64::MAX.to_string())
    };
    let word = |word: &str| if word == "''" { String::new() } else { named(word) };
    let settings = SETTINGS.split_whitespace().map(word);
    let settings = settings.chain([format!("name={long}"), format!("{}a=1", "a.".repeat(40_000))]);
    let formulas = [
        "(".repeat(50_000),
        "2^".repeat(5_000) + "2",
        "-".repeat(50_000) + "1",
        "1+".repeat(50_000) + "1",
        (0..2_000).map(|i| format!("x{i}")).collect::<Vec<_>>().join("*"),
        long.clone(),
    ];
    let own = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let lines = LINES.trim().lines().flat_map(|line| {
        let (start, ends) = line.split_once(" | ").unwrap_or((line, ""));
        ends.split(", ").map(move |end| format!("{start} {end}"))
    });
    let lines = lines.map(|line| line.split_whitespace().map(word).collect());
    let lines = lines
        .chain(settings.map(|setting| own(&["train", "tiny.toml", "--set", &setting])))
        .chain(formulas.iter().map(|formula| own(&["explain", formula])))
        .chain([own(&["train", &long]), own(&["train", "tiny.toml", "--run", &long])]);

    let mut wrong = Vec::new();
    for line in lines {
        let ran = sandbox.run(&line);
        let is_panic = ran.err.contains("panicked") || ran.err.contains("overflow");
        if is_panic || !matches!(ran.code, Some(0..=2)) {
            let start = |text: &str, most| text.chars().take(most).collect::<String>();
            let (line, err) = (start(&line.join(" "), 120), start(&ran.err, 300));
            wrong.push(format!("{line}: {:?} {err}", ran.code));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(!sandbox.path("../up-1").exists(), "a run stays in its folder");
}

#[cfg(unix)]
#[test]
fn arguments_that_are_not_utf8_are_refused() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    let sandbox = Sandbox::new();
    let bytes = OsStr::from_bytes(b"\xff.toml");
    for command in ["train", "summary", "eval", "predict"] {
        let ran = sandbox.run(&[OsStr::new(command), bytes]);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(!ran.err.contains("panicked"), "{ran:?}");
    }
}
