//! Who may be connected at all: the first behaviour, so that nobody else ever
//! hears of a stranger.
//!
//! Owns the role of every known peer. A stranger is denied as soon as Noise
//! has proven its key, on every path in and out, and reported as a knock. A
//! change of role first closes every connection that was made under the old
//! one; until then the peer is not admitted.

use std::collections::{HashMap, HashSet, VecDeque};
use std::convert::Infallible;
use std::net::IpAddr;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use libp2p::PeerId;
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::memory_connection_limits::MemoryUsageLimitExceeded;
use libp2p::multiaddr::Multiaddr;
use libp2p::swarm::{
    CloseConnection, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler,
    THandlerInEvent, THandlerOutEvent, ToSwarm, dummy,
};

use super::address::{far_end, party};
use super::limits::Exceeded;
use super::rate::Rate;
use super::role::Role;

/// A stranger is reported once in this time.
const WINDOW: Duration = Duration::from_secs(60);
/// Strangers remembered in a window; more cost no memory and are not reported.
const MAX_STRANGERS: usize = 1024;
/// Strangers reported from one host in a window: keys cost nothing, hosts do.
const KNOCKS_PER_HOST: u32 = 10;

/// Peers shut out at once; an open bootstrap shuts out strangers as well.
const MAX_SHUT_OUT: usize = 1024;

/// What happens to a peer without a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strangers {
    /// They are closed right after Noise: a node, and a bootstrap that serves a list.
    Refused,
    /// They may connect: an open bootstrap.
    Admitted,
}

/// Why a connection was denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Nobody approved this peer.
    #[error("this peer is not approved")]
    Stranger,
    /// Connections under the old role are still closing.
    #[error("the role of this peer is changing")]
    Changing,
    /// The peer misbehaved.
    #[error("this peer is shut out for a while because it misbehaved")]
    ShutOut,
}

impl Denied {
    /// The reason as a metric label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Stranger => "stranger",
            Self::Changing => "role_change",
            Self::ShutOut => "shut_out",
        }
    }
}

/// The reason for a denial as a metric label, whichever behaviour denied.
#[must_use]
pub fn reason(cause: &ConnectionDenied) -> &'static str {
    if let Some(denied) = cause.downcast_ref::<Denied>() {
        denied.label()
    } else if let Some(exceeded) = cause.downcast_ref::<Exceeded>() {
        exceeded.label()
    } else if cause.downcast_ref::<MemoryUsageLimitExceeded>().is_some() {
        "memory"
    } else {
        "other"
    }
}

/// What admission tells the swarm's owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A stranger proved its key and was denied.
    Knock {
        /// Its key.
        peer: PeerId,
        /// Where it was met.
        address: Multiaddr,
    },
    /// A peer's connections under its old role are gone.
    RoleChanged {
        /// The peer.
        peer: PeerId,
    },
}

/// Admits by role.
#[derive(Debug)]
pub struct Behaviour {
    strangers: Strangers,
    /// Bounded by what the operator approved and configured.
    roles: HashMap<PeerId, Role>,
    /// Connections by peer; bounded by the limits that follow this behaviour.
    established: HashMap<PeerId, usize>,
    changing: HashSet<PeerId>,
    /// Bounded by [`MAX_SHUT_OUT`].
    shut_out: HashMap<PeerId, Instant>,
    /// Dials to addresses whose key the operator did not name; each leaves when it ends.
    probes: HashSet<ConnectionId>,
    knocks: Rate<PeerId>,
    hosts: Rate<Option<IpAddr>>,
    /// Bounded by the rates and by the operator's commands.
    events: VecDeque<ToSwarm<Event, Infallible>>,
}

impl Behaviour {
    /// Knows nobody yet.
    #[must_use]
    pub fn new(strangers: Strangers) -> Self {
        Self {
            strangers,
            roles: HashMap::new(),
            established: HashMap::new(),
            changing: HashSet::new(),
            shut_out: HashMap::new(),
            probes: HashSet::new(),
            knocks: Rate::new(1, WINDOW, MAX_STRANGERS),
            hosts: Rate::new(KNOCKS_PER_HOST, WINDOW, MAX_STRANGERS),
            events: VecDeque::new(),
        }
    }

    /// What a peer is.
    #[must_use]
    pub fn role(&self, peer: &PeerId) -> Role {
        self.roles.get(peer).copied().unwrap_or(Role::Stranger)
    }

