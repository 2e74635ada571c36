//! The files of the pages, built into the binary.

use std::io::Read as _;
use std::ops::Range;
use std::sync::LazyLock;

use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use flate2::read::DeflateDecoder;

/// Every file below `assets`, by its path there, and its place in [`CONTENT`]. `build.rs` lists them.
pub(crate) static FILES: &[(&str, Range<usize>)] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The bytes of all files.
static CONTENT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let packed: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/assets.bin"));
    let mut bytes = Vec::new();
    DeflateDecoder::new(packed).read_to_end(&mut bytes).expect("what was packed for this build");
    bytes
});

/// A file that was built in.
pub(crate) fn get(name: &str) -> Option<&'static [u8]> {
    let (_, place) = FILES.iter().find(|(known, _)| *known == name)?;
    Some(&CONTENT[place.clone()])
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
