//! Access control: every request passes here first.
//!
//! A web page of others in the same browser can send requests anywhere, and its name can later resolve to our server (DNS
//! rebinding). So the `Host` must be a name of this server, the `Origin`, if there is one, that of the `Host`, and a request
//! carries a secret.
//!
//! Browsers send the cookies of a host to all its ports, so those who serve another port of this machine may know the
//! cookie. It is a secret of its own that only shows, as the links do in an address: whoever is the owner says so by the token
//! in the header of the request, which a page keeps where pages of other ports cannot read.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::extract::{Extension, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use subtle::ConstantTimeEq;

use crate::connections::Connection;
use crate::visitor::{Access, Visitor};
use crate::{lock, peer};

/// The access rules of a server.
#[derive(Clone, Debug)]
pub(crate) struct Guard(Arc<AccessRules>);

#[derive(Debug)]
struct AccessRules {
    port: u16,
    /// The name of this server in links, with the port.
    host: String,
    /// Names that count with any port.
    allowed: Vec<String>,
    /// The secrets in the links of an owner and of a viewer, and in the cookie that both set.
    tokens: [String; 2],
    cookie: String,
    /// What the browser that this program opens shows once instead of the token.
    code: Mutex<Option<String>>,
}

/// Names of this machine for itself. Whoever asks for one has connected to it, perhaps through a tunnel with another port
/// at its other end.
const LOOPBACK: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

/// Pages load everything from this server, run only its script files, and cannot be framed.
const POLICY: &str = "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

/// Why a request is refused.
type GuardRefusal = (StatusCode, String);

