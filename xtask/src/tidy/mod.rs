//! `cargo xtask tidy`: the rules of the house that no compiler knows.
//!
//! A rule is a file here with a function from the [`Repository`] to what breaks it, and an entry in
//! [`RULES`].

use anyhow::ensure;

use self::repository::Repository;

mod arrows;
mod code;
mod leftovers;
mod long_files;
mod machine_paths;
mod module_docs;
mod op_contract;
mod registries;
mod repository;
mod unsafe_code;

/// One rule, named as the claim it holds.
struct Rule {
    claim: &'static str,
    /// What breaks the claim, one sentence each, the place first.
    check: fn(&Repository) -> Vec<String>,
    severity: Severity,
}

#[derive(PartialEq)]
enum Severity {
    Failure,
    /// Shown, but does not fail.
    Note,
}

const RULES: &[Rule] = &[
    failure("crates use each other only along the allowed arrows", arrows::check),
    failure("unsafe code is in the kernels only", unsafe_code::check),
    failure("every Rust file begins with its docs", module_docs::check),
    failure("every file of a registry is declared", registries::check),
    failure("every op says its shapes, gradient and source, and is checked", op_contract::check),
    failure("nothing unfinished is left", leftovers::check),
    failure("no path of somebody's machine is named", machine_paths::check),
    Rule { claim: "files are short", check: long_files::check, severity: Severity::Note },
];

const fn failure(claim: &'static str, check: fn(&Repository) -> Vec<String>) -> Rule {
    Rule { claim, check, severity: Severity::Failure }
}

/// Checks every rule and prints what breaks it.
///
/// # Errors
///
/// If the repository cannot be read, or breaks a rule that is more than a note.
pub(crate) fn run() -> anyhow::Result<()> {
    let repository = Repository::read()?;
    let mut n_failures = 0;
    for rule in RULES {
        let findings = (rule.check)(&repository);
        if findings.is_empty() {
            continue;
        }
        let label = match rule.severity {
            Severity::Failure => "broken rule",
            Severity::Note => "note, not everywhere",
        };
        println!("{label}: {}\n  {}", rule.claim, findings.join("\n  "));
        if rule.severity == Severity::Failure {
            n_failures += findings.len();
        }
    }
    ensure!(n_failures == 0, "tidy: {n_failures} finding(s)");
    Ok(())
}
