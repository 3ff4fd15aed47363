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
use super::address::{is_relayed, node_of, without_peer};
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
            SwarmEvent::NewListenAddr { address, .. } => self.on_listening(address),
            SwarmEvent::ExpiredListenAddr { address, .. } => {
                if self.allow_private {
                    self.swarm.remove_external_address(&address);
                    self.external_changed(Instant::now());
                }
                self.own_address_lost(&address, Instant::now());
            }
            SwarmEvent::ExternalAddrConfirmed { .. } | SwarmEvent::ExternalAddrExpired { .. } => {
                self.external_changed(Instant::now());
            }
            SwarmEvent::ListenerError { error, .. } => {
                tracing::warn!(%error, "a listener has trouble");
            }
            SwarmEvent::ListenerClosed { listener_id, addresses, reason } => {
                self.on_listener_closed(listener_id, &addresses, &reason);
            }
            _ => {}
        }
    }

    fn on_listening(&mut self, address: Multiaddr) {
        let now = Instant::now();
        tracing::debug!(%address, "listening");
        if is_relayed(&address) {
            self.on_relayed_address(address);
        } else {
            self.book.network_changed(now);
            if self.allow_private {
                self.swarm.add_external_address(address);
                self.external_changed(now);
            }
        }
        self.publish_status();
    }

    fn on_behaviour_event(&mut self, event: RootEvent) {
        match event {
            RootEvent::Admission(event) => self.on_admission(event),
            RootEvent::Gossip(event) => self.on_gossip(event),
            RootEvent::Sync(event) => self.on_exchange(Protocol::Sync, event),
            RootEvent::Deliver(event) => self.on_exchange(Protocol::Deliver, event),
            RootEvent::Ping(event) => self.on_ping(&event),
            RootEvent::Identify(identify::Event::Received { peer_id, connection_id, info }) => {
                self.on_identified(peer_id, connection_id, &info);
            }
            RootEvent::Rendezvous(event) => self.on_rendezvous(event),
            RootEvent::Upnp(event) => self.on_upnp(event),
            RootEvent::Relay(event) => self.on_relay(&event),
            RootEvent::Autonat(event) => self.on_autonat(&event),
            RootEvent::Punch(event) => self.on_punched(event),
            RootEvent::Kad(event) => self.on_kad(Role::Member, event),
            RootEvent::KadInfrastructure(event) => self.on_kad(Role::Infrastructure, event),
            RootEvent::Identify(_) => {}
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

    /// Somebody named an address of a peer.
    pub(super) fn learn(&mut self, peer: PeerId, address: &Multiaddr) {
        if self.may_dial(address) {
            self.book.learn(peer, address, Instant::now());
        }
    }

    fn on_ping(&mut self, event: &ping::Event) {
        let (peer, connection) = (&event.peer, event.connection);
        match &event.result {
            Ok(_) => self.heard(peer, connection, Some(Instant::now())),
            Err(ping::Failure::Unsupported) => self.heard(peer, connection, None),
            Err(ping::Failure::Timeout | ping::Failure::Other { .. }) => {
                self.swarm.close_connection(connection);
            }
        }
    }

    fn on_identified(&mut self, peer: PeerId, connection: ConnectionId, info: &identify::Info) {
        let named = info.listen_addrs.iter().take(MAX_ADDRESSES);
        let addresses: Vec<Multiaddr> =
            named.filter(|address| self.may_dial(address)).map(without_peer).collect();
        for address in &addresses {
            self.learn(peer, address);
        }
        self.know_of(peer, &addresses);
        self.on_bootstrap_identified(peer, connection, info);
        if self.role(&peer) == Role::Member
            && let Some(node) = node_of(&peer).filter(|_| !addresses.is_empty())
        {
            self.tell(Event::Addresses { node, addresses });
        }
    }

    fn on_connected(&mut self, peer: PeerId, connection: ConnectionId, endpoint: &ConnectedPoint) {
        let instant = Instant::now();
        self.book.connected(&peer, instant);
        self.book.probe_ended(connection, Some(peer), instant, dice());
        let role = self.role(&peer);
        let connection = self.connection(&peer, connection, endpoint, instant);
        let (address, dialled) = (connection.address.clone(), connection.dialled);
        let fresh = Link { since: now(), connections: Vec::new(), tried: None };
        let link = self.links.entry(peer).or_insert(fresh);
        let first = link.connections.is_empty();
        link.connections.push(connection);
        if role == Role::Infrastructure && dialled {
            self.bootstrap_found(peer, &address, instant);
        }
        // A hole that was punched is not there the next time.
        let good = dialled && (first || self.book.knows(&peer, &address));
        let node = node_of(&peer);
        if let Some(node) = node.filter(|_| good && role == Role::Member) {
            self.learn(peer, &address);
            self.tell(Event::Addresses { node, addresses: vec![address] });
        }
        if !first {
            return;
        }
        self.discovery.connected(&peer, instant);
        self.count_peers();
        if let Some(node) = node {
            tracing::info!(%node, %role, "connected");
            self.tell(Event::Connected { node, role });
        }
    }

    fn on_closed(&mut self, peer: PeerId, connection: ConnectionId) {
        let role = self.role(&peer);
        let Some(link) = self.links.get_mut(&peer) else { return };
        link.connections.retain(|other| other.id != connection);
        if role == Role::Infrastructure && !link.connections.iter().any(|it| it.dialled) {
            self.bootstrap_lost(&peer);
        }
        if self.links.get(&peer).is_some_and(|link| !link.connections.is_empty()) {
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
        if let (Some(peer), DialError::WrongPeerId { obtained, address }) = (peer, error) {
            self.on_wrong_key(peer, *obtained, address);
        }
        if self.book.probe_ended(connection, peer, instant, dice()) {
            return;
        }
        if let Some(peer) = peer {
            self.book.failed(&peer, instant, dice());
        }
    }

    /// Somebody else answers where a peer should be: a hijacked name or address,
    /// or a host that moved. Nothing was said to it (threat case 20).
    fn on_wrong_key(&mut self, peer: PeerId, answers: PeerId, address: &Multiaddr) {
        self.book.answered_by_another(&peer, address);
        self.metrics.connections_refused.with_label_values(&["wrong_key"]).inc();
        let Some(node) = node_of(&peer) else { return };
        if self.role(&peer) == Role::Infrastructure {
            tracing::warn!(
                bootstrap = %node,
                %answers,
                "another key answers at the address of this bootstrap, so it is not used: ask its \
                 operator for its PeerId and correct [network] bootstraps; if the PeerId is right, \
                 the name or the address leads to somebody else"
            );
        } else {
            tracing::debug!(%node, "another key answers at an address of this peer");
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
