//! `export` and `import`: there and back, and files of others that are refused.

use std::fs;

use crate::sandbox::Sandbox;

/// A sandbox with `net.toml`: layers behind pictures, whose channels and features other programs have in another order.
fn with_network() -> Sandbox {
    let sandbox = Sandbox::new();
    let layers = "layers = [{ kind = 'conv2d', filters = 3, kernel = 3, name = 'edges' }, 'batch_norm', \
        'flatten', { kind = 'linear', units = 3 }]";
    let text = sandbox.read("tiny.toml");
    let text = text.replace("weight_init = { kind = \"constant\", value = 0 }\n", "");
    let text = text.replace("layers = [\"flatten\", { kind = \"linear\", units = 3 }]", layers);
    assert!(text.contains(layers) && !text.contains("constant\", value"));
    sandbox.write("net.toml", text);
    sandbox
}

#[test]
fn weights_go_to_other_programs_and_come_back_with_the_same_predictions() {
    let sandbox = with_network();
    sandbox.succeeds("train net.toml --run here");
    let metrics =
        |model: &str| sandbox.succeeds(&format!("eval {model} --json")).json()["metrics"].clone();
    let expected = metrics("here");
    for export in [
        "--safetensors file.safetensors",
        "--safetensors file.safetensors --names keras",
        "--npz file.npz",
        "--npz file.npz --names torch",
    ] {
        sandbox.succeeds(&format!("export here {export}"));
        let file = export.split(' ').nth(1).unwrap();
        let ran =
            sandbox.succeeds(&format!("import {file} --network net.toml --out back.safetensors"));
        ran.tells(&["edges", "2.batch_norm", "4.linear", "back.safetensors"]);
        assert_eq!(metrics("back.safetensors"), expected, "{export}");
    }
    sandbox.succeeds("export here --onnx net.onnx --image-layout channels-last");
    let bytes = fs::read(sandbox.path("net.onnx")).unwrap();
    let has = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    assert!(has(b"Gemm") && has(b"channels-last") && !has(b"BatchNormalization"));
    assert!(!has(b"probabilities"));
    sandbox.succeeds("export here --onnx rows.onnx --with-transforms");
    let bytes = fs::read(sandbox.path("rows.onnx")).unwrap();
    let has = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    assert!(has(b"label_index") && has(b"probabilities"));
    assert!(sandbox.refused("export here --npz w.npz --with-transforms").contains("--onnx"));
    assert!(sandbox.refused("export here").contains("--onnx"));
}

#[test]
fn a_network_comes_back_from_onnx_with_data_or_without_and_is_trained_further() {
    let sandbox = with_network();
    sandbox.succeeds("train net.toml --run here");
    for layout in ["channels-first", "channels-last"] {
        sandbox.succeeds(&format!("export here --onnx net.onnx --image-layout {layout}"));
        let ran = sandbox.succeeds("import net.onnx --out plain.safetensors");
        ran.tells(&["plain.safetensors"]);
        sandbox.succeeds("summary plain.safetensors").tells(&["conv2d", "linear"]);
        let error = sandbox.refused("eval plain.safetensors");
        assert!(error.contains("came without data") && error.contains("--network"), "{error}");
        sandbox.succeeds("export plain.safetensors --onnx again.onnx");
        let import =
            "import again.onnx --network net.toml --experiment more.toml --out back.safetensors";
        sandbox.succeeds(import).tells(&["back.safetensors", "more.toml"]);
        let [expected, found] = ["here", "back.safetensors"].map(|model| {
            let metrics = sandbox.succeeds(&format!("eval {model} --json")).json();
            metrics["metrics"]["loss"].as_f64().unwrap()
        });
        assert!((found - expected).abs() < 1e-5 * expected.abs().max(1.0), "{found}, {expected}");
    }
    sandbox.succeeds("train more.toml --start back.safetensors --steps 2 --run more");
}

#[test]
fn weights_without_a_network_and_networks_for_other_data_are_refused() {
    let sandbox = with_network();
    sandbox.succeeds("train net.toml --run here");
    sandbox.succeeds("export here --safetensors weights.safetensors --onnx net.onnx");
    let error = sandbox.refused("import weights.safetensors --out o.safetensors");
    assert!(error.contains("do not say which network") && error.contains("--network"), "{error}");
    sandbox.write("short.onnx", &fs::read(sandbox.path("net.onnx")).unwrap()[..40]);
    let error = sandbox.refused("import short.onnx --out o.safetensors");
    assert!(error.contains("short.onnx") && error.contains("not an ONNX file"), "{error}");
    let error = sandbox.refused("import net.onnx --network two-layer --out o.safetensors");
    assert!(error.contains("net.onnx"), "{error}");
    assert!(sandbox.list(".").iter().all(|name| !name.starts_with("o.")));
}

#[test]
fn weights_whose_header_has_the_length_of_another_form_are_weights() {
    let sandbox = with_network();
    sandbox.succeeds("train net.toml --run here");
    sandbox.succeeds("export here --safetensors weights.safetensors");
    let file = fs::read(sandbox.path("weights.safetensors")).unwrap();
    let (length, rest) = file.split_first_chunk::<8>().unwrap();
    let (header, values) = rest.split_at(u64::from_le_bytes(*length) as usize);
    // The first two bytes are those of a pickle.
    let length = (1..6).map(|k| 256 * k + 128).find(|&length| length >= header.len()).unwrap();
    let padding = vec![b' '; length - header.len()];
    let padded = [&(length as u64).to_le_bytes(), header, &padding, values].concat();
    sandbox.write("padded.safetensors", padded);
    sandbox.succeeds("import padded.safetensors --network net.toml --out o.safetensors");
}

