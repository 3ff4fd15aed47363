//! What a registry answers, and its reading. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use multiaddr::Multiaddr;
use serde::Deserialize;
use url::Url;

use super::{MAX_PEERS, Named, NoAnswer, Registered};
use crate::model::NodeId;

/// Addresses that are read of one node.
const MAX_ADDRESSES: usize = 16;

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    peers: Vec<Peer>,
    ttl: Option<u64>,
}

#[derive(Deserialize)]
struct Peer {
    #[serde(default)]
    endpoint: String,
    public_key: String,
    #[serde(default)]
    addresses: Vec<String>,
}

/// The answer to a registration.
pub(super) fn registered(json: &[u8]) -> Result<Registered, NoAnswer> {
    let answer: Answer = serde_json::from_slice(json).map_err(unusable)?;
    Ok(Registered { ttl: answer.ttl, peers: named(answer.peers)? })
}

/// A page of the list.
pub(super) fn peers(json: &[u8]) -> Result<Vec<Named>, NoAnswer> {
    named(serde_json::from_slice(json).map_err(unusable)?)
}

fn unusable(why: serde_json::Error) -> NoAnswer {
    NoAnswer::Unusable(why.to_string())
}

/// Whoever has a key of the right form. An `https://` endpoint is not among the
/// addresses: the mesh does not dial it.
fn named(peers: Vec<Peer>) -> Result<Vec<Named>, NoAnswer> {
    if peers.len() > MAX_PEERS {
        return Err(NoAnswer::Unusable(format!("it names more than {MAX_PEERS} nodes at once")));
    }
    let named = |peer: Peer| {
        let key: [u8; 32] = BASE64.decode(&peer.public_key).ok()?.try_into().ok()?;
        let texts = std::iter::once(&peer.endpoint).chain(&peer.addresses);
        let mut addresses: Vec<Multiaddr> =
            texts.take(MAX_ADDRESSES).filter_map(|text| text.parse().ok()).collect();
        addresses.retain(|address| !address.is_empty());
        addresses.sort();
        addresses.dedup();
        Some(Named { node: NodeId::from_public_key(key), addresses })
    };
    Ok(peers.into_iter().filter_map(named).collect())
}

/// The next page (RFC 8288), if it is a page of the same list.
pub(super) fn next(link: &str, of: &Url) -> Option<Url> {
    let (target, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
    let is_next = rest.split(';').any(|parameter| {
        matches!(parameter.trim().split_once('='), Some(("rel", "next" | "\"next\"")))
    });
    let next = of.join(target).ok().filter(|_| is_next)?;
    (next.origin() == of.origin() && next.path() == of.path() && next != *of).then_some(next)
}
