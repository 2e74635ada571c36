//! The pages, inside the binary.

use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

#[derive(rust_embed::RustEmbed)]
#[folder = "assets"]
pub(crate) struct Assets;

/// One of the files that were built in, as text.
pub(crate) fn file(name: &str) -> String {
    let file = Assets::get(name).unwrap_or_else(|| panic!("{name} is not built in"));
    String::from_utf8_lossy(&file.data).into_owned()
}

/// The file that a path names: one of those that were built in, or none.
pub(crate) async fn serve(uri: Uri) -> Response {
    let name = match uri.path() {
        "/" => "index.html",
        path => path.trim_start_matches('/'),
    };
    match Assets::get(name) {
        Some(file) => ([(header::CONTENT_TYPE, kind(name))], file.data).into_response(),
        None => (StatusCode::NOT_FOUND, "there is no such page\n").into_response(),
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
