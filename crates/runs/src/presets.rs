//! Published networks, as experiment files inside the binary.

use crate::experiment::Experiment;

/// An experiment file with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// The name.
    pub name: &'static str,
    /// The experiment file.
    pub text: &'static str,
}

macro_rules! preset {
    ($name:literal) => {
        Preset { name: $name, text: include_str!(concat!("../presets/", $name, ".toml")) }
    };
}

/// Every preset: the codelab's networks in the order of its lessons, those of "Deep Learning from Scratch" by chapter,
/// then our own.
pub const ALL: &[Preset] = &[
    preset!("softmax"),
    preset!("five-sigmoid"),
    preset!("five-relu"),
    preset!("five-dropout"),
    preset!("conv"),
    preset!("conv-dropout"),
    preset!("bn-sigmoid"),
    preset!("bn-relu"),
    preset!("bn-conv"),
    preset!("two-layer"),
    preset!("simple-convnet"),
    preset!("deep-convnet"),
    preset!("resnet-mini"),
    preset!("golf"),
    preset!("conv-augmented"),
    preset!("fast99"),
    preset!("fast994"),
    preset!("fashion-conv"),
    preset!("fashion-resnet"),
];

/// The default preset of the command line.
pub const DEFAULT: &str = "conv-dropout";

/// The preset called `name`.
pub fn find(name: &str) -> Option<&'static Preset> {
    ALL.iter().find(|preset| preset.name == name)
}

impl Preset {
    /// The preset's experiment.
    ///
    /// # Panics
    ///
    /// Never: a test reads every preset.
    pub fn experiment(&self) -> Experiment {
        Experiment::parse(&self.file(), self.text).expect("a preset is right")
    }

    /// The name of the file in errors.
    pub fn file(&self) -> String {
        format!("{}.toml", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_has_its_number_of_parameters_and_names_what_was_published() {
        let table = "softmax 7850, five-sigmoid 185300, five-relu 185300, five-dropout 185300, conv 122270, \
            conv-dropout 244076, bn-sigmoid 185690, bn-relu 185300, bn-conv 708362, two-layer 39760, \
            simple-convnet 433890, deep-convnet 123552, resnet-mini 63730, golf 986, \
            conv-augmented 244076, fast99 32826, fast994 46778, fashion-conv 97498, fashion-resnet 1166442";
        for (name, parameters) in table.split(", ").filter_map(|case| case.split_once(' ')) {
            let experiment = find(name).unwrap().experiment();
            assert_eq!(experiment.name, name);
            assert_eq!(experiment.model.outputs(), Ok(10), "{name}");
            assert_eq!(experiment.model.n_parameters(), Ok(parameters.parse().unwrap()), "{name}");
            let own = ["resnet-mini", "golf", "conv-augmented", "fast99", "fast994"];
            let is_own = own.contains(&name) || name.starts_with("fashion-");
            assert_eq!(experiment.reference.is_some(), !is_own, "{name}");
        }
        assert_eq!(table.split(", ").count(), ALL.len());
    }
}
