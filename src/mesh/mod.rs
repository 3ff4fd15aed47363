//! The swarm: one task, a cloneable handle, few commands, events out.
//!
//! Owns every connection with other nodes and who may use it for what. It must
//! never touch the store, decide what is shared, or wait for anything but its
//! own select; what it reads out goes through a snapshot ([`Status`]).
//!
//! The way to a peer: `book` knows where it is, `discovery` and `kademlia` ask
//! where it went, `guard` says what may be dialled at all. Behind NAT: `autonat`
//! asks bootstraps whether this node can be dialled, `reach` decides from their
//! answers, `reserve` holds places at relays, `punch` opens the straight path and
//! `paths` chooses among several.

mod actor;
pub mod address;
pub mod admission;
mod autonat;
pub mod behaviour;
mod book;
mod discovery;
mod events;
mod exchange;
mod fair;
pub mod gate;
mod gossip;
mod guard;
pub(crate) mod inner;
mod judge;
pub mod kademlia;
pub mod limits;
mod lines;
mod muxer;
mod nat;
pub mod neighbourhood;
mod observed;
mod paths;
mod punch;
pub(crate) mod quota;
mod rate;
mod reach;
mod registry;
pub mod rendezvous;
mod reserve;
mod role;
mod seen;
mod setup;
mod status;
mod strikes;
pub mod transport;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use libp2p::multiaddr::Multiaddr;
use tokio::sync::{mpsc, oneshot, watch};

use crate::metrics::Metrics;
use crate::model::{Community, ContentId, NodeId, Timestamp};
use crate::wire::Verified;
use seen::Seen;

pub use exchange::{AskError, Asked, Protocol};
pub use judge::Offence;
pub use reach::{Learnt, Path, Reachability};
pub use role::Role;
pub use status::{AwayPeer, Bootstrap, ConnectedPeer, Status};
pub use transport::Transport;

/// Commands that wait for the swarm task.
const COMMANDS: usize = 64;
/// Events that wait for the node.
const EVENTS: usize = 4096;

/// With what a mesh starts.
pub struct Settings {
    /// The secret half of the node's identity.
    pub seed: [u8; 32],
    /// Which mesh.
    pub community: Community,
    /// Where to listen.
    pub listen: Vec<Multiaddr>,
    /// Where others reach this node.
    pub external: Vec<Multiaddr>,
    /// Whether private addresses that others name may be dialled, and listen
    /// addresses registered: for laboratories.
    pub allow_private: bool,
    /// The most connections.
    pub max_connections: usize,
    /// The approved peers and where they were met.
    pub members: Vec<(NodeId, Vec<Multiaddr>)>,
    /// Bootstraps, each with its `/p2p`.
    pub infrastructure: Vec<Multiaddr>,
    /// Addresses to dial whoever answers there.
    pub default_peers: Vec<Multiaddr>,
    /// Whether to register at the bootstraps.
    pub discoverable: bool,
    /// How often to ask a bootstrap who is there.
    pub discover_every: Duration,
    /// Whether to be reached through a bootstrap when nobody can dial this node.
    pub relay: bool,
    /// Whether to ask the router to forward the listen ports.
    pub upnp: bool,
    /// Claims that are known already, newest first.
    pub seen: Vec<ContentId>,
    /// Where to count.
    pub metrics: Metrics,
    /// What carries the connections.
    pub transport: Transport,
}

/// Without the seed: it must never come into a log.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("community", &self.community)
            .field("listen", &self.listen)
            .finish_non_exhaustive()
    }
}

