//! The networks of the benchmark: the experiment files in `bench/networks`.

use std::fs;

use anyhow::Context as _;

const FOLDER: &str = "bench/networks";

/// The name of a network, and its description in the first line of its file.
pub(super) struct BenchNetwork {
    pub(super) name: String,
    pub(super) about: String,
}

/// The path and the text of a network's file.
///
/// # Errors
///
/// If the file does not exist.
pub(super) fn read(name: &str) -> anyhow::Result<(String, String)> {
    let file = file_of(name);
    let text = fs::read_to_string(&file)
        .with_context(|| format!("expected a network of {FOLDER}, found `{name}`: {file}"))?;
    Ok((file, text))
}

/// The path of a network's file.
pub(super) fn file_of(name: &str) -> String {
    format!("{FOLDER}/{name}.toml")
}

/// Every network, by number.
///
/// # Errors
///
/// If the folder cannot be read.
pub(super) fn all() -> anyhow::Result<Vec<BenchNetwork>> {
    let entries = fs::read_dir(FOLDER).context(FOLDER)?;
    let mut networks = Vec::new();
    for entry in entries {
        let file = entry.context(FOLDER)?.file_name().to_string_lossy().into_owned();
        let Some(name) = file.strip_suffix(".toml") else { continue };
        let (_, text) = read(name)?;
        networks.push(BenchNetwork { name: name.to_owned(), about: about(&text) });
    }
    networks.sort_by(|a, b| (a.name.len(), &a.name).cmp(&(b.name.len(), &b.name)));
    Ok(networks)
}

fn about(text: &str) -> String {
    let first = text.lines().next().unwrap_or_default();
    first.trim_start_matches('#').trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_says_what_a_network_is() {
        assert_eq!(about("# One layer.\n# More.\n"), "One layer.");
        assert_eq!(about(""), "");
    }
}
