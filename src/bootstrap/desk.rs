//! The desk at which callers register and ask: every decision of the
//! rendezvous server.
//!
//! Owns the rules: whose record, which namespace, how often, how much. Pure:
//! it is told who calls and what time it is, and knows no connection. A caller
//! that asks too often is to be cut off; everybody else gets an answer.

mod https;

use std::collections::BTreeSet;

use libp2p::Multiaddr;
use libp2p::core::{PeerRecord, SignedEnvelope};

use super::limiter::{Budget, Limiter};
use super::registrations::{MAX_PAGE, Refused, Registrations, Serial, Wish};
use crate::mesh::address;
use crate::mesh::neighbourhood::Neighbourhood;
use crate::mesh::rendezvous::{Answer, Discovered, Request, Status};
use crate::model::{Community, MINUTE, NodeId, Timestamp};

pub use https::Reader;

/// Registrations a peer may make (threats.md, case 9).
pub const REGISTER: Budget = Budget { requests: 10, seconds: MINUTE };
/// Pages a peer may read: the whole table in a minute is 41 of them.
pub const DISCOVER: Budget = Budget { requests: 60, seconds: MINUTE };
/// Registrations of one neighbourhood's unlisted peers: their signatures cost time.
pub const CROWD: Budget = Budget { requests: 120, seconds: MINUTE };
/// Callers remembered by each limiter.
const MAX_CALLERS: usize = 4096;
/// Addresses in a record; what a node has, with a few relays.
const MAX_ADDRESSES: usize = 16;
/// A cookie begins with the serial; the namespace follows.
const SERIAL_BYTES: usize = 8;

/// Whom the desk serves and how.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The communities that are served.
    pub communities: Vec<Community>,
    /// Nodes that always have a place.
    pub listed: BTreeSet<NodeId>,
    /// Whether records may hold private addresses only (test networks).
    pub allow_private_addresses: bool,
}

/// Who stands at the desk.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// The identity that the connection proved.
    pub node: NodeId,
    /// The network that it comes from.
    pub from: Neighbourhood,
}

/// What is done about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Answer it.
    Answer(Answer),
    /// Answer that a node is registered; others can reach it at these addresses.
    Registered(Answer, Vec<Multiaddr>),
    /// It wants no answer.
    Silence,
    /// Answer that it was refused, and why.
    Refuse(Answer, Reason),
    /// Close the caller's connections and shut it out for a while.
    CutOff,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The namespace is not one of the served communities.
    Namespace,
    /// Whoever asks for all namespaces gets none.
    AllNamespaces,
    /// The record is damaged, unsigned, or of a form that our clients cannot read.
    BadRecord,
    /// The record is somebody else's.
    NotTheCallers,
    /// The record names no address, too many, or none that others can reach.
    Addresses,
    /// The cookie was not given out here.
    Cookie,
    /// The caller's neighbourhood asks too often.
    CrowdTooOften,
    /// The caller asks too often; at the rendezvous it is cut off.
    TooOften,
    /// The table does not take it.
    Table(Refused),
}

impl Reason {
    /// The metric's label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Namespace => "namespace",
            Self::AllNamespaces => "all_namespaces",
            Self::BadRecord => "bad_record",
            Self::NotTheCallers => "not_the_callers",
            Self::Addresses => "addresses",
            Self::Cookie => "cookie",
            Self::CrowdTooOften => "crowd_too_often",
            Self::TooOften => "too_often",
            Self::Table(Refused::Stale) => "stale",
            Self::Table(Refused::TooLarge) => "too_large",
            Self::Table(Refused::Crowded) => "crowded",
            Self::Table(Refused::Full) => "full",
        }
    }

    fn status(self) -> Status {
        match self {
            Self::Namespace => Status::InvalidNamespace,
            Self::AllNamespaces | Self::NotTheCallers => Status::NotAuthorized,
            Self::BadRecord | Self::Addresses => Status::InvalidRecord,
            Self::Cookie => Status::InvalidCookie,
            Self::CrowdTooOften | Self::TooOften => Status::Unavailable,
            Self::Table(Refused::Stale | Refused::TooLarge) => Status::InvalidRecord,
            Self::Table(Refused::Crowded | Refused::Full) => Status::Unavailable,
        }
    }
}

/// The desk.
#[derive(Debug)]
pub struct Desk {
    namespaces: Vec<String>,
    listed: BTreeSet<NodeId>,
    allow_private_addresses: bool,
    registrations: Registrations,
    registering: Limiter<NodeId>,
    discovering: Limiter<NodeId>,
    crowds: Limiter<Neighbourhood>,
    /// Unsigned readers of the registry over HTTPS.
    readers: Limiter<Neighbourhood>,
}

impl Desk {
    /// Opens with an empty table.
    pub fn new(rules: Rules, now: Timestamp) -> Self {
        Self {
            namespaces: rules.communities.iter().map(namespace).collect(),
            registrations: Registrations::new(rules.listed.clone(), now),
            listed: rules.listed,
            allow_private_addresses: rules.allow_private_addresses,
            registering: Limiter::new(REGISTER, MAX_CALLERS),
            discovering: Limiter::new(DISCOVER, MAX_CALLERS),
            crowds: Limiter::new(CROWD, MAX_CALLERS),
            readers: Limiter::new(https::READERS, MAX_CALLERS),
        }
    }

