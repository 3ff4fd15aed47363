//! What the registries reserve: addresses and names that are nobody's on the Internet.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// The IPv4 blocks that are not globally reachable: IANA IPv4 Special-Purpose
/// Address Registry, and the multicast space. The two anycast services inside
/// 192.0.0.0/24 are infrastructure and stay refused with their block.
const V4: [([u8; 4], u8, &str); 15] = [
    ([0, 0, 0, 0], 8, "this network, 0.0.0.0/8 (RFC 791)"),
    ([10, 0, 0, 0], 8, "private use, 10.0.0.0/8 (RFC 1918)"),
    ([100, 64, 0, 0], 10, "carrier-grade NAT, 100.64.0.0/10 (RFC 6598)"),
    ([127, 0, 0, 0], 8, "loopback, 127.0.0.0/8 (RFC 1122)"),
    ([169, 254, 0, 0], 16, "link-local, 169.254.0.0/16 (RFC 3927)"),
    ([172, 16, 0, 0], 12, "private use, 172.16.0.0/12 (RFC 1918)"),
    ([192, 0, 0, 0], 24, "IETF protocol assignments, 192.0.0.0/24 (RFC 6890)"),
    ([192, 0, 2, 0], 24, "documentation, 192.0.2.0/24 (RFC 5737)"),
    ([192, 88, 99, 0], 24, "deprecated 6to4 relays, 192.88.99.0/24 (RFC 7526)"),
    ([192, 168, 0, 0], 16, "private use, 192.168.0.0/16 (RFC 1918)"),
    ([198, 18, 0, 0], 15, "benchmarking, 198.18.0.0/15 (RFC 2544)"),
    ([198, 51, 100, 0], 24, "documentation, 198.51.100.0/24 (RFC 5737)"),
    ([203, 0, 113, 0], 24, "documentation, 203.0.113.0/24 (RFC 5737)"),
    ([224, 0, 0, 0], 4, "multicast, 224.0.0.0/4 (RFC 5771)"),
    ([240, 0, 0, 0], 4, "reserved and broadcast, 240.0.0.0/4 (RFC 1112)"),
];

/// The blocks inside 2000::/3 that are not globally reachable: IANA IPv6
/// Special-Purpose Address Registry. Of 2001::/23 only Teredo names hosts.
const V6: [([u16; 3], u8, &str); 3] = [
    ([0x2001, 0, 0], 23, "IETF protocol assignments, 2001::/23 (RFC 2928)"),
    ([0x2001, 0xdb8, 0], 32, "documentation, 2001:db8::/32 (RFC 3849)"),
    ([0x3fff, 0, 0], 20, "documentation, 3fff::/20 (RFC 9637)"),
];

/// The blocks outside 2000::/3 that have a name of their own; see [`block`].
const V6_OUTSIDE: [([u16; 3], u8, &str); 6] = [
    ([0x64, 0xff9b, 1], 48, "local-use NAT64, 64:ff9b:1::/48 (RFC 8215)"),
    ([0x100, 0, 0], 48, "discard and dummy prefixes, 100::/48 (RFC 6666, RFC 9780)"),
    ([0x5f00, 0, 0], 16, "segment routing, 5f00::/16 (RFC 9602)"),
    ([0xfc00, 0, 0], 7, "unique local, fc00::/7 (RFC 4193)"),
    ([0xfe80, 0, 0], 10, "link-local, fe80::/10 (RFC 4291)"),
    ([0xff00, 0, 0], 8, "multicast, ff00::/8 (RFC 4291)"),
];

/// Global unicast: the only IPv6 space that is assigned to hosts (IANA IPv6 Address Space).
const GLOBAL_UNICAST: ([u16; 3], u8) = ([0x2000, 0, 0], 3);
/// IPv4 behind the well-known NAT64 prefix (RFC 6052); globally reachable by the registry.
const NAT64: ([u16; 3], u8) = ([0x64, 0xff9b, 0], 96);
/// IPv4 by 6to4 (RFC 3056).
const SIX_TO_FOUR: ([u16; 3], u8) = ([0x2002, 0, 0], 16);
/// IPv4 by Teredo (RFC 4380).
const TEREDO: ([u16; 3], u8) = ([0x2001, 0, 0], 32);

/// The reserved block that a network touches, if any.
pub(super) fn block(net: &IpNet) -> Option<&'static str> {
    match net {
        IpNet::V4(net) => V4.iter().find_map(|&(octets, length, name)| {
            let block = Ipv4Net::new(Ipv4Addr::from(octets), length).ok()?;
            (block.contains(net) || net.contains(&block)).then_some(name)
        }),
        IpNet::V6(net) => block_v6(net),
    }
}

fn block_v6(net: &Ipv6Net) -> Option<&'static str> {
    if within(net, NAT64) {
        return None;
    }
    if within(net, TEREDO) {
        // A range of Teredo addresses holds clients behind any IPv4 address.
        return (net.prefix_len() < 128).then_some("a range of Teredo, 2001::/32 (RFC 4380)");
    }
    let touched = |&(words, length, name): &([u16; 3], u8, &'static str)| {
        let block = prefix((words, length))?;
        (block.contains(net) || net.contains(&block)).then_some(name)
    };
    if within(net, GLOBAL_UNICAST) {
        V6.iter().find_map(touched)
    } else {
        let unassigned = "outside global unicast, 2000::/3 (RFC 4291)";
        Some(V6_OUTSIDE.iter().find_map(touched).unwrap_or(unassigned))
    }
}

/// The IPv4 networks that an IPv6 network stands for, if it is of such a form:
/// whoever blocks the one blocks the other.
pub(super) fn embedded(net: &IpNet) -> Vec<IpNet> {
    let IpNet::V6(net) = net else { return Vec::new() };
    let [_, a, b, c, _, _, y, z] = net.network().segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    let host = |address: Ipv4Addr| IpNet::V4(Ipv4Net::from(address));
    if within(net, NAT64) {
        let length = net.prefix_len().saturating_sub(96);
        Ipv4Net::new(v4(y, z), length).into_iter().map(IpNet::V4).collect()
    } else if within(net, SIX_TO_FOUR) && net.prefix_len() >= 48 {
        vec![host(v4(a, b))]
    } else if within(net, TEREDO) && net.prefix_len() == 128 {
        // The server, and the client with its bits inverted (RFC 4380 section 4).
        vec![host(v4(b, c)), host(v4(!y, !z))]
    } else {
        Vec::new()
    }
}

fn within(net: &Ipv6Net, block: ([u16; 3], u8)) -> bool {
    prefix(block).is_some_and(|block| block.contains(net))
}

fn prefix(([a, b, c], length): ([u16; 3], u8)) -> Option<Ipv6Net> {
    Ipv6Net::new(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), length).ok()
}

/// Ends of names that mean nothing on the public Internet: IANA Special-Use
/// Domain Names (RFC 6761 and later), all of the infrastructure domain `arpa`,
/// and the private top-level names that RFC 6762 appendix G lists and the root
/// will not delegate.
const SPECIAL_NAMES: [&str; 20] = [
    "alt",
    "arpa",
    "corp",
    "example",
    "example.com",
    "example.net",
    "example.org",
    "home",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "mail",
    "onion",
    "private",
    "test",
    "workgroup",
];

/// The special end of a canonical name, if it has one.
pub(super) fn special_name(name: &str) -> Option<&'static str> {
    SPECIAL_NAMES.into_iter().find(|end| {
        name.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}
