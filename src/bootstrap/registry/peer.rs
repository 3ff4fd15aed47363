//! What a node says of itself over HTTPS, and what others are told of it. Pure.

use std::net::IpAddr;

use libp2p::core::{PeerRecord, SignedEnvelope};
use libp2p::multiaddr::{Multiaddr, Protocol};
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::Refusal;
use crate::mesh::address;
use crate::model::NodeId;

/// Addresses that a registration may name; what a node has, with a few relays.
const MAX_ADDRESSES: usize = 16;
/// The longest endpoint, in bytes: a host name has 253 at most.
const MAX_ENDPOINT_BYTES: usize = 512;

/// What a node wants to have listed.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// In which community; none: the first that is served.
    pub community: Option<&'a str>,
    /// Where it is reached: `https://host:port`, or a multiaddr.
    pub endpoint: &'a str,
    /// Multiaddrs besides.
    pub addresses: &'a [String],
}

/// A node that is registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its key.
    pub node: NodeId,
    /// Where it is reached: `https://host:port`, or a multiaddr.
    pub endpoint: String,
    /// Multiaddrs at which it is reached.
    pub addresses: Vec<String>,
}

/// As it lies in the table.
#[derive(Serialize, Deserialize)]
struct Record {
    endpoint: String,
    addresses: Vec<String>,
}

impl Wish<'_> {
    /// The record for the table, if others could reach the node there.
    pub(super) fn record(&self, node: NodeId, allow_private: bool) -> Result<Vec<u8>, Refusal> {
        let wrong = |what: String| Refusal::Address(what);
        if self.addresses.len() > MAX_ADDRESSES {
            return Err(wrong(format!("name at most {MAX_ADDRESSES} addresses")));
        }
        let endpoint = endpoint(self.endpoint, node, allow_private).map_err(wrong)?;
        let mut addresses = Vec::new();
        for text in self.addresses {
            // One that others cannot reach is only left out.
            if let Some(address) = multiaddr(text, node).map_err(wrong)?
                && (allow_private || address::is_global(&address))
            {
                addresses.push(address.to_string());
            }
        }
        let record = Record { endpoint, addresses };
        serde_json::to_vec(&record).map_err(|why| wrong(why.to_string()))
    }
}

fn endpoint(text: &str, node: NodeId, allow_private: bool) -> Result<String, String> {
    if text.len() > MAX_ENDPOINT_BYTES {
        return Err(format!("the endpoint is longer than {MAX_ENDPOINT_BYTES} bytes"));
    }
    let private = || "the endpoint is not an address that others can reach".to_owned();
    if let Some(address) = multiaddr(text, node)? {
        return if allow_private || address::is_global(&address) {
            Ok(address.to_string())
        } else {
            Err(private())
        };
    }
    let plain = |url: &Url| {
        url.scheme() == "https"
            && url.username().is_empty()
            && url.password().is_none()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
    };
    let wrong = || {
        "the endpoint is written https://node.example.org:3030 or /ip4/192.0.2.1/tcp/3031"
            .to_owned()
    };
    let url = Url::parse(text).ok().filter(plain).ok_or_else(wrong)?;
    let ip: Option<IpAddr> = match url.host() {
        Some(Host::Ipv4(ip)) => Some(ip.into()),
        Some(Host::Ipv6(ip)) => Some(ip.into()),
        // Nodes do not resolve names that a registry gives them.
        Some(Host::Domain(_)) => None,
        None => return Err(wrong()),
    };
    let global = |ip: IpAddr| address::is_global(&Multiaddr::from(ip));
    if !allow_private && ip.is_some_and(|ip| !global(ip)) {
        return Err(private());
    }
    // Without the slash, as the original document writes it.
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// The address that a text is, without its `/p2p`; nothing if it is of another form.
fn multiaddr(text: &str, node: NodeId) -> Result<Option<Multiaddr>, String> {
    if !text.starts_with('/') {
        return Ok(None);
    }
    let wrong = || format!("{:?} is not a multiaddr", text.chars().take(80).collect::<String>());
    let address: Multiaddr = text.parse().map_err(|_| wrong())?;
    // The last `/p2p` is the node's own; one before a circuit is the relay's.
    if let Some(Protocol::P2p(peer)) = address.iter().last()
        && address::node_of(&peer) != Some(node)
    {
        return Err("an address ends with the PeerId of another node".to_owned());
    }
    Ok(Some(own(&address)))
}

/// Without the `/p2p` at its end.
fn own(address: &Multiaddr) -> Multiaddr {
    let mut address = address.clone();
    if matches!(address.iter().last(), Some(Protocol::P2p(_))) {
        address.pop();
    }
    address
}

impl Peer {
    /// What others are told of a node that registered at the rendezvous, over HTTPS, or
    /// at both. Nothing if it cannot be reached.
    pub(super) fn of(
        node: NodeId,
        [rendezvous, https]: &[Option<Vec<u8>>; 2],
        allow_private: bool,
    ) -> Option<Self> {
        let https = https.as_deref().and_then(|json| serde_json::from_slice::<Record>(json).ok());
        let signed = rendezvous.as_deref().and_then(|record| {
            let envelope = SignedEnvelope::from_protobuf_encoding(record).ok()?;
            PeerRecord::from_signed_envelope(envelope).ok()
        });
        let mut addresses: Vec<String> = signed
            .iter()
            .flat_map(PeerRecord::addresses)
            .filter(|address| allow_private || address::is_global(address))
            .map(|address| own(address).to_string())
            .collect();
        let (endpoint, more) = match https {
            Some(record) => (Some(record.endpoint), record.addresses),
            None => (None, Vec::new()),
        };
        addresses.extend(more);
        addresses.sort();
        addresses.dedup();
        addresses.truncate(MAX_ADDRESSES);
        let endpoint = endpoint.or_else(|| addresses.first().cloned())?;
        Some(Self { node, endpoint, addresses })
    }
}
