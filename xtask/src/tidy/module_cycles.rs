//! Two modules side by side do not import from each other: one of them comes first for a reader.
//!
//! A module and its parent are left out, since a child reads its parent's items everywhere in Rust.

use std::collections::{BTreeMap, BTreeSet};

use super::code::CodeToken;
use super::repository::Repository;

/// Modules that need each other, with the reason.
const ALLOWED: &[(&str, &str)] = &[
    // A network is a list of layers, and a layer adds its nodes to the network being built.
    ("layers", "network"),
];

/// The path of a module within its crate; empty for the root.
type ModulePath = Vec<String>;

/// A module with what it imports.
#[derive(Default)]
struct Imports {
    /// Paths of `use` declarations and what each is called here; and paths in the code, without a name.
    paths: Vec<(Option<String>, Vec<String>)>,
}

type CrateModules = BTreeMap<ModulePath, Imports>;

pub(super) fn check(repository: &Repository) -> Vec<String> {
    let mut crates: BTreeMap<&str, CrateModules> = BTreeMap::new();
    for file in repository.rust_files() {
        let Some((name, path)) = file.path.split_once("/src/") else { continue };
        let module = module_path(path);
        crates.entry(name).or_default().insert(module, imports(&file.tokens));
    }
    crates.iter().flat_map(|(name, modules)| cycles(name, modules)).collect()
}

fn cycles(name: &str, modules: &CrateModules) -> Vec<String> {
    let mut edges = BTreeSet::new();
    for (from, imports) in modules {
        for (_, path) in &imports.paths {
            let Some(to) = resolve(modules, from, path, 0) else { continue };
            let n_common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
            if n_common < from.len().min(to.len()) {
                edges.insert((from[..=n_common].to_vec(), to[..=n_common].to_vec()));
            }
        }
    }
    let both_ways = edges.iter().filter(|(from, to)| from < to);
    both_ways
        .filter(|(from, to)| edges.contains(&(to.clone(), from.clone())))
        .map(|(from, to)| (from.join("::"), to.join("::")))
        .filter(|(from, to)| !ALLOWED.contains(&(&**from, &**to)))
        .map(|(from, to)| format!("{name}: {from} and {to} import from each other"))
        .collect()
}

fn module_path(file: &str) -> ModulePath {
    let path = file.strip_suffix(".rs").unwrap_or(file);
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if ["lib", "main", "mod"].contains(&path) {
        return Vec::new();
    }
    path.split('/').map(str::to_owned).collect()
}

/// The module in which the item of a path is declared; none if that is another crate.
fn resolve(
    modules: &CrateModules,
    from: &ModulePath,
    path: &[String],
    depth: usize,
) -> Option<ModulePath> {
    /// Re-exports of re-exports end somewhere.
    const MAX_DEPTH: usize = 8;
    let mut at = from.clone();
    let mut segments = path.iter();
    let first = segments.next()?;
    match first.as_str() {
        "crate" => at.clear(),
        "super" => drop(at.pop()?),
        "self" => {}
        child => {
            at.push(child.to_owned());
            modules.get(&at)?;
        }
    }
    for segment in segments {
        if segment == "super" {
            at.pop()?;
            continue;
        }
        let child = [&at[..], std::slice::from_ref(segment)].concat();
        if modules.contains_key(&child) {
            at = child;
            continue;
        }
        let named_here = modules.get(&at)?.paths.iter();
        let re_export = named_here.filter(|(name, _)| name.as_ref() == Some(segment));
        let found = re_export
            .filter(|_| depth < MAX_DEPTH)
            .find_map(|(_, path)| resolve(modules, &at, path, depth + 1));
        return Some(found.unwrap_or(at));
    }
    Some(at)
}

