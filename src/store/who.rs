//! Whom this node knows: peers, and clients with a token.

use multiaddr::Multiaddr;

use crate::model::{ClientRole, Level, NodeId, Timestamp};
use crate::privacy::tlp::ClientScope;

/// What is known of a peer.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerRecord {
    /// Which node.
    pub node: NodeId,
    /// What it is to us.
    pub standing: Standing,
    /// The operator's name for it; empty for a candidate.
    pub name: String,
    /// The organisation that it belongs to; empty for a candidate.
    pub organisation: String,
    /// How much its claims weigh, 0 to 1.
    pub trust: f64,
    /// Whether it is told what we saw ourselves.
    pub attest: bool,
    /// The strictest privacy level for it, if it has one of its own.
    pub level: Option<Level>,
    /// Where it was reached, the last address first; at most [`MAX_PEER_ADDRESSES`] are kept.
    pub addresses: Vec<Multiaddr>,
    /// Since when it has this standing.
    pub since: Timestamp,
    /// When it was last connected, or knocked, or was discovered.
    pub seen: Option<Timestamp>,
}

/// A client's token. The secret itself is kept nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRecord {
    /// BLAKE3 of the secret, which is random and long enough that no salt is needed.
    pub hash: [u8; 32],
    /// The operator's name for it.
    pub name: String,
    /// How much it shows.
    pub scope: ClientScope,
    /// What it lets its holder do.
    pub role: ClientRole,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last used, to the minute.
    pub used: Option<Timestamp>,
}

/// How many tokens there are at most.
pub const MAX_TOKENS: usize = 1000;

/// How many addresses of one peer are kept.
pub const MAX_PEER_ADDRESSES: usize = 16;
/// How many candidates are kept: strangers can make any number of them. The one
/// that was seen the longest ago makes room.
pub const MAX_CANDIDATES: usize = 1000;

/// What a peer is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It knocked or was discovered, and waits for approval.
    Candidate,
    /// The operator approved it.
    Approved,
    /// The operator revoked it.
    Revoked,
}
