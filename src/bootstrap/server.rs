//! The task that owns the bootstrap's swarm.
//!
//! Owns connections, streams and the clock; it carries requests to the desk
//! and replies back, and decides nothing itself.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use libp2p::core::transport::ListenerId;
use libp2p::identity::Keypair;
use libp2p::metrics::Recorder as _;
use libp2p::request_response::{self, InboundFailure, Message, ResponseChannel};
use libp2p::swarm::{ConnectionId, ListenError, Swarm, SwarmEvent};
use libp2p::{Multiaddr, PeerId, identify};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval};

use super::behaviour::{Behaviour, BehaviourEvent};
use super::clock::Clock;
use super::desk::{Caller, Desk, Reply, Rules};
use super::places::Claimant;
use super::registry::Command;
use super::{Settings, StartError, Status, kademlia, memory, relay};
use crate::config::Admit;
use crate::mesh::neighbourhood::Neighbourhood;
use crate::mesh::rendezvous::{Answer, Request};
use crate::mesh::{address, admission, transport};
use crate::metrics::Metrics;
use crate::model::NodeId;

/// How long a peer that was cut off is denied.
const SHUT_OUT: Duration = Duration::from_secs(600);
/// Streams of one connection that say what they are for: a client that begins
/// everything at once has half as many.
const MAX_NEGOTIATING: usize = 16;
/// A connection without a stream is closed after this: longer than the rounds in
/// which nodes ask, shorter than a squatter would like.
const IDLE: Duration = Duration::from_secs(300);
/// How often ended registrations are forgotten and the status is refreshed.
const TICK: Duration = Duration::from_secs(1);

type RendezvousEvent = request_response::Event<Request, Answer>;

/// The swarm with what it needs.
pub struct Server {
    swarm: Swarm<Behaviour>,
    node: NodeId,
    admit: Admit,
    listed: BTreeSet<NodeId>,
    /// Whether no address was configured under which others reach it, so that it
    /// takes those at which it listens.
    learns_external: bool,
    allow_private: bool,
    max_memory: u64,
    desk: Desk,
    /// Who is at the other end; bounded by the connection limits.
    callers: HashMap<ConnectionId, Caller>,
    waiting: HashMap<ListenerId, Multiaddr>,
    clock: Clock,
    metrics: Metrics,
    libp2p: libp2p::metrics::Metrics,
    status: watch::Sender<Status>,
    requests: mpsc::Receiver<Command>,
}

impl Server {
    /// Builds the swarm and begins to listen.
    pub fn new(settings: Settings, requests: mpsc::Receiver<Command>) -> Result<Self, StartError> {
        let keys = Keypair::ed25519_from_bytes(settings.seed).map_err(|_| StartError::Identity)?;
        let peer = keys.public().to_peer_id();
        let node = address::node_of(&peer).ok_or(StartError::Identity)?;
        let transport = transport::build(settings.transport, &keys, &settings.listen)?;
        let config = libp2p::swarm::Config::with_tokio_executor()
            .with_idle_connection_timeout(IDLE)
            .with_max_negotiating_inbound_streams(MAX_NEGOTIATING);
        let clock = Clock::start();
        let mut swarm =
            Swarm::new(transport, Behaviour::new(&settings, &keys, clock), peer, config);
        let waiting = listen(&mut swarm, &settings.listen)?;
        for external in &settings.external {
            swarm.add_external_address(external.clone());
        }
        let rules = Rules {
            communities: settings.communities,
            listed: settings.listed.clone(),
            allow_private_addresses: settings.allow_private_addresses,
        };
        Ok(Self {
            swarm,
            node,
            admit: settings.admit,
            listed: settings.listed,
            learns_external: settings.external.is_empty(),
            allow_private: settings.allow_private_addresses,
            max_memory: settings.max_memory,
            desk: Desk::new(rules, clock.now()),
            callers: HashMap::new(),
            waiting,
            clock,
            libp2p: settings.metrics.with_libp2p(libp2p::metrics::Metrics::new),
            metrics: settings.metrics,
            status: watch::Sender::new(Status::default()),
            requests,
        })
    }

