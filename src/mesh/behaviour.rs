//! The behaviours of a node, in the order in which they are asked. The order
//! decides: the derive asks fields one after the other and stops at the first
//! that denies, but those before it have already changed their state.

use std::time::Instant;

use libp2p::identity::Keypair;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::swarm::{NetworkBehaviour, StreamProtocol};
use libp2p::{PeerId, identify, memory_connection_limits, ping, relay, request_response, upnp};

use super::admission::{self, Strangers};
use super::autonat;
use super::exchange::{self, Protocol};
use super::fair::Fair;
use super::gate::Gate;
use super::gossip::{self, Gossip};
use super::kademlia::{self, Kademlia};
use super::limits::{self, Limits};
use super::observed::Observed;
use super::paths::PING;
use super::punch::Punch;
use super::rendezvous;
use super::role::Role;
use super::strikes::SHUT_OUT;
use crate::metrics::Metrics;
use crate::model::Community;

/// The only thing that a connected peer is told about the software.
pub const AGENT: &str = "dtim";
/// Kademlia's protocol with bootstraps. It names no community, because a bootstrap
/// serves several.
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
    pub(super) identify: Observed,
    pub(super) ping: ping::Behaviour,
    /// Only asks, and only bootstraps.
    pub(super) rendezvous: request_response::Behaviour<rendezvous::Codec>,
    /// Speaks with the router, with no peer.
    pub(super) upnp: Toggle<upnp::tokio::Behaviour>,
    // For bootstraps.
    pub(super) relay: Gate<relay::client::Behaviour>,
    pub(super) autonat: Gate<autonat::Behaviour>,
    pub(super) kad_infrastructure: Kademlia,
    // For members.
    pub(super) punch: Gate<Punch>,
    pub(super) kad: Kademlia,
    pub(super) gossip: Gate<Fair<Gossip>>,
    pub(super) sync: Gate<exchange::Behaviour>,
    pub(super) deliver: Gate<exchange::Behaviour>,
}

/// What a node is to speak besides what every node speaks.
pub(super) struct Parts {
    pub(super) max_connections: usize,
    pub(super) upnp: bool,
    /// The other half of the transport that dials through relays.
    pub(super) relay: relay::client::Behaviour,
}

impl Root {
    pub(super) fn new(
        keys: &Keypair,
        community: &Community,
        parts: Parts,
        metrics: &Metrics,
    ) -> Result<Self, String> {
        let me = keys.public().to_peer_id();
        Ok(Self {
            admission: admission::Behaviour::new(Strangers::Refused),
            limits: limits::Behaviour::new(Limits::node(parts.max_connections)),
            memory: memory_connection_limits::Behaviour::with_max_percentage(MEMORY_SHARE),
            identify: Observed::new(identify(keys)),
            ping: ping::Behaviour::new(ping::Config::new().with_interval(PING)),
            rendezvous: request_response::Behaviour::new(
                [(rendezvous::NAME, request_response::ProtocolSupport::Outbound)],
                request_response::Config::default(),
            ),
            upnp: parts.upnp.then(upnp::tokio::Behaviour::default).into(),
            relay: Gate::new(parts.relay),
            autonat: Gate::new(autonat::Behaviour::default()),
            kad_infrastructure: kademlia::behaviour(me, KADEMLIA),
            punch: Gate::new(Punch::new(me)),
            kad: kademlia::behaviour(me, kademlia::protocol(community)?),
            gossip: Gate::new(Fair::new(gossip::behaviour(community, metrics)?, metrics.clone())),
            sync: exchange::behaviour(Protocol::Sync),
            deliver: exchange::behaviour(Protocol::Deliver),
        })
    }

    /// Gives a peer a role everywhere.
    pub(super) fn set_role(&mut self, peer: PeerId, role: Role) {
        let infrastructure = role == Role::Infrastructure;
        self.relay.allow(peer, infrastructure);
        self.autonat.allow(peer, infrastructure);
        self.kad_infrastructure.allow(peer, infrastructure);
        let member = role == Role::Member;
        self.punch.allow(peer, member);
        self.kad.allow(peer, member);
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
/// without a version. It carries no signed record: js-libp2p drops the whole
/// message when a record of a key is not newer than one that it knows.
#[must_use]
pub fn identify(keys: &Keypair) -> identify::Behaviour {
    identify::Behaviour::new(
        identify::Config::new(PROTOCOL.to_owned(), keys.public())
            .with_agent_version(AGENT.to_owned())
            .with_hide_listen_addrs(true)
            .with_cache_size(0),
    )
}
