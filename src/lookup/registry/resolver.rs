//! Which addresses may be connected to: the one that is checked is the one that is used.

use std::io;
use std::net::{IpAddr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::hygiene;
use crate::model::Value;

/// Resolves by the system, and gives out nothing that is not global unless allowed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resolver {
    pub(super) allow_private: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let usable: Vec<SocketAddr> =
                found.filter(|address| allow_private || is_global(address.ip())).collect();
            if usable.is_empty() {
                return Err(io::Error::other(PRIVATE).into());
            }
            Ok(Box::new(usable.into_iter()) as Addrs)
        })
    }
}

const PRIVATE: &str =
    "it has private addresses only; [network] allow_private_addresses would allow them";

/// An address that stands in the URL itself is never resolved.
pub(super) fn check_literal(url: &Url, allow_private: bool) -> Result<(), String> {
    let ip: IpAddr = match url.host() {
        Some(Host::Ipv4(ip)) => ip.into(),
        Some(Host::Ipv6(ip)) => ip.into(),
        Some(Host::Domain(_)) => return Ok(()),
        None => return Err("it names no host".to_owned()),
    };
    if allow_private || is_global(ip) { Ok(()) } else { Err(PRIVATE.to_owned()) }
}

fn is_global(ip: IpAddr) -> bool {
    hygiene::fixed(&Value::from_ip(ip.to_canonical())).is_ok()
}
