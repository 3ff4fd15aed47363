//! AutoNAT version 2: tells a node whether it can be reached, by dialling it.
//!
//! Owns libp2p's server and stands in front of every dial of the bootstrap: what the
//! rules do not grant is not dialled, and what nobody asked to have tested neither.
//! A dial-back is closed as soon as it has served.

mod rules;

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::task::{Context, Poll, ready};

use libp2p::PeerId;
use libp2p::autonat::v2::server;
use libp2p::core::transport::PortUse;
use libp2p::core::{Endpoint, Multiaddr};
use libp2p::swarm::{
    CloseConnection, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler,
    THandlerInEvent, THandlerOutEvent, ToSwarm,
};

use self::rules::{Refused, Rules, Wish};
use super::clock::Clock;
use crate::mesh::address::ip;
use crate::mesh::inner::handlers_of_inner;
use crate::metrics::Metrics;
use crate::model::Timestamp;

/// A dial-back that has not served after so many seconds is closed, whoever holds it.
const DEADLINE: u64 = 15;

/// libp2p's server behind the rules.
pub struct Behaviour {
    inner: server::Behaviour,
    rules: Rules,
    /// Nodes that find the rules' budget for all when strangers have spent theirs.
    listed: HashSet<PeerId>,
    /// From where each peer is connected; bounded by the limits before this behaviour.
    observed: HashMap<PeerId, Vec<(ConnectionId, IpAddr)>>,
    /// Dials that the server asked for and the swarm has not begun.
    asked: HashSet<ConnectionId>,
    /// Dial-backs under way, since when; bounded by the rules.
    dialled: HashMap<ConnectionId, (PeerId, Timestamp)>,
    /// Dial-backs to close.
    closing: VecDeque<(PeerId, ConnectionId)>,
    clock: Clock,
    metrics: Metrics,
}

impl Behaviour {
    /// A server that dials private addresses only in test networks.
    pub fn new(
        allow_private: bool,
        listed: &HashSet<PeerId>,
        clock: Clock,
        metrics: Metrics,
    ) -> Self {
        Self {
            inner: server::Behaviour::default(),
            rules: Rules::new(allow_private),
            listed: listed.clone(),
            observed: HashMap::new(),
            asked: HashSet::new(),
            dialled: HashMap::new(),
            closing: VecDeque::new(),
            clock,
            metrics,
        }
    }

    /// Closes the dial-backs that have had their time.
    pub fn sweep(&mut self) {
        let now = self.clock.now();
        let late = |(connection, (peer, since)): (&ConnectionId, &(PeerId, Timestamp))| {
            (now.since(*since) > DEADLINE).then_some((*peer, *connection))
        };
        self.closing.extend(self.dialled.iter().filter_map(late));
    }

    fn judge(
        &mut self,
        connection: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
    ) -> Result<(), Refused> {
        let peer = peer.filter(|_| self.asked.remove(&connection)).ok_or(Refused::NotAsked)?;
        let observed: Vec<IpAddr> =
            self.observed.get(&peer).into_iter().flatten().map(|(_, ip)| *ip).collect();
        let wish = Wish {
            addresses,
            observed: &observed,
            listed: self.listed.contains(&peer),
            in_flight: self.dialled.len(),
        };
        let now = self.clock.now();
        self.rules.judge(wish, now)?;
        self.dialled.insert(connection, (peer, now));
        Ok(())
    }

    fn count(&self, result: &str) {
        self.metrics.bootstrap.dial_backs.with_label_values(&[result]).inc();
    }

    fn forget(&mut self, peer: &PeerId, connection: ConnectionId) {
        self.dialled.remove(&connection);
        if let Some(observed) = self.observed.get_mut(peer) {
            observed.retain(|(other, _)| *other != connection);
            if observed.is_empty() {
                self.observed.remove(peer);
            }
        }
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = THandler<server::Behaviour>;
    type ToSwarm = server::Event;

    handlers_of_inner!();

    /// Every dial of the swarm passes here before it begins. libp2p's server answers
    /// a failed dial with "you cannot be reached", after which a client asks no more;
    /// so whoever may ask again is told that the server failed.
    fn handle_pending_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        let Err(refused) = self.judge(connection, peer, addresses) else { return Ok(Vec::new()) };
        self.count(refused.label());
        if let (Some(peer), Some(address), true) = (peer, addresses.first(), refused.may_pass()) {
            // The server hands over its answer with the connection; dropped, it says just that.
            drop(self.inner.handle_established_outbound_connection(
                connection,
                peer,
                address,
                role,
                PortUse::New,
            ));
        }
        Err(ConnectionDenied::new(refused))
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(new) => {
                if self.dialled.contains_key(&new.connection_id) {
                    self.count("connected");
                } else if let Some(ip) = ip(new.endpoint.get_remote_address()) {
                    let observed = self.observed.entry(new.peer_id).or_default();
                    observed.push((new.connection_id, ip.to_canonical()));
                }
            }
            FromSwarm::ConnectionClosed(old) => self.forget(&old.peer_id, old.connection_id),
            FromSwarm::DialFailure(failure) => {
                self.asked.remove(&failure.connection_id);
                if self.dialled.remove(&failure.connection_id).is_some() {
                    self.count("failed");
                }
            }
            _ => {}
        }
        self.inner.on_swarm_event(event);
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        self.inner.on_connection_handler_event(peer, connection, event);
        if self.dialled.contains_key(&connection) {
            // It has delivered its nonce, or could not.
            self.closing.push_back((peer, connection));
        }
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        if let Some((peer_id, connection)) = self.closing.pop_front() {
            let connection = CloseConnection::One(connection);
            return Poll::Ready(ToSwarm::CloseConnection { peer_id, connection });
        }
        let event = ready!(self.inner.poll(cx));
        if let ToSwarm::Dial { opts } = &event {
            self.asked.insert(opts.connection_id());
        }
        Poll::Ready(event)
    }
}
