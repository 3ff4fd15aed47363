//! AutoNAT v2, the side that asks: may somebody dial this node at an address?
//!
//! Owns the questions that are open. A bootstrap is asked about one address; it
//! dials there and brings back a number, over a connection that it made itself.
//! What follows from the answers is decided elsewhere.
//!
//! libp2p's own client tests an address once in its life, at one server picked by
//! chance, and takes addresses from everybody without a bound. Here each bootstrap
//! is asked, and asked again, so that a forwarding that comes or goes is noticed.

mod handler;
mod message;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::multiaddr::Multiaddr;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler, THandler,
    THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{PeerId, StreamProtocol};
use rand::RngExt as _;

use super::reach::Tested;
use handler::Handler;

/// What a bootstrap speaks that can be asked.
pub(super) const ASK: StreamProtocol = StreamProtocol::new("/libp2p/autonat/2/dial-request");
/// How it brings the number back.
const BACK: StreamProtocol = StreamProtocol::new("/libp2p/autonat/2/dial-back");

/// Questions that wait for their answers: one for each bootstrap.
const MAX_OPEN: usize = 64;

/// An address to test.
#[derive(Clone, Debug)]
pub struct Question {
    /// What the bootstrap must bring back.
    number: u64,
    address: Multiaddr,
}

/// What a bootstrap said about an address.
#[derive(Clone, Debug)]
pub struct Event {
    /// The bootstrap.
    pub(super) server: PeerId,
    /// The address.
    pub(super) address: Multiaddr,
    /// What came of it.
    pub(super) tested: Tested,
}

/// A number that was given out.
#[derive(Debug)]
struct Number {
    server: PeerId,
    came_back: bool,
}

/// The numbers that were given out, shared with the connections. At most
/// [`MAX_OPEN`].
#[derive(Clone, Debug, Default)]
struct Numbers(Arc<Mutex<HashMap<u64, Number>>>);

impl Numbers {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Number>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A bootstrap brought a number; false if it was not given that one.
    fn came_back(&self, server: PeerId, number: u64) -> bool {
        let mut numbers = self.lock();
        let Some(given) = numbers.get_mut(&number).filter(|given| given.server == server) else {
            return false;
        };
        given.came_back = true;
        true
    }
}

/// Asks bootstraps. Must stand behind a gate that lets only them in.
#[derive(Debug, Default)]
pub struct Behaviour {
    numbers: Numbers,
    /// Bounded by the open questions.
    events: VecDeque<ToSwarm<Event, Question>>,
}

impl Behaviour {
    /// Asks over a connection; false if too many questions are open.
    pub(super) fn ask(&mut self, server: PeerId, over: ConnectionId, address: Multiaddr) -> bool {
        let number = rand::rng().random();
        let mut numbers = self.numbers.lock();
        if numbers.len() >= MAX_OPEN {
            return false;
        }
        numbers.insert(number, Number { server, came_back: false });
        self.events.push_back(ToSwarm::NotifyHandler {
            peer_id: server,
            handler: NotifyHandler::One(over),
            event: Question { number, address },
        });
        true
    }

    /// Whether a bootstrap is at work on a question.
    pub(super) fn is_asking(&self, server: &PeerId) -> bool {
        self.numbers.lock().values().any(|number| number.server == *server)
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = Event;

    fn handle_established_inbound_connection(
        &mut self,
        _connection: ConnectionId,
        peer: PeerId,
        _local: &Multiaddr,
        _remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(Handler::new(peer, self.numbers.clone(), true))
    }

    fn handle_established_outbound_connection(
        &mut self,
        _connection: ConnectionId,
        peer: PeerId,
        _remote: &Multiaddr,
        _role: Endpoint,
        _port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        // A number that comes back this way proves nothing.
        Ok(Handler::new(peer, self.numbers.clone(), false))
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        if let FromSwarm::ConnectionClosed(closed) = event
            && closed.endpoint.is_dialer()
        {
            // Whoever waits for the answer has a patience of its own.
            self.numbers.lock().retain(|_, number| number.server != closed.peer_id);
        }
    }

    fn on_connection_handler_event(
        &mut self,
        server: PeerId,
        _connection: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        let (question, said) = event;
        let given = self.numbers.lock().remove(&question.number);
        let came_back = given.is_some_and(|given| given.came_back);
        let tested = match said {
            // It says so, but nobody came: no answer is worth more than that.
            Tested::Reached if !came_back => Tested::NoAnswer,
            said => said,
        };
        let event = Event { server, address: question.address, tested };
        self.events.push_back(ToSwarm::GenerateEvent(event));
    }

    fn poll(
        &mut self,
        _cx: &mut Context<'_>,
    ) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        self.events.pop_front().map_or(Poll::Pending, Poll::Ready)
    }
}
