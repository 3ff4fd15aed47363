//! Peers: who is approved, and carrying out what the operator decides.

mod book;
mod invite;

#[cfg(test)]
mod tests;

use multiaddr::Multiaddr;

use super::{Node, NodeError, clock};
use crate::mesh::{Role, address};
use crate::model::{NodeId, Timestamp};
use crate::store::{Change, PeerRecord, Standing};

pub use book::{ApprovedBy, Book, BookError, Candidate, MAX_ADDRESSES, MAX_CANDIDATES, Member};
pub use invite::{BadInvite, Invite, safety_number};

impl Node {
    /// All members.
    pub fn members(&self) -> Vec<Member> {
        self.book().members().cloned().collect()
    }

    /// All candidates, the last seen first.
    pub fn candidates(&self) -> Vec<Candidate> {
        let mut candidates: Vec<Candidate> = self.book().candidates().cloned().collect();
        candidates.sort_by_key(|candidate| std::cmp::Reverse(candidate.last_seen));
        candidates
    }

    /// A member or candidate by name or PeerId.
    pub fn find_peer(&self, name_or_id: &str) -> Result<NodeId, NodeError> {
        self.book().find(name_or_id).map_err(|error| NodeError::NotFound(error.to_string()))
    }

    /// Approves a peer: written down first, then let in. Its connections begin at once.
    pub async fn approve(&self, member: Member) -> Result<Member, NodeError> {
        // A recipient would be ambiguous.
        if self.live().config.groups.contains_key(&member.name) {
            let name = member.name;
            return Err(NodeError::Request(format!(
                "{name:?} is the name of a group: choose another with --name"
            )));
        }
        let approved = self
            .book()
            .approve(member, self.inner.id)
            .map_err(|error| NodeError::Request(error.to_string()))?;
        self.write_peer(approved.node, Vec::new()).await?;
        let addresses = approved.addresses.clone();
        self.inner.mesh.set_role(approved.node, Role::Member, addresses).await?;
        tracing::info!(name = approved.name, "peer approved");
        Ok(approved)
    }

    /// Takes an approval back: the peer weighs nothing at once, all its connections
    /// are closed when this returns, and nothing waits for it any more.
    pub async fn revoke(&self, node: NodeId) -> Result<Member, NodeError> {
        let revoked = self
            .book()
            .revoke(node)
            .ok_or_else(|| NodeError::NotFound("this peer is no member".to_owned()))?;
        self.inner.mesh.set_role(node, Role::Stranger, Vec::new()).await?;
        self.write_peer(node, vec![Change::OutboxDrop(node)]).await?;
        self.orphan().await?;
        tracing::info!(name = revoked.name, "peer revoked");
        Ok(revoked)
    }

    /// An invite for another operator. `name` and addresses are what this node knows of itself.
    pub fn invite(&self) -> Invite {
        let live = self.live();
        let status = self.inner.mesh.status().borrow().clone();
        let mut addresses: Vec<Multiaddr> = live.config.network.external_addresses.clone();
        let any = live.config.network.allow_private_addresses;
        addresses.extend(status.external.into_iter().filter(|a| any || address::may_be_told(a)));
        addresses.extend(status.listen.into_iter().filter(|a| any || address::is_global(a)));
        addresses.sort();
        addresses.dedup();
        Invite {
            node: self.inner.id,
            community: self.inner.community.clone(),
            // The operator's own name for the node never leaves it.
            name: String::new(),
            addresses,
            bootstraps: live.config.network.bootstraps.clone(),
        }
    }

    pub(super) fn saw_stranger(
        &self,
        node: NodeId,
        addresses: impl IntoIterator<Item = Multiaddr>,
        via: &str,
        now: Timestamp,
    ) -> Vec<Change> {
        let Some((candidate, evicted)) = self.book().seen(node, addresses, via, now) else {
            return Vec::new();
        };
        self.inner.metrics.candidates_evicted.inc_by(evicted as u64);
        // A knock a second must not become a write a second: the store gets the
        // first of each peer and then every hundredth.
        if candidate.count % 100 == 1 {
            self.remember_peer(node).into_iter().collect()
        } else {
            Vec::new()
        }
    }

    /// The record to keep of a peer, if there is anything to keep.
    pub(super) fn remember_peer(&self, node: NodeId) -> Option<Change> {
        let book = self.book();
        let record = match (book.member(node), book.candidate(node)) {
            (Some(member), _) => member_record(member, clock::now()),
            (None, Some(candidate)) => candidate_record(candidate),
            (None, None) => return None,
        };
        Some(Change::PeerRecord(record))
    }

    /// What only a peer delivered that is no member any more is fetched again from
    /// those who are.
    pub(super) async fn orphan(&self) -> Result<(), NodeError> {
        let members = self.book().members().map(|member| member.node).collect();
        self.write(vec![Change::Orphan { members }]).await?;
        Ok(())
    }

    async fn write_peer(&self, node: NodeId, mut with: Vec<Change>) -> Result<(), NodeError> {
        let change = self.remember_peer(node).unwrap_or_else(|| {
            Change::PeerRecord(blank_record(node, Standing::Revoked, clock::now()))
        });
        with.push(change);
        self.write(with).await?;
        Ok(())
    }
}

fn blank_record(node: NodeId, standing: Standing, since: Timestamp) -> PeerRecord {
    PeerRecord {
        node,
        standing,
        name: String::new(),
        organisation: String::new(),
        trust: 0.0,
        attest: false,
        level: None,
        addresses: Vec::new(),
        since,
        seen: None,
    }
}

/// A member of the configuration is kept as a candidate, for its addresses: it
/// must not stay a member once the configuration no longer names it.
fn member_record(member: &Member, now: Timestamp) -> PeerRecord {
    let standing = match member.by {
        ApprovedBy::Operator => Standing::Approved,
        ApprovedBy::Config => Standing::Candidate,
    };
    PeerRecord {
        name: member.name.clone(),
        organisation: member.organisation.clone(),
        trust: member.trust,
        attest: member.attest,
        level: member.level,
        addresses: member.addresses.iter().rev().cloned().collect(),
        seen: Some(now),
        ..blank_record(member.node, standing, now)
    }
}

fn candidate_record(candidate: &Candidate) -> PeerRecord {
    PeerRecord {
        addresses: candidate.addresses.iter().rev().cloned().collect(),
        seen: Some(candidate.last_seen),
        ..blank_record(candidate.node, Standing::Candidate, candidate.first_seen)
    }
}

/// Takes a stored record over into the book. The store keeps the last address first.
pub(super) fn restore(book: &mut Book, record: PeerRecord) {
    let addresses = record.addresses.into_iter().rev().collect();
    match record.standing {
        Standing::Revoked => book.restore_revoked(record.node),
        Standing::Approved => book.restore_member(Member {
            node: record.node,
            name: record.name,
            organisation: record.organisation,
            trust: record.trust,
            attest: record.attest,
            level: record.level,
            addresses,
            by: ApprovedBy::Operator,
        }),
        Standing::Candidate => book.restore_candidate(Candidate {
            node: record.node,
            addresses,
            first_seen: record.since,
            last_seen: record.seen.unwrap_or(record.since),
            count: 0,
            via: "earlier".to_owned(),
        }),
    }
}
