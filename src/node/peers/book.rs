//! Who is a member, who was revoked, who waits for approval. Pure: it decides,
//! the node carries out.
//!
//! Members come from the configuration or from an approval; a revocation by the
//! operator outweighs both, until the peer is approved again.

use std::collections::{BTreeMap, BTreeSet};

use multiaddr::Multiaddr;

use crate::assess::{self, Trust};
use crate::model::{Level, NodeId, Timestamp};

/// Candidates that are remembered at most; the one not seen for the longest time goes first.
pub const MAX_CANDIDATES: usize = 1_000;
/// Addresses that are remembered of one peer at most.
pub const MAX_ADDRESSES: usize = 16;

/// Where a member's approval stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApprovedBy {
    /// A `[[peers]]` entry.
    Config,
    /// `dtim peers approve` or the dashboard.
    Operator,
}

/// A peer that this operator approved.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Its key.
    pub node: NodeId,
    /// What the operator calls it.
    pub name: String,
    /// The organisation it belongs to; several nodes of one count once.
    pub organisation: String,
    /// Weight of what only it delivered, 0 to 1.
    pub trust: f64,
    /// Whether it is told what this node saw itself.
    pub attest: bool,
    /// A stricter privacy level for direct delivery and HTTP.
    pub level: Option<Level>,
    /// Where it can be reached.
    pub addresses: Vec<Multiaddr>,
    /// Who approved it.
    pub by: ApprovedBy,
}

/// A stranger that knocked or was discovered.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Its key.
    pub node: NodeId,
    /// Where it was seen, newest last.
    pub addresses: Vec<Multiaddr>,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// When it was last seen.
    pub last_seen: Timestamp,
    /// How often it knocked or was found.
    pub count: u64,
    /// How it was found: `knock`, `rendezvous`, `registry`, `address`.
    pub via: String,
}

/// The book of peers.
#[derive(Clone, Debug, Default)]
pub struct Book {
    members: BTreeMap<NodeId, Member>,
    revoked: BTreeSet<NodeId>,
    candidates: BTreeMap<NodeId, Candidate>,
}

/// A name, key or entry that does not fit the book.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BookError {
    /// No such peer.
    #[error(
        "no peer is called {0:?}: `dtim peers list` and `dtim peers candidates` show who is known"
    )]
    Unknown(String),
    /// The name belongs to another peer.
    #[error("the name {0:?} belongs to another peer: choose another with --name")]
    NameTaken(String),
    /// A node cannot be its own peer.
    #[error("that is this node's own PeerId")]
    Own,
    /// Not a share of one.
    #[error("trust is a number from 0 to 1")]
    Trust,
}

impl Book {
    /// Replaces the members of the configuration; those approved by hand stay.
    /// A configured entry outweighs an approval of the same peer.
    pub fn set_configured(&mut self, configured: impl IntoIterator<Item = Member>) {
        self.members.retain(|_, member| member.by == ApprovedBy::Operator);
        for mut member in configured {
            self.take_addresses(&mut member);
            self.members.insert(member.node, member);
        }
    }

    /// What is known of a peer as a candidate, its addresses, moves to the member.
    fn take_addresses(&mut self, member: &mut Member) {
        let candidate = self.candidates.remove(&member.node);
        for address in candidate.into_iter().flat_map(|candidate| candidate.addresses) {
            push_address(&mut member.addresses, address);
        }
    }

    /// Takes over a stored approval.
    pub fn restore_member(&mut self, member: Member) {
        self.members.entry(member.node).or_insert(member);
    }

    /// Takes over a stored revocation.
    pub fn restore_revoked(&mut self, node: NodeId) {
        self.revoked.insert(node);
    }

    /// Takes over a stored candidate.
    pub fn restore_candidate(&mut self, candidate: Candidate) {
        if self.member(candidate.node).is_none() {
            self.candidates.insert(candidate.node, candidate);
            self.bound_candidates();
        }
    }