    /// Its identity.
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// What it says about itself.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Waits until every listener has an address.
    pub async fn listening(&mut self) -> Result<(), StartError> {
        while !self.waiting.is_empty() {
            match self.swarm.select_next_some().await {
                SwarmEvent::NewListenAddr { listener_id, address } => {
                    self.waiting.remove(&listener_id);
                    self.listens_at(address);
                }
                SwarmEvent::ListenerClosed { listener_id, reason, .. } => {
                    let cause = reason.err().map_or_else(String::new, |error| error.to_string());
                    if let Some(address) = self.waiting.remove(&listener_id) {
                        return Err(StartError::Listen { address, cause });
                    }
                }
                other => self.handle(other),
            }
        }
        if self.swarm.external_addresses().next().is_none() {
            tracing::warn!(
                "no public address of this bootstrap is known, so it does not relay: set [network] external_addresses"
            );
        }
        self.refresh();
        Ok(())
    }

    /// Runs until `stopped` is dropped or sent.
    pub async fn run(mut self, mut stopped: oneshot::Receiver<()>) {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                event = self.swarm.select_next_some() => self.handle(event),
                Some(command) = self.requests.recv() => {
                    command.act(&mut self.desk, self.clock.now());
                }
                _ = tick.tick() => self.refresh(),
                _ = &mut stopped => return,
            }
        }
    }

    fn handle(&mut self, event: SwarmEvent<BehaviourEvent>) {
        self.libp2p.record(&event);
        match event {
            SwarmEvent::Behaviour(event) => self.behaviour(event),
            SwarmEvent::NewListenAddr { address, .. } => self.listens_at(address),
            SwarmEvent::ExpiredListenAddr { address, .. } if self.learns_external => {
                self.swarm.remove_external_address(&address);
            }
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                // Admission has refused whoever has no Ed25519 key; a missing entry is refused too.
                if let Some(node) = address::node_of(&peer_id) {
                    let from = Neighbourhood::of(endpoint.get_remote_address());
                    self.callers.insert(connection_id, Caller { node, from });
                }
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, num_established, .. } => {
                self.callers.remove(&connection_id);
                if num_established == 0 {
                    self.swarm.behaviour_mut().kademlia.forget(&peer_id);
                }
            }
            SwarmEvent::IncomingConnectionError { error, .. } => {
                let reason = match &error {
                    ListenError::Denied { cause } => admission::reason(cause),
                    _ => "handshake",
                };
                self.metrics.connections_refused.with_label_values(&[reason]).inc();
            }
            SwarmEvent::ListenerClosed { reason: Err(error), .. } => {
                tracing::error!(%error, "a listen address is gone: restart the bootstrap");
            }
            _ => {}
        }
    }

    fn behaviour(&mut self, event: BehaviourEvent) {
        match event {
            BehaviourEvent::Rendezvous(event) => self.rendezvous(event),
            BehaviourEvent::Relay(relay::Event::Did(event)) => self.libp2p.record(&event),
            BehaviourEvent::Relay(relay::Event::TooOften(peer)) => self.cut_off(peer, "relay"),
            BehaviourEvent::Kademlia(kademlia::Event::Did(event)) => self.libp2p.record(&*event),
            BehaviourEvent::Kademlia(kademlia::Event::TooOften(peer)) => {
                self.cut_off(peer, "kademlia");
            }
            BehaviourEvent::Identify(identify::Event::Received { connection_id, info, .. }) => {
                self.identified(connection_id, info.listen_addrs);
            }
            _ => {}
        }
    }

    /// Where none is configured, a listen address that others can reach is one of those.
    fn listens_at(&mut self, address: Multiaddr) {
        if self.learns_external && (self.allow_private || address::is_global(&address)) {
            self.swarm.add_external_address(address);
        }
    }

    /// Only the listed are here, so a node that tells its addresses is found by nobody else.
    fn identified(&mut self, connection: ConnectionId, mut addresses: Vec<Multiaddr>) {
        addresses.retain(|address| self.allow_private || address::is_global(address));
        if self.admit == Admit::Listed && !addresses.is_empty() {
            self.introduce(connection, addresses);
        }
    }

    fn introduce(&mut self, connection: ConnectionId, addresses: Vec<Multiaddr>) {
        let Some(caller) = self.callers.get(&connection) else { return };
        let Some(peer) = address::peer_of(caller.node) else { return };
        let node = Claimant { peer, from: caller.from };
        if let Err(refused) = self.swarm.behaviour_mut().kademlia.introduce(node, addresses) {
            tracing::debug!(%peer, reason = refused.label(), "a node cannot be found by Kademlia");
        }
    }

    fn rendezvous(&mut self, event: RendezvousEvent) {
        match event {
            request_response::Event::Message { peer, connection_id, message, .. } => {
                if let Message::Request { request, channel, .. } = message {
                    self.serve(peer, connection_id, request, channel);
                }
            }
            request_response::Event::InboundFailure { peer, connection_id, error, .. } => {
                if matches!(error, InboundFailure::Io(_) | InboundFailure::Timeout) {
                    self.unreadable(peer, connection_id);
                }
            }
            request_response::Event::OutboundFailure { .. }
            | request_response::Event::ResponseSent { .. } => {}
        }
    }

    fn serve(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        request: Request,
        channel: ResponseChannel<Answer>,
    ) {
        let Some(caller) = self.callers.get(&connection).copied() else { return };
        let answer = match self.desk.serve(caller, request, self.clock.now()) {
            Reply::Answer(answer) => answer,
            Reply::Registered(answer, addresses) => {
                self.introduce(connection, addresses);
                answer
            }
            Reply::Refuse(answer, reason) => {
                self.metrics
                    .bootstrap
                    .registrations_refused
                    .with_label_values(&[reason.label()])
                    .inc();
                tracing::debug!(%peer, reason = reason.label(), "a request was refused");
                answer
            }
            Reply::Silence => return,
            Reply::CutOff => return self.cut_off(peer, "rendezvous"),
        };
        if self.swarm.behaviour_mut().rendezvous.send_response(channel, answer).is_err() {
            tracing::debug!(%peer, "the peer was gone before its answer");
        }
    }

    fn unreadable(&mut self, peer: PeerId, connection: ConnectionId) {
        self.metrics.bootstrap.registrations_refused.with_label_values(&["unreadable"]).inc();
        let Some(caller) = self.callers.get(&connection).copied() else { return };
        if !self.desk.unreadable(caller, self.clock.now()) {
            self.cut_off(peer, "rendezvous");
        }
    }

    fn cut_off(&mut self, peer: PeerId, service: &str) {
        let until = Instant::now() + SHUT_OUT;
        if self.swarm.behaviour_mut().admission.shut_out(peer, until) {
            self.metrics.bootstrap.peers_shut_out.with_label_values(&[service]).inc();
            tracing::info!(%peer, service, "a peer asked too often and is shut out for ten minutes");
        }
    }

    fn refresh(&mut self) {
        let registrations = self.desk.registrations(self.clock.now());
        let (desk, listed_only) = (&self.desk, self.admit == Admit::Listed);
        let behaviour = self.swarm.behaviour_mut();
        behaviour.dialback.sweep();
        behaviour.kademlia.retain(|peer| {
            listed_only || address::node_of(peer).is_some_and(|node| desk.is_registered(&node))
        });
        let (reservations, circuits) = behaviour.relay.load();
        let findable = behaviour.kademlia.len();
        self.shed();
        let status = Status {
            listen: self.swarm.listeners().cloned().collect(),
            external: self.swarm.external_addresses().cloned().collect(),
            connections: self.callers.len(),
            registrations,
            reservations,
            circuits,
            findable,
        };
        self.metrics.bootstrap.registrations.set(gauge(registrations));
        self.metrics.bootstrap.relay_reservations.set(gauge(reservations));
        self.metrics.bootstrap.relay_circuits.set(gauge(circuits));
        self.metrics.bootstrap.kademlia_nodes.set(gauge(findable));
        self.status.send_if_modified(|known| {
            let changed = *known != status;
            *known = status;
            changed
        });
    }

    /// Where memory runs out, whoever holds most connections and is not listed loses them.
    fn shed(&mut self) {
        if !memory::beyond(self.max_memory) {
            return;
        }
        let connections = memory::to_close(&self.callers, &self.listed);
        tracing::warn!(
            connections = connections.len(),
            "memory runs out: the connections of the network with most of them are closed"
        );
        for connection in connections {
            self.swarm.close_connection(connection);
            self.metrics.bootstrap.connections_shed.inc();
        }
    }
}

fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn listen(
    swarm: &mut Swarm<Behaviour>,
    addresses: &[Multiaddr],
) -> Result<HashMap<ListenerId, Multiaddr>, StartError> {
    if addresses.is_empty() {
        return Err(StartError::NoAddress);
    }
    let listen_on = |address: &Multiaddr| match swarm.listen_on(address.clone()) {
        Ok(listener) => Ok((listener, address.clone())),
        Err(error) => {
            Err(StartError::Listen { address: address.clone(), cause: error.to_string() })
        }
    };
    addresses.iter().map(listen_on).collect()
}
