//! Saved networks: what is written is read back, and what is wrong with a file is said.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use gradus_train::Trainer;
use runs::{Evaluator, SavedModel};
use safetensors::tensor::{Dtype, TensorView, serialize};

use crate::made_up::{images, trainer};

const MODEL: &str = r#"
    input = [8, 8, 1]
    layers = [
        { kind = "conv2d", filters = 3, kernel = 3, bias = false }, { kind = "batch_norm", scale = false }, "relu",
        "flatten", { kind = "linear", units = 4 },
    ]
"#;

fn trained() -> Trainer {
    let mut trainer = trainer(MODEL, "batch = 50\nsteps = 4", &images(100));
    for _ in 0..4 {
        trainer.step().unwrap();
    }
    trainer
}

/// A file with one network, in a folder of its own.
fn file() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("last.safetensors");
    trained().saved().write(&file).unwrap();
    (folder, file)
}

/// What is said about a file, without its folder.
fn mistake(file: &Path) -> String {
    let error = diagnostics::chain(&SavedModel::read(file).expect_err("a mistake"));
    error.replace(&format!("{}/", file.parent().unwrap().display()), "")
}

/// Writes the file anew, with other tensors or metadata.
fn rewrite(file: &Path, change: impl Fn(&mut Vec<Tensor>, &mut HashMap<String, String>)) {
    let bytes = fs::read(file).unwrap();
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let mut metadata = header.metadata().clone().unwrap().into_iter().collect();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let own = |(name, view): (String, TensorView<'_>)| {
        (name, view.dtype(), view.shape().to_vec(), view.data().to_vec())
    };
    let mut tensors: Vec<Tensor> = tensors.tensors().into_iter().map(own).collect();
    change(&mut tensors, &mut metadata);
    let views = tensors.iter().map(|(name, dtype, sizes, bytes)| {
        (name, TensorView::new(*dtype, sizes.clone(), bytes).unwrap())
    });
    fs::write(file, serialize(views, Some(metadata.into_iter().collect())).unwrap()).unwrap();
}

/// What is said about a file with other tensors or metadata, without its name.
fn mistake_after(change: impl Fn(&mut Vec<Tensor>, &mut HashMap<String, String>)) -> String {
    let (_folder, file) = file();
    rewrite(&file, change);
    mistake(&file).strip_prefix("last.safetensors: ").expect("the name of the file").to_owned()
}

type Tensor = (String, Dtype, Vec<usize>, Vec<u8>);

#[test]
fn what_is_written_is_read_back_and_says_the_same() {
    let (trainer, (folder, file)) = (trained(), file());
    let read = SavedModel::read(&file).unwrap();
    assert_eq!(&read, trainer.saved());
    // Written again it is the same file, and nothing else is left beside it.
    let first = fs::read(&file).unwrap();
    read.write(&file).unwrap();
    assert_eq!(fs::read(&file).unwrap(), first);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let test = trainer.test_set();
    let evaluate = |saved: &SavedModel| {
        Evaluator::new(&saved.experiment, test).unwrap().evaluate(None, test, saved)
    };
    assert_eq!(evaluate(&read), evaluate(trainer.saved()));
}

#[test]
fn tensors_have_names_that_others_can_read() {
    let (_folder, file) = file();
    let bytes = fs::read(&file).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let tensors = tensors.iter();
    let mut names: Vec<String> = tensors
        .map(|(name, view)| format!("{name} {:?} {:?}", view.dtype(), view.shape()))
        .collect();
    names.sort();
    let wanted = "1.conv2d.weight F32 [3, 3, 1, 3]; 2.batch_norm.moments F32 [2, 3]; 2.batch_norm.offset F32 [3]; \
        5.linear.bias F32 [4]; 5.linear.weight F32 [108, 4]";
    assert_eq!(names.join("; "), wanted);
}

