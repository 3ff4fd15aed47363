//! Kademlia: who knows a node's identity asks here at which addresses it is now.
//!
//! Owns libp2p's Kademlia with the table of the nodes that may be found. It answers
//! and never asks; it keeps no record and no provider. In the table are connected
//! nodes that registered, so it is bounded by the registrations of a neighbourhood
//! and by the connections.

use std::collections::{HashSet, VecDeque};
use std::num::NonZeroUsize;
use std::task::{Context, Poll, ready};

use libp2p::PeerId;
use libp2p::core::Multiaddr;
use libp2p::kad::store::{MemoryStore, MemoryStoreConfig};
use libp2p::kad::{
    self, BucketInserts, Caching, InboundRequest, Mode, RoutingUpdate, StoreInserts,
};
use libp2p::swarm::{
    ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler, THandler, THandlerInEvent,
    THandlerOutEvent, ToSwarm,
};

use super::clock::Clock;
use super::limiter::{Budget, Limiter};
use super::places::{Claimant, Places, Refused};
use crate::mesh::behaviour::KADEMLIA;
use crate::mesh::inner::handlers_of_inner;
use crate::mesh::neighbourhood::Share;
use crate::metrics::Metrics;
use crate::model::{DAY, MINUTE};

/// Unlisted nodes in the table, and those of one neighbourhood.
pub const STRANGERS: Share = Share { all: 512, each: 32 };
/// Nodes in a bucket. Half of all nodes fall into the farthest one, and whom a
/// bootstrap does not know nobody finds.
const BUCKET: NonZeroUsize = NonZeroUsize::new(1024).unwrap();
/// Addresses of a node, and bytes of one, that are told. An answer of twenty nodes
/// must fit into the 16 KiB of a message, or who asks near them gets none.
pub const MAX_ADDRESSES: usize = 4;
/// See [`MAX_ADDRESSES`].
pub const MAX_ADDRESS_BYTES: usize = 128;
/// Questions of one peer. A lookup is a question to each bootstrap.
const QUESTIONS: Budget = Budget { requests: 240, seconds: MINUTE };
/// Peers whose questions are counted.
const MAX_ASKERS: usize = 4096;

/// What Kademlia tells.
#[derive(Debug)]
pub enum Event {
    /// What libp2p's Kademlia did, to be counted.
    Did(Box<kad::Event>),
    /// A peer asks too often.
    TooOften(PeerId),
}

/// libp2p's Kademlia with a table of its own.
pub struct Behaviour {
    inner: kad::Behaviour<MemoryStore>,
    known: Places<PeerId>,
    asking: Limiter<PeerId>,
    events: VecDeque<Event>,
    clock: Clock,
    metrics: Metrics,
}

impl Behaviour {
    /// Knows nobody yet.
    pub fn new(own: PeerId, listed: &HashSet<PeerId>, clock: Clock, metrics: Metrics) -> Self {
        let mut config = kad::Config::new(KADEMLIA);
        config
            .set_kbucket_inserts(BucketInserts::Manual)
            .set_kbucket_size(BUCKET)
            .set_record_filtering(StoreInserts::FilterBoth)
            .set_caching(Caching::Disabled)
            .set_periodic_bootstrap_interval(None)
            // Without these libp2p does not note each key that a stranger puts.
            .set_replication_interval(None)
            .set_publication_interval(None)
            .set_provider_publication_interval(None);
        let nothing = MemoryStoreConfig {
            max_records: 0,
            max_value_bytes: 0,
            max_providers_per_key: 0,
            max_provided_keys: 0,
        };
        let store = MemoryStore::with_config(own, nothing);
        let mut inner = kad::Behaviour::with_config(own, store, config);
        inner.set_mode(Some(Mode::Server));
        Self {
            inner,
            known: Places::new(STRANGERS, 1, listed.clone()),
            asking: Limiter::new(QUESTIONS, MAX_ASKERS),
            events: VecDeque::new(),
            clock,
            metrics,
        }
    }

    /// Lets others find a connected node at these addresses instead of those before.
    pub fn introduce(
        &mut self,
        node: Claimant,
        addresses: impl IntoIterator<Item = Multiaddr>,
    ) -> Result<(), Refused> {
        let now = self.clock.now();
        let addresses: Vec<Multiaddr> = addresses
            .into_iter()
            .filter(|address| address.len() <= MAX_ADDRESS_BYTES)
            .take(MAX_ADDRESSES)
            .collect();
        self.inner.remove_peer(&node.peer);
        if addresses.is_empty() {
            self.known.free(&node.peer);
            return Ok(());
        }
        // It is forgotten when it disconnects or its registration ends, not before.
        self.known.take(node.peer, node, now.plus(DAY * 365), now)?;
        for address in addresses {
            if self.inner.add_address(&node.peer, address) != RoutingUpdate::Success {
                self.forget(&node.peer);
                return Err(Refused::Full);
            }
        }
        Ok(())
    }

    /// Nobody finds a node any more.
    pub fn forget(&mut self, peer: &PeerId) {
        self.known.free(peer);
        self.inner.remove_peer(peer);
    }

    /// Forgets those who shall not be found any more.
    pub fn retain(&mut self, keep: impl Fn(&PeerId) -> bool) {
        let gone: Vec<PeerId> = self.known.keys().filter(|peer| !keep(peer)).copied().collect();
        for peer in gone {
            self.forget(&peer);
        }
    }

    /// Nodes that can be found.
    pub fn len(&self) -> usize {
        self.known.taken(self.clock.now())
    }

    fn heard(&mut self, event: &kad::Event) {
        match event {
            kad::Event::InboundRequest { request } => {
                let request = match request {
                    InboundRequest::FindNode { .. } => "find_node",
                    InboundRequest::GetProvider { .. } => "get_providers",
                    InboundRequest::AddProvider { .. } => "add_provider",
                    InboundRequest::GetRecord { .. } => "get_value",
                    InboundRequest::PutRecord { .. } => "put_value",
                };
                self.metrics.bootstrap.kademlia_requests.with_label_values(&[request]).inc();
            }
            // libp2p adds the address of a dial-back to a node that it knows.
            kad::Event::RoutingUpdated { peer, addresses, .. } => {
                for address in addresses.iter().skip(MAX_ADDRESSES) {
                    self.inner.remove_address(peer, address);
                }
            }
            _ => {}
        }
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = THandler<kad::Behaviour<MemoryStore>>;
    type ToSwarm = Event;

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
        // Nearly each is a question; a connection brings one or two others.
        if !self.asking.spend(&peer, self.clock.now()) {
            self.events.push_back(Event::TooOften(peer));
        }
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
                ToSwarm::GenerateEvent(event) => {
                    self.heard(&event);
                    return Poll::Ready(ToSwarm::GenerateEvent(Event::Did(Box::new(event))));
                }
                // libp2p begins a lookup of its own when it meets a node. A lookup asks
                // on any connection and dials; answers go to the one that asked.
                ToSwarm::Dial { .. }
                | ToSwarm::NotifyHandler { handler: NotifyHandler::Any, .. } => {}
                ToSwarm::NotifyHandler { peer_id, handler, event } => {
                    return Poll::Ready(ToSwarm::NotifyHandler { peer_id, handler, event });
                }
                other => return Poll::Ready(other.map_out(|event| Event::Did(Box::new(event)))),
            }
        }
    }
}