fn imports(tokens: &[CodeToken]) -> Imports {
    let mut imports = Imports::default();
    let mut i = 0;
    while i < tokens.len() {
        let next = tokens.get(i + 1).map_or("", |token| &token.text);
        match &*tokens[i].text {
            "mod" if next == "tests" => i = after_block(tokens, i),
            "use" => i = use_tree(tokens, i + 1, &mut Vec::new(), &mut imports),
            "crate" | "super" if next == ":" => {
                let (path, end) = plain_path(tokens, i);
                imports.paths.push((None, path));
                i = end;
            }
            _ => i += 1,
        }
    }
    imports
}

/// The index after the next pair of braces.
fn after_block(tokens: &[CodeToken], start: usize) -> usize {
    let depth = tokens[start].depth;
    let close = tokens[start..].iter().position(|token| token.depth == depth && token.text == "}");
    close.map_or(tokens.len(), |close| start + close + 1)
}

/// Reads names joined by `::`.
fn plain_path(tokens: &[CodeToken], start: usize) -> (Vec<String>, usize) {
    let mut path = vec![tokens[start].text.clone()];
    let mut i = start + 1;
    let text = |i: usize| tokens.get(i).map_or("", |token: &CodeToken| &token.text);
    while text(i) == ":" && text(i + 1) == ":" && is_name(text(i + 2)) {
        path.push(text(i + 2).to_owned());
        i += 3;
    }
    (path, i)
}

/// Reads one tree of a `use` declaration behind `prefix`, and returns the index after it.
fn use_tree(
    tokens: &[CodeToken],
    start: usize,
    prefix: &mut Vec<String>,
    imports: &mut Imports,
) -> usize {
    let text = |i: usize| tokens.get(i).map_or("", |token: &CodeToken| &token.text);
    let n_prefix = prefix.len();
    let mut i = start;
    loop {
        match text(i) {
            "{" => {
                i += 1;
                while !["}", ""].contains(&text(i)) {
                    i = use_tree(tokens, i, prefix, imports);
                    i += usize::from(text(i) == ",");
                }
                prefix.truncate(n_prefix);
                return i + 1;
            }
            "*" => {
                imports.paths.push((None, prefix.clone()));
                prefix.truncate(n_prefix);
                return i + 1;
            }
            ":" => i += 1,
            name if is_name(name) => {
                prefix.push(name.to_owned());
                i += 1;
                if text(i) == ":" {
                    continue;
                }
                if name == "self" && prefix.len() > 1 {
                    prefix.pop();
                }
                let mut called = prefix.last().cloned();
                if text(i) == "as" {
                    called = Some(text(i + 1).to_owned());
                    i += 2;
                }
                imports.paths.push((called, prefix.clone()));
                prefix.truncate(n_prefix);
                return i;
            }
            _ => {
                prefix.truncate(n_prefix);
                return i + 1;
            }
        }
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_modules_that_import_from_each_other_are_found() {
        let files = [
            ("crates/a/src/lib.rs", "mod one; mod two; mod three; pub use two::{Two, Other as O};"),
            ("crates/a/src/one.rs", "use crate::{O, three::Three};"),
            ("crates/a/src/two.rs", "fn f() { super::one::g() }"),
            ("crates/a/src/three.rs", "use std::fmt; mod tests { use crate::one::One; }"),
        ];
        let findings = check(&Repository::of(&files));
        assert_eq!(findings, ["crates/a: one and two import from each other"]);
    }

    #[test]
    fn parents_and_children_may_use_each_other_and_deeper_modules_count_with_their_parents() {
        let files = [
            ("crates/a/src/lib.rs", "mod plan; mod run;"),
            ("crates/a/src/plan.rs", "mod place; use self::place::Place;"),
            ("crates/a/src/plan/place.rs", "use super::Plan; use crate::run::Run;"),
            ("crates/a/src/run.rs", "use crate::plan::*;"),
        ];
        let findings = check(&Repository::of(&files));
        assert_eq!(findings, ["crates/a: plan and run import from each other"]);
    }
}