/// What the mesh tells the node.
#[derive(Debug)]
pub enum Event {
    /// A claim was accepted.
    Claim {
        /// The claim.
        verified: Verified,
        /// The member that delivered it; it says nothing about who made it.
        from: NodeId,
    },
    /// A stranger proved its key and was turned away.
    Knock {
        /// Its key.
        node: NodeId,
        /// Where it was met.
        address: Multiaddr,
        /// When.
        at: Timestamp,
    },
    /// A bootstrap named somebody who is not approved.
    Discovered {
        /// Its key.
        node: NodeId,
        /// Where it says it is.
        addresses: Vec<Multiaddr>,
        /// The bootstrap.
        via: NodeId,
    },
    /// The first connection with a peer.
    Connected {
        /// The peer.
        node: NodeId,
        /// What it is.
        role: Role,
    },
    /// Where a member can be met, worth keeping: it was dialled there, or says
    /// so itself.
    Addresses {
        /// The member.
        node: NodeId,
        /// What may be dialled of that, the best last.
        addresses: Vec<Multiaddr>,
    },
    /// The last connection with a peer is gone.
    Disconnected {
        /// The peer.
        node: NodeId,
    },
    /// A member joined the topic: what waits to be published can be.
    MeshReady {
        /// Members in the topic.
        members: usize,
    },
}

/// Why the mesh does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The identity is not an Ed25519 key.
    #[error("the node's identity is not a usable key: restore keys/identity from a backup")]
    Identity,
    /// The transport cannot be built.
    #[error(transparent)]
    Transport(#[from] transport::Error),
    /// An address cannot be listened on.
    #[error(
        "cannot listen on {address}: {cause}; is another node running, or is the port taken? \
         Change [network] listen or stop the other program"
    )]
    Listen {
        /// The address.
        address: Multiaddr,
        /// What the system said.
        cause: String,
    },
    /// Gossip refuses its own settings.
    #[error("gossip cannot be set up ({0}): this is a fault of dtim, please report it")]
    Gossip(String),
    /// No thread for the judge.
    #[error("cannot start a thread ({0}): raise the limit of processes for this user")]
    Thread(#[from] std::io::Error),
    /// A bootstrap without its key.
    #[error("the bootstrap {0} names no key: add /p2p/PEER_ID to the address")]
    NoKey(Multiaddr),
}

/// Why a claim was not published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// Nobody to tell: publish again on [`Event::MeshReady`].
    #[error("no member is connected that could take the claim: it waits in the outbox")]
    NoMembers,
    /// The queues of all members are full: publish again in a moment.
    #[error("the connections to all members are busy: the claim waits in the outbox")]
    Busy,
    /// More than members would listen to: publish again in a moment.
    #[error("this node has told as much as members take for now: the claim waits in the outbox")]
    TooMuch,
    /// More bytes than a claim may have.
    #[error("the claim is too large to be sent")]
    TooLarge,
    /// The mesh was stopped.
    #[error("the mesh is stopped")]
    Stopped,
}

/// The mesh was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the mesh is stopped")]
pub struct Stopped;

#[derive(Debug)]
enum Command {
    Publish {
        bytes: Vec<u8>,
        content: ContentId,
        reply: oneshot::Sender<Result<usize, PublishError>>,
    },
    SetRole {
        node: NodeId,
        role: Role,
        addresses: Vec<Multiaddr>,
        reply: oneshot::Sender<()>,
    },
    Dial {
        address: Multiaddr,
    },
    Learn {
        named: Vec<(NodeId, Vec<Multiaddr>)>,
    },
    Ask {
        protocol: Protocol,
        node: NodeId,
        bytes: Vec<u8>,
        reply: oneshot::Sender<Result<Vec<u8>, AskError>>,
    },
    Answer {
        asked: Asked,
        answer: Vec<u8>,
    },
    Charge {
        node: NodeId,
        offence: Offence,
    },
    Stop {
        reply: oneshot::Sender<()>,
    },
}

/// The handle. When the last one is dropped, the mesh stops.
#[derive(Clone, Debug)]
pub struct Mesh {
    commands: mpsc::Sender<Command>,
    status: watch::Receiver<Status>,
    seen: Arc<Seen>,
}

/// What the mesh brings, each kind over a channel of its own, so that a slow
/// answer never holds up what is heard.
#[derive(Debug)]
pub struct Inbox {
    /// What happened.
    pub events: mpsc::Receiver<Event>,
    /// What members ask.
    pub asked: mpsc::Receiver<Asked>,
}

