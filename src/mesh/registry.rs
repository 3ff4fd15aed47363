//! Speaking with the bootstraps: registering, asking who is there, and what
//! follows from the answers. Nothing that they say makes anybody a member.

use std::time::Instant;

use libp2p::PeerId;
use libp2p::core::{PeerRecord, SignedEnvelope};
use libp2p::multiaddr::Multiaddr;
use libp2p::request_response::{Event as Exchange, Message};

use super::Event;
use super::actor::Actor;
use super::address::{node_of, peer_of};
use super::discovery::{Ask, PAGE};
use super::events::MAX_ADDRESSES;
use super::rendezvous::{Answer, Request};
use super::role::Role;
use crate::model::NodeId;

impl Actor {
    pub(super) fn ask(&mut self, ask: Ask, now: Instant) {
        let namespace = self.namespace.clone();
        let (peer, request) = match ask {
            Ask::Register(peer) => {
                let Some(record) = self.record() else {
                    self.discovery.no_address(&peer, now);
                    return;
                };
                (peer, Request::Register { namespace, record, ttl: None })
            }
            Ask::Discover(peer, cookie) => {
                let (namespace, limit) = (Some(namespace), Some(PAGE));
                (peer, Request::Discover { namespace, limit, cookie })
            }
        };
        self.swarm.behaviour_mut().rendezvous.send_request(&peer, request);
    }

    /// Where this node is reached, signed; none while it does not know.
    fn record(&self) -> Option<Vec<u8>> {
        let addresses: Vec<Multiaddr> =
            self.swarm.external_addresses().take(MAX_ADDRESSES).cloned().collect();
        if addresses.is_empty() {
            return None;
        }
        let record = PeerRecord::new(&self.keys, addresses).ok()?;
        Some(record.into_signed_envelope().into_protobuf_encoding())
    }

    pub(super) fn on_rendezvous(&mut self, event: Exchange<Request, Answer>) {
        let now = Instant::now();
        match event {
            Exchange::Message {
                peer,
                message: Message::Response { response: Answer::Registered(outcome), .. },
                ..
            } => match outcome {
                Ok(ttl) => self.discovery.registered(&peer, ttl, now),
                Err(status) => {
                    tracing::warn!(bootstrap = %peer, ?status, "registration refused");
                    self.discovery.register_failed(&peer);
                }
            },
            Exchange::Message {
                peer,
                message: Message::Response { response: Answer::Discovered(outcome), .. },
                ..
            } => match outcome {
                Ok(page) => {
                    if !self.discovery.discovered(&peer, page.records.len(), page.cookie, now) {
                        tracing::warn!(bootstrap = %peer, "answers with more than it is asked for");
                        return;
                    }
                    for (record, _) in page.records {
                        self.on_record(peer, &record, now);
                    }
                }
                Err(status) => {
                    tracing::debug!(bootstrap = %peer, ?status, "discovery refused");
                    self.discovery.discover_failed(&peer);
                }
            },
            Exchange::OutboundFailure { peer, error, .. } => {
                tracing::debug!(bootstrap = %peer, %error, "no answer");
                self.discovery.discover_failed(&peer);
            }
            // This side only asks.
            Exchange::Message { message: Message::Request { .. }, .. }
            | Exchange::InboundFailure { .. }
            | Exchange::ResponseSent { .. } => {}
        }
    }

    /// What a registry over HTTPS says, which the node asks.
    pub(super) fn learn_named(&mut self, named: &[(NodeId, Vec<Multiaddr>)], now: Instant) {
        for (node, addresses) in named {
            let Some(peer) = peer_of(*node) else { continue };
            let addresses = addresses.iter().take(MAX_ADDRESSES);
            let dialable: Vec<&Multiaddr> = addresses.filter(|a| self.may_dial(a)).collect();
            for address in dialable {
                self.book.learn(peer, address, now);
            }
        }
    }

    /// A member's addresses are worth dialling; a stranger becomes a candidate.
    fn on_record(&mut self, via: PeerId, record: &[u8], now: Instant) {
        let envelope = SignedEnvelope::from_protobuf_encoding(record).ok();
        let Some(record) = envelope.and_then(|it| PeerRecord::from_signed_envelope(it).ok()) else {
            tracing::debug!(bootstrap = %via, "names somebody without a valid signature");
            return;
        };
        let peer = record.peer_id();
        if peer == *self.swarm.local_peer_id() {
            return;
        }
        let named = record.addresses().iter().take(MAX_ADDRESSES);
        let addresses: Vec<Multiaddr> =
            named.filter(|address| self.may_dial(address)).cloned().collect();
        for address in &addresses {
            self.book.learn(peer, address, now);
        }
        if self.role(&peer) == Role::Stranger
            && self.discovered.allow(peer, now)
            && let (Some(node), Some(via)) = (node_of(&peer), node_of(&via))
        {
            self.tell(Event::Discovered { node, addresses, via });
        }
    }
}