impl Guard {
    /// Rules for a server at `port` with the names of this machine, `host`, which includes the port, and those of
    /// `allowed`, which count with any port.
    pub(crate) fn new(port: u16, host: &str, allowed: &[String]) -> Result<Self, getrandom::Error> {
        Ok(Self(Arc::new(AccessRules {
            port,
            host: host.to_ascii_lowercase(),
            allowed: allowed.iter().map(|name| name.to_ascii_lowercase()).collect(),
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
    pub(crate) fn new_code(&self) -> Result<String, getrandom::Error> {
        let code = secret()?;
        *lock(&self.0.code) = Some(code.clone());
        Ok(code)
    }

    /// Whether a code is the one that was given out.
    fn is_code(&self, given: &str) -> bool {
        lock(&self.0.code).as_ref().is_some_and(|code| is_same(code, given))
    }

    /// Whether `host` (`localhost:8000`) is a name of this server, or the address of the connection: rebinding needs a name.
    fn is_ours(&self, host: &str, arrived: SocketAddr) -> bool {
        let AccessRules { port, host: own, allowed, .. } = &*self.0;
        let host = host.to_ascii_lowercase();
        let port_at = host.rfind(':').filter(|&at| host[at + 1..].parse::<u16>().is_ok());
        let (name, found) =
            port_at.map_or((&*host, None), |at| (&host[..at], Some(&host[at + 1..])));
        if LOOPBACK.contains(&name) || allowed.iter().any(|allowed| allowed == name) {
            return true;
        }
        // Browsers leave out the port 80.
        let host = format!("{name}:{}", found.unwrap_or("80"));
        let address = SocketAddr::new(arrived.ip().to_canonical(), *port);
        host == address.to_string() || host == *own
    }

    /// An error unless a request is sent to this server by a page of it, or by no page.
    fn check_names(&self, request: &Request, arrived: SocketAddr) -> Result<(), GuardRefusal> {
        let refuse = |why: String| Err((StatusCode::FORBIDDEN, why));
        let headers = request.headers();
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok());
        let Some(host) = host.filter(|host| self.is_ours(host, arrived) && hosts.next().is_none())
        else {
            return refuse(not_ours("Host", host));
        };
        let target = request.uri().authority().map(|target| target.as_str());
        if target.is_some_and(|target| !self.is_ours(target, arrived)) {
            return refuse(not_ours("request line", target));
        }
        let is_reading = matches!(*request.method(), Method::GET | Method::HEAD);
        let is_own = match headers.get(header::ORIGIN).map(HeaderValue::to_str) {
            // Of the very port that was asked: other ports of the machine are others.
            Some(Ok(origin)) => ["http://", "https://"].into_iter().any(|scheme| {
                let own = origin.strip_prefix(scheme);
                own.is_some_and(|own| own.eq_ignore_ascii_case(host))
            }),
            Some(Err(_)) => false,
            None => is_reading,
        };
        if is_own { Ok(()) } else { refuse("Origin: expected a page of this server".to_owned()) }
    }

    /// The access of a request by the secrets that it carries, or why it is refused.
    fn check_secrets(&self, request: &Request) -> Result<Access, GuardRefusal> {
        let AccessRules { tokens, cookie, .. } = &*self.0;
        let headers = request.headers();
        let texts = |name| headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        let mut in_header =
            texts(header::AUTHORIZATION).filter_map(|value| value.strip_prefix("Bearer "));
        let access = in_header.find_map(|given| {
            let mut all = [Access::Owner, Access::Viewer].into_iter();
            all.find(|&access| is_same(&tokens[access as usize], given))
        });
        let name = format!("{}=", self.cookie_name());
        let mut in_cookies = texts(header::COOKIE)
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
        format!("gradus-{}", self.0.port)
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
        self.check_names(&request, connection.local)?;
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
        if !connection.slot.promote(access) {
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

/// What is said of a name that is not one of this server.
fn not_ours(place: &str, found: Option<&str>) -> String {
    let name = found.map(|found| found.split_once(':').map_or(found, |(name, _)| name));
    let is_plain = |name: &&str| {
        let is_part = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '.' | '-');
        !name.is_empty() && name.chars().all(is_part)
    };
    match name.filter(is_plain) {
        Some(name) => format!(
            "{place}: {name} is not a name of this server; `--allow-host {name}` makes it one"
        ),
        None => format!("{place}: expected a name of this server"),
    }
}

/// The value of a field in the query of a request.
fn in_query<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let mut fields = request.uri().query()?.split('&').filter_map(|field| field.split_once('='));
    fields.find(|(found, _)| *found == name).map(|(_, value)| value)
}

fn is_same(secret: &str, given: &str) -> bool {
    secret.as_bytes().ct_eq(given.as_bytes()).into()
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
    // Browsers accept this header from trustworthy origins only, and complain about others.
    if connection.local.ip().to_canonical().is_loopback() {
        let name = header::HeaderName::from_static("cross-origin-opener-policy");
        headers.insert(name, HeaderValue::from_static("same-origin"));
    }
    response
}

/// 128 random bits, as text.
fn secret() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_count_with_the_ports_that_they_can_have() {
        let guard = Guard::new(7700, "Box.local:7700", &["Gradus.Example".to_owned()]).unwrap();
        let arrived = |address: &str| SocketAddr::new(address.parse().unwrap(), 7700);
        let is_ours = |host: &str| guard.is_ours(host, arrived("10.0.0.7"));
        for host in [
            "localhost:9000",
            "LOCALHOST",
            "127.0.0.1",
            "[::1]:1",
            "[::1]",
            "box.local:7700",
            "10.0.0.7:7700",
            "gradus.example",
            "gradus.example:443",
        ] {
            assert!(is_ours(host), "{host}");
        }
        for host in [
            "",
            ":",
            ":7700",
            "box.local",
            "box.local:80",
            "10.0.0.7",
            "10.0.0.7:80",
            "10.0.0.8:7700",
            "localhost.",
            "localhost:x",
            "localhost:70000",
            "localhost:",
            "evil.example:7700",
            "x.gradus.example",
            "127.0.0.2:7700",
            "127.1",
            "[::1",
            "::1",
        ] {
            assert!(!is_ours(host), "{host}");
        }
        assert!(guard.is_ours("[2001:db8::1]:7700", arrived("2001:db8::1")));
        let at_80 = Guard::new(80, "box.local:80", &[]).unwrap();
        assert!(at_80.is_ours("box.local", arrived("10.0.0.7")));
    }

    #[test]
    fn a_code_is_that_which_was_given_out() {
        let guard = Guard::new(7700, "localhost:7700", &[]).unwrap();
        assert!(!guard.is_code(""));
        let code = guard.new_code().unwrap();
        assert!(guard.is_code(&code) && !guard.is_code(&code[1..]) && !guard.is_code(""));
    }
}
