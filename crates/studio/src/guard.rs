//! Who may ask: every request passes here first.
//!
//! A loopback address does not protect against other web pages in the same browser: a page can
//! send requests anywhere, and a name that first led to its own server can later lead to ours. So the `Host` must be
//! one of this server, the `Origin` as well where there is one, and a request must carry the token of the link.

use std::net::SocketAddr;

use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

/// The address at which a connection arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalAddress(pub(crate) SocketAddr);

/// What a visitor may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// See everything and steer the run.
    Owner,
    /// See everything.
    Viewer,
}

/// The rules of a server.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    port: u16,
    /// Names and addresses that we answer to, without the port.
    hosts: Vec<String>,
    owner: String,
    viewer: String,
}

/// Pages take everything from this server, run no script that is not a file of it, and stand in no frame.
const POLICY: &str = "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

impl Guard {
    /// Rules for a server at `port` that answers to this machine's own names and to `more`.
    pub(crate) fn new(port: u16, more: &[String]) -> Result<Self, getrandom::Error> {
        let own = ["127.0.0.1", "localhost", "[::1]"].map(str::to_owned);
        let more = more.iter().map(|host| host.to_ascii_lowercase());
        let hosts = own.into_iter().chain(more).collect();
        Ok(Self { port, hosts, owner: token()?, viewer: token()? })
    }

    /// The secret of links for `access`.
    pub(crate) fn token(&self, access: Access) -> &str {
        match access {
            Access::Owner => &self.owner,
            Access::Viewer => &self.viewer,
        }
    }

    /// Whether `host`, such as `localhost:8000`, is one of this server. The address at which the connection arrived is: a name
    /// that another site has redirected here is refused.
    fn is_ours(&self, host: &str, arrived: SocketAddr) -> bool {
        let host = host.to_ascii_lowercase();
        let name = match host.strip_suffix(&format!(":{}", self.port)) {
            Some(name) => name,
            None if self.port == 80 => &host,
            None => return false,
        };
        let address = match arrived.ip().to_canonical() {
            std::net::IpAddr::V4(address) => address.to_string(),
            std::net::IpAddr::V6(address) => format!("[{address}]"),
        };
        name == address || self.hosts.iter().any(|ours| ours == name)
    }

    /// What a request may do, or why it may nothing.
    fn judge(
        &self,
        request: &Request,
        arrived: SocketAddr,
    ) -> Result<Access, (StatusCode, &'static str)> {
        let headers = request.headers();
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok());
        let is_ours = |host: &str| self.is_ours(host, arrived);
        if !host.is_some_and(is_ours) || hosts.next().is_some() {
            return Err((StatusCode::FORBIDDEN, "Host: not one of this server's names"));
        }
        // A request line may name a host too.
        if !request.uri().authority().is_none_or(|authority| is_ours(authority.as_str())) {
            return Err((StatusCode::FORBIDDEN, "request line: not one of this server's names"));
        }
        let is_reading = matches!(*request.method(), Method::GET | Method::HEAD);
        let is_foreign = match headers.get(header::ORIGIN) {
            Some(origin) => {
                let origin = origin.to_str().ok().and_then(|origin| origin.strip_prefix("http://"));
                !origin.is_some_and(is_ours)
            }
            None => !is_reading,
        };
        if is_foreign {
            return Err((StatusCode::FORBIDDEN, "Origin: expected a page of this server"));
        }
        let given = self.tokens(request.uri().query().unwrap_or(""), headers);
        let access = given.into_iter().find_map(|given| {
            let is_token =
                |access: &Access| self.token(*access).as_bytes().ct_eq(given.as_bytes()).into();
            [Access::Owner, Access::Viewer].into_iter().find(is_token)
        });
        access.ok_or((
            StatusCode::UNAUTHORIZED,
            "this page needs its token: open the link that gradus printed, with all that follows the question mark",
        ))
    }

    fn tokens<'a>(&self, query: &'a str, headers: &'a HeaderMap) -> Vec<&'a str> {
        let in_query = query.split('&').filter_map(|pair| pair.strip_prefix("token="));
        let name = self.cookie_name();
        let in_cookies = headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|cookies| cookies.to_str().ok())
            .flat_map(|cookies| cookies.split(';'))
            .filter_map(move |cookie| cookie.trim().strip_prefix(&*name)?.strip_prefix('='));
        let in_header = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        // A link that was followed just now counts more than one of earlier.
        in_query.take(1).chain(in_header).chain(in_cookies).collect()
    }

    /// Cookies know no ports: each server has its own.
    fn cookie_name(&self) -> String {
        format!("gradus-{}", self.port)
    }
}

/// Lets a request pass, or says why not; and puts the rules for browsers on every response.
pub(crate) async fn pass(
    State(guard): State<Guard>,
    Extension(LocalAddress(arrived)): Extension<LocalAddress>,
    mut request: Request,
    next: Next,
) -> Response {
    let has_token = request.uri().query().is_some_and(|query| query.contains("token="));
    let mut response = match guard.judge(&request, arrived) {
        Ok(access) => {
            request.extensions_mut().insert(access);
            let mut response = next.run(request).await;
            if has_token {
                let (name, token) = (guard.cookie_name(), guard.token(access));
                let cookie = format!("{name}={token}; Path=/; HttpOnly; SameSite=Strict");
                let cookie = HeaderValue::from_str(&cookie).expect("letters and digits");
                response.headers_mut().insert(header::SET_COOKIE, cookie);
            }
            response
        }
        Err((status, why)) => (status, format!("{why}\n")).into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // Browsers know this one from pages that nobody on the way could have changed, and complain about others.
    if arrived.ip().to_canonical().is_loopback() {
        let name = header::HeaderName::from_static("cross-origin-opener-policy");
        headers.insert(name, HeaderValue::from_static("same-origin"));
    }
    response
}

/// 128 random bits, as text.
fn token() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
