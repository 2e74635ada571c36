//! Access control: every request passes here first.
//!
//! A request must ask for a name of this server, [come from no page of others](ServerNames), and carry a secret.
//!
//! Browsers send the cookies of a host to all its ports, so those who serve another port of this machine may know the
//! cookie. It is a secret of its own that only shows, as the links do in an address: whoever is the owner says so by the token
//! in the header of the request, which a page keeps where pages of other ports cannot read.

use std::sync::{Arc, Mutex};

use axum::extract::{Extension, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use web::{Connection, ServerError, ServerNames, add_page_headers, bearer_tokens, is_same, secret};

use crate::visitor::{Access, Visitor};
use crate::{lock, peer};

/// The access rules of a server.
#[derive(Clone, Debug)]
pub(crate) struct Guard(Arc<AccessRules>);

#[derive(Debug)]
struct AccessRules {
    names: ServerNames,
    /// The secrets in the links of an owner and of a viewer, and in the cookie that both set.
    tokens: [String; 2],
    cookie: String,
    /// What the browser that this program opens shows once instead of the token.
    code: Mutex<Option<String>>,
}

/// Why a request is refused.
type GuardRefusal = (StatusCode, String);

impl Guard {
    /// Rules for a server with these names, with new secrets.
    pub(crate) fn new(names: ServerNames) -> Result<Self, ServerError> {
        Ok(Self(Arc::new(AccessRules {
            names,
            tokens: [secret()?, secret()?],
            cookie: secret()?,
            code: Mutex::default(),
        })))
    }

    /// The token in links with this access.
    pub(crate) fn token(&self, access: Access) -> &str {
        &self.0.tokens[access as usize]
    }

    /// A code that stands for the owner's token once: for a place where others of this machine can read it, such as the
    /// command line of a browser.
    pub(crate) fn new_code(&self) -> Result<String, ServerError> {
        let code = secret()?;
        *lock(&self.0.code) = Some(code.clone());
        Ok(code)
    }

    /// Whether a code is the one that was given out.
    fn is_code(&self, given: &str) -> bool {
        lock(&self.0.code).as_ref().is_some_and(|code| is_same(code, given))
    }

    /// The access of a request by the secrets that it carries, or why it is refused.
    fn check_secrets(&self, request: &Request) -> Result<Access, GuardRefusal> {
        let AccessRules { tokens, cookie, .. } = &*self.0;
        let headers = request.headers();
        let access = bearer_tokens(headers).find_map(|given| {
            let mut all = [Access::Owner, Access::Viewer].into_iter();
            all.find(|&access| is_same(&tokens[access as usize], given))
        });
        let name = format!("{}=", self.cookie_name());
        let in_cookies = headers.get_all(header::COOKIE).iter();
        let mut in_cookies = in_cookies
            .filter_map(|value| value.to_str().ok())
            .flat_map(|cookies| cookies.split(';'))
            .filter_map(|cookie| cookie.trim().strip_prefix(&*name));
        let in_query = in_query(request, "token");
        let shows = in_query.is_some_and(|given| tokens.iter().any(|token| is_same(token, given)))
            || in_cookies.any(|given| is_same(cookie, given));
        access.or(shows.then_some(Access::Viewer)).ok_or_else(|| {
            let why = "this page requires its token: open the whole link that gradus printed, \
                with the part after the question mark";
            (StatusCode::UNAUTHORIZED, why.to_owned())
        })
    }

    /// Cookies are shared by all ports of a host, so the name contains the port.
    fn cookie_name(&self) -> String {
        format!("gradus-{}", self.0.names.port())
    }

    /// The answer to whoever shows a code: the owner's link, for the user of this program alone.
    fn exchange(&self, given: &str, connection: &Connection) -> Result<Response, GuardRefusal> {
        if !self.is_code(given) {
            let why = "this link has been used; open the one that gradus printed";
            return Err((StatusCode::UNAUTHORIZED, why.to_owned()));
        }
        if peer::is_foreign_user(connection.peer, connection.local) {
            let why = "this link is of another user of this machine";
            return Err((StatusCode::FORBIDDEN, why.to_owned()));
        }
        *lock(&self.0.code) = None;
        Ok(Redirect::to(&format!("/?token={}", self.token(Access::Owner))).into_response())
    }

    /// The answer to a request, or why it is refused.
    async fn answer(
        &self,
        connection: &Connection,
        request: Request,
        next: Next,
    ) -> Result<Response, GuardRefusal> {
        let is_reading = matches!(*request.method(), Method::GET | Method::HEAD);
        let AccessRules { names, .. } = &*self.0;
        names
            .check(request.uri(), request.headers(), connection.local, is_reading)
            .map_err(|why| (StatusCode::FORBIDDEN, why))?;
        if let Some(code) = in_query(&request, "code") {
            return self.exchange(code, connection);
        }
        let access = self.check_secrets(&request)?;
        Ok(self.admit(access, connection, request, next).await)
    }

    /// The answer to a request that is allowed. Whoever followed a link gets the cookie.
    async fn admit(
        &self,
        access: Access,
        connection: &Connection,
        mut request: Request,
        next: Next,
    ) -> Response {
        if !connection.slot.promote(access as usize) {
            let why = "too many pages are open; close some and try again\n";
            let status = StatusCode::SERVICE_UNAVAILABLE;
            return (status, [(header::RETRY_AFTER, "1")], why).into_response();
        }
        let has_token = in_query(&request, "token").is_some();
        request.extensions_mut().insert(Visitor::new(access, connection.peer.ip()));
        let mut response = next.run(request).await;
        if has_token {
            let (name, cookie) = (self.cookie_name(), &self.0.cookie);
            let cookie = format!("{name}={cookie}; Path=/; HttpOnly; SameSite=Strict");
            let cookie = HeaderValue::from_str(&cookie).expect("letters and digits");
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
        response
    }
}

/// The value of a field in the query of a request.
fn in_query<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let mut fields = request.uri().query()?.split('&').filter_map(|field| field.split_once('='));
    fields.find(|(found, _)| *found == name).map(|(_, value)| value)
}

/// Passes a request on or refuses it, and adds the security headers to every response.
pub(crate) async fn pass(
    State(guard): State<Guard>,
    Extension(connection): Extension<Connection>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = match guard.answer(&connection, request, next).await {
        Ok(response) => response,
        Err((status, why)) => {
            connection.slot.delay_refusal().await;
            // Whoever is refused sends nothing more on this connection: a thousand requests at once would keep others waiting.
            (status, [(header::CONNECTION, "close")], format!("{why}\n")).into_response()
        }
    };
    add_page_headers(response.headers_mut(), connection.local);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_that_which_was_given_out() {
        let guard = Guard::new(ServerNames::new(7700, "localhost:7700", &[])).unwrap();
        assert!(!guard.is_code(""));
        let code = guard.new_code().unwrap();
        assert!(guard.is_code(&code) && !guard.is_code(&code[1..]) && !guard.is_code(""));
    }
}
