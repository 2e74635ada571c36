//! An error with its causes.

use std::error::Error;
use std::iter;

/// An error and its causes in one line, the outermost first, as `anyhow` prints them with `{:#}`.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let errors = iter::successors(Some(error), |&error| error.source());
    errors.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("line 3")]
    struct Context(#[source] std::num::ParseFloatError);

    #[test]
    fn every_cause_is_shown_once() {
        let inner = "x".parse::<f64>().unwrap_err();
        assert_eq!(chain(&inner), "invalid float literal");
        assert_eq!(chain(&Context(inner)), "line 3: invalid float literal");
    }
}
