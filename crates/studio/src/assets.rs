//! The files of the pages, built into the binary.

use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

/// Every file below `assets`, by its path there. `build.rs` lists them.
pub(crate) static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// A file that was built in.
pub(crate) fn get(name: &str) -> Option<&'static [u8]> {
    FILES.iter().find(|(known, _)| *known == name).map(|(_, bytes)| *bytes)
}

/// The text of a file that was built in.
pub(crate) fn text(name: &str) -> &'static str {
    let bytes = get(name).unwrap_or_else(|| panic!("{name}: not built in"));
    std::str::from_utf8(bytes).expect("all but images are text")
}

/// Answers with the built-in file that a path names.
pub(crate) async fn serve(uri: Uri) -> Response {
    let name = match uri.path() {
        "/" => "index.html",
        path => path.trim_start_matches('/'),
    };
    match get(name) {
        Some(bytes) => ([(header::CONTENT_TYPE, kind(name))], bytes).into_response(),
        None => (StatusCode::NOT_FOUND, "no such page\n").into_response(),
    }
}

/// The content type of a file.
pub(crate) fn kind(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html;charset=utf-8",
        "css" => "text/css;charset=utf-8",
        "js" => "text/javascript;charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        _ => "application/octet-stream",
    }
}
