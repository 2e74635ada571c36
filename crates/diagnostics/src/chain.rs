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
    use std::fmt;
    use std::num::ParseFloatError;

    use super::*;

    #[derive(Debug)]
    struct Context(ParseFloatError);

    impl fmt::Display for Context {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("line 3")
        }
    }

    impl Error for Context {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn every_cause_is_shown_once() {
        let inner = "x".parse::<f64>().unwrap_err();
        assert_eq!(chain(&inner), "invalid float literal");
        let outer = Context(inner);
        assert_eq!(chain(&outer), "line 3: invalid float literal");
    }
}
