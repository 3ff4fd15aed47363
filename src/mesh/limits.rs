//! How many connections there may be: waiting for their handshake, by host and
//! in all; established, by peer, by host and in all.
//!
//! libp2p's own limits count no hosts and keep an empty entry for every peer
//! that ever connected, which at a public bootstrap is memory for the asking.

use std::collections::HashMap;
use std::convert::Infallible;
use std::hash::Hash;
use std::net::IpAddr;
use std::task::{Context, Poll};

use libp2p::PeerId;
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::multiaddr::Multiaddr;
use libp2p::swarm::{
    ConnectionClosed, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler,
    THandlerInEvent, THandlerOutEvent, ToSwarm, dummy,
};

use super::address::{is_relayed, party};

/// The most connections of each kind.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Incoming and not yet authenticated, from one host. A small global cap
    /// alone would let one host lock out the members.
    pub pending_per_host: usize,
    /// The same for those that come through one relay, behind which there are
    /// many. Each is a stream of the relay's connection, which breaks when there
    /// are too many, so there must be few of them.
    pub pending_per_relay: usize,
    /// Incoming and not yet authenticated, in all.
    pub pending: usize,
    /// Established with one peer, and as many through relays. Two, because both
    /// sides may dial at once, and a new one is made before the old one goes.
    pub per_peer: usize,
    /// Established with one host.
    pub per_host: usize,
    /// Established in all.
    pub established: usize,
}

impl Limits {
    /// The limits of a node: only approved peers get as far as being
    /// established, and many of them may sit behind one address.
    #[must_use]
    pub fn node(max_connections: usize) -> Self {
        Self {
            pending_per_host: 8,
            pending_per_relay: 16,
            pending: 256,
            per_peer: 2,
            per_host: max_connections,
            established: max_connections,
        }
    }
}

/// A limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Exceeded {
    /// Too many handshakes with one host.
    #[error("too many unfinished connections from this host")]
    PendingPerHost,
    /// Too many handshakes.
    #[error("too many unfinished connections")]
    Pending,
    /// Too many connections with one peer.
    #[error("too many connections with this peer")]
    PerPeer,
    /// Too many connections with one host.
    #[error("too many connections with this host")]
    PerHost,
    /// Too many connections.
    #[error("too many connections")]
    Established,
}

impl Exceeded {
    /// The reason as a metric label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::PendingPerHost => "pending_per_host",
            Self::Pending => "pending",
            Self::PerPeer => "per_peer",
            Self::PerHost => "per_host",
            Self::Established => "established",
        }
    }
}

#[derive(Debug)]
struct Established {
    peer: PeerId,
    /// None of one through a relay: those behind it are not one host.
    host: Option<IpAddr>,
    relayed: bool,
}

/// Counts connections and denies those beyond the limits.
#[derive(Debug)]
pub struct Behaviour {
    limits: Limits,
    /// Bounded by `limits.pending`.
    pending: HashMap<ConnectionId, Option<IpAddr>>,
    /// Bounded by `limits.established`.
    established: HashMap<ConnectionId, Established>,
}

impl Behaviour {
    /// Nothing is connected yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, pending: HashMap::new(), established: HashMap::new() }
    }

    fn admit(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        relayed: bool,
    ) -> Result<dummy::ConnectionHandler, ConnectionDenied> {
        self.pending.remove(&connection);
        let host = if relayed { None } else { party(address) };
        let same = |other: &&Established| other.peer == peer && other.relayed == relayed;
        let with_peer = self.established.values().filter(same).count();
        let with_host = count(self.established.values().map(|other| &other.host), host);
        let exceeded = if with_peer >= self.limits.per_peer {
            Exceeded::PerPeer
        } else if with_host >= self.limits.per_host {
            Exceeded::PerHost
        } else if self.established.len() >= self.limits.established {
            Exceeded::Established
        } else {
            return Ok(dummy::ConnectionHandler);
        };
        Err(ConnectionDenied::new(exceeded))
    }
}

/// How many of `hosts` are `host`; a connection without one (memory) counts as none.
fn count<'a, K: Eq + Hash + 'a>(
    hosts: impl Iterator<Item = &'a Option<K>>,
    host: Option<K>,
) -> usize {
    if host.is_none() { 0 } else { hosts.filter(|other| **other == host).count() }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        let (host, most) = if is_relayed(local) {
            (party(local), self.limits.pending_per_relay)
        } else {
            (party(remote), self.limits.pending_per_host)
        };
        if count(self.pending.values(), host) >= most {
            return Err(ConnectionDenied::new(Exceeded::PendingPerHost));
        }
        if self.pending.len() >= self.limits.pending {
            return Err(ConnectionDenied::new(Exceeded::Pending));
        }
        self.pending.insert(connection, host);
        Ok(())
    }

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.admit(connection, peer, remote, is_relayed(local))
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        remote: &Multiaddr,
        _role: Endpoint,
        _port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.admit(connection, peer, remote, is_relayed(remote))
    }

    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "libp2p adds events; those not named do not concern this"
    )]
    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(new) => {
                let relayed = new.endpoint.is_relayed();
                let host = if relayed { None } else { party(new.endpoint.get_remote_address()) };
                let established = Established { peer: new.peer_id, host, relayed };
                self.established.insert(new.connection_id, established);
            }
            FromSwarm::ConnectionClosed(ConnectionClosed { connection_id, .. }) => {
                self.established.remove(&connection_id);
            }
            FromSwarm::ListenFailure(failure) => {
                self.pending.remove(&failure.connection_id);
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(
        &mut self,
        _peer: PeerId,
        _connection: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        match event {}
    }

    fn poll(
        &mut self,
        _cx: &mut Context<'_>,
    ) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}
