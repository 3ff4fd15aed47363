//! Where this program may connect: networks that no stranger's node is in.
//!
//! It must be no tool for attacking real nodes, so names are refused too: what
//! they resolve to is not up to whoever typed them.

use std::net::IpAddr;

use ipnet::IpNet;
use libp2p::multiaddr::{Multiaddr, Protocol};

/// Loopback, private use (RFC 1918), carrier NAT (RFC 6598), benchmarking
/// (RFC 2544) and the half of the unique local addresses that people assign.
const HARMLESS: [&str; 8] = [
    "127.0.0.0/8",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "198.18.0.0/15",
    "::1/128",
    "fd00::/8",
];

/// Why an address is not connected to.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0} is refused: this program attacks test nodes only, at a numeric address that is loopback, \
     private (RFC 1918), 100.64.0.0/10, 198.18.0.0/15 or fd00::/8"
)]
pub(crate) struct NotHarmless(Multiaddr);

/// Whether an address may be connected to.
pub(crate) fn check(address: &Multiaddr) -> Result<(), NotHarmless> {
    let ip = match address.iter().next() {
        Some(Protocol::Ip4(ip)) => IpAddr::V4(ip),
        Some(Protocol::Ip6(ip)) => IpAddr::V6(ip),
        _ => return Err(NotHarmless(address.clone())),
    };
    // Nothing that leads on from there: a relay, a name.
    let direct =
        address.iter().skip(1).all(|part| matches!(part, Protocol::Tcp(_) | Protocol::P2p(_)));
    let harmless =
        HARMLESS.iter().filter_map(|net| net.parse::<IpNet>().ok()).any(|net| net.contains(&ip));
    if direct && harmless { Ok(()) } else { Err(NotHarmless(address.clone())) }
}
