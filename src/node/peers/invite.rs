//! Invites and safety numbers. Pure.
//!
//! An invite is `dtim://invite?peer=<PeerId>&community=<name>&name=<name>` with
//! any number of `&addr=<multiaddr>` and `&bootstrap=<multiaddr>`.

use multiaddr::Multiaddr;
use url::Url;

use crate::model::{Community, NodeId};

/// The longest invite that is read, in bytes.
const MAX_INVITE_BYTES: usize = 4096;
/// Addresses and bootstraps that an invite may name, each.
const MAX_ADDRESSES: usize = 8;

/// What one operator hands to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    /// Whom it introduces.
    pub node: NodeId,
    /// The mesh it belongs to.
    pub community: Community,
    /// What it calls itself; empty if it does not say.
    pub name: String,
    /// Where it can be reached.
    pub addresses: Vec<Multiaddr>,
    /// Where it can be met.
    pub bootstraps: Vec<Multiaddr>,
}

/// A text that is not an invite.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an invite: {0}; ask for a new one (`dtim peers invite` prints it)")]
pub struct BadInvite(pub &'static str);

impl Invite {
    /// The text to hand over.
    pub fn to_text(&self) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("peer", &self.node.to_string());
        query.append_pair("community", self.community.as_str());
        if !self.name.is_empty() {
            query.append_pair("name", &self.name);
        }
        for address in self.addresses.iter().take(MAX_ADDRESSES) {
            query.append_pair("addr", &address.to_string());
        }
        for bootstrap in self.bootstraps.iter().take(MAX_ADDRESSES) {
            query.append_pair("bootstrap", &bootstrap.to_string());
        }
        format!("dtim://invite?{}", query.finish())
    }

    /// Reads the text.
    pub fn parse(text: &str) -> Result<Self, BadInvite> {
        if text.len() > MAX_INVITE_BYTES {
            return Err(BadInvite("it is longer than 4096 bytes"));
        }
        let url = Url::parse(text.trim()).map_err(|_| BadInvite("it is no URL"))?;
        if url.scheme() != "dtim" || url.host_str() != Some("invite") {
            return Err(BadInvite("it does not begin with dtim://invite?"));
        }
        let (mut node, mut community, mut name) = (None, None, String::new());
        let (mut addresses, mut bootstraps) = (Vec::new(), Vec::new());
        for (key, value) in url.query_pairs() {
            let address = || value.parse().map_err(|_| BadInvite("an address is wrong"));
            match key.as_ref() {
                "peer" => node = Some(value.parse().map_err(|_| BadInvite("the PeerId is wrong"))?),
                "community" => community = Community::new(&value),
                "name" => name = value.chars().filter(|c| !c.is_control()).take(64).collect(),
                "addr" if addresses.len() < MAX_ADDRESSES => addresses.push(address()?),
                "bootstrap" if bootstraps.len() < MAX_ADDRESSES => bootstraps.push(address()?),
                _ => return Err(BadInvite("it holds something unknown, or too much")),
            }
        }
        Ok(Self {
            node: node.ok_or(BadInvite("it names no peer"))?,
            community: community.ok_or(BadInvite("it names no community"))?,
            name,
            addresses,
            bootstraps,
        })
    }
}

/// Eight groups of five digits that two operators compare by voice. Both sides
/// compute the same: BLAKE3 over both keys in order, five digits for each eight
/// bytes of it, so a forger must match 132 bits.
pub fn safety_number(a: NodeId, b: NodeId) -> String {
    let (first, second) = if a <= b { (a, b) } else { (b, a) };
    let mut hasher = blake3::Hasher::new();
    for part in [&b"dtim safety number 1"[..], first.public_key(), second.public_key()] {
        hasher.update(&(part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let mut bytes = [0; 64];
    hasher.finalize_xof().fill(&mut bytes);
    let groups = bytes.chunks_exact(8).map(|chunk| {
        let number = chunk.iter().fold(0u64, |n, byte| n << 8 | u64::from(*byte));
        format!("{:05}", number % 100_000)
    });
    groups.collect::<Vec<_>>().join(" ")
}