#[test]
fn files_that_run_code_are_refused_with_the_lines_that_turn_them_into_others() {
    let sandbox = with_network();
    let zip = |member: &str| [b"PK\x03\x04", member.as_bytes(), b"...."].concat();
    for (file, bytes, expected) in [
        ("net.pt", zip("archive/data.pkl"), "weights_only=True"),
        ("net.keras", zip("model.weights.h5"), "load_model('net.keras')"),
        ("net.h5", b"\x89HDF\r\n\x1a\n".to_vec(), "load_model('net.h5')"),
        ("net.pkl", vec![0x80, 3, b'}'], "numpy.savez('net.pkl.npz', **arrays)"),
        (
            "net.bin",
            b"something else".to_vec(),
            "expected an ONNX file, a safetensors file or an NPZ archive",
        ),
    ] {
        sandbox.write(file, bytes);
        let error =
            sandbox.refused(&format!("import {file} --network net.toml --out o.safetensors"));
        assert!(error.contains(expected), "{file}: {error}");
    }
}

#[test]
fn weights_of_another_network_are_refused_by_name_and_shape() {
    let sandbox = with_network();
    sandbox.succeeds("train net.toml --run here");
    sandbox.succeeds("export here --npz book.npz");
    let text = sandbox.read("net.toml");
    sandbox.write("other.toml", text.replace("filters = 3", "filters = 4"));
    let error = sandbox.refused("import book.npz --network other.toml --out o.safetensors");
    assert!(
        error.contains("edges: W1 [4, 1, 3, 3]") && error.contains("\n  W1 [3, 1, 3, 3]"),
        "{error}"
    );
    let rows =
        text.replace("input = [4, 4, 1]", "input = [16, 1, 1]").replace("kernel = 3", "kernel = 1");
    sandbox.write("rows.toml", rows);
    let error = sandbox.refused("import book.npz --network rows.toml --out o.safetensors");
    assert!(error.contains("takes samples of [16, 1, 1], its data have [4, 4, 1]"), "{error}");
    assert!(sandbox.list(".").iter().all(|name| !name.starts_with("o.")));
}

/// The number of records of an event file.
fn records(mut file: &[u8]) -> usize {
    let mut found = 0;
    while let Some((length, _)) = file.split_first_chunk::<8>() {
        file = &file[16 + u64::from_le_bytes(*length) as usize..];
        found += 1;
    }
    found
}

#[test]
fn a_run_goes_to_tensorboard_while_it_is_trained_and_from_its_log() {
    let sandbox = with_network();
    sandbox.succeeds("train net.toml --run runs/here --tensorboard live");
    sandbox.succeeds("export runs/here --tensorboard later").tells(&["later/here/events.out"]);
    let files = |folder: &str| -> Vec<Vec<u8>> {
        let names = sandbox.list(folder).into_iter();
        names.map(|name| fs::read(sandbox.path(folder).join(name)).unwrap()).collect()
    };
    let (live, later) = (files("live/here"), files("later/here"));
    assert_eq!((live.len(), later.len()), (1, 1));
    assert_eq!((live[0].len(), records(&live[0])), (later[0].len(), records(&later[0])));
    // A version, a start with settings, two snapshots, three evaluations, five steps, an end.
    assert_eq!(records(&live[0]), 1 + 2 + 2 + 3 + 5 + 1);

    // A resumed run has another file; what it had is not written again.
    sandbox.succeeds("train --resume runs/here --steps 8 --tensorboard live");
    let live = files("live/here");
    assert_eq!(live.len(), 2);
    assert_eq!(records(&live[1]), 1 + 2 + 1 + 2 + 3 + 1);
}

#[test]
fn event_files_of_two_runs_are_not_mixed_and_what_is_not_a_run_is_refused() {
    let sandbox = with_network();
    sandbox.succeeds("train net.toml --run here --tensorboard board");
    for command in
        ["export here --tensorboard board", "train net.toml --run a/here --tensorboard board"]
    {
        let error = sandbox.refused(command);
        assert!(error.contains("expected a folder without event files"), "{error}");
    }
    assert_eq!(sandbox.list("a"), [""; 0], "a run that cannot begin leaves nothing");
    let error = sandbox.refused("export net.toml --tensorboard other");
    assert!(error.contains("expected a run directory"), "{error}");
    let error = sandbox.refused("export nowhere --tensorboard other");
    assert!(error.contains("expected a run directory"), "{error}");
}

#[test]
fn a_damaged_line_of_a_log_costs_nothing_but_itself() {
    let sandbox = with_network();
    sandbox.succeeds("train net.toml --run here");
    let log = sandbox.read("here/events.jsonl");
    sandbox.write("here/events.jsonl", log.replacen("\"step\":3", "\"step\":x", 1));
    sandbox.write("train-images", "gone");
    let ran = sandbox.succeeds("export here --tensorboard board");
    assert!(ran.err.contains("left out of the log: line"), "{}", ran.err);
    assert!(ran.err.contains("no pictures of samples: "), "{}", ran.err);
    let name = &sandbox.list("board/here")[0];
    let file = fs::read(sandbox.path("board/here").join(name)).unwrap();
    assert_eq!(records(&file), 1 + 2 + 2 + 3 + 4 + 1);
}
