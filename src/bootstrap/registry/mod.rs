//! The registry over HTTPS: how the public listener reaches the desk.
//!
//! Owns the bounded queue to the task that has the desk, and what of a registration
//! others are told. Whoever calls it has proved the caller's key; it must never make
//! the swarm's task wait or work for long.

mod peer;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

pub use peer::{Peer, Wish};

use super::desk::{Caller, Desk, Reader, Reason};
use super::registrations::{Listing, MAX_PAGE, Serial};
use crate::config::Admit;
use crate::mesh::neighbourhood::Neighbourhood;
use crate::metrics::Metrics;
use crate::model::{Community, NodeId, Timestamp};

/// Requests that wait for the swarm's task; one more is told to come back.
const MAX_WAITING: usize = 64;

/// What the listener asks of the desk.
#[derive(Debug)]
pub(super) enum Command {
    Register {
        caller: Caller,
        community: usize,
        seq: u64,
        record: Vec<u8>,
        reply: oneshot::Sender<Result<u64, Reason>>,
    },
    List {
        reader: Reader,
        community: usize,
        after: Serial,
        limit: usize,
        reply: oneshot::Sender<Result<Listing, Reason>>,
    },
}

impl Command {
    /// Done by the task that has the desk. Whoever asked may be gone by now.
    pub(super) fn act(self, desk: &mut Desk, now: Timestamp) {
        match self {
            Self::Register { caller, community, seq, record, reply } => {
                reply.send(desk.register_https(caller, community, seq, record, now)).ok();
            }
            Self::List { reader, community, after, limit, reply } => {
                reply.send(desk.list(reader, community, after, limit, now)).ok();
            }
        }
    }
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Only listed nodes are served.
    #[error("this registry serves listed nodes only: ask its operator to list your PeerId")]
    NotListed,
    /// Only listed nodes are served, and nobody signed.
    #[error("this registry serves listed nodes only: sign the request with the node's key")]
    Unsigned,
    /// No such community here.
    #[error("this registry does not serve the community {0:?}")]
    Community(String),
    /// Not an address at which others could reach the node.
    #[error("{0}")]
    Address(String),
    /// Too many requests.
    #[error("too many requests: come back in a minute")]
    TooOften,
    /// A newer registration of this node is known.
    #[error("a later registration of this node is known: set the clock")]
    Stale,
    /// No place is left.
    #[error("the registry has no place for more nodes of this network now: come back later")]
    Full,
    /// The task is busy, or ends.
    #[error("the registry is busy: come back in a moment")]
    Busy,
}

impl Refusal {
    fn label(&self) -> &'static str {
        match self {
            Self::NotListed => "not_listed",
            Self::Unsigned => "unsigned",
            Self::Community(_) => "namespace",
            Self::Address(_) => "addresses",
            Self::TooOften => "too_often",
            Self::Stale => "stale",
            Self::Full => "full",
            Self::Busy => "busy",
        }
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        use super::registrations::Refused;
        match reason {
            Reason::TooOften | Reason::CrowdTooOften => Self::TooOften,
            Reason::Table(Refused::Stale) => Self::Stale,
            Reason::Table(Refused::Crowded | Refused::Full) => Self::Full,
            Reason::Table(Refused::TooLarge) => {
                Self::Address("the addresses are too long: name fewer".to_owned())
            }
            // They belong to the rendezvous.
            Reason::Namespace
            | Reason::AllNamespaces
            | Reason::BadRecord
            | Reason::NotTheCallers
            | Reason::Addresses
            | Reason::Cookie => Self::Busy,
        }
    }
}

/// A page of the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Who is registered.
    pub peers: Vec<Peer>,
    /// Where the next page begins; none after the last.
    pub next: Option<u64>,
}

/// Which page is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// Of which community; none: the first that is served.
    pub community: Option<&'a str>,
    /// Where it begins.
    pub after: u64,
    /// How many at most; none: as many as fit.
    pub limit: Option<usize>,
}

/// The handle. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Registry {
    commands: mpsc::Sender<Command>,
    admit: Admit,
    listed: Arc<BTreeSet<NodeId>>,
    communities: Arc<[Community]>,
    allow_private: bool,
    metrics: Metrics,
}

