//! Whoever sends requests.

use std::net::IpAddr;

use web::network_of;

/// The permissions of a visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Access {
    /// View everything, before others, and control the run: with the token of the owner in the header of the request.
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

impl Visitor {
    /// Whether the visitor may change something.
    pub(crate) fn may_control(self) -> bool {
        self.access == Access::Owner
    }

    /// A visitor at an address. Whoever has an address of IPv6 has all with the same first half.
    pub(crate) fn new(access: Access, address: IpAddr) -> Self {
        Self { access, address: network_of(address) }
    }
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
