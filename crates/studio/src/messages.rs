//! The messages of the pages in English, for what is written without a browser.

use std::collections::BTreeMap;

use crate::assets::Assets;

/// The messages of one language by key.
#[derive(Debug)]
pub(crate) struct Messages(BTreeMap<String, String>);

impl Messages {
    /// The English messages.
    pub(crate) fn english() -> Self {
        let file = Assets::get("text/en.json").expect("built in");
        Self(serde_json::from_slice(&file.data).expect("checked by a test"))
    }

    /// The message `key`.
    ///
    /// # Panics
    ///
    /// If there is none: a test compares the keys in use with those of the file.
    pub(crate) fn get(&self, key: &str) -> &str {
        self.0.get(key).unwrap_or_else(|| panic!("unknown message {key}"))
    }

    /// The message `key`, each `{name}` in it replaced by the value of that name.
    pub(crate) fn format(&self, key: &str, values: &[(&str, &str)]) -> String {
        let text = self.get(key).to_owned();
        values.iter().fold(text, |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A file of messages as it is written: an object of strings, no key twice.
    fn read(language: &str) -> BTreeMap<String, String> {
        let file = Assets::get(&format!("text/{language}.json")).unwrap();
        let text = std::str::from_utf8(&file.data).unwrap();
        let messages: BTreeMap<String, String> = serde_json::from_str(text).unwrap();
        let n_lines = text.lines().filter(|line| line.contains("\": \"")).count();
        assert_eq!(n_lines, messages.len(), "{language}: one message a line, and no key twice");
        messages
    }

    /// The names in braces of a message.
    fn placeholders(message: &str) -> BTreeSet<&str> {
        let names = message.split('{').skip(1);
        names.map(|rest| rest.split_once('}').expect("a closing brace").0).collect()
    }

    #[test]
    fn both_languages_have_the_same_keys_and_placeholders() {
        let (english, chinese) = (read("en"), read("zh"));
        let keys = |messages: &BTreeMap<String, String>| -> Vec<String> {
            messages.keys().cloned().collect()
        };
        assert_eq!(keys(&english), keys(&chinese));
        for (key, message) in &english {
            assert_eq!(placeholders(message), placeholders(&chinese[key]), "{key}");
            assert!(!message.is_empty() && !chinese[key].is_empty(), "{key}");
        }
        assert!(english.len() > 100);
    }

    #[test]
    fn every_message_is_used_and_every_used_message_exists() {
        let messages = read("en");
        let groups: BTreeSet<&str> =
            messages.keys().filter_map(|key| Some(key.split_once('.')?.0)).collect();
        let mut used = BTreeSet::new();
        let mut prefixes = BTreeSet::new();
        let scripts = Assets::iter().filter(|name| name.ends_with(".js"));
        let scripts = scripts.map(|name| Assets::get(&name).unwrap().data.into_owned());
        let rust = [include_str!("picture.rs"), include_str!("report.rs")].map(|text| text.into());
        for source in scripts.chain(rust) {
            let source = String::from_utf8(source).unwrap();
            // Keys are whole literals, or begin a template such as `state.${state}`.
            for literal in source.split(['"', '`']) {
                let Some((group, _)) = literal.split_once('.') else { continue };
                if !groups.contains(group) {
                    continue;
                }
                match literal.split_once("${") {
                    Some((prefix, _)) => prefixes.insert(prefix.to_owned()),
                    None if literal.chars().all(|c| c.is_ascii_alphanumeric() || "._".contains(c)) => {
                        used.insert(literal.to_owned())
                    }
                    None => false,
                };
            }
        }
        let is_used = |key: &String| {
            used.contains(key) || prefixes.iter().any(|prefix| key.starts_with(prefix.as_str()))
        };
        let unused: Vec<&String> = messages
            .keys()
            .filter(|key| !is_used(key) && !key.starts_with("language."))
            .collect();
        assert!(unused.is_empty(), "unused: {unused:?}");
        let missing: Vec<&String> = used.iter().filter(|key| !messages.contains_key(*key)).collect();
        assert!(missing.is_empty(), "missing: {missing:?}");
        assert!(used.len() > 100 && prefixes.contains("state."), "{prefixes:?}");
    }

    #[test]
    fn values_replace_their_placeholders() {
        let english = Messages::english();
        assert_eq!(english.format("train.step", &[("step", "7")]), "step 7");
        assert_eq!(english.get("panel.accuracy"), "Accuracy");
    }
}
