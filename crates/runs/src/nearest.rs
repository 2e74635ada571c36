//! The name that was meant.

/// The name nearest to `unknown`, if one is near enough to be meant.
pub(crate) fn nearest<'a>(
    unknown: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    /// Names less alike than this are not meant.
    const NEAR: f64 = 0.6;
    let unknown = unknown.to_lowercase();
    // The one measure knows names cut short (`shuffled`), the other letters that changed places (`sdg`).
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
    fn slips_of_the_pen_find_the_name_and_other_words_none() {
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
        assert_eq!(nearest("adam", []), None);
    }
}
