//! A file of more than [`LIMIT`] lines may hold more than one idea.

use super::repository::Repository;

const LIMIT: usize = 500;
const LANGUAGES: [&str; 5] = [".rs", ".py", ".js", ".css", ".html"];

pub(super) fn check(repository: &Repository) -> Vec<String> {
    let code = repository
        .files
        .iter()
        .filter(|file| LANGUAGES.iter().any(|extension| file.path.ends_with(extension)));
    code.map(|file| (&file.path, file.text.lines().count()))
        .filter(|(_, n_lines)| *n_lines > LIMIT)
        .map(|(path, n_lines)| format!("{path}: {n_lines} lines"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_above_the_limit_is_noted() {
        let long = "\n".repeat(LIMIT + 1);
        let files = [("at.rs", &long[..LIMIT]), ("above.js", &long), ("above.lock", &long)];
        let findings = check(&Repository::of(&files));
        assert_eq!(findings, ["above.js: 501 lines"]);
    }
}
