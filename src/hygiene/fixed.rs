//! The fixed rules: what no node may call an indicator, whoever it is.
//!
//! Every node must compute the same answer from the same bytes. A change to
//! these rules, or to the public suffix list that is compiled in, is a change of
//! the wire version.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{Unfit, reserved};
use crate::model::{Kind, Value};

/// The widest IPv4 network that may be an indicator.
const WIDEST_V4: u8 = 24;
/// The widest IPv6 network that may be an indicator: what one site is given (RFC 6177).
const WIDEST_V6: u8 = 48;

/// Whether a value may be an indicator at all: globally reachable (its host, if
/// it has one) and not too broad.
pub fn fixed(value: &Value) -> Result<(), Unfit> {
    if let Some(net) = value.network() {
        return network(&net);
    }
    if let Some(ip) = value.host_ip() {
        return network(&IpNet::from(ip));
    }
    if let Some(name) = value.host_name() {
        if let Some(suffix) = reserved::special_name(name) {
            return Err(Unfit::SpecialName { suffix });
        }
        if matches!(value.kind(), Kind::Domain) && is_public_suffix(name) {
            return Err(Unfit::PublicSuffix);
        }
    }
    Ok(())
}

fn network(net: &IpNet) -> Result<(), Unfit> {
    let limit = match net {
        IpNet::V4(_) => WIDEST_V4,
        IpNet::V6(_) => WIDEST_V6,
    };
    if net.prefix_len() < limit {
        return Err(Unfit::TooBroad { limit });
    }
    if let Some(block) = reserved::block(net) {
        return Err(Unfit::NotGlobal { block });
    }
    // An IPv4 address in an IPv6 one reaches the same host, so it is judged alike.
    reserved::embedded(net).iter().try_for_each(network)
}

/// Whether the name is one under which unrelated parties register theirs, or
/// stands above such names (`compute.amazonaws.com`, by the rule `*.compute.amazonaws.com`).
///
/// The private section counts too (`github.io`, `blogspot.com`): for blocking it
/// makes no difference whether a registry or a hosting company gives out the names.
fn is_public_suffix(name: &str) -> bool {
    let is_suffix = |name: &str| {
        psl::suffix(name.as_bytes())
            .is_some_and(|suffix| suffix.typ().is_some() && suffix.as_bytes() == name.as_bytes())
    };
    is_suffix(name) || is_suffix(&format!("any.{name}"))
}

/// Whether an address is one that the whole Internet can reach, by the fixed rules.
pub fn is_global(ip: IpAddr) -> bool {
    network(&IpNet::from(ip)).is_ok()
}

/// Whether a canonical name ends in one that has no meaning on the public Internet.
pub fn is_special_name(name: &str) -> bool {
    reserved::special_name(name).is_some()
}