    /// Makes a peer a member. What it was a candidate with, its addresses, it keeps.
    pub fn approve(&mut self, mut member: Member, own: NodeId) -> Result<Member, BookError> {
        if member.node == own {
            return Err(BookError::Own);
        }
        if !(0.0..=1.0).contains(&member.trust) {
            return Err(BookError::Trust);
        }
        let taken = self.members().any(|m| m.name == member.name && m.node != member.node);
        if taken {
            return Err(BookError::NameTaken(member.name));
        }
        self.take_addresses(&mut member);
        self.revoked.remove(&member.node);
        self.members.insert(member.node, member.clone());
        Ok(member)
    }

    /// Takes a member's approval back, one of the configuration included.
    pub fn revoke(&mut self, node: NodeId) -> Option<Member> {
        let member = self.member(node).cloned()?;
        self.revoked.insert(node);
        if member.by == ApprovedBy::Operator {
            self.members.remove(&node);
        }
        Some(member)
    }

    /// Notes that a stranger was seen. Members are no candidates. Returns the
    /// entry and how many others were forgotten to make room.
    pub fn seen(
        &mut self,
        node: NodeId,
        addresses: impl IntoIterator<Item = Multiaddr>,
        via: &str,
        now: Timestamp,
    ) -> Option<(Candidate, usize)> {
        if self.member(node).is_some() {
            return None;
        }
        let candidate = self.candidates.entry(node).or_insert_with(|| Candidate {
            node,
            addresses: Vec::new(),
            first_seen: now,
            last_seen: now,
            count: 0,
            via: via.to_owned(),
        });
        candidate.count = candidate.count.saturating_add(1);
        candidate.last_seen = candidate.last_seen.max(now);
        for address in addresses {
            push_address(&mut candidate.addresses, address);
        }
        let candidate = candidate.clone();
        let evicted = self.bound_candidates();
        Some((candidate, evicted))
    }

    /// Notes an address at which a member was reached, or says that it is. True if
    /// it was new.
    pub fn reached(&mut self, node: NodeId, address: Multiaddr) -> bool {
        let Some(member) = self.members.get_mut(&node) else { return false };
        let known = member.addresses.contains(&address);
        push_address(&mut member.addresses, address);
        !known
    }

    fn bound_candidates(&mut self) -> usize {
        let mut evicted = 0;
        while self.candidates.len() > MAX_CANDIDATES {
            let oldest =
                self.candidates.values().min_by_key(|c| (c.last_seen, c.node)).map(|c| c.node);
            match oldest {
                Some(node) => self.candidates.remove(&node),
                None => break,
            };
            evicted += 1;
        }
        evicted
    }

    /// The member with that key, unless it was revoked.
    pub fn member(&self, node: NodeId) -> Option<&Member> {
        (!self.revoked.contains(&node)).then(|| self.members.get(&node)).flatten()
    }

    /// All members, revoked ones left out.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values().filter(|member| !self.revoked.contains(&member.node))
    }

    /// All candidates.
    pub fn candidates(&self) -> impl Iterator<Item = &Candidate> {
        self.candidates.values()
    }

    /// The candidate with that key.
    pub fn candidate(&self, node: NodeId) -> Option<&Candidate> {
        self.candidates.get(&node)
    }

    /// Finds a member or candidate by name or PeerId.
    pub fn find(&self, name_or_id: &str) -> Result<NodeId, BookError> {
        let by_name = self.members().find(|member| member.name == name_or_id).map(|m| m.node);
        let by_id = || {
            let node: NodeId = name_or_id.parse().ok()?;
            (self.member(node).is_some() || self.candidates.contains_key(&node)).then_some(node)
        };
        by_name.or_else(by_id).ok_or_else(|| BookError::Unknown(name_or_id.to_owned()))
    }

    /// What each member's deliveries weigh. Who is not in it weighs nothing.
    pub fn trust(&self) -> Trust {
        let weigh = |member: &Member| {
            let weight =
                assess::Member { trust: member.trust, organisation: member.organisation.clone() };
            (member.node, weight)
        };
        Trust { of: self.members().map(weigh).collect() }
    }
}

/// Adds an address at the end; one that is known moves there, the oldest goes when there are too many.
fn push_address(addresses: &mut Vec<Multiaddr>, address: Multiaddr) {
    addresses.retain(|known| *known != address);
    addresses.push(address);
    if addresses.len() > MAX_ADDRESSES {
        addresses.remove(0);
    }
}
