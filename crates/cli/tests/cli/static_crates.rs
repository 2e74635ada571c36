//! `export --rust`: crates that test themselves, and say what they take.

use std::fmt::Write as _;
use std::process::Command;

use crate::own_data::blobs;
use crate::sandbox::Sandbox;

/// Runs a program in a folder of the sandbox, and returns what it printed.
#[track_caller]
fn run(sandbox: &Sandbox, folder: &str, line: &str) -> String {
    let mut words = line.split(' ');
    let mut command = Command::new(words.next().unwrap());
    command.args(words).current_dir(sandbox.path(folder));
    command.env("CARGO_TARGET_DIR", sandbox.path("target")).env("RUSTFLAGS", "-D warnings");
    let output = command.output().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(output.status.success(), "{line}: {out}{err}");
    out
}

#[test]
fn a_network_of_pictures_is_a_crate_for_rust_and_c_without_a_standard_library() {
    let sandbox = Sandbox::new();
    let layers = "layers = [{ kind = 'conv2d', filters = 3, kernel = 3, name = 'edges' }, 'batch_norm', 'relu', \
        'flatten', { kind = 'linear', units = 3 }]";
    let text = sandbox.read("tiny.toml");
    let text = text.replace("weight_init = { kind = \"constant\", value = 0 }\n", "");
    sandbox.write(
        "net.toml",
        text.replace("layers = [\"flatten\", { kind = \"linear\", units = 3 }]", layers),
    );
    sandbox.succeeds("train net.toml --run here");
    sandbox.succeeds("export here --rust net --name my-net").tells(&["crate `my-net`"]);
    let library = sandbox.read("net/src/lib.rs");
    for part in ["#![no_std]", "// edges\n", "ROW: usize = 16", "CLASSES: [&str; 3]"] {
        assert!(library.contains(part), "{part} is not in\n{library}");
    }
    let tested = run(&sandbox, "net", "cargo test --quiet --offline --features c");
    assert!(tested.contains("2 passed"), "{tested}");
    // A library that links neither `std` nor `alloc`, in a program in C.
    run(
        &sandbox,
        "net",
        "cargo rustc --quiet --offline --release --features c,panic-handler --crate-type staticlib",
    );
    sandbox.write(
        "net/main.c",
        "#include <stdio.h>\n#include \"my-net.h\"\nint main(void) {\n    \
         float row[MY_NET_ROW] = {0}, outputs[MY_NET_OUTPUTS], sum = 0, probabilities[MY_NET_CLASSES];\n    \
         my_net_predict_row(row, outputs);\n    my_net_probabilities(outputs, probabilities);\n    \
         for (int i = 0; i < MY_NET_CLASSES; i++) sum += probabilities[i];\n    \
         printf(\"%.3f %s\\n\", sum, my_net_class_name(my_net_class(outputs)));\n}\n",
    );
    run(&sandbox, "net", "cc main.c -Iinclude ../target/release/libmy_net.a -o main");
    let printed = run(&sandbox, "net", "./main");
    assert!(printed.starts_with("1.000 ") && printed.trim().len() == 7, "{printed}");
    sandbox
        .succeeds("export here --rust measured --measure")
        .tells(&["bytes of code", "ns a prediction"]);
    let card = sandbox.read("measured/README.md");
    for row in ["| bytes of code, ", "| nanoseconds of a prediction, built for any "] {
        let value = card.split_once(row).and_then(|(_, rest)| rest.split('|').nth(1)).unwrap();
        assert!(value.trim().parse::<f64>().unwrap() > 0.0, "{card}");
    }
    // A folder with something in it, and a name that no crate has.
    let refused = sandbox.refused("export here --rust net");
    assert!(refused.contains("is empty, found net"), "{refused}");
    let refused = sandbox.refused("export here --rust other --name fn");
    assert!(refused.contains("found \"fn\"") && sandbox.list("other").is_empty(), "{refused}");
}

/// Flats with every kind of column, and cells that are missing.
fn flats() -> String {
    let mut text = "area;floors;fee;district;built;price\n".to_owned();
    for i in 0..200_u32 {
        let area = if i % 11 == 0 { String::new() } else { format!("{}.5", 20 + i * 37 % 90) };
        let fee = [0, 0, 120, i * i][i as usize % 4];
        let district = ["north", "south", "", "east"][i as usize % 4];
        let built = format!("{}-{:02}-{:02}", 1950 + i % 70, 1 + i % 12, 1 + i % 28);
        let price = 1000 * (20 + i * 37 % 90) + 5000 * (i % 4);
        let _ = writeln!(text, "{area};{};{fee};{district};{built};{price}", 1 + i % 6);
    }
    text
}

#[test]
fn a_network_of_a_table_takes_rows_as_they_are_and_answers_in_the_unit_of_the_target() {
    let sandbox = Sandbox::new();
    sandbox.write("flats.csv", flats());
    sandbox.succeeds("train --data flats.csv --target price --epochs 2 --threads 1");
    let experiment = sandbox.read("runs/flats-1.toml");
    assert!(!experiment.contains("data.transforms.columns"), "{experiment}");
    let transforms = "\n[data.transforms.columns]\n\
        \"area\" = [{ kind = \"impute\" }, { kind = \"log\" }, { kind = \"standardize\" }]\n\
        \"floors\" = [{ kind = \"frequent_values\" }, { kind = \"divide\", by = 3.0 }]\n\
        \"district\" = [{ kind = \"ordinal\" }]\n";
    sandbox.write("all.toml", experiment.replace("input = [12]", "input = [16]") + transforms);
    sandbox.succeeds("train all.toml --run all --threads 1");
    for model in ["runs/flats-1", "all"] {
        let folder = format!("{model}-crate");
        sandbox.succeeds(&format!("export {model} --rust {folder}"));
        let tested = run(&sandbox, &folder, "cargo test --quiet --offline");
        assert!(tested.contains("2 passed"), "{tested}");
        let library = sandbox.read(&format!("{folder}/src/lib.rs"));
        assert!(
            library.contains("name: \"district\", n_numbers: 1, categories: &[\"east\""),
            "{library}"
        );
    }
}

#[test]
fn eight_bits_for_each_weight_cost_what_the_card_says() {
    let sandbox = Sandbox::new();
    sandbox.write("blobs.csv", blobs());
    sandbox.succeeds("train --data blobs.csv --threads 1");
    sandbox.succeeds("export runs/blobs-1 --rust blobs --weights 8-bit");
    let card = sandbox.read("blobs/README.md");
    assert!(card.contains("| accuracy | ") && card.contains("| weights | 8-bit |"), "{card}");
    let tested = run(&sandbox, "blobs", "cargo test --quiet --offline");
    assert!(tested.contains("2 passed"), "{tested}");
    std::fs::remove_file(sandbox.path("blobs.csv")).unwrap();
    sandbox.succeeds("export runs/blobs-1 --rust again --weights 8-bit");
    let card = sandbox.read("again/README.md");
    assert!(card.contains("was not measured"), "{card}");
}
