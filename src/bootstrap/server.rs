//! The task that owns the bootstrap's swarm.
//!
//! Owns connections, streams and the clock; it carries requests to the desk
//! and replies back, and decides nothing itself.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::StreamExt as _;
use libp2p::core::transport::ListenerId;
use libp2p::identity::Keypair;
use libp2p::metrics::Recorder as _;
use libp2p::request_response::{self, InboundFailure, Message, ProtocolSupport, ResponseChannel};
use libp2p::swarm::{ConnectionId, ListenError, NetworkBehaviour, Swarm, SwarmEvent};
use libp2p::{Multiaddr, PeerId, identify, memory_connection_limits, ping};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval};

use super::desk::{Caller, Desk, Reply, Rules};
use super::neighbourhood::Neighbourhood;
use super::registry::Command;
use super::{Settings, StartError, Status};
use crate::config::Admit;
use crate::mesh::rendezvous::{Answer, Codec, NAME, Request};
use crate::mesh::{Role, address, admission, limits, transport};
use crate::metrics::Metrics;
use crate::model::{NodeId, Timestamp};

/// How long a peer that was cut off is denied.
const SHUT_OUT: Duration = Duration::from_secs(600);
/// Requests of one connection at work at once; a client has two or three.
const MAX_REQUESTS: usize = 4;
/// Connections of one host to an open bootstrap: an organisation behind one address.
const MAX_PER_HOST: usize = 32;
/// A request that is not read and answered by then is dropped.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection without a stream is closed after this: longer than the rounds in
/// which nodes ask, shorter than a squatter would like.
const IDLE: Duration = Duration::from_secs(300);
/// Resident bytes beyond which nobody new is admitted: the backstop behind all other bounds.
const MAX_MEMORY: usize = 512 * 1024 * 1024;
/// How often ended registrations are forgotten and the status is refreshed.
const TICK: Duration = Duration::from_secs(1);

#[derive(NetworkBehaviour)]
struct Behaviour {
    admission: admission::Behaviour,
    limits: limits::Behaviour,
    memory: memory_connection_limits::Behaviour,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    rendezvous: request_response::Behaviour<Codec>,
}

type RendezvousEvent = request_response::Event<Request, Answer>;

/// The swarm with what it needs.
pub struct Server {
    swarm: Swarm<Behaviour>,
    node: NodeId,
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

/// Wall-clock time that never jumps: read once, then counted.
#[derive(Clone, Copy, Debug)]
struct Clock {
    started: Timestamp,
    at: Instant,
}

impl Clock {
    fn start() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started: Timestamp(since.as_secs()), at: Instant::now() }
    }

    fn now(&self) -> Timestamp {
        self.started.plus(self.at.elapsed().as_secs())
    }
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
            .with_max_negotiating_inbound_streams(MAX_REQUESTS * 2);
        let mut swarm = Swarm::new(transport, behaviour(&settings, &keys), peer, config);
        let waiting = listen(&mut swarm, &settings.listen)?;
        for external in &settings.external {
            swarm.add_external_address(external.clone());
        }
        let clock = Clock::start();
        let rules = Rules {
            communities: settings.communities,
            listed: settings.listed,
            allow_private_addresses: settings.allow_private_addresses,
        };
        Ok(Self {
            swarm,
            node,
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
                SwarmEvent::NewListenAddr { listener_id, .. } => {
                    self.waiting.remove(&listener_id);
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
            SwarmEvent::Behaviour(BehaviourEvent::Rendezvous(event)) => self.rendezvous(event),
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                // Admission has refused whoever has no Ed25519 key; a missing entry is refused too.
                if let Some(node) = address::node_of(&peer_id) {
                    let from = Neighbourhood::of(endpoint.get_remote_address());
                    self.callers.insert(connection_id, Caller { node, from });
                }
            }
            SwarmEvent::ConnectionClosed { connection_id, .. } => {
                self.callers.remove(&connection_id);
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
            Reply::Refuse(answer, reason) => {
                self.metrics.registrations_refused.with_label_values(&[reason.label()]).inc();
                tracing::debug!(%peer, reason = reason.label(), "a request was refused");
                answer
            }
            Reply::Silence => return,
            Reply::CutOff => return self.cut_off(peer),
        };
        if self.swarm.behaviour_mut().rendezvous.send_response(channel, answer).is_err() {
            tracing::debug!(%peer, "the peer was gone before its answer");
        }
    }

    fn unreadable(&mut self, peer: PeerId, connection: ConnectionId) {
        self.metrics.registrations_refused.with_label_values(&["unreadable"]).inc();
        let Some(caller) = self.callers.get(&connection).copied() else { return };
        if !self.desk.unreadable(caller, self.clock.now()) {
            self.cut_off(peer);
        }
    }

    fn cut_off(&mut self, peer: PeerId) {
        self.metrics.registrations_refused.with_label_values(&["cut_off"]).inc();
        tracing::info!(%peer, "a peer asked too often and is shut out for ten minutes");
        self.swarm.behaviour_mut().admission.shut_out(peer, Instant::now() + SHUT_OUT);
    }

    fn refresh(&mut self) {
        let registrations = self.desk.registrations(self.clock.now());
        self.metrics.registrations.set(i64::try_from(registrations).unwrap_or(i64::MAX));
        let status = Status {
            listen: self.swarm.listeners().cloned().collect(),
            external: self.swarm.external_addresses().cloned().collect(),
            connections: self.callers.len(),
            registrations,
        };
        self.status.send_if_modified(|known| {
            let changed = *known != status;
            *known = status;
            changed
        });
    }
}

fn behaviour(settings: &Settings, keys: &Keypair) -> Behaviour {
    let strangers = match settings.admit {
        Admit::Open => admission::Strangers::Admitted,
        Admit::Listed => admission::Strangers::Refused,
    };
    let mut admission = admission::Behaviour::new(strangers);
    for peer in settings.listed.iter().filter_map(|node| address::peer_of(*node)) {
        admission.set_role(peer, Role::Member);
    }
    let identify = identify::Config::new("dtim/1".to_owned(), keys.public())
        .with_agent_version(concat!("dtim/", env!("CARGO_PKG_VERSION")).to_owned())
        .with_hide_listen_addrs(true)
        .with_cache_size(0);
    let rendezvous = request_response::Config::default()
        .with_request_timeout(REQUEST_TIMEOUT)
        .with_max_concurrent_streams(MAX_REQUESTS);
    Behaviour {
        admission,
        limits: limits::Behaviour::new(limits(settings)),
        memory: memory_connection_limits::Behaviour::with_max_bytes(MAX_MEMORY),
        identify: identify::Behaviour::new(identify),
        ping: ping::Behaviour::default(),
        rendezvous: request_response::Behaviour::new(
            [(NAME, ProtocolSupport::Inbound)],
            rendezvous,
        ),
    }
}

/// In open mode identities cost nothing, so one host has a share only.
fn limits(settings: &Settings) -> limits::Limits {
    let node = limits::Limits::node(settings.max_connections);
    match settings.admit {
        Admit::Open => limits::Limits { per_host: MAX_PER_HOST, ..node },
        Admit::Listed => node,
    }
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
