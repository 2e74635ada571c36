//! The messages of the pages: the same in both languages, each in use.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

type Messages = BTreeMap<String, String>;

fn crate_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The messages of a language, of which there is one a line.
fn read(language: &str) -> Messages {
    let text = fs::read_to_string(crate_path(&format!("assets/text/{language}.json"))).unwrap();
    let messages: Messages = serde_json::from_str(&text).unwrap();
    let n_lines = text.lines().filter(|line| line.trim_start().starts_with('"')).count();
    assert_eq!(n_lines, messages.len(), "{language}: one message a line, and no key twice");
    messages
}

/// The names in braces of a message.
fn placeholders(message: &str) -> BTreeSet<&str> {
    let names = message.split('{').skip(1);
    names.map(|rest| rest.split_once('}').expect("a closing brace").0).collect()
}

/// The text of every script, description and source file in a folder.
fn sources(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("text") {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|end| ["js", "json", "rs"].iter().any(|e| end == *e))
        {
            found.push(fs::read_to_string(path).unwrap());
        }
    }
    found
}

#[test]
fn both_languages_have_the_same_keys_and_placeholders() {
    let (english, chinese) = (read("en"), read("zh"));
    let keys = |messages: &Messages| messages.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&english), keys(&chinese));
    for (key, message) in &english {
        assert_eq!(placeholders(message), placeholders(&chinese[key]), "{key}");
        assert!(!message.is_empty() && !chinese[key].is_empty(), "{key}");
    }
}

#[test]
fn every_message_is_used_and_every_used_message_exists() {
    let messages = read("en");
    let groups: BTreeSet<&str> =
        messages.keys().filter_map(|key| Some(key.split_once('.')?.0)).collect();
    let (mut used, mut prefixes) = (BTreeSet::new(), BTreeSet::new());
    let sources = [sources(&crate_path("assets")), sources(&crate_path("src"))].concat();
    // Keys are whole literals, or begin a template such as `state.${state}`.
    for literal in sources.iter().flat_map(|source| source.split(['"', '`'])) {
        let Some((group, _)) = literal.split_once('.') else { continue };
        if !groups.contains(group) {
            continue;
        }
        let is_key = |text: &str| {
            text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._".contains(c))
        };
        match literal.split_once("${") {
            Some((prefix, _)) => drop(prefixes.insert(prefix)),
            None if is_key(literal) => drop(used.insert(literal)),
            None => {}
        }
    }
    let is_used =
        |key: &str| used.contains(key) || prefixes.iter().any(|prefix| key.starts_with(prefix));
    let unused: Vec<_> = messages.keys().filter(|key| !is_used(key)).collect();
    assert!(unused.is_empty(), "unused: {unused:?}");
    let missing: Vec<_> = used.iter().filter(|key| !messages.contains_key(**key)).collect();
    assert!(missing.is_empty(), "missing: {missing:?}");
    assert!(used.len() > 100 && prefixes.contains("state."), "{} {prefixes:?}", used.len());
}
