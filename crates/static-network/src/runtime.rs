//! The functions that written crates call: the files of `runtime`, of which a crate gets those that it needs.

use std::collections::BTreeSet;

macro_rules! runtime {
    ($($name:ident),+ $(,)?) => {
        const FILES: &[(&str, &str)] =
            &[$((stringify!($name), include_str!(concat!("../runtime/", stringify!($name), ".rs")))),+];
    };
}

runtime! {
    avg_pool2d, batch_matmul, bounded, code, combine, combine_weight, conv2d, copy_part, date, depthwise_conv2d, elu,
    embedding, exp, exp_m1, exp_parts, frequent_values, gather, gelu, gelu_tanh, hard_swish, impute, in_unit, known,
    larger, leaky_relu, linear, ln, load, log_magnitude, log_softmax, map, max_pool2d, maximum, mish, nearest,
    normalize, one_hot, one_hot_category, pixels, reduce, relu, scaled, sigmoid, sign_of_category, silu, smaller,
    smooth_clip, softmax, softplus, sqrt, standardize, strided, tanh, weight, window, winograd,
}

/// What files refer to that is not called as its file is.
const OTHER_NAMES: &[(&str, &str)] = &[("Axis", "window"), ("Date", "date"), ("Weight", "weight")];

/// The functions that are called, and those that these call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Functions(BTreeSet<&'static str>);

impl Functions {
    /// Adds a function or a type.
    ///
    /// # Panics
    ///
    /// If there is none of the name.
    pub(crate) fn add(&mut self, name: &str) {
        let file =
            OTHER_NAMES.iter().find(|(other, _)| *other == name).map_or(name, |(_, file)| file);
        let found = FILES.iter().find(|(name, _)| *name == file);
        let (file, text) = found.unwrap_or_else(|| panic!("there is no function `{name}`"));
        if self.0.insert(file) {
            needs(text).for_each(|name| self.add(name));
        }
    }

    /// Adds those that another part of the crate calls.
    pub(crate) fn extend(&mut self, others: &Self) {
        self.0.extend(&others.0);
    }

    /// The files, with the one that lists them: names and texts.
    pub(crate) fn files(&self) -> Vec<(String, String)> {
        let files = || FILES.iter().filter(|(name, _)| self.0.contains(name));
        let mut list =
            "//! What the layers compute, with the rounding of Gradus in portable arithmetic.\n\n"
                .to_owned();
        files().for_each(|(name, _)| list += &format!("mod {name};\n"));
        list.push('\n');
        files().for_each(|(name, _)| list += &format!("pub(crate) use {name}::*;\n"));
        let texts = files().map(|(name, text)| (format!("{name}.rs"), (*text).to_owned()));
        std::iter::once(("mod.rs".to_owned(), list)).chain(texts).collect()
    }
}

/// What a file refers to in the others.
fn needs(text: &str) -> impl Iterator<Item = &str> {
    let uses = text.lines().filter_map(|line| line.strip_prefix("use super::")?.strip_suffix(';'));
    uses.flat_map(|names| names.trim_matches(['{', '}']).split(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_is_listed_and_what_it_needs_is_there() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/runtime");
        let entries = std::fs::read_dir(folder).unwrap();
        let mut found: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        found.sort_unstable();
        let listed: Vec<String> = FILES.iter().map(|(name, _)| format!("{name}.rs")).collect();
        assert_eq!(found, listed);
        let mut all = Functions::default();
        FILES.iter().for_each(|(name, _)| all.add(name));
        assert_eq!(all.files().len(), FILES.len() + 1);
        let mut few = Functions::default();
        few.add("mish");
        let names: Vec<String> = few.files().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["mod.rs", "exp.rs", "exp_parts.rs", "mish.rs"]);
    }
}
