//! `cargo xtask tidy`: the project rules that the compiler cannot check.
//!
//! A rule is a file here with a function from the [`Repository`] to its findings, and an entry in [`RULES`].

use anyhow::ensure;

use self::repository::Repository;

mod budgets;
mod build_needs;
mod code;
mod dependencies;
mod leftovers;
mod long_files;
mod machine_paths;
mod module_cycles;
mod module_docs;
mod op_contract;
mod registries;
mod repository;
mod retired_words;
mod small_code;
pub(crate) mod types;
mod unique_types;
mod unsafe_code;
mod worked_values;

/// A rule, named as the claim that it checks.
struct Rule {
    claim: &'static str,
    /// The findings, one sentence each, the place first.
    check: fn(&Repository) -> Vec<String>,
    severity: Severity,
}

#[derive(PartialEq)]
enum Severity {
    Failure,
    /// Printed, but does not fail.
    Note,
}

const RULES: &[Rule] = &[
    failure("crates depend on each other as the architecture says", dependencies::check),
    failure("builds keep to their budgets", budgets::check),
    failure("modules do not import from each other", module_cycles::check),
    failure("unsafe code is in the kernels only", unsafe_code::check),
    failure("loops for vectors are in crates that are optimised for speed", small_code::check),
    failure("every Rust file begins with its docs", module_docs::check),
    failure("every file of a registry folder is in the registry", registries::check),
    failure("every op states its shapes, gradient and source, and is checked", op_contract::check),
    failure("tests named after worked values have their rows", worked_values::check),
    failure("a type name stands for one thing", unique_types::check),
    failure("retired words are not used", retired_words::check),
    failure("nothing unfinished is left", leftovers::check),
    failure("no path of a single machine is named", machine_paths::check),
    Rule { claim: "files are short", check: long_files::check, severity: Severity::Note },
];

const fn failure(claim: &'static str, check: fn(&Repository) -> Vec<String>) -> Rule {
    Rule { claim, check, severity: Severity::Failure }
}

/// Checks every rule and prints the findings.
///
/// # Errors
///
/// If the repository cannot be read, or a rule that is more than a note has a finding.
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
