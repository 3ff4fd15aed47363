//! The relay: nodes that cannot be reached reserve a place here, and others reach
//! them through it. It sees nothing but encrypted bytes.
//!
//! Owns libp2p's relay and the tables of who may reserve and connect. libp2p asks
//! through its rate limiters before it grants anything; its own limits are off,
//! because they know neither neighbourhoods nor listed peers.

mod circuits;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use libp2p::PeerId;
use libp2p::core::Multiaddr;
use libp2p::relay::{self, StatusCode};
use libp2p::swarm::behaviour::{ConnectionClosed, ConnectionEstablished};
use libp2p::swarm::{
    ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler, THandler, THandlerInEvent,
    THandlerOutEvent, ToSwarm,
};

use self::circuits::Circuits;
use super::clock::Clock;
use super::limiter::{Budget, Limiter};
use super::places::{Claimant, Places};
use crate::mesh::inner::handlers_of_inner;
use crate::mesh::neighbourhood::{Neighbourhood, Share};
use crate::metrics::Metrics;
use crate::model::MINUTE;

/// Reservations that unlisted peers share, and those of one neighbourhood. Each
/// holds a connection.
pub const STRANGERS: Share = Share { all: 512, each: 32 };
/// Reservations and circuits that a peer may ask for: forty members that are all
/// tried again every ten seconds.
const REQUESTS: Budget = Budget { requests: 300, seconds: MINUTE };
/// Peers whose requests are counted.
const MAX_ASKERS: usize = 4096;
/// Circuits to busy peers that a peer may ask for while it is connected. libp2p
/// keeps a line about each until then.
const MAX_DROPPED: u32 = 64;

/// What a relay is started with.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long a reservation lasts that is not renewed.
    pub reservation: Duration,
    /// How long a circuit may last.
    pub circuit: Duration,
    /// The most bytes of a circuit, in both directions together.
    pub circuit_bytes: u64,
}

impl Limits {
    /// How long a reservation lasts that is not renewed: an hour, as in the
    /// specification of circuit relay version 2.
    pub const RESERVATION: Duration = Duration::from_secs(3600);
}

/// What the relay tells.
#[derive(Debug)]
pub enum Event {
    /// What libp2p's relay did, to be counted.
    Did(relay::Event),
    /// A peer asks too often.
    TooOften(PeerId),
}

/// libp2p's relay with tables of its own.
pub struct Behaviour {
    inner: relay::Behaviour,
    books: Books,
    asking: Limiter<PeerId>,
    /// Circuits that were dropped, by who asked; of connected peers.
    dropped: HashMap<PeerId, u32>,
    /// Whose each connection is; bounded by the limits before this behaviour.
    connections: HashMap<ConnectionId, PeerId>,
    events: VecDeque<Event>,
    clock: Clock,
    metrics: Metrics,
}

/// The tables, which libp2p's relay asks from inside.
#[derive(Clone)]
struct Books(Arc<Mutex<Tables>>);

struct Tables {
    reservations: Places<PeerId>,
    circuits: Circuits,
    /// How long a reservation lasts, in seconds.
    reserved: u64,
}

