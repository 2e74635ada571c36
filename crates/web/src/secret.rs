//! Secrets in requests.

use hyper::header::{self, HeaderMap};
use subtle::ConstantTimeEq;

use crate::ServerError;

/// 128 random bits, as text.
///
/// # Errors
///
/// If the system has no random numbers.
pub fn secret() -> Result<String, ServerError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(ServerError::Random)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

/// Whether a secret is the one that was given, in a time that does not tell how much of it is right.
pub fn is_same(secret: &str, given: &str) -> bool {
    secret.as_bytes().ct_eq(given.as_bytes()).into()
}

/// The tokens of the headers `Authorization: Bearer …`.
pub fn bearer_tokens(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let texts = headers.get_all(header::AUTHORIZATION).iter();
    texts.filter_map(|value| value.to_str().ok()?.strip_prefix("Bearer "))
}