    /// Registrations held, without those that have ended.
    pub fn registrations(&mut self, now: Timestamp) -> usize {
        self.registrations.expire(now);
        self.registrations.len()
    }

    /// Whether a node is registered in any community.
    pub fn is_registered(&self, node: &NodeId) -> bool {
        (0..self.namespaces.len()).any(|community| self.registrations.holds(node, community))
    }

    /// Deals with a request. The budgets come first, because everything after them costs more.
    pub fn serve(&mut self, caller: Caller, request: Request, now: Timestamp) -> Reply {
        let budget = match request {
            Request::Register { .. } | Request::Unregister { .. } => &mut self.registering,
            Request::Discover { .. } => &mut self.discovering,
        };
        if !budget.spend(&caller.node, now) {
            return Reply::CutOff;
        }
        match request {
            Request::Register { namespace, record, ttl } => {
                match self.register(caller, &namespace, record, ttl, now) {
                    Ok((ttl, at)) => Reply::Registered(Answer::Registered(Ok(ttl)), at),
                    Err(why) => Reply::Refuse(Answer::Registered(Err(why.status())), why),
                }
            }
            Request::Unregister { namespace } => {
                if let Some(community) = self.community(&namespace) {
                    self.registrations.unregister(&caller.node, community);
                }
                Reply::Silence
            }
            Request::Discover { namespace, limit, cookie } => {
                match self.discover(namespace, limit, cookie.as_deref(), now) {
                    Ok(page) => Reply::Answer(Answer::Discovered(Ok(page))),
                    Err(why) => Reply::Refuse(Answer::Discovered(Err(why.status())), why),
                }
            }
        }
    }

    /// A request that could not be read costs as much as a registration.
    /// `false`: cut the caller off.
    pub fn unreadable(&mut self, caller: Caller, now: Timestamp) -> bool {
        self.registering.spend(&caller.node, now)
    }

    fn register(
        &mut self,
        caller: Caller,
        namespace: &str,
        record: Vec<u8>,
        ttl: Option<u64>,
        now: Timestamp,
    ) -> Result<(u64, Vec<Multiaddr>), Reason> {
        let community = self.community(namespace).ok_or(Reason::Namespace)?;
        if !self.listed.contains(&caller.node) && !self.crowds.spend(&caller.from, now) {
            return Err(Reason::CrowdTooOften);
        }
        let (seq, reachable) = self.check(caller, &record)?;
        let wish = Wish { node: caller.node, community, from: caller.from, seq, record, ttl };
        let ttl = self.registrations.register(wish, now).map_err(Reason::Table)?;
        Ok((ttl, reachable))
    }

    /// Answers the record's sequence number and the addresses that others can
    /// reach, if the record is the caller's own and worth showing. Only the form that libp2p's client reads passes: one
    /// record that it cannot read makes it drop the whole page.
    fn check(&self, caller: Caller, record: &[u8]) -> Result<(u64, Vec<Multiaddr>), Reason> {
        let record = SignedEnvelope::from_protobuf_encoding(record)
            .ok()
            .and_then(|envelope| PeerRecord::from_signed_envelope(envelope).ok())
            .ok_or(Reason::BadRecord)?;
        if address::node_of(&record.peer_id()) != Some(caller.node) {
            return Err(Reason::NotTheCallers);
        }
        let is_reachable =
            |address: &&Multiaddr| self.allow_private_addresses || address::is_global(address);
        let reachable: Vec<Multiaddr> =
            record.addresses().iter().filter(is_reachable).cloned().collect();
        if reachable.is_empty() || record.addresses().len() > MAX_ADDRESSES {
            return Err(Reason::Addresses);
        }
        Ok((record.seq(), reachable))
    }

    fn discover(
        &self,
        namespace: Option<String>,
        limit: Option<u64>,
        cookie: Option<&[u8]>,
        now: Timestamp,
    ) -> Result<Discovered, Reason> {
        let namespace = namespace.ok_or(Reason::AllNamespaces)?;
        let community = self.community(&namespace).ok_or(Reason::Namespace)?;
        let after = match cookie {
            Some(cookie) => read_cookie(cookie, &namespace).ok_or(Reason::Cookie)?,
            None => 0,
        };
        let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(MAX_PAGE);
        let page = self.registrations.page(community, after, limit, now);
        let cookie = [&page.last.to_be_bytes(), namespace.as_bytes()].concat();
        let records = page.records.into_iter().map(|(record, ttl)| (record.to_vec(), ttl));
        Ok(Discovered { namespace, records: records.collect(), cookie })
    }

    fn community(&self, namespace: &str) -> Option<usize> {
        self.namespaces.iter().position(|served| served == namespace)
    }
}

/// Where the nodes of a community register.
fn namespace(community: &Community) -> String {
    format!("dtim/{community}")
}

/// The serial in a cookie, if the cookie belongs to the namespace.
fn read_cookie(cookie: &[u8], namespace: &str) -> Option<Serial> {
    let (serial, of) = cookie.split_first_chunk::<SERIAL_BYTES>()?;
    (of == namespace.as_bytes()).then(|| Serial::from_be_bytes(*serial))
}

#[cfg(test)]
mod tests;
