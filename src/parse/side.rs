//! Which addresses are on this side of the internet.
//!
//! Owns what HOME_NET is by default. It must never judge whether an address may be an
//! indicator: that is hygiene's.

use std::net::IpAddr;

/// Addresses that are nobody's on the internet: private (RFC 1918, RFC 4193), loopback,
/// link-local, shared by carriers (RFC 6598), unspecified, broadcast.
pub(super) fn is_inner(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let [first, second, ..] = ip.octets();
            ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_unspecified()
                || ip.is_broadcast()
                || (first == 100 && (64..128).contains(&second))
        }
        IpAddr::V6(ip) => {
            ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_unique_local()
                || ip.is_unicast_link_local()
        }
    }
}