impl Mesh {
    /// Publishes an own claim; to how many members it goes.
    pub async fn publish(&self, bytes: Vec<u8>, content: ContentId) -> Result<usize, PublishError> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Publish { bytes, content, reply };
        self.commands.send(command).await.map_err(|_| PublishError::Stopped)?;
        answer.await.map_err(|_| PublishError::Stopped)?
    }

    /// Gives a peer a role, and a member addresses besides those that are
    /// known. Returns when no connection of the old role is left.
    pub async fn set_role(
        &self,
        node: NodeId,
        role: Role,
        addresses: Vec<Multiaddr>,
    ) -> Result<(), Stopped> {
        let (reply, answer) = oneshot::channel();
        let command = Command::SetRole { node, role, addresses, reply };
        self.commands.send(command).await.map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }

    /// Asks a connected member; the answer, of at most 64 KiB, as it came.
    pub async fn ask(
        &self,
        protocol: Protocol,
        node: NodeId,
        bytes: Vec<u8>,
    ) -> Result<Vec<u8>, AskError> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Ask { protocol, node, bytes, reply };
        self.commands.send(command).await.map_err(|_| AskError::Stopped)?;
        answer.await.map_err(|_| AskError::Stopped)?
    }

    /// Answers a member's question.
    pub async fn answer(&self, asked: Asked, answer: Vec<u8>) -> Result<(), Stopped> {
        self.commands.send(Command::Answer { asked, answer }).await.map_err(|_| Stopped)
    }

    /// Holds against a member what it sent outside gossip.
    pub async fn charge(&self, node: NodeId, offence: Offence) -> Result<(), Stopped> {
        self.commands.send(Command::Charge { node, offence }).await.map_err(|_| Stopped)
    }

    /// Claims that came outside gossip: gossip need not pass them on any more.
    pub fn mark_seen(&self, contents: impl IntoIterator<Item = ContentId>) {
        for content in contents {
            self.seen.insert(content);
        }
    }

    /// Dials whoever answers at an address, now and until somebody approved does.
    pub async fn dial(&self, address: Multiaddr) -> Result<(), Stopped> {
        self.commands.send(Command::Dial { address }).await.map_err(|_| Stopped)
    }

    /// Takes note of where others say that nodes are. It makes nobody a member; a
    /// member is looked for there, and must prove its key.
    pub async fn learn(&self, named: Vec<(NodeId, Vec<Multiaddr>)>) -> Result<(), Stopped> {
        self.commands.send(Command::Learn { named }).await.map_err(|_| Stopped)
    }

    /// Closes every connection and ends the judge. Safe to call twice.
    pub async fn stop(&self) {
        let (reply, answer) = oneshot::channel();
        if self.commands.send(Command::Stop { reply }).await.is_ok() {
            // An error means that it was stopped by somebody else meanwhile.
            answer.await.unwrap_or_default();
        }
    }

    /// What the mesh looks like: renewed at most once a second, and at changes of role.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }
}

/// Starts the swarm task and the judge. Must be called inside a tokio runtime.
pub fn start(mut settings: Settings) -> Result<(Mesh, Inbox), StartError> {
    let (commands, orders) = mpsc::channel(COMMANDS);
    let (tell, events) = mpsc::channel(EVENTS);
    let (ask, asked) = mpsc::channel(exchange::ASKED);
    let (publish, status) = watch::channel(Status::default());
    let seen = Arc::new(Seen::new(std::mem::take(&mut settings.seen)));
    let actor = actor::Actor::new(settings, orders, tell, ask, publish, Arc::clone(&seen))?;
    tokio::spawn(actor.run());
    Ok((Mesh { commands, status, seen }, Inbox { events, asked }))
}

/// The wall clock, which pure code is told.
fn now() -> Timestamp {
    Timestamp(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}
