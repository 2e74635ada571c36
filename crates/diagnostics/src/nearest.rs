//! The known name that is nearest to an unknown one.

/// A hint to append to a message about an unknown name; empty if no known name is near.
///
/// ```
/// # use gradus_diagnostics::did_you_mean;
/// assert_eq!(did_you_mean("sdg", ["sgd", "adam"]), "; did you mean `sgd`?");
/// assert_eq!(did_you_mean("qqqq", ["sgd", "adam"]), "");
/// ```
pub fn did_you_mean<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(unknown, known).map_or(String::new(), |name| format!("; did you mean `{name}`?"))
}

/// The name nearest to `unknown`, if one is near enough to be meant.
pub fn nearest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// The least similarity of a name that may be meant, in 0..=1.
    const NEAR: f64 = 0.6;
    let unknown = unknown.to_lowercase();
    // The first measure favours names cut short (`shuffled`), the second transposed letters (`sdg`).
    let similarity = |name| {
        strsim::jaro_winkler(&unknown, name)
            .max(strsim::normalized_damerau_levenshtein(&unknown, name))
    };
    let best = known
        .into_iter()
        .map(|name| (similarity(name), name))
        .max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 >= NEAR).then_some(best.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_names_are_found_and_other_words_are_not() {
        let known = ["sgd", "momentum", "adagrad", "adam", "shuffled_epochs"];
        for (unknown, meant) in [
            ("sdg", Some("sgd")),
            ("Adam", Some("adam")),
            ("adem", Some("adam")),
            ("momentun", Some("momentum")),
            ("shuffled", Some("shuffled_epochs")),
            ("qqqq", None),
            ("", None),
        ] {
            assert_eq!(nearest(unknown, known), meant, "{unknown}");
        }
        assert_eq!(nearest("conv-dropuot", ["conv", "conv-dropout"]), Some("conv-dropout"));
        assert_eq!(nearest("adam", []), None);
    }
}
