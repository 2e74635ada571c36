//! The training data as the peers read them: raw numbers, little-endian, no header.

use std::fs;

use anyhow::{Context as _, bail};
use gradus::data::{Dataset, Features, Targets};
use gradus::runs::Experiment;

use super::networks;

/// The folder with the files, from the root of the repository.
pub(super) const FOLDER: &str = "target/peers-data";

/// The network whose data are written, and the files.
const FILES: [(&str, [&str; 2]); 2] =
    [("w1", ["train-images.u8", "train-labels.u8"]), ("w8", ["w8-x.f32", "w8-y.f32"])];

/// Writes the training sets that Gradus uses.
///
/// # Errors
///
/// If the data cannot be read or the files cannot be written.
pub(super) fn write() -> anyhow::Result<()> {
    fs::create_dir_all(FOLDER).context(FOLDER)?;
    for (network, names) in FILES {
        let (file, text) = networks::read(network)?;
        let experiment = Experiment::parse(&file, &text)?;
        let train = experiment.data.open(gradus::mnist)?.train;
        for (name, bytes) in names.iter().zip(bytes_of(&train)?) {
            let path = format!("{FOLDER}/{name}");
            fs::write(&path, bytes).context(path)?;
        }
    }
    Ok(())
}

/// Features and targets.
fn bytes_of(dataset: &Dataset) -> anyhow::Result<[Vec<u8>; 2]> {
    let real = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let features = match dataset.numbers(0..dataset.len()) {
        Features::U8(bytes) => bytes,
        Features::F32(values) => real(&values),
    };
    let targets = match dataset.targets() {
        Targets::Values { values, .. } => real(values),
        Targets::Labels { values, classes: ..=256 } => {
            values.iter().map(|&label| label as u8).collect()
        }
        Targets::Labels { classes, .. } => {
            bail!("{}: {classes} classes do not fit into bytes", dataset.name())
        }
    };
    Ok([features, targets])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_protocol_says() {
        let pixels = Features::U8(vec![0, 255]);
        let labels = Targets::Labels { values: vec![9, 3], classes: 10 };
        let digits = Dataset::new("digits", [1], pixels, labels).unwrap();
        assert_eq!(bytes_of(&digits).unwrap(), [vec![0, 255], vec![9, 3]]);

        let values = Targets::Values { values: vec![-2.0], width: 1 };
        let line = Dataset::new("line", [1], Features::F32(vec![1.5]), values).unwrap();
        assert_eq!(bytes_of(&line).unwrap(), [vec![0, 0, 0xc0, 0x3f], vec![0, 0, 0, 0xc0]]);

        let labels = Targets::Labels { values: vec![300], classes: 1000 };
        let many = Dataset::new("many", [1], Features::U8(vec![0]), labels).unwrap();
        let error = bytes_of(&many).unwrap_err().to_string();
        assert_eq!(error, "many: 1000 classes do not fit into bytes");
    }
}
