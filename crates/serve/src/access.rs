//! Who may ask.

use hyper::header::{self, HeaderValue};
use hyper::{Request, StatusCode};
use web::{Connection, ServerError, ServerNames, bearer_tokens, is_same};

use crate::error::RequestError;

/// The secret that requests carry: `Authorization: Bearer TOKEN`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// A new one.
    New,
    /// This one.
    Given(String),
    /// None: whoever reaches the address may ask.
    None,
}

/// The rules of a server.
#[derive(Debug)]
pub(crate) struct TokenRules {
    names: ServerNames,
    token: Option<String>,
}

impl TokenRules {
    pub(crate) fn new(names: ServerNames, token: Token) -> Result<Self, ServerError> {
        let token = match token {
            Token::New => Some(web::secret()?),
            Token::Given(token) => Some(token),
            Token::None => None,
        };
        Ok(Self { names, token })
    }

    pub(crate) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// An error unless a request names this server and comes from no page of others.
    pub(crate) fn check_names<B>(
        &self,
        request: &Request<B>,
        connection: &Connection,
    ) -> Result<(), RequestError> {
        // Programs send no `Origin`, and pages of others cannot send the token.
        self.names
            .check(request.uri(), request.headers(), connection.local, true)
            .map_err(|why| RequestError::new(StatusCode::FORBIDDEN, why))
    }

    /// An error unless a request carries the token.
    pub(crate) fn check_token<B>(
        &self,
        request: &Request<B>,
        connection: &Connection,
    ) -> Result<(), RequestError> {
        if let Some(token) = &self.token
            && !bearer_tokens(request.headers()).any(|given| is_same(token, given))
        {
            let header = Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
            let why = "expected the token of this server: Authorization: Bearer TOKEN";
            return Err(RequestError {
                header,
                ..RequestError::new(StatusCode::UNAUTHORIZED, why)
            });
        }
        match connection.slot.promote(0) {
            true => Ok(()),
            false => Err(RequestError::busy("too many connections")),
        }
    }
}
