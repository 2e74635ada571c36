//! Pictures as data: transforms bring them to one form, in training and in predictions.

use std::fs;

use crate::predictions::picture;
use crate::sandbox::Sandbox;

/// Twelve dark and twelve bright pictures, of which every sixth is large: paths and bytes.
fn pets() -> impl Iterator<Item = (String, Vec<u8>)> {
    (0..24_u32).map(|i| {
        let size = if i % 6 == 0 { [30 + i, 70] } else { [12, 10] };
        let (class, grey) = [("dark", 10), ("bright", 200)][i as usize % 2];
        (format!("{class}/{i:02}.png"), picture(size, grey + i as u8))
    })
}

/// A folder `pets`, with a folder for each class.
fn with_pets() -> Sandbox {
    let sandbox = Sandbox::new();
    for class in ["dark", "bright"] {
        fs::create_dir_all(sandbox.path("pets").join(class)).unwrap();
    }
    pets().for_each(|(file, bytes)| sandbox.write(&format!("pets/{file}"), bytes));
    sandbox
}

/// The classes that are predicted, in order.
fn predicted(out: &str) -> Vec<&str> {
    out.lines().skip(1).map(|line| line.split(',').nth(1).unwrap()).collect()
}

#[test]
fn pictures_of_any_size_are_brought_to_one_by_the_transforms_of_the_model() {
    let sandbox = with_pets();
    let ran = sandbox.succeeds("train --data pets --threads 1 --set train.epochs=20");
    ran.tells(&[
        "size 10 x 12, as 20 of 24 have; others are scaled to cover that and cut at both sides",
        "target   class (2 classes)",
        "19 training, 5 test",
    ]);
    let text = sandbox.read("runs/pets-1.toml");
    for line in [
        "arrays = [{ kind = \"resize\", size = [12, 10] }, { kind = \"divide\" }]\n",
        "input = [12, 10, 1]\n",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    // Another size is the change of a line, and other pictures are brought to it.
    let list = "data.transforms.arrays=[{ kind = 'resize', size = [9, 11] }, { kind = 'crop', size = [9, 9] }, \
                { kind = 'gray' }, { kind = 'divide' }]";
    let train = |threads: &str, run: &str| {
        let args = ["train", "runs/pets-1.toml", "--set", list, "--set", "model.input=[9, 9, 1]"];
        let more = ["--steps", "300", "--json", "--threads", threads, "--run", run];
        let ran = sandbox.run(&[&args[..], &more].concat());
        assert_eq!(ran.code, Some(0), "{ran:?}");
        ran.json()["weights_digest"].clone()
    };
    assert_eq!(train("1", "one"), train("2", "two"));
    sandbox.write("night.png", picture([100, 300], 15));
    sandbox.write("day.png", picture([9, 11], 220));
    let out = sandbox.succeeds("predict one night.png day.png --top 1 --threads 1").out;
    assert_eq!(predicted(&out), ["dark", "bright"]);
    assert_eq!(sandbox.succeeds("predict two night.png day.png --top 1 --threads 2").out, out);
    let measured = sandbox.line("eval one --data pets --json").json();
    assert_eq!(measured["metrics"]["accuracy"], 1.0);
    // The parts of the run are read as they were, although most pictures are of another size now.
    for i in 0..99 {
        sandbox.write(&format!("pets/dark/zz{i}.png"), picture([5, 5], 9));
    }
    sandbox.succeeds("eval one --json");
}

#[test]
fn a_model_of_images_takes_pictures_of_any_size_if_it_resizes() {
    let sandbox = Sandbox::new();
    let list = "data.transforms.arrays=[{ kind = 'resize', size = [2, 2] }, { kind = 'divide' }]";
    let args = ["train", "tiny.toml", "--steps", "300", "--run", "here", "--set", list];
    let ran = sandbox.run(&[&args[..], &["--set", "model.input=[2, 2, 1]"]].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    sandbox.write("large.png", picture([80, 60], 200));
    sandbox.write("small.png", picture([1, 1], 0));
    let out = sandbox.succeeds("predict here large.png small.png --top 1").out;
    assert_eq!(predicted(&out), ["2", "0"]);
    // Arrays of another size are not scaled.
    let args = [
        "train",
        "tiny.toml",
        "--set",
        "data.transforms.arrays=[{ kind = 'crop', size = [5, 4] }]",
    ];
    let ran = sandbox.run(&args);
    ran.tells(&["transforms of column `features`: crop: size is [5, 4], expected at most [4, 4]"]);
}
