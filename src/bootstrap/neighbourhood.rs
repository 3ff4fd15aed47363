//! Whose neighbour a caller is.
//!
//! Identities cost nothing, networks do. So what strangers may take is counted
//! by the network from which they come.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libp2p::Multiaddr;

use crate::mesh::address::party;

/// An IPv4 /24 or an IPv6 /48: what one customer usually holds at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Neighbourhood(IpAddr);

impl Neighbourhood {
    /// The network around an address.
    pub fn of_ip(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self(Ipv4Addr::from_bits(ip.to_bits() & (u32::MAX << 8)).into()),
            IpAddr::V6(ip) => Self(Ipv6Addr::from_bits(ip.to_bits() & (u128::MAX << 80)).into()),
        }
    }

    /// The network of a connection's remote address. Addresses without an IP
    /// (the in-memory transport) share one.
    pub fn of(remote: &Multiaddr) -> Self {
        Self::of_ip(party(remote).unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED)))
    }
}

#[cfg(test)]
mod tests {
    use super::Neighbourhood;

    #[test]
    fn neighbours_share_a_network() {
        let of = |address: &str| Neighbourhood::of(&address.parse().unwrap());
        assert_eq!(of("/ip4/192.0.2.1/tcp/1"), of("/ip4/192.0.2.200/udp/9/quic-v1"));
        assert_eq!(of("/ip4/192.0.2.1/tcp/1"), of("/ip6/::ffff:192.0.2.7/tcp/1"));
        assert_ne!(of("/ip4/192.0.2.1/tcp/1"), of("/ip4/192.0.3.1/tcp/1"));
        assert_eq!(of("/ip6/2001:db8:1:2::1/tcp/1"), of("/ip6/2001:db8:1:ffff::1/tcp/1"));
        assert_ne!(of("/ip6/2001:db8:1::1/tcp/1"), of("/ip6/2001:db8:2::1/tcp/1"));
        assert_eq!(of("/memory/7"), of("/memory/8"));
    }
}
