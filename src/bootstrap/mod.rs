//! The bootstrap role: a public, opt-in meeting point.
//!
//! Owns a swarm of its own at which nodes register under their community, find
//! each other, learn whether they can be reached, and are relayed to each other if
//! not. It stores nothing, hears no claim and dials only who asks to be dialled. It
//! must never let what strangers send decide how much memory or time it takes.
//!
//! `desk`, `relay`, `dialback` and `kademlia` decide, each for one service, over the
//! bounded tables of `registrations`, `places` and `limiter`; `server` is the task
//! that owns the swarm, `registry` the way to it from the public listener.

mod behaviour;
mod clock;
mod desk;
mod dialback;
mod kademlia;
pub mod limiter;
mod memory;
mod places;
mod registrations;
pub mod registry;
mod relay;
mod server;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use libp2p::Multiaddr;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use self::registry::Registry;
use crate::config::Admit;
use crate::mesh::transport;
use crate::metrics::Metrics;
use crate::model::{Community, NodeId};

pub use relay::Limits as RelayLimits;

/// Memory that a bootstrap takes before it lets go of strangers: below the limit at
/// which it lets nobody in, and far above what it needs for all its tables.
pub const MAX_MEMORY: u64 = 384 * 1024 * 1024;

/// What a bootstrap is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The seed of the identity key.
    pub seed: [u8; 32],
    /// Where to listen.
    pub listen: Vec<Multiaddr>,
    /// Addresses under which others reach it.
    pub external: Vec<Multiaddr>,
    /// Who may connect.
    pub admit: Admit,
    /// Nodes that may connect in any case and whose registrations always have a place.
    pub listed: BTreeSet<NodeId>,
    /// The communities that it serves.
    pub communities: Vec<Community>,
    /// Whether private addresses are listed, told and dialled back (test networks).
    pub allow_private_addresses: bool,
    /// Connections in all; those with listed nodes come on top where strangers are admitted.
    pub max_connections: usize,
    /// How long and how much the relay carries.
    pub relay: RelayLimits,
    /// Resident bytes beyond which connections of unlisted nodes are closed.
    pub max_memory: u64,
    /// What carries the connections.
    pub transport: transport::Transport,
    /// Where it counts.
    pub metrics: Metrics,
}

/// What a bootstrap says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Where it listens.
    pub listen: Vec<Multiaddr>,
    /// Under which addresses others reach it.
    pub external: Vec<Multiaddr>,
    /// Established connections.
    pub connections: usize,
    /// Registrations held.
    pub registrations: usize,
    /// Nodes that may be reached through its relay.
    pub reservations: usize,
    /// Connections that it relays.
    pub circuits: usize,
    /// Nodes that Kademlia finds.
    pub findable: usize,
}

/// A bootstrap could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The key is not one.
    #[error("the identity key cannot be used: restore keys/identity from a backup")]
    Identity,
    /// The transport could not be built.
    #[error(transparent)]
    Transport(#[from] transport::Error),
    /// An address cannot be listened on.
    #[error(
        "cannot listen on {address}: {cause}; choose another address in [network] listen or stop what uses it"
    )]
    Listen {
        /// The address.
        address: Multiaddr,
        /// What the system says.
        cause: String,
    },
    /// There is no address.
    #[error("[network] listen names no address, so nobody could reach this bootstrap: add one")]
    NoAddress,
}

/// A running bootstrap. It stops when this is dropped.
#[derive(Debug)]
pub struct Bootstrap {
    node: NodeId,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
    status: watch::Receiver<Status>,
    registry: Registry,
}

impl Bootstrap {
    /// Its identity.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// What it says about itself, as it changes.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// The way to its registrations for the public listener.
    #[must_use]
    pub fn registry(&self) -> Registry {
        self.registry.clone()
    }

    /// Waits until it ends by itself, which it should not.
    pub async fn ended(&mut self) {
        if let Err(error) = (&mut self.task).await {
            tracing::error!(%error, "the bootstrap's task broke off");
        }
    }

    /// Closes every connection and waits for the end.
    pub async fn stop(self) {
        drop(self.stop);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the bootstrap's task ended by itself");
        }
    }
}

/// Starts a bootstrap and returns once it listens everywhere.
pub async fn start(settings: Settings) -> Result<Bootstrap, StartError> {
    let (registry, requests) = Registry::new(&settings);
    let mut server = server::Server::new(settings, requests)?;
    server.listening().await?;
    let (node, status) = (server.node(), server.status());
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(server.run(stopped));
    Ok(Bootstrap { node, stop, task, status, registry })
}
