//! The JavaScript modules of a page, for a page in one file.

use std::collections::BTreeMap;

use crate::assets;

/// The modules that `main` needs, itself included, by name; `replaced` names those to be taken from another file. Imports
/// become `gradus/NAME`, for an import map: in a `data:` URL they cannot be relative.
pub(crate) fn reachable(main: &str, replaced: &[(&str, &str)]) -> BTreeMap<String, String> {
    let mut modules = BTreeMap::new();
    let mut waiting = vec![main.to_owned()];
    while let Some(name) = waiting.pop() {
        if modules.contains_key(&name) {
            continue;
        }
        let file = replaced.iter().find(|(old, _)| *old == name).map_or(&*name, |(_, new)| new);
        let source = assets::text(file);
        let mut text = source.to_owned();
        for specifier in specifiers(source) {
            let found = resolve(file, specifier);
            for quote in ['"', '\''] {
                let new = format!("{quote}gradus/{found}{quote}");
                text = text.replace(&format!("{quote}{specifier}{quote}"), &new);
            }
            waiting.push(found);
        }
        modules.insert(name, text);
    }
    modules
}

/// The specifiers of the static imports and re-exports of a module.
///
/// Knows strings, templates without nested ones, comments and words. Our regular expressions have no quotes: a test imports all.
fn specifiers(source: &str) -> Vec<&str> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let mut found = Vec::new();
    // Whether the last word was `import` or `from`, after which a string is a specifier.
    let mut is_expected = false;
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let end_after = |end: &str| rest.find(end).map_or(rest.len(), |at| at + end.len());
        let is_comment = rest.starts_with("//") || rest.starts_with("/*");
        let len = match first {
            _ if is_comment => end_after(if rest.starts_with("//") { "\n" } else { "*/" }),
            '"' | '\'' | '`' => string_len(rest, first),
            _ => rest.find(|c| !is_word(c)).unwrap_or(rest.len()).max(first.len_utf8()),
        };
        let token = &rest[..len];
        if is_expected && matches!(first, '"' | '\'') {
            found.push(&token[1..len - 1]);
        }
        let is_between = is_comment || first.is_whitespace();
        is_expected = matches!(token, "import" | "from") || is_expected && is_between;
        rest = &rest[len..];
    }
    found
}

/// The length of the string that `text` begins with, both quotes included.
fn string_len(text: &str, quote: char) -> usize {
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => _ = chars.next(),
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The name of the module that `specifier` means in the module `from`.
fn resolve(from: &str, specifier: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in specifier.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specifiers_are_found_wherever_they_stand() {
        let source = r#"// import "./no.js";
/* from "./no.js" */
import a from "../a.js";
import {
  b,
} from './b.js';
export { default as c } from "./c.js"; import "./d.js";
import e from "./e.json" with { type: "json" };
const from = "./no.js", text = `import "./no.js"`, quoted = "from \"./no.js\"";
const array = Array.from("./no.js");
"#;
        assert_eq!(specifiers(source), ["../a.js", "./b.js", "./c.js", "./d.js", "./e.json"]);
    }

    #[test]
    fn imports_are_replaced_by_names() {
        assert_eq!(resolve("pages/x.js", "../a.js"), "a.js");
        assert_eq!(resolve("pages/x.js", "./b.js"), "pages/b.js");
        assert_eq!(resolve("x.js", "./report/main.js"), "report/main.js");
    }

    #[test]
    fn a_page_has_all_modules_that_it_needs_and_no_others() {
        let modules = reachable("main.js", &[]);
        assert!(modules.contains_key("panels/curves.js") && modules.contains_key("text/zh.json"));
        assert!(!modules.contains_key("report/main.js"));
        let is_unused = |name: &&str| {
            name.ends_with(".js") && !name.starts_with("report/") && !modules.contains_key(*name)
        };
        let names = assets::FILES.iter().map(|(name, _)| *name);
        let unused: Vec<_> = names.filter(is_unused).collect();
        assert!(unused.is_empty(), "no page imports {unused:?}");
        let report = reachable("report/main.js", &[("server.js", "report/server.js")]);
        assert!(report["server.js"].contains("Replaces"));
        for other in ["pages/runs.js", "pages/draw.js", "main.js", "prepare.js"] {
            assert!(!report.contains_key(other), "{other}");
        }
    }
}
