//! The snapshot of the mesh that everybody else reads.

use std::collections::BTreeMap;
use std::net::IpAddr;

use libp2p::multiaddr::Multiaddr;

use super::reach::{Learnt, Path, Reachability};
use super::role::Role;
use crate::model::{NodeId, Timestamp};

/// What the mesh looks like.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// Where it listens.
    pub listen: Vec<Multiaddr>,
    /// Where others reach it.
    pub external: Vec<Multiaddr>,
    /// Whether they do, and how.
    pub reachability: Reachability,
    /// Hosts that were found out to be this node's.
    pub own: BTreeMap<IpAddr, Learnt>,
    /// Who is connected.
    pub peers: Vec<ConnectedPeer>,
    /// Members and bootstraps that are not.
    pub away: Vec<AwayPeer>,
    /// The bootstraps.
    pub bootstraps: Vec<Bootstrap>,
    /// Connected members that take part in gossip.
    pub members_in_topic: usize,
}

/// A connected peer.
#[derive(Clone, Debug)]
pub struct ConnectedPeer {
    /// Its key.
    pub node: NodeId,
    /// What it is.
    pub role: Role,
    /// Its ends of the connections.
    pub addresses: Vec<Multiaddr>,
    /// The straightest of them.
    pub path: Path,
    /// When it connected.
    pub since: Timestamp,
    /// Whether claims go to it eagerly.
    pub in_mesh: bool,
}

/// A wanted peer that is not connected.
#[derive(Clone, Debug)]
pub struct AwayPeer {
    /// Its key.
    pub node: NodeId,
    /// What it is.
    pub role: Role,
    /// Where it is looked for.
    pub addresses: Vec<Multiaddr>,
    /// Attempts that failed in a row.
    pub failures: u32,
    /// It closed the last connection at once: most likely it has not approved this node yet.
    pub awaiting_approval: bool,
}

/// A bootstrap.
#[derive(Clone, Debug)]
pub struct Bootstrap {
    /// Its key.
    pub node: NodeId,
    /// Whether this node is registered there.
    pub registered: bool,
    /// Whether it holds a place there, through which others reach it.
    pub reserved: bool,
}
