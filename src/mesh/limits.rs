//! How many connections there may be: waiting for their handshake, by host and
//! in all; established, by peer, by host and in all.
//!
//! libp2p's own limits count no hosts and keep an empty entry for every peer
//! that ever connected, which at a public bootstrap is memory for the asking.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::net::IpAddr;
use std::task::{Context, Poll};

use libp2p::PeerId;
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::multiaddr::{Multiaddr, Protocol};
use libp2p::swarm::{
    ConnectionClosed, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler,
    THandlerInEvent, THandlerOutEvent, ToSwarm, dummy,
};

use super::address::{ip, is_relayed, party};
use super::neighbourhood::{Neighbourhood, NoPlace, Share};

/// The most connections of each kind.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Incoming and not yet authenticated: for each host, and in all. As many over
    /// TCP as over QUIC, whose senders can give addresses that are not theirs. A cap
    /// in all without one a host would let one host lock out the members.
    pub pending: Share,
    /// The same for those that come through relays, for each relay, behind which
    /// there are many hosts. Each is a stream of the relay's connection, which breaks
    /// when there are too many, so there must be few of them.
    pub pending_relayed: Share,
    /// Established with one peer, and as many through relays. Two, because both
    /// sides may dial at once, and a new one is made before the old one goes.
    pub per_peer: usize,
    /// Established with one host.
    pub per_host: usize,
    /// Established in all.
    pub established: usize,
    /// Where strangers are admitted: what one neighbourhood may have of these, and
    /// who has a place in any case. What is dialled is then bounded by who dials.
    pub open: Option<Open>,
}

/// How an open bootstrap's connections are shared.
#[derive(Clone, Debug)]
pub struct Open {
    /// Connections of one neighbourhood while most are free.
    pub per_neighbourhood: usize,
    /// Peers that are counted by `per_peer` only, and come on top of all the others.
    pub listed: HashSet<PeerId>,
}

impl Limits {
    /// The limits of a node: only approved peers get as far as being
    /// established, and many of them may sit behind one address.
    #[must_use]
    pub fn node(max_connections: usize) -> Self {
        Self {
            pending: Share { all: 256, each: 8 },
            pending_relayed: Share { all: 64, each: 16 },
            per_peer: 2,
            per_host: max_connections,
            established: max_connections,
            open: None,
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
    /// Too many connections with one neighbourhood.
    #[error("too many connections with this neighbourhood")]
    PerNeighbourhood,
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
            Self::PerNeighbourhood => "per_neighbourhood",
            Self::Established => "established",
        }
    }
}

/// Counts connections and denies those beyond the limits.
#[derive(Debug)]
pub struct Behaviour {
    limits: Limits,
    /// Bounded by `limits.pending`, for each way.
    pending: HashMap<ConnectionId, Knock>,
    /// Bounded by `limits.established` and the listed peers.
    established: HashMap<ConnectionId, Held>,
}

/// Somebody whose handshake is not over.
#[derive(Clone, Copy, Debug)]
struct Knock {
    host: Option<IpAddr>,
    way: Way,
}

/// How a handshake arrives. What fills one way leaves the others open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Tcp,
    Quic,
    /// Through a relay, which stands for the hosts behind it: it does not tell of them.
    Relay,
    /// Inside the process.
    Other,
}

impl Knock {
    /// An IPv6 host has a whole network of addresses to knock from.
    fn from(local: &Multiaddr, remote: &Multiaddr) -> Self {
        let relayed = is_relayed(local);
        let host = match ip(if relayed { local } else { remote }).map(|ip| ip.to_canonical()) {
            Some(v6 @ IpAddr::V6(_)) => Some(Neighbourhood::of_ip(v6).network()),
            v4 => v4,
        };
        let datagrams = remote.iter().any(|part| matches!(part, Protocol::Udp(_)));
        let way = match host {
            _ if relayed => Way::Relay,
            None => Way::Other,
            Some(_) if datagrams => Way::Quic,
            Some(_) => Way::Tcp,
        };
        Self { host, way }
    }
}

/// An established connection.
#[derive(Clone, Copy, Debug)]
struct Held {
    peer: PeerId,
    /// None of one through a relay: those behind it are not one host.
    host: Option<IpAddr>,
    relayed: bool,
    from: Neighbourhood,
    /// Counted among those who share.
    counted: bool,
}

impl Behaviour {
    /// Nothing is connected yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, pending: HashMap::new(), established: HashMap::new() }
    }

    fn knock(&self, knock: Knock) -> Result<(), Exceeded> {
        let pending = || self.pending.values().filter(|other| other.way == knock.way);
        let own =
            knock.host.map_or(0, |host| pending().filter(|other| other.host == Some(host)).count());
        let share = match knock.way {
            Way::Tcp | Way::Quic | Way::Other => self.limits.pending,
            Way::Relay => self.limits.pending_relayed,
        };
        share.place(own, pending().count()).map_err(|no| match no {
            NoPlace::Crowded => Exceeded::PendingPerHost,
            NoPlace::Full => Exceeded::Pending,
        })
    }

    fn admit(&self, peer: PeerId, address: &Multiaddr, relayed: bool) -> Result<(), Exceeded> {
        let all = self.established.values();
        let same = |held: &&Held| held.peer == peer && held.relayed == relayed;
        if all.clone().filter(same).count() >= self.limits.per_peer {
            return Err(Exceeded::PerPeer);
        }
        if self.is_listed(&peer) {
            return Ok(());
        }
        let all = all.filter(|held| held.counted);
        let host = party(address).filter(|_| !relayed);
        if host.is_some()
            && all.clone().filter(|held| held.host == host).count() >= self.limits.per_host
        {
            return Err(Exceeded::PerHost);
        }
        let taken = all.clone().count();
        let Some(open) = self.limits.open.as_ref().filter(|_| host.is_some()) else {
            return if taken < self.limits.established {
                Ok(())
            } else {
                Err(Exceeded::Established)
            };
        };
        let from = Neighbourhood::of(address);
        let share = Share { all: self.limits.established, each: open.per_neighbourhood };
        share.place(all.filter(|held| held.from == from).count(), taken).map_err(|no| match no {
            NoPlace::Crowded => Exceeded::PerNeighbourhood,
            NoPlace::Full => Exceeded::Established,
        })
    }

    fn is_listed(&self, peer: &PeerId) -> bool {
        self.limits.open.as_ref().is_some_and(|open| open.listed.contains(peer))
    }
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
        let knock = Knock::from(local, remote);
        self.knock(knock).map_err(ConnectionDenied::new)?;
        self.pending.insert(connection, knock);
        Ok(())
    }

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.pending.remove(&connection);
        self.admit(peer, remote, is_relayed(local)).map_err(ConnectionDenied::new)?;
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _connection: ConnectionId,
        peer: PeerId,
        remote: &Multiaddr,
        _role: Endpoint,
        _port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        if self.limits.open.is_none() {
            self.admit(peer, remote, is_relayed(remote)).map_err(ConnectionDenied::new)?;
        }
        Ok(dummy::ConnectionHandler)
    }

    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "libp2p adds events; those not named do not concern this"
    )]
    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(new) => {
                let address = new.endpoint.get_remote_address();
                let relayed = new.endpoint.is_relayed();
                let held = Held {
                    peer: new.peer_id,
                    host: party(address).filter(|_| !relayed),
                    relayed,
                    from: Neighbourhood::of(address),
                    counted: !self.is_listed(&new.peer_id)
                        && (new.endpoint.is_listener() || self.limits.open.is_none()),
                };
                self.established.insert(new.connection_id, held);
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