impl Registry {
    /// A handle, and the end of its queue for the task that has the desk.
    pub(super) fn new(settings: &super::Settings) -> (Self, mpsc::Receiver<Command>) {
        let (commands, queue) = mpsc::channel(MAX_WAITING);
        let registry = Self {
            commands,
            admit: settings.admit,
            listed: Arc::new(settings.listed.clone()),
            communities: settings.communities.clone().into(),
            allow_private: settings.allow_private_addresses,
            metrics: settings.metrics.clone(),
        };
        (registry, queue)
    }

    /// Registers a node that has proved its key, at `at` by its clock. For how many
    /// seconds, and the first page of who else is there.
    pub async fn register(
        &self,
        node: NodeId,
        from: IpAddr,
        wish: &Wish<'_>,
        at: Timestamp,
    ) -> Result<(u64, Page), Refusal> {
        let registered = async {
            self.may(Some(node))?;
            let community = self.community(wish.community)?;
            let record = wish.record(node, self.allow_private)?;
            let caller = Caller { node, from: Neighbourhood::of_ip(from) };
            let (reply, answer) = oneshot::channel();
            let command = Command::Register { caller, community, seq: at.seconds(), record, reply };
            Ok((self.ask(command, answer).await?, community))
        };
        let (ttl, community) = registered.await.map_err(|refusal| self.count(refusal))?;
        let wanted = Wanted { community: wish.community, ..Wanted::default() };
        // Whoever registers has paid for a look; it is no failure if there are too many.
        let page = self.page(Reader::Node(node), community, &wanted).await.unwrap_or_default();
        Ok((ttl, page))
    }

    /// A page of who is there. `node`: who signed the question.
    pub async fn list(
        &self,
        node: Option<NodeId>,
        from: IpAddr,
        wanted: &Wanted<'_>,
    ) -> Result<Page, Refusal> {
        let reader = match node {
            Some(node) => Reader::Node(node),
            None => Reader::Anybody(Neighbourhood::of_ip(from)),
        };
        let listed = async {
            self.may(node)?;
            let community = self.community(wanted.community)?;
            self.page(reader, community, wanted).await
        };
        listed.await.map_err(|refusal| self.count(refusal))
    }

    fn may(&self, node: Option<NodeId>) -> Result<(), Refusal> {
        match (self.admit, node) {
            (Admit::Open, _) => Ok(()),
            (Admit::Listed, None) => Err(Refusal::Unsigned),
            (Admit::Listed, Some(node)) if self.listed.contains(&node) => Ok(()),
            (Admit::Listed, Some(_)) => Err(Refusal::NotListed),
        }
    }

    fn community(&self, wanted: Option<&str>) -> Result<usize, Refusal> {
        let Some(wanted) = wanted else { return Ok(0) };
        let served = self.communities.iter().position(|served| served.as_str() == wanted);
        served.ok_or_else(|| Refusal::Community(wanted.chars().take(64).collect()))
    }

    async fn page(
        &self,
        reader: Reader,
        community: usize,
        wanted: &Wanted<'_>,
    ) -> Result<Page, Refusal> {
        let (reply, answer) = oneshot::channel();
        let limit = wanted.limit.unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE);
        let command = Command::List { reader, community, after: wanted.after, limit, reply };
        let listing = self.ask(command, answer).await?;
        // Reading signed records takes time: here, not in the swarm's task.
        let told = |(node, records)| Peer::of(node, &records, self.allow_private);
        let peers = listing.entries.into_iter().filter_map(told).collect();
        Ok(Page { peers, next: listing.next })
    }

    async fn ask<T>(
        &self,
        command: Command,
        answer: oneshot::Receiver<Result<T, Reason>>,
    ) -> Result<T, Refusal> {
        self.commands.try_send(command).map_err(|_| Refusal::Busy)?;
        Ok(answer.await.map_err(|_| Refusal::Busy)??)
    }

    fn count(&self, refusal: Refusal) -> Refusal {
        self.metrics.bootstrap.registrations_refused.with_label_values(&[refusal.label()]).inc();
        refusal
    }
}
