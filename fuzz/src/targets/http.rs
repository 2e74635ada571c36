//! The bytes of a connection to the server. The text `TOKEN` stands for the token, `HOST` for the name of the server.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::LazyLock;
use std::time::Duration;

use gradus::studio::{BoundAddress, Options, PORT, Studio, Timeouts, endpoints, open_data};

struct Serving {
    studio: Studio,
    _runs: tempfile::TempDir,
}

static SERVING: LazyLock<Serving> = LazyLock::new(|| {
    let runs = tempfile::tempdir().expect("a folder");
    let [head, answer, keep_alive] = [200, 500, 100].map(Duration::from_millis);
    let options = Options {
        roots: vec![runs.path().to_owned()],
        live: None,
        open_data,
        endpoints: endpoints(),
        uploads: None,
        timeouts: Timeouts { head, answer, keep_alive },
        allowed_hosts: Vec::new(),
    };
    let address = BoundAddress::bind(Some("127.0.0.1:0"), PORT).expect("an address");
    Serving { studio: Studio::serve(address, options).expect("a server"), _runs: runs }
});

pub(crate) fn run(bytes: &[u8]) {
    let studio = &SERVING.studio;
    let (address, link) = (studio.address(), studio.link());
    let token = link.split_once("token=").expect("a token").1;
    let sent = replaced(&replaced(bytes, b"TOKEN", token.as_bytes()), b"HOST", address.to_string().as_bytes());
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a limit");
    let _ = stream.write_all(&sent);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let is_late = read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
    assert!(!is_late, "the connection stays open");
    let text = String::from_utf8_lossy(&answer);
    assert!(!text.starts_with("HTTP/1.1 500"), "{text}");
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let (mut found, mut rest) = (Vec::new(), bytes);
    while let Some(at) = rest.windows(from.len()).position(|window| window == from) {
        found.extend_from_slice(&rest[..at]);
        found.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    found.extend_from_slice(rest);
    found
}