    /// Gives a peer a role. [`Event::RoleChanged`] follows as soon as no
    /// connection of the old role is left.
    pub fn set_role(&mut self, peer: PeerId, role: Role) {
        let unchanged = self.role(&peer) == role;
        match role {
            Role::Stranger => self.roles.remove(&peer),
            Role::Member | Role::Infrastructure => self.roles.insert(peer, role),
        };
        self.shut_out.remove(&peer);
        if unchanged || !self.established.contains_key(&peer) {
            if !self.changing.contains(&peer) {
                self.events.push_back(ToSwarm::GenerateEvent(Event::RoleChanged { peer }));
            }
            return;
        }
        self.changing.insert(peer);
        self.close(peer);
    }

    /// Closes a peer and does not admit it until then; false if that was so
    /// already. A full list forgets whoever would be admitted first.
    pub fn shut_out(&mut self, peer: PeerId, until: Instant) -> bool {
        if self.shut_out.len() >= MAX_SHUT_OUT {
            let first =
                self.shut_out.iter().min_by_key(|(_, until)| **until).map(|(peer, _)| *peer);
            self.shut_out.remove(&first.unwrap_or(peer));
        }
        self.close(peer);
        self.shut_out.insert(peer, until).is_none()
    }

    /// Lets a dial reach whoever answers: the operator named the address. A
    /// stranger is closed after Noise all the same, but then it is known.
    pub fn allow_probe(&mut self, connection: ConnectionId) {
        self.probes.insert(connection);
    }

    fn close(&mut self, peer_id: PeerId) {
        let connection = CloseConnection::All;
        self.events.push_back(ToSwarm::CloseConnection { peer_id, connection });
    }

    fn admit(&mut self, peer: PeerId) -> Result<(), Denied> {
        if self.changing.contains(&peer) {
            return Err(Denied::Changing);
        }
        if let Some(until) = self.shut_out.get(&peer) {
            if Instant::now() < *until {
                return Err(Denied::ShutOut);
            }
            self.shut_out.remove(&peer);
        }
        match (self.role(&peer), self.strangers) {
            (Role::Stranger, Strangers::Refused) => Err(Denied::Stranger),
            (Role::Member | Role::Infrastructure, _) | (_, Strangers::Admitted) => Ok(()),
        }
    }

    fn admit_established(
        &mut self,
        peer: PeerId,
        address: &Multiaddr,
    ) -> Result<dummy::ConnectionHandler, ConnectionDenied> {
        let verdict = self.admit(peer);
        if verdict == Err(Denied::Stranger) {
            self.knock(peer, address);
        }
        verdict.map(|()| dummy::ConnectionHandler).map_err(ConnectionDenied::new)
    }

    fn knock(&mut self, peer: PeerId, address: &Multiaddr) {
        let now = Instant::now();
        if self.hosts.allow(party(address), now) && self.knocks.allow(peer, now) {
            let address = address.clone();
            self.events.push_back(ToSwarm::GenerateEvent(Event::Knock { peer, address }));
        }
    }

    fn closed(&mut self, peer: PeerId, remaining: usize) {
        if remaining > 0 {
            self.established.insert(peer, remaining);
            return;
        }
        self.established.remove(&peer);
        if self.changing.remove(&peer) {
            self.events.push_back(ToSwarm::GenerateEvent(Event::RoleChanged { peer }));
        }
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Event;

    fn handle_established_inbound_connection(
        &mut self,
        _connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        // Strangers behind one relay share what is reported of one host.
        self.admit_established(peer, &far_end(local, remote))
    }

    fn handle_pending_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: Option<PeerId>,
        _addresses: &[Multiaddr],
        _role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        if self.probes.contains(&connection) {
            return Ok(Vec::new());
        }
        let verdict = peer.map_or(Err(Denied::Stranger), |peer| self.admit(peer));
        verdict.map(|()| Vec::new()).map_err(ConnectionDenied::new)
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        remote: &Multiaddr,
        _role: Endpoint,
        _port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.probes.remove(&connection);
        self.admit_established(peer, remote)
    }

    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "libp2p adds events; those not named do not concern this"
    )]
    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(new) => {
                self.established.insert(new.peer_id, new.other_established + 1);
            }
            FromSwarm::ConnectionClosed(old) => {
                self.closed(old.peer_id, old.remaining_established);
            }
            FromSwarm::DialFailure(failure) => {
                self.probes.remove(&failure.connection_id);
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
        self.events.pop_front().map_or(Poll::Pending, Poll::Ready)
    }
}