#[test]
fn a_file_cut_anywhere_or_with_a_header_that_lies_is_refused_by_name() {
    let (_folder, file) = file();
    let whole = fs::read(&file).unwrap();
    let ends = (0..whole.len()).step_by(97).chain([whole.len() - 1]);
    let sizes = "[9223372036854775807,9223372036854775807]";
    let entry = format!(r#"{{"a":{{"dtype":"F32","shape":{sizes},"data_offsets":[0,4]}}}}"#);
    let headers = [(u64::MAX, ""), (1 << 40, "{}"), (entry.len() as u64, &entry)];
    let lies = headers.map(|(length, text)| [&length.to_le_bytes(), text.as_bytes()].concat());
    for bytes in ends.map(|end| whole[..end].to_vec()).chain(lies) {
        fs::write(&file, &bytes).unwrap();
        let message = mistake(&file);
        let expected = "last.safetensors: expected a safetensors file, found another format or a damaged file: ";
        assert!(message.starts_with(expected), "{} bytes: {message}", bytes.len());
    }
}

#[test]
fn a_file_that_is_not_there_is_named_and_one_of_another_program_by_what_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    assert!(mistake(&folder.path().join("none.safetensors")).starts_with("none.safetensors: "));
    let found = mistake_after(|_, metadata| drop(metadata.remove("gradus.model")));
    let expected = "a safetensors file that does not describe its network: expected the metadata entry `gradus.model`";
    assert_eq!(found, expected);
}

#[test]
fn a_tensor_that_does_not_fit_is_named_with_both_shapes() {
    type Change = fn(&mut Tensor);
    let cases: [(&str, Change, &str, &str); 4] = [
        ("5.linear.bias", |tensor| tensor.0 = "other".into(), "[4]", "none"),
        ("2.batch_norm.moments", |tensor| tensor.0 = "2.batch_norm.mean".into(), "[2, 3]", "none"),
        ("5.linear.weight", |tensor| tensor.2 = vec![4, 108], "[108, 4]", "F32 [4, 108]"),
        (
            "2.batch_norm.offset",
            |tensor| (tensor.1, tensor.3) = (Dtype::F64, vec![0; 24]),
            "[3]",
            "F64 [3]",
        ),
    ];
    for (name, change, expected, found) in cases {
        let message = mistake_after(|tensors, _| {
            change(tensors.iter_mut().find(|tensor| tensor.0 == name).unwrap());
            tensors.retain(|tensor| tensor.0 != "other");
        });
        assert_eq!(message, format!("tensor {name}: expected F32 {expected}, found {found}"));
    }
}

#[test]
fn a_network_that_does_not_fit_in_itself_is_refused() {
    let units = "model.layers.5.units: expected 1 to 1048576, found 1000000000000000000";
    let weight = "tensor 5.linear.weight: expected F32 [108, 5], found F32 [108, 4]";
    let cases = [
        ("units = 4", "units = 1000000000000000000", units),
        ("units = 4", "units = 5", weight),
        ("batch = 50", "batch = 0", "train.batch: expected 1 or more, found 0"),
        (
            "rows = ",
            "row = ",
            "unknown field `row`, expected one of `fingerprint`, `rows`, `notes`, `target`, `columns`, `table`; write them again with the model",
        ),
        (
            "[transforms]",
            "[others]",
            "the metadata entry `gradus.model`: unknown field `others`, expected one of `state`, `experiment`, `transforms`",
        ),
    ];
    for (from, to, message) in cases {
        let found = mistake_after(|_, metadata| {
            let text = metadata.get_mut("gradus.model").unwrap();
            assert!(text.contains(from), "{text}");
            *text = text.replace(from, to);
        });
        assert!(found.lines().next().unwrap().ends_with(message), "{found} is not {message}");
    }
}

#[test]
fn a_value_that_is_not_finite_is_refused_with_tensor_and_index() {
    for (name, at, value, message) in [
        ("5.linear.weight", 4 * 17 + 2, f32::NAN, "[17, 2]"),
        ("5.linear.bias", 3, f32::INFINITY, "[3]"),
        ("2.batch_norm.moments", 4, f32::NEG_INFINITY, "[1, 1]"),
    ] {
        let found = mistake_after(|tensors, _| {
            let tensor = tensors.iter_mut().find(|tensor| tensor.0 == name).unwrap();
            tensor.3[4 * at..4 * at + 4].copy_from_slice(&value.to_le_bytes());
        });
        let value = format!("found {value} at index {message}");
        assert_eq!(found, format!("tensor {name}: expected finite values, {value}"));
    }
}
