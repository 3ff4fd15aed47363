//! Addresses and networks.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::model::NotCanonical;

/// An address. IPv4 may have leading zeros (read as decimal, never as octal);
/// brackets around IPv6 are dropped; v4-mapped becomes IPv4. Zones are refused.
pub(in crate::model) fn ip(raw: &str) -> Result<IpAddr, NotCanonical> {
    let bare = raw.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(raw);
    if let Some(v4) = ipv4(bare) {
        return Ok(IpAddr::V4(v4));
    }
    let v6: Ipv6Addr = bare.parse().map_err(|_| NotCanonical::NotAddress)?;
    Ok(IpAddr::V6(v6).to_canonical())
}

fn ipv4(text: &str) -> Option<Ipv4Addr> {
    let mut octets = [0u8; 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        let part = parts.next()?;
        let plain = (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        *octet = if plain { part.parse().ok()? } else { return None };
    }
    parts.next().is_none().then(|| Ipv4Addr::from(octets))
}

/// A network with its host bits cleared. A v4-mapped network becomes IPv4. A
/// network of one address stays a network: `ip` and `cidr` are different kinds.
pub(in crate::model) fn cidr(raw: &str) -> Result<IpNet, NotCanonical> {
    let wrong = NotCanonical::NotNetwork;
    let (address, length) = raw.split_once('/').ok_or(wrong.clone())?;
    let digits = (1..=3).contains(&length.len()) && length.bytes().all(|b| b.is_ascii_digit());
    let length: u8 = if digits {
        length.parse().map_err(|_| wrong.clone())?
    } else {
        return Err(wrong);
    };
    let mapped = address.contains(':');
    match ip(address).map_err(|_| wrong.clone())? {
        IpAddr::V4(v4) if mapped => {
            let length = length.checked_sub(96).ok_or(wrong.clone())?;
            let net = Ipv4Net::new(v4, length).map_err(|_| wrong)?;
            Ok(IpNet::V4(net.trunc()))
        }
        IpAddr::V4(v4) => Ok(IpNet::V4(Ipv4Net::new(v4, length).map_err(|_| wrong)?.trunc())),
        IpAddr::V6(v6) => Ok(IpNet::V6(Ipv6Net::new(v6, length).map_err(|_| wrong)?.trunc())),
    }
}
