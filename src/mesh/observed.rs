//! Identify, whose word about this node's own address is not taken from everybody.
//!
//! libp2p's behaviour proposes whatever address any peer says it sees, without a
//! bound, to all others: AutoNAT would have each tested and DCUtR would tell
//! it to members. Here only what the caller proposes comes through.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use libp2p::multiaddr::Multiaddr;
use libp2p::swarm::{
    ConnectionId, FromSwarm, NetworkBehaviour, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{PeerId, identify};

use super::inner::handlers_of_inner;

/// Proposals that wait for the swarm, which takes them at once.
const PROPOSALS: usize = 64;

/// Identify with proposals of this node's own.
pub struct Observed {
    inner: identify::Behaviour,
    proposed: VecDeque<Multiaddr>,
}

impl Observed {
    /// Nothing is proposed yet.
    #[must_use]
    pub fn new(inner: identify::Behaviour) -> Self {
        Self { inner, proposed: VecDeque::new() }
    }

    /// This node may be there: worth telling a member with which a hole is punched.
    pub fn propose(&mut self, address: Multiaddr) {
        if self.proposed.len() < PROPOSALS {
            self.proposed.push_back(address);
        }
    }

    /// Introduces this node to connected peers again.
    pub fn push(&mut self, peers: Vec<PeerId>) {
        self.inner.push(peers);
    }
}

impl NetworkBehaviour for Observed {
    type ConnectionHandler = <identify::Behaviour as NetworkBehaviour>::ConnectionHandler;
    type ToSwarm = identify::Event;

    handlers_of_inner!();

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        self.inner.on_swarm_event(event);
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
        if let Some(address) = self.proposed.pop_front() {
            return Poll::Ready(ToSwarm::NewExternalAddrCandidate(address));
        }
        loop {
            let event = std::task::ready!(self.inner.poll(cx));
            if !matches!(event, ToSwarm::NewExternalAddrCandidate(_)) {
                return Poll::Ready(event);
            }
        }
    }
}
