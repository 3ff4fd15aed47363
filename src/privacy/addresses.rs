//! Addresses in free text, and which of them are the inside's.

use std::net::{IpAddr, Ipv4Addr};

use super::words;
use crate::hygiene::{self, Lists, Unfit};
use crate::model::Value;

/// Whether an address is one that only the inside has: not global, or the operator's.
pub(super) fn is_internal(ip: IpAddr, lists: &Lists) -> bool {
    !hygiene::is_global(ip) || matches!(lists.check(&Value::from_ip(ip)), Err(Unfit::Own { .. }))
}

/// Everything in a text that may be read as an address: dotted and dashed IPv4
/// (`ip-10-0-0-1`), and IPv6.
pub(super) fn addresses(text: &str) -> impl Iterator<Item = IpAddr> {
    let v6 = text
        .split(|c: char| !c.is_ascii_hexdigit() && c != ':' && c != '.')
        .filter(|token| token.matches(':').count() >= 2)
        .filter_map(|token| {
            token.parse().or_else(|_| token.trim_end_matches([':', '.']).parse()).ok()
        })
        .map(IpAddr::V6);
    v4_like(text).into_iter().map(IpAddr::V4).chain(v6)
}

fn v4_like(text: &str) -> Vec<Ipv4Addr> {
    // Runs of digits, and whether exactly one separator stands before each.
    let mut octets: Vec<(Option<u8>, bool)> = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (gap, from) = rest.split_at(start);
        let end = from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len());
        let (digits, after) = from.split_at(end);
        octets.push((digits.parse().ok(), matches!(gap, "." | "-" | "_")));
        rest = after;
    }
    octets
        .windows(4)
        .filter_map(|w| match w {
            [(Some(a), _), (Some(b), true), (Some(c), true), (Some(d), true)] => {
                Some(Ipv4Addr::new(*a, *b, *c, *d))
            }
            _ => None,
        })
        .collect()
}

/// The addresses in a value, also where it is percent-encoded.
pub(super) fn of(value: &Value) -> Vec<IpAddr> {
    words::decodings(value.as_str()).iter().flat_map(|text| addresses(text)).collect()
}
