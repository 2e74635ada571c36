//! The page to try a model, built into the program. It contains no secret.

/// The content type and the bytes of a file of the page.
pub(crate) fn file(path: &str) -> Option<(&'static str, &'static str)> {
    Some(match path {
        "/" => ("text/html;charset=utf-8", include_str!("../assets/index.html")),
        "/try.css" => ("text/css;charset=utf-8", include_str!("../assets/try.css")),
        "/try.js" => ("text/javascript;charset=utf-8", include_str!("../assets/try.js")),
        _ => return None,
    })
}