impl Books {
    fn open(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that libp2p's relay believes every connected peer to have.
///
/// It forgets a peer whose only reservation ends, and panics when the answer to a
/// renewal that crossed the end is written afterwards (libp2p-relay 0.22, `valid
/// connection`). A peer with another connection is not forgotten.
fn always() -> ConnectionId {
    ConnectionId::new_unchecked(usize::MAX)
}

impl Behaviour {
    /// A relay of `own` for everybody, in which the listed always have a place.
    pub fn new(
        own: PeerId,
        limits: Limits,
        listed: &HashSet<PeerId>,
        clock: Clock,
        metrics: Metrics,
    ) -> Self {
        let books = Books(Arc::new(Mutex::new(Tables {
            reservations: Places::new(STRANGERS, 1, listed.clone()),
            circuits: Circuits::new(circuits::STRANGERS, listed.clone(), limits.circuit.as_secs()),
            reserved: limits.reservation.as_secs(),
        })));
        let config = config(limits, &books, clock, &metrics);
        Self {
            inner: relay::Behaviour::new(own, config),
            books,
            asking: Limiter::new(REQUESTS, MAX_ASKERS),
            dropped: HashMap::new(),
            connections: HashMap::new(),
            events: VecDeque::new(),
            clock,
            metrics,
        }
    }

    /// Reservations and circuits at present.
    pub fn load(&self) -> (usize, usize) {
        let (now, tables) = (self.clock.now(), self.books.open());
        (tables.reservations.taken(now), tables.circuits.len(now))
    }

    fn count(&self, request: &str, result: &str) {
        self.metrics.bootstrap.relay_requests.with_label_values(&[request, result]).inc();
    }

    /// Keeps the books by what libp2p's relay did.
    #[allow(deprecated, reason = "the failures end a circuit, and nothing else tells of them")]
    fn heard(&mut self, event: &relay::Event) {
        use relay::Event as Did;
        let now = self.clock.now();
        let mut tables = self.books.open();
        match event {
            Did::ReservationTimedOut { src_peer_id } => tables.reservations.free(src_peer_id),
            Did::CircuitReqAccepted { src_peer_id, dst_peer_id } => {
                tables.circuits.opened(src_peer_id, *dst_peer_id, now);
            }
            Did::CircuitReqDenied { src_peer_id, .. }
            | Did::CircuitReqDenyFailed { src_peer_id, .. } => tables.circuits.denied(src_peer_id),
            Did::CircuitReqOutboundConnectFailed { src_peer_id, dst_peer_id, .. } => {
                tables.circuits.refused(src_peer_id, *dst_peer_id);
            }
            Did::CircuitReqAcceptFailed { src_peer_id, dst_peer_id, .. } => {
                tables.circuits.lost(src_peer_id, *dst_peer_id);
            }
            Did::CircuitClosed { src_peer_id, dst_peer_id, .. } => {
                tables.circuits.closed(src_peer_id, *dst_peer_id);
            }
            _ => {}
        }
        drop(tables);
        self.tell(event);
    }

    /// Counts a request, and tells of a peer that makes too many.
    fn tell(&mut self, event: &relay::Event) {
        use relay::Event as Did;
        let asked = match event {
            Did::ReservationReqAccepted { src_peer_id, .. } => {
                self.count("reservation", "accepted");
                src_peer_id
            }
            Did::CircuitReqAccepted { src_peer_id, .. } => {
                self.count("circuit", "accepted");
                src_peer_id
            }
            // Why was counted when it was refused.
            Did::ReservationReqDenied { src_peer_id, .. } => src_peer_id,
            Did::CircuitReqDenied { src_peer_id, status, .. } => {
                match status {
                    StatusCode::NoReservation => self.count("circuit", "no_reservation"),
                    StatusCode::ResourceLimitExceeded => {}
                    _ => self.count("circuit", "failed"),
                }
                src_peer_id
            }
            _ => return,
        };
        if !self.asking.spend(asked, self.clock.now()) {
            self.events.push_back(Event::TooOften(*asked));
        }
    }

    /// Whether libp2p's relay may ask a peer to take a circuit.
    fn may_open(&mut self, from: PeerId, to: PeerId) -> bool {
        if self.books.open().circuits.open(&from, to) {
            return true;
        }
        self.count("circuit", "busy");
        let dropped = self.dropped.entry(from).or_default();
        *dropped = dropped.saturating_add(1);
        if *dropped > MAX_DROPPED {
            self.events.push_back(Event::TooOften(from));
        }
        false
    }

    fn established(&mut self, new: ConnectionEstablished<'_>) {
        self.connections.insert(new.connection_id, new.peer_id);
        self.inner.on_swarm_event(FromSwarm::ConnectionEstablished(new));
        if new.other_established == 0 {
            let kept =
                ConnectionEstablished { connection_id: always(), other_established: 1, ..new };
            self.inner.on_swarm_event(FromSwarm::ConnectionEstablished(kept));
        }
    }

    fn closed(&mut self, old: ConnectionClosed<'_>) {
        self.connections.remove(&old.connection_id);
        let peer = old.peer_id;
        self.inner.on_swarm_event(FromSwarm::ConnectionClosed(old));
        if old.remaining_established == 0 {
            let kept = ConnectionClosed { connection_id: always(), ..old };
            self.inner.on_swarm_event(FromSwarm::ConnectionClosed(kept));
            self.dropped.remove(&peer);
            let mut tables = self.books.open();
            tables.reservations.free_all_of(&peer);
            tables.circuits.gone(&peer);
        }
    }
}

/// libp2p's limits are off, and its limiters are the books.
fn config(limits: Limits, books: &Books, clock: Clock, metrics: &Metrics) -> relay::Config {
    let (reserving, connecting) = (books.clone(), books.clone());
    let (reservations, circuits) = (metrics.clone(), metrics.clone());
    relay::Config {
        max_reservations: usize::MAX,
        max_reservations_per_peer: usize::MAX,
        reservation_duration: limits.reservation,
        reservation_rate_limiters: vec![Box::new(move |peer, remote: &Multiaddr, _| {
            let (now, mut tables) = (clock.now(), reserving.open());
            let holder = Claimant { peer, from: Neighbourhood::of(remote) };
            let ends = now.plus(tables.reserved);
            let taken = tables.reservations.take(peer, holder, ends, now);
            if let Err(refused) = taken {
                let labels = ["reservation", refused.label()];
                reservations.bootstrap.relay_requests.with_label_values(&labels).inc();
            }
            taken.is_ok()
        })],
        max_circuits: usize::MAX,
        max_circuits_per_peer: usize::MAX,
        max_circuit_duration: limits.circuit,
        max_circuit_bytes: limits.circuit_bytes,
        circuit_src_rate_limiters: vec![Box::new(move |peer, remote: &Multiaddr, _| {
            let from = Claimant { peer, from: Neighbourhood::of(remote) };
            let asked = connecting.open().circuits.ask(from, clock.now());
            if let Err(refused) = asked {
                let labels = ["circuit", refused.label()];
                circuits.bootstrap.relay_requests.with_label_values(&labels).inc();
            }
            asked.is_ok()
        })],
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = THandler<relay::Behaviour>;
    type ToSwarm = Event;

    handlers_of_inner!();

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(new) => self.established(new),
            FromSwarm::ConnectionClosed(old) => self.closed(old),
            other => self.inner.on_swarm_event(other),
        }
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        self.inner.on_connection_handler_event(peer, connection, event);
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Poll::Ready(ToSwarm::GenerateEvent(event));
            }
            match ready!(self.inner.poll(cx)) {
                ToSwarm::NotifyHandler { peer_id, handler, event } => {
                    // One event goes to a connection of another peer than it names: who
                    // asks for a circuit is named, and who shall take it is asked.
                    let to = match &handler {
                        NotifyHandler::One(connection) => self.connections.get(connection),
                        NotifyHandler::Any => None,
                    };
                    match to.copied() {
                        Some(to) if to != peer_id && !self.may_open(peer_id, to) => {}
                        _ => {
                            return Poll::Ready(ToSwarm::NotifyHandler { peer_id, handler, event });
                        }
                    }
                }
                ToSwarm::GenerateEvent(event) => {
                    self.heard(&event);
                    return Poll::Ready(ToSwarm::GenerateEvent(Event::Did(event)));
                }
                other => return Poll::Ready(other.map_out(Event::Did)),
            }
        }
    }
}
