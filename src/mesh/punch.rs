//! Hole punching with a bound: libp2p's DCUtR dials whatever a member names, as
//! often as the member asks, and remembers every attempt for good.

use std::collections::HashSet;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use libp2p::core::Endpoint;
use libp2p::multiaddr::Multiaddr;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandlerInEvent, THandlerOutEvent,
    ToSwarm,
};
use libp2p::{PeerId, dcutr};

use super::inner::handlers_of_inner;
use super::rate::Rate;

/// Messages about hole punching that are heard from one member in a window: three
/// attempts on each of two connections, and some more.
const MOST: u32 = 12;
const WINDOW: Duration = Duration::from_secs(300);
/// Members that are heard in a window.
const MEMBERS: usize = 1024;
/// Addresses that are dialled in one attempt; a node has a handful.
const MAX_ADDRESSES: usize = 16;

/// Too many addresses to dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the peer named more addresses than are dialled to punch a hole")]
pub struct TooMany;

/// DCUtR within bounds.
pub struct Punch {
    inner: dcutr::Behaviour,
    heard: Rate<PeerId>,
    /// What it dials; bounded by what it heard.
    dialling: HashSet<ConnectionId>,
}

impl Punch {
    /// Nobody is connected yet.
    #[must_use]
    pub fn new(me: PeerId) -> Self {
        Self {
            inner: dcutr::Behaviour::new(me),
            heard: Rate::new(MOST, WINDOW, MEMBERS),
            dialling: HashSet::new(),
        }
    }
}

impl NetworkBehaviour for Punch {
    type ConnectionHandler = <dcutr::Behaviour as NetworkBehaviour>::ConnectionHandler;
    type ToSwarm = dcutr::Event;

    handlers_of_inner!();

    fn handle_pending_outbound_connection(
        &mut self,
        connection: ConnectionId,
        _peer: Option<PeerId>,
        addresses: &[Multiaddr],
        _role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        if self.dialling.remove(&connection) && addresses.len() > MAX_ADDRESSES {
            return Err(ConnectionDenied::new(TooMany));
        }
        Ok(Vec::new())
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        self.inner.on_swarm_event(event);
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        if self.heard.allow(peer, Instant::now()) {
            self.inner.on_connection_handler_event(peer, connection, event);
        }
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        let event = std::task::ready!(self.inner.poll(cx));
        if let ToSwarm::Dial { opts } = &event {
            self.dialling.insert(opts.connection_id());
        }
        Poll::Ready(event)
    }
}
