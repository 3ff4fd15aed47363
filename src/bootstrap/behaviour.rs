//! The behaviours of a bootstrap, in the order in which they are asked. None after
//! the memory limit denies a connection; the dial-back's rules deny dials before
//! they begin.

use std::collections::HashSet;
use std::time::Duration;

use libp2p::identity::Keypair;
use libp2p::request_response::{self, ProtocolSupport};
use libp2p::swarm::NetworkBehaviour;
use libp2p::{PeerId, identify, memory_connection_limits, ping};

use super::clock::Clock;
use super::{Settings, dialback, kademlia, relay};
use crate::config::Admit;
use crate::mesh::rendezvous::{Codec, NAME};
use crate::mesh::{Role, address, admission, limits};

/// Requests of one connection at work at once; a client has two or three.
const MAX_REQUESTS: usize = 4;
/// Connections of one host to an open bootstrap: an organisation behind one address.
const MAX_PER_HOST: usize = 32;
/// Connections with one peer: two of its own, and a dial-back.
const MAX_PER_PEER: usize = 3;
/// A request that is not read and answered by then is dropped.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Resident bytes beyond which nobody new is admitted, where strangers are not let go later:
/// the backstop behind all other bounds.
const MAX_MEMORY: usize = 512 * 1024 * 1024;

/// Everything that a bootstrap speaks.
#[derive(NetworkBehaviour)]
pub struct Behaviour {
    pub admission: admission::Behaviour,
    pub limits: limits::Behaviour,
    pub memory: memory_connection_limits::Behaviour,
    // From here on no connection is denied.
    pub identify: identify::Behaviour,
    pub ping: ping::Behaviour,
    pub rendezvous: request_response::Behaviour<Codec>,
    pub relay: relay::Behaviour,
    pub dialback: dialback::Behaviour,
    pub kademlia: kademlia::Behaviour,
}

impl Behaviour {
    /// Nobody is connected yet.
    pub fn new(settings: &Settings, keys: &Keypair, clock: Clock) -> Self {
        let own = keys.public().to_peer_id();
        let listed: HashSet<PeerId> =
            settings.listed.iter().filter_map(|node| address::peer_of(*node)).collect();
        let metrics = &settings.metrics;
        Self {
            admission: admission(settings.admit, &listed),
            limits: limits::Behaviour::new(limits(settings, &listed)),
            memory: memory_connection_limits::Behaviour::with_max_bytes(
                MAX_MEMORY.max(usize::try_from(settings.max_memory).unwrap_or(usize::MAX)),
            ),
            identify: identify(keys),
            ping: ping::Behaviour::default(),
            rendezvous: rendezvous(),
            relay: relay::Behaviour::new(own, settings.relay, &listed, clock, metrics.clone()),
            dialback: dialback::Behaviour::new(
                settings.allow_private_addresses,
                &listed,
                clock,
                metrics.clone(),
            ),
            kademlia: kademlia::Behaviour::new(own, &listed, clock, metrics.clone()),
        }
    }
}

fn admission(admit: Admit, listed: &HashSet<PeerId>) -> admission::Behaviour {
    let mut admission = admission::Behaviour::new(match admit {
        Admit::Open => admission::Strangers::Admitted,
        Admit::Listed => admission::Strangers::Refused,
    });
    for peer in listed {
        admission.set_role(*peer, Role::Member);
    }
    admission
}

/// In open mode identities cost nothing, so one host and one network have a share only.
fn limits(settings: &Settings, listed: &HashSet<PeerId>) -> limits::Limits {
    let node = limits::Limits::node(settings.max_connections);
    let per_peer = MAX_PER_PEER;
    match settings.admit {
        Admit::Listed => limits::Limits { per_peer, ..node },
        Admit::Open => limits::Limits {
            per_peer,
            per_host: MAX_PER_HOST,
            open: Some(limits::Open {
                per_neighbourhood: settings.max_connections / 4,
                listed: listed.clone(),
            }),
            ..node
        },
    }
}

/// Plain, so that every implementation of libp2p can read it.
fn identify(keys: &Keypair) -> identify::Behaviour {
    identify::Behaviour::new(
        identify::Config::new("dtim/1".to_owned(), keys.public())
            .with_agent_version(concat!("dtim/", env!("CARGO_PKG_VERSION")).to_owned())
            .with_hide_listen_addrs(true)
            .with_cache_size(0),
    )
}

fn rendezvous() -> request_response::Behaviour<Codec> {
    let config = request_response::Config::default()
        .with_request_timeout(REQUEST_TIMEOUT)
        .with_max_concurrent_streams(MAX_REQUESTS);
    request_response::Behaviour::new([(NAME, ProtocolSupport::Inbound)], config)
}
