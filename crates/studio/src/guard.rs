//! Access control: every request passes here first.
//!
//! A web page of others in the same browser can send requests anywhere, and its name can later resolve to our server (DNS
//! rebinding). So the `Host` must be one of this server, the `Origin` too if there is one, and a request carries a token.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

/// The two ends of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connection {
    /// The address of this machine at which it arrived.
    pub(crate) local: SocketAddr,
    pub(crate) peer: IpAddr,
}

/// The permissions of a visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Access {
    /// View everything and control the run.
    Owner,
    /// View everything.
    Viewer,
}

/// Whoever sent a request, as far as the server can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Visitor {
    pub(crate) access: Access,
    /// The other end of the connection.
    address: IpAddr,
}

/// The access rules of a server.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    port: u16,
    /// Names and addresses of this server, each with the port.
    hosts: Vec<String>,
    /// The tokens of an owner and of a viewer.
    tokens: [String; 2],
}

/// Pages load everything from this server, run only its script files, and cannot be framed.
const POLICY: &str = "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

impl Visitor {
    /// A visitor at an address. Whoever has an address of IPv6 has all with the same first half.
    pub(crate) fn new(access: Access, address: IpAddr) -> Self {
        const NETWORK: u128 = !0 << 64;
        let address = match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & NETWORK).into(),
            address => address,
        };
        Self { access, address }
    }
}

impl Guard {
    /// Rules for a server at `port` with the names of this machine and `host`, which includes the port.
    pub(crate) fn new(port: u16, host: &str) -> Result<Self, getrandom::Error> {
        let own = ["127.0.0.1", "localhost", "[::1]"].map(|name| format!("{name}:{port}"));
        let hosts = own.into_iter().chain([host.to_ascii_lowercase()]).collect();
        Ok(Self { port, hosts, tokens: [token()?, token()?] })
    }

    /// The token in links with this access.
    pub(crate) fn token(&self, access: Access) -> &str {
        &self.tokens[access as usize]
    }

    /// Whether `host` (`localhost:8000`) is a name of this server, or the address of the connection: rebinding needs a name.
    fn is_ours(&self, host: &str, arrived: SocketAddr) -> bool {
        let mut host = host.to_ascii_lowercase();
        // Browsers leave out the port 80.
        if self.port == 80 && !host.ends_with(":80") {
            host += ":80";
        }
        let address = SocketAddr::new(arrived.ip().to_canonical(), self.port);
        host == address.to_string() || self.hosts.contains(&host)
    }

    /// The access of a request, or why it is refused.
    fn check(
        &self,
        request: &Request,
        arrived: SocketAddr,
    ) -> Result<Access, (StatusCode, &'static str)> {
        let headers = request.headers();
        let is_ours = |host: &str| self.is_ours(host, arrived);
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok());
        let is_reading = matches!(*request.method(), Method::GET | Method::HEAD);
        let is_foreign = match headers.get(header::ORIGIN).map(HeaderValue::to_str) {
            Some(Ok(origin)) => !origin.strip_prefix("http://").is_some_and(is_ours),
            Some(Err(_)) => true,
            None => !is_reading,
        };
        let refused = if !host.is_some_and(is_ours) || hosts.next().is_some() {
            Some("Host: not a name of this server")
        } else if !request.uri().authority().is_none_or(|host| is_ours(host.as_str())) {
            Some("request line: not a name of this server")
        } else {
            is_foreign.then_some("Origin: expected a page of this server")
        };
        if let Some(why) = refused {
            return Err((StatusCode::FORBIDDEN, why));
        }
        let given = self.tokens_of(request.uri().query().unwrap_or(""), headers);
        let access = given.into_iter().find_map(|given| {
            let is_token =
                |access: &Access| self.token(*access).as_bytes().ct_eq(given.as_bytes()).into();
            [Access::Owner, Access::Viewer].into_iter().find(is_token)
        });
        access.ok_or((
            StatusCode::UNAUTHORIZED,
            "this page requires its token: open the whole link that gradus printed, with the part after the question mark",
        ))
    }

    fn tokens_of<'a>(&self, query: &'a str, headers: &'a HeaderMap) -> Vec<&'a str> {
        let texts = |name| headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        let in_query = query.split('&').filter_map(|pair| pair.strip_prefix("token="));
        let in_header =
            texts(header::AUTHORIZATION).filter_map(|value| value.strip_prefix("Bearer "));
        let name = format!("{}=", self.cookie_name());
        let in_cookies = texts(header::COOKIE)
            .flat_map(|cookies| cookies.split(';'))
            .filter_map(|cookie| cookie.trim().strip_prefix(&*name));
        // The link that was just followed takes precedence over the cookie of an earlier one.
        in_query.take(1).chain(in_header).chain(in_cookies).collect()
    }

    /// Cookies are shared by all ports of a host, so the name contains the port.
    fn cookie_name(&self) -> String {
        format!("gradus-{}", self.port)
    }
}

/// Passes a request on or refuses it, and adds the security headers to every response.
pub(crate) async fn pass(
    State(guard): State<Guard>,
    Extension(Connection { local: arrived, peer }): Extension<Connection>,
    mut request: Request,
    next: Next,
) -> Response {
    let has_token = request.uri().query().is_some_and(|query| query.contains("token="));
    let mut response = match guard.check(&request, arrived) {
        Ok(access) => {
            request.extensions_mut().insert(Visitor::new(access, peer));
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
    // Browsers accept this header from trustworthy origins only, and complain about others.
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
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_network_are_one_visitor() {
        let visitor = |address: &str| Visitor::new(Access::Viewer, address.parse().unwrap());
        assert_eq!(visitor("2001:db8::1"), visitor("2001:db8::2"));
        assert_ne!(visitor("2001:db8::1"), visitor("2001:db8:0:1::1"));
        assert_eq!(visitor("::ffff:10.0.0.1"), visitor("10.0.0.1"));
        assert_ne!(visitor("10.0.0.1"), visitor("10.0.0.2"));
    }
}
