//! The names by which a request may ask.
//!
//! A web page of others in the same browser can send requests anywhere, and its name can later resolve to our server (DNS
//! rebinding). So the `Host` must be a name of this server, and the `Origin`, if there is one, that of the `Host`.

use std::net::SocketAddr;

use hyper::Uri;
use hyper::header::{self, HeaderMap, HeaderValue};

/// Names of this machine for itself. Whoever asks for one has connected to it, perhaps through a tunnel with another port
/// at its other end.
const LOOPBACK: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

/// The names of a server.
#[derive(Clone, Debug)]
pub struct ServerNames {
    port: u16,
    /// The name of this server in links, with the port.
    host: String,
    /// Names that count with any port.
    allowed: Vec<String>,
}

impl ServerNames {
    /// Those of a server at `port`: the names of this machine, `host`, which includes the port, and those of `allowed`, which
    /// count with any port.
    pub fn new(port: u16, host: &str, allowed: &[String]) -> Self {
        let allowed = allowed.iter().map(|name| name.to_ascii_lowercase()).collect();
        Self { port, host: host.to_ascii_lowercase(), allowed }
    }

    /// The port of the server.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether `host` (`localhost:8000`) is a name of this server, or the address of the connection: rebinding needs a name.
    fn is_ours(&self, host: &str, arrived: SocketAddr) -> bool {
        let Self { port, host: own, allowed } = self;
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

    /// Says why a request that arrived at an address is refused, unless it is sent to this server by a page of it, or by no
    /// page. A request without `Origin` counts as one of no page if `may_lack_origin`: browsers send none with what reads.
    ///
    /// # Errors
    ///
    /// Which name was expected, and where.
    pub fn check(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
        arrived: SocketAddr,
        may_lack_origin: bool,
    ) -> Result<(), String> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok());
        let Some(host) = host.filter(|host| self.is_ours(host, arrived) && hosts.next().is_none())
        else {
            return Err(not_ours("Host", host));
        };
        let target = uri.authority().map(|target| target.as_str());
        if target.is_some_and(|target| !self.is_ours(target, arrived)) {
            return Err(not_ours("request line", target));
        }
        let is_own = match headers.get(header::ORIGIN).map(HeaderValue::to_str) {
            // Of the very port that was asked: other ports of the machine are others.
            Some(Ok(origin)) => ["http://", "https://"].into_iter().any(|scheme| {
                let own = origin.strip_prefix(scheme);
                own.is_some_and(|own| own.eq_ignore_ascii_case(host))
            }),
            Some(Err(_)) => false,
            None => may_lack_origin,
        };
        if is_own { Ok(()) } else { Err("Origin: expected a page of this server".to_owned()) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_count_with_the_ports_that_they_can_have() {
        let names = ServerNames::new(7700, "Box.local:7700", &["Gradus.Example".to_owned()]);
        let arrived = |address: &str| SocketAddr::new(address.parse().unwrap(), 7700);
        let is_ours = |host: &str| names.is_ours(host, arrived("10.0.0.7"));
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
        assert!(names.is_ours("[2001:db8::1]:7700", arrived("2001:db8::1")));
        let at_80 = ServerNames::new(80, "box.local:80", &[]);
        assert!(at_80.is_ours("box.local", arrived("10.0.0.7")));
    }

    #[test]
    fn a_request_is_sent_by_a_page_of_the_server_or_by_no_page() {
        let names = ServerNames::new(7700, "localhost:7700", &[]);
        let arrived = SocketAddr::from(([127, 0, 0, 1], 7700));
        let check = |uri: &str, found: &[(header::HeaderName, &'static str)], may_lack| {
            let headers = found.iter().cloned();
            let headers: HeaderMap =
                headers.map(|(name, value)| (name, HeaderValue::from_static(value))).collect();
            names.check(&uri.parse().unwrap(), &headers, arrived, may_lack)
        };
        let (host, origin) = ((header::HOST, "localhost:7700"), header::ORIGIN);
        for found in
            [&[host.clone()][..], &[host.clone(), (origin.clone(), "http://localhost:7700")]]
        {
            assert_eq!(check("/", found, true), Ok(()));
        }
        assert!(
            check("/", std::slice::from_ref(&host), false)
                .unwrap_err()
                .starts_with("Origin: expected")
        );
        let other = [host.clone(), (origin, "http://localhost:7701")];
        assert!(check("/", &other, true).unwrap_err().starts_with("Origin: expected"));
        assert_eq!(check("/", &[], true).unwrap_err(), "Host: expected a name of this server");
        let why = check("http://evil.example/", &[host], true).unwrap_err();
        assert!(why.starts_with("request line: evil.example is not"), "{why}");
    }
}
