//! Confidentiality by construction: a behaviour that only some peers may use.
//!
//! `Gate<B>` gives B's handler to the peers that were let in. Every other
//! peer's connection gets a handler that speaks no protocol, and B never hears
//! of it, so B cannot send it anything. The gate knows which connections are
//! B's, forwards only their events, and rewrites the counts of other and
//! remaining connections so that they count B's connections only; behaviours
//! keep tables by those counts and panic when they are wrong.
//!
//! Nothing that stands after a gate may deny a connection: B would keep an
//! entry for one that never came to be.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::task::{Context, Poll};

use libp2p::PeerId;
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::multiaddr::Multiaddr;
use libp2p::swarm::behaviour::{ConnectionClosed, ConnectionEstablished};
use libp2p::swarm::derive_prelude::Either;
use libp2p::swarm::{
    ConnectionDenied, ConnectionHandler, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler,
    THandler, THandlerInEvent, THandlerOutEvent, ToSwarm, dummy,
};

/// B for those who were let in, silence for all others.
#[derive(Debug)]
pub struct Gate<B> {
    inner: B,
    /// Bounded by the roles that the operator gave.
    allowed: HashSet<PeerId>,
    /// B's connections; bounded by the connection limits before the gate.
    connections: HashMap<PeerId, Vec<ConnectionId>>,
    /// The control of the gate's own test: everybody is let in.
    #[cfg(test)]
    taken_out: bool,
}

impl<B> Gate<B> {
    /// Lets nobody in yet.
    pub fn new(inner: B) -> Self {
        Self {
            inner,
            allowed: HashSet::new(),
            connections: HashMap::new(),
            #[cfg(test)]
            taken_out: false,
        }
    }

    /// Whether connections that a peer makes from now on belong to B. Those
    /// that are open keep their handler: the caller closes them.
    pub fn allow(&mut self, peer: PeerId, may_use: bool) {
        if may_use {
            self.allowed.insert(peer);
        } else {
            self.allowed.remove(&peer);
        }
    }

    /// Whether a peer has a connection of B.
    pub fn is_connected(&self, peer: &PeerId) -> bool {
        self.connections.contains_key(peer)
    }

    /// The behaviour behind the gate.
    pub fn inner(&self) -> &B {
        &self.inner
    }

    /// The behaviour behind the gate.
    pub fn inner_mut(&mut self) -> &mut B {
        &mut self.inner
    }

    fn may_use(&self, peer: &PeerId) -> bool {
        #[cfg(test)]
        if self.taken_out {
            return true;
        }
        self.allowed.contains(peer)
    }

    fn knows(&self, peer: &PeerId, connection: ConnectionId) -> bool {
        self.connections.get(peer).is_some_and(|known| known.contains(&connection))
    }

    /// Forgets a connection of B; how many B has left with that peer.
    fn forget(&mut self, peer: &PeerId, connection: ConnectionId) -> Option<usize> {
        let known = self.connections.get_mut(peer)?;
        let at = known.iter().position(|other| *other == connection)?;
        known.swap_remove(at);
        let left = known.len();
        if left == 0 {
            self.connections.remove(peer);
        }
        Some(left)
    }
}

#[cfg(test)]
impl<B> Gate<B> {
    /// The same behaviour without a gate.
    pub fn taken_out(inner: B) -> Self {
        Self { taken_out: true, ..Self::new(inner) }
    }

    /// How many peers have connections of B.
    pub fn peers(&self) -> usize {
        self.connections.len()
    }
}

type Handler<B> = Either<THandler<B>, dummy::ConnectionHandler>;
type In<B> = Either<THandlerInEvent<B>, Infallible>;

impl<B: NetworkBehaviour> Gate<B> {
    fn established(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        handler: impl FnOnce(&mut B) -> Result<THandler<B>, ConnectionDenied>,
    ) -> Result<Handler<B>, ConnectionDenied> {
        if !self.may_use(&peer) {
            return Ok(Either::Right(dummy::ConnectionHandler));
        }
        let handler = handler(&mut self.inner)?;
        self.connections.entry(peer).or_default().push(connection);
        Ok(Either::Left(handler))
    }

