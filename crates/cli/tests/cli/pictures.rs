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

/// A ZIP archive of stored files.
fn archive(files: impl Iterator<Item = (String, Vec<u8>)>) -> Vec<u8> {
    let (mut archive, mut directory, mut n) = (Vec::new(), Vec::new(), 0_u16);
    for (name, bytes) in files {
        let crc = !bytes.iter().fold(!0_u32, |crc, &byte| {
            (0..8).fold(crc ^ u32::from(byte), |crc, _| crc >> 1 ^ (0xedb8_8320 * (crc & 1)))
        });
        let len = bytes.len() as u32;
        let mut fields = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        for number in [crc, len, len, name.len() as u32] {
            fields.extend(number.to_le_bytes());
        }
        let at = archive.len() as u32;
        archive.extend([&b"PK\x03\x04"[..], &fields, name.as_bytes(), &bytes].concat());
        directory.extend([&b"PK\x01\x02\x14\0"[..], &fields, &[0; 10], &at.to_le_bytes()].concat());
        directory.extend(name.as_bytes());
        n += 1;
    }
    let [size, at] = [directory.len() as u32, archive.len() as u32].map(u32::to_le_bytes);
    let count = [n.to_le_bytes(), n.to_le_bytes()].concat();
    [archive, directory, b"PK\x05\x06\0\0\0\0".to_vec(), count, size.into(), at.into(), vec![0, 0]]
        .concat()
}

#[test]
fn an_archive_of_pictures_is_data_as_its_folder_is() {
    let sandbox = with_pets();
    sandbox.write("pets.zip", archive(pets().map(|(file, bytes)| (format!("pets/{file}"), bytes))));
    let described = |data: &str| {
        let mut json = sandbox.line(&format!("data {data} --json")).json();
        json["name"] = "".into();
        json
    };
    assert_eq!(described("pets.zip"), described("pets"));
    let digest = |data: &str| {
        let line = format!("train --data {data} --json --set train.epochs=3");
        sandbox.succeeds(&line).json()["summary"]["weights_digest"].clone()
    };
    let expected = digest("pets");
    assert!(expected.is_string(), "{expected}");
    assert_eq!(digest("pets.zip"), expected);
    let out = sandbox.succeeds("predict runs/pets-1 pets.zip --top 1").out;
    let files: Vec<&str> =
        out.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!((files.len(), files[0]), (24, "pets.zip/pets/bright/01.png"));
    assert_eq!(
        predicted(&out),
        predicted(&sandbox.succeeds("predict runs/pets-1 pets --top 1").out)
    );
    let measured = |data: &str| {
        let line = format!("eval runs/pets-1 --data {data} --json");
        sandbox.succeeds(&line).json()["metrics"].clone()
    };
    assert_eq!(measured("pets.zip"), measured("pets"));
    // A document is not pictures, whatever it has inside.
    let document = [("mimetype".to_owned(), b"application/epub+zip".to_vec())];
    sandbox.write("book.epub", archive(document.into_iter().chain(pets())));
    let error = sandbox.refused("data book.epub");
    assert!(error.contains("found a ZIP archive without arrays or pictures"), "{error}");
}
