//! Who is at the other end of a connection within this machine.

use std::net::SocketAddr;

/// Whether the system says that the other end of a connection belongs to another user than this program, or to nobody that
/// it knows. False for the superuser, who can read whatever there is, for other machines, and where the system tells nothing.
pub(crate) fn is_foreign_user(peer: SocketAddr, local: SocketAddr) -> bool {
    #[cfg(target_os = "linux")]
    {
        use std::fs;
        use std::os::unix::fs::MetadataExt as _;
        let is_here = peer.ip().to_canonical().is_loopback() || peer.ip() == local.ip();
        let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(fs::read_to_string);
        let own = fs::metadata("/proc/self").map(|about| about.uid());
        if let (true, Ok(own), [Ok(ipv4), Ok(ipv6)]) = (is_here, own, tables) {
            let user = user_of(&(ipv4 + &ipv6), peer, local);
            return user.is_none_or(|user| user != own && user != 0);
        }
    }
    let _ = (peer, local);
    false
}

/// The user of the socket at `peer` that is connected to `local`, in the system's tables of sockets. One that is being
/// closed belongs to nobody.
#[cfg(any(target_os = "linux", test))]
fn user_of(tables: &str, peer: SocketAddr, local: SocketAddr) -> Option<u32> {
    const ESTABLISHED: &str = "01";
    let (peers, locals) = (entries(peer), entries(local));
    tables.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, from, to, state, _, _, _, user, ..] = fields[..] else { return None };
        let is_it = |entries: &[String], found: &str| entries.iter().any(|entry| entry == found);
        let is_open = state == ESTABLISHED && is_it(&peers, from) && is_it(&locals, to);
        is_open.then(|| user.parse().ok())?
    })
}

/// An address as the tables have it: in hexadecimal, each four bytes as a number of this machine; one of IPv4 also as a
/// socket of IPv6 has it.
#[cfg(any(target_os = "linux", test))]
fn entries(address: SocketAddr) -> Vec<String> {
    use std::net::IpAddr;

    let text = |bytes: &[u8]| {
        let (words, _) = bytes.as_chunks();
        let words = words.iter().map(|&word| format!("{:08X}", u32::from_ne_bytes(word)));
        format!("{}:{:04X}", words.collect::<String>(), address.port())
    };
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => vec![text(&ip.octets()), text(&ip.to_ipv6_mapped().octets())],
        IpAddr::V6(ip) => vec![text(&ip.octets())],
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener, TcpStream};

    use super::*;

    #[test]
    fn the_user_of_a_socket_is_found_in_the_tables() {
        let tables = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            \x20  0: 0100007F:1E14 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1 1 0 100 0 0 10 0\n\
            \x20  1: 0100007F:C350 0100007F:1E14 01 00000000:00000000 00:00000000 00000000  1001        0 2 1 0 20 4 30 10 -1\n\
            \x20  2: 0000000000000000FFFF00000100007F:C351 0000000000000000FFFF00000100007F:1E14 01 00000000:00000000 00:00000000 00000000  1002        0 3 1 0 20 4 30 10 -1\n\
            \x20  3: 0100007F:C352 0100007F:1E14 06 00000000:00000000 00:00000000 00000000  0        0 0 1 0 20 4 30 10 -1\n";
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        if cfg!(target_endian = "little") {
            let users =
                [50000, 50001, 50002, 50003].map(|port| user_of(tables, at(port), at(7700)));
            assert_eq!(users, [Some(1001), Some(1002), None, None]);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_connection_of_this_very_process_is_ours_and_one_that_was_left_is_not() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        for ip in ["127.0.0.1", "::ffff:127.0.0.1"] {
            let to = SocketAddr::new(ip.parse().unwrap(), address.port());
            let Ok(client) = TcpStream::connect(to) else { continue };
            let (server, peer) = listener.accept().unwrap();
            assert!(!is_foreign_user(peer, server.local_addr().unwrap()), "{ip}");
            drop(client);
            assert!(is_foreign_user(peer, server.local_addr().unwrap()), "{ip}");
        }
        let elsewhere = SocketAddr::from(([10, 1, 2, 3], 50000));
        assert!(!is_foreign_user(elsewhere, SocketAddr::from(([10, 1, 2, 4], 7700))));
    }
}
