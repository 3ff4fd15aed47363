//! The behaviours of a node, in the order in which they are asked. The order
//! decides: the derive asks fields one after the other and stops at the first
//! that denies, but those before it have already changed their state.

use std::time::Instant;

use libp2p::identity::Keypair;
use libp2p::swarm::{NetworkBehaviour, StreamProtocol};
use libp2p::{PeerId, identify, memory_connection_limits, ping, request_response};

use super::admission::{self, Strangers};
use super::exchange::{self, Protocol};
use super::fair::Fair;
use super::gate::Gate;
use super::gossip::{self, Gossip};
use super::limits::{self, Limits};
use super::rendezvous;
use super::role::Role;
use super::strikes::SHUT_OUT;
use crate::metrics::Metrics;
use crate::model::Community;

/// The only thing that a connected peer is told about the software.
pub const AGENT: &str = "dtim";
/// Kademlia's protocol, with members and with bootstraps. It names no community,
/// because a bootstrap serves several.
pub const KADEMLIA: StreamProtocol = StreamProtocol::new("/dtim/kad/1");
/// The version of what members speak with each other.
const PROTOCOL: &str = "dtim/1";
/// New connections are refused while the process takes more than this share of
/// the machine's memory.
const MEMORY_SHARE: f64 = 0.8;

/// Everything that a node speaks.
#[derive(NetworkBehaviour)]
pub(super) struct Root {
    /// First: nobody else ever hears of a stranger.
    pub(super) admission: admission::Behaviour,
    pub(super) limits: limits::Behaviour,
    pub(super) memory: memory_connection_limits::Behaviour,
    // From here on nothing denies.
    pub(super) identify: identify::Behaviour,
    pub(super) ping: ping::Behaviour,
    /// Only asks, and only bootstraps.
    pub(super) rendezvous: request_response::Behaviour<rendezvous::Codec>,
    pub(super) gossip: Gate<Fair<Gossip>>,
    pub(super) sync: Gate<exchange::Behaviour>,
    pub(super) deliver: Gate<exchange::Behaviour>,
}

impl Root {
    pub(super) fn new(
        keys: &Keypair,
        community: &Community,
        max_connections: usize,
        metrics: &Metrics,
    ) -> Result<Self, String> {
        Ok(Self {
            admission: admission::Behaviour::new(Strangers::Refused),
            limits: limits::Behaviour::new(Limits::node(max_connections)),
            memory: memory_connection_limits::Behaviour::with_max_percentage(MEMORY_SHARE),
            identify: identify(keys),
            ping: ping::Behaviour::default(),
            rendezvous: request_response::Behaviour::new(
                [(rendezvous::NAME, request_response::ProtocolSupport::Outbound)],
                request_response::Config::default(),
            ),
            gossip: Gate::new(Fair::new(gossip::behaviour(community, metrics)?, metrics.clone())),
            sync: exchange::behaviour(Protocol::Sync),
            deliver: exchange::behaviour(Protocol::Deliver),
        })
    }

    /// Gives a peer a role everywhere.
    pub(super) fn set_role(&mut self, peer: PeerId, role: Role) {
        let member = role == Role::Member;
        self.gossip.allow(peer, member);
        self.sync.allow(peer, member);
        self.deliver.allow(peer, member);
        self.admission.set_role(peer, role);
    }

    /// Cuts a member off for a while; false if it was already.
    pub(super) fn shut_out(&mut self, peer: PeerId, now: Instant) -> bool {
        self.admission.shut_out(peer, now + SHUT_OUT)
    }
}

/// Identify without listen addresses, which would tell internal networks, and
/// without a version.
#[must_use]
pub fn identify(keys: &Keypair) -> identify::Behaviour {
    identify::Behaviour::new(
        identify::Config::new(PROTOCOL.to_owned(), keys.public())
            .with_agent_version(AGENT.to_owned())
            .with_hide_listen_addrs(true)
            .with_cache_size(0),
    )
}