    /// The connection that an event of B is for, if B has one.
    fn target(&self, peer: &PeerId, handler: &NotifyHandler) -> Option<ConnectionId> {
        let known = self.connections.get(peer)?;
        match handler {
            NotifyHandler::One(connection) => known.contains(connection).then_some(*connection),
            // The swarm would pick any connection, also one that is not B's.
            NotifyHandler::Any => known.first().copied(),
        }
    }
}

impl<B: NetworkBehaviour> NetworkBehaviour for Gate<B>
where
    THandler<B>: ConnectionHandler,
{
    type ConnectionHandler = Handler<B>;
    type ToSwarm = B::ToSwarm;

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.established(peer, connection, |inner| {
            inner.handle_established_inbound_connection(connection, peer, local, remote)
        })
    }

    fn handle_pending_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        if !peer.is_some_and(|peer| self.may_use(&peer)) {
            return Ok(Vec::new());
        }
        self.inner.handle_pending_outbound_connection(connection, peer, addresses, role)
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        remote: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.established(peer, connection, |inner| {
            inner.handle_established_outbound_connection(connection, peer, remote, role, port)
        })
    }

    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "libp2p adds events; those not named do not concern this"
    )]
    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(new)
                if self.knows(&new.peer_id, new.connection_id) =>
            {
                let all = self.connections.get(&new.peer_id).map_or(0, Vec::len);
                let other_established = all.saturating_sub(1);
                let event = ConnectionEstablished { other_established, ..new };
                self.inner.on_swarm_event(FromSwarm::ConnectionEstablished(event));
            }
            FromSwarm::ConnectionClosed(old) => {
                if let Some(remaining_established) = self.forget(&old.peer_id, old.connection_id) {
                    let event = ConnectionClosed { remaining_established, ..old };
                    self.inner.on_swarm_event(FromSwarm::ConnectionClosed(event));
                }
            }
            FromSwarm::AddressChange(change)
                if self.knows(&change.peer_id, change.connection_id) =>
            {
                self.inner.on_swarm_event(event);
            }
            FromSwarm::DialFailure(failure)
                if failure.peer_id.is_some_and(|peer| self.may_use(&peer)) =>
            {
                self.inner.on_swarm_event(event);
            }
            FromSwarm::NewExternalAddrOfPeer(new) if self.may_use(&new.peer_id) => {
                self.inner.on_swarm_event(event);
            }
            // What concerns this node only.
            FromSwarm::NewListener(_)
            | FromSwarm::NewListenAddr(_)
            | FromSwarm::ExpiredListenAddr(_)
            | FromSwarm::ListenerError(_)
            | FromSwarm::ListenerClosed(_)
            | FromSwarm::NewExternalAddrCandidate(_)
            | FromSwarm::ExternalAddrConfirmed(_)
            | FromSwarm::ExternalAddrExpired(_) => self.inner.on_swarm_event(event),
            // Not B's: other peers' connections, and inbound handshakes that failed.
            _ => {}
        }
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        match event {
            Either::Left(event) => {
                self.inner.on_connection_handler_event(peer, connection, event);
            }
            Either::Right(nothing) => match nothing {},
        }
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "all but one kind pass through")]
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, In<B>>> {
        loop {
            match std::task::ready!(self.inner.poll(cx)) {
                ToSwarm::NotifyHandler { peer_id, handler, event } => {
                    if let Some(connection) = self.target(&peer_id, &handler) {
                        let handler = NotifyHandler::One(connection);
                        let event = Either::Left(event);
                        return Poll::Ready(ToSwarm::NotifyHandler { peer_id, handler, event });
                    }
                }
                other => return Poll::Ready(other.map_in(Either::Left)),
            }
        }
    }
}
