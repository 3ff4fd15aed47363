//! What happens in the swarm, event by event. Nothing here waits.

use std::time::Instant;

use libp2p::PeerId;
use libp2p::core::ConnectedPoint;
use libp2p::gossipsub::{self, MessageAcceptance};
use libp2p::metrics::Recorder as _;
use libp2p::multiaddr::Multiaddr;
use libp2p::swarm::{ConnectionId, DialError, ListenError, SwarmEvent};
use libp2p::{identify, ping};

use super::actor::{Actor, Link, dice};
use super::address::node_of;
use super::behaviour::RootEvent;
use super::exchange::Protocol;
use super::judge::{Answer, Job, Offence};
use super::role::Role;
use super::{Event, admission, now};

/// Addresses taken from one introduction or registration.
pub(super) const MAX_ADDRESSES: usize = 8;

impl Actor {
    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "libp2p adds events; those not named do not concern this"
    )]
    pub(super) fn on_swarm_event(&mut self, event: SwarmEvent<RootEvent>) {
        self.recorder.record(&event);
        match event {
            SwarmEvent::Behaviour(event) => self.on_behaviour_event(event),
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                self.on_connected(peer_id, connection_id, &endpoint);
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, .. } => {
                self.on_closed(peer_id, connection_id);
            }
            SwarmEvent::IncomingConnectionError { error, .. } => {
                let reason = if let ListenError::Denied { cause } = &error {
                    admission::reason(cause)
                } else {
                    "handshake"
                };
                self.metrics.connections_refused.with_label_values(&[reason]).inc();
            }
            SwarmEvent::OutgoingConnectionError { peer_id, connection_id, error } => {
                self.on_dial_failed(peer_id, connection_id, &error);
            }
            SwarmEvent::NewListenAddr { address, .. } => {
                tracing::debug!(%address, "listening");
                if self.allow_private {
                    self.swarm.add_external_address(address);
                    self.discovery.addresses_changed(Instant::now());
                }
                self.publish_status();
            }
            SwarmEvent::ExpiredListenAddr { address, .. } if self.allow_private => {
                self.swarm.remove_external_address(&address);
                self.discovery.addresses_changed(Instant::now());
            }
            SwarmEvent::ListenerError { error, .. } => {
                tracing::warn!(%error, "a listener has trouble");
            }
            SwarmEvent::ListenerClosed { reason, .. } => {
                tracing::error!(?reason, "a listener ended: nobody can connect there any more");
            }
            _ => {}
        }
    }

    fn on_behaviour_event(&mut self, event: RootEvent) {
        match event {
            RootEvent::Admission(event) => self.on_admission(event),
            RootEvent::Gossip(event) => self.on_gossip(event),
            RootEvent::Sync(event) => self.on_exchange(Protocol::Sync, event),
            RootEvent::Deliver(event) => self.on_exchange(Protocol::Deliver, event),
            RootEvent::Ping(ping::Event { connection, result: Err(error), .. }) => {
                if !matches!(error, ping::Failure::Unsupported) {
                    self.swarm.close_connection(connection);
                }
            }
            RootEvent::Identify(identify::Event::Received { peer_id, info, .. }) => {
                for address in info.listen_addrs.iter().take(MAX_ADDRESSES) {
                    self.learn(peer_id, address);
                }
            }
            RootEvent::Rendezvous(event) => self.on_rendezvous(event),
            RootEvent::Ping(_) | RootEvent::Identify(_) => {}
            RootEvent::Limits(nothing) | RootEvent::Memory(nothing) => match nothing {},
        }
    }

    fn on_admission(&mut self, event: admission::Event) {
        match event {
            admission::Event::Knock { peer, address } => {
                self.learn(peer, &address);
                if let Some(node) = node_of(&peer) {
                    tracing::debug!(%node, "a stranger was turned away");
                    self.tell(Event::Knock { node, address, at: now() });
                }
            }
            admission::Event::RoleChanged { peer } => {
                for waiting in self.changes.remove(&peer).into_iter().flatten() {
                    waiting.send(()).unwrap_or_default();
                }
                self.publish_status();
            }
        }
    }

    fn learn(&mut self, peer: PeerId, address: &Multiaddr) {
        if self.may_dial(address) {
            self.book.learn(peer, address);
        }
    }

    fn on_connected(&mut self, peer: PeerId, connection: ConnectionId, endpoint: &ConnectedPoint) {
        let instant = Instant::now();
        let address = endpoint.get_remote_address().clone();
        self.book.connected(&peer, instant);
        self.book.probe_ended(connection, Some(peer), instant, dice());
        let first = !self.links.contains_key(&peer);
        let link = self
            .links
            .entry(peer)
            .or_insert_with(|| Link { since: now(), connections: Vec::new() });
        link.connections.push((connection, address.clone()));
        if !first {
            return;
        }
        self.discovery.connected(&peer, instant);
        self.count_peers();
        if let Some(node) = node_of(&peer) {
            let (role, dialled) = (self.role(&peer), endpoint.is_dialer());
            tracing::info!(%node, %role, "connected");
            self.tell(Event::Connected { node, role, address, dialled });
        }
    }

    fn on_closed(&mut self, peer: PeerId, connection: ConnectionId) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        link.connections.retain(|(other, _)| *other != connection);
        if !link.connections.is_empty() {
            return;
        }
        self.links.remove(&peer);
        self.book.disconnected(&peer, Instant::now(), dice());
        self.discovery.disconnected(&peer);
        self.count_peers();
        if let Some(node) = node_of(&peer) {
            tracing::info!(%node, "disconnected");
            self.tell(Event::Disconnected { node });
        }
    }

    fn on_dial_failed(
        &mut self,
        peer: Option<PeerId>,
        connection: ConnectionId,
        error: &DialError,
    ) {
        let instant = Instant::now();
        tracing::debug!(?peer, %error, "dial failed");
        if let DialError::Denied { cause } = error {
            let reason = admission::reason(cause);
            self.metrics.connections_refused.with_label_values(&[reason]).inc();
        }
        if self.book.probe_ended(connection, peer, instant, dice()) {
            return;
        }
        if let Some(peer) = peer {
            self.book.failed(&peer, instant, dice());
        }
    }

    fn count_peers(&self) {
        for role in Role::ALL {
            let count = self.links.keys().filter(|peer| self.role(peer) == role).count();
            let gauge = self.metrics.peers.with_label_values(&[role.name()]);
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    fn on_gossip(&mut self, event: gossipsub::Event) {
        self.recorder.record(&event);
        match event {
            gossipsub::Event::Message { propagation_source, message_id, message } => {
                let bytes = message.data.len();
                let job = Job {
                    message: message_id.clone(),
                    from: propagation_source,
                    bytes: message.data,
                };
                if self.desk.submit(job) {
                    self.swarm.behaviour().gossip.inner().asked(&propagation_source, bytes);
                } else {
                    self.metrics.judge_overflow.with_label_values(&["queue"]).inc();
                    self.report(&message_id, &propagation_source, MessageAcceptance::Ignore);
                }
            }
            gossipsub::Event::Subscribed { .. } => {
                let members = self.members_in_topic();
                self.tell(Event::MeshReady { members });
            }
            // Once a heartbeat at most; sync brings what was dropped.
            gossipsub::Event::SlowPeer { .. } => self.metrics.slow_members.inc(),
            gossipsub::Event::Unsubscribed { .. }
            | gossipsub::Event::GossipsubNotSupported { .. } => {}
        }
    }

    pub(super) fn on_answer(&mut self, answer: &Answer) {
        self.report(&answer.message, &answer.from, answer.acceptance);
        self.swarm.behaviour().gossip.inner().answered(&answer.from);
        if let Some(offence) = answer.offence {
            self.charge(answer.from, offence);
        }
    }

    /// Counts an offence of a member and shuts it out when it is enough.
    pub(super) fn charge(&mut self, member: PeerId, offence: Offence) {
        let instant = Instant::now();
        if self.strikes.add(member, offence, instant) {
            self.shut_out(member, offence.label(), instant);
        }
    }

    /// Holds against members what gossip refused by itself, which never reaches
    /// the judge: messages that are too large, or marked with an author.
    pub(super) fn charge_faults(&mut self) {
        for peer in self.swarm.behaviour_mut().gossip.inner_mut().take_faults() {
            self.charge(peer, Offence::Rejected);
        }
    }

    fn shut_out(&mut self, peer: PeerId, reason: &'static str, now: Instant) {
        if !self.swarm.behaviour_mut().shut_out(peer, now) {
            return; // what it had sent before is still being judged
        }
        self.metrics.shut_out.with_label_values(&[reason]).inc();
        if let Some(node) = node_of(&peer) {
            tracing::warn!(%node, reason, "this member misbehaves: shut out for an hour");
        }
    }

    fn report(
        &mut self,
        message: &gossipsub::MessageId,
        from: &PeerId,
        acceptance: MessageAcceptance,
    ) {
        let gossip = self.swarm.behaviour_mut().gossip.inner_mut();
        if !gossip.report_message_validation_result(message, from, acceptance) {
            self.metrics.judge_overflow.with_label_values(&["late"]).inc();
        }
    }

    /// The node must never hold up the swarm: what it cannot take is dropped
    /// and counted. The snapshot of the mesh makes up for it.
    pub(super) fn tell(&self, event: Event) {
        if self.events.try_send(event).is_err() {
            self.metrics.judge_overflow.with_label_values(&["node"]).inc();
        }
    }
}
