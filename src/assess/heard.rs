//! What was heard: a claim, and who delivered it.

use std::collections::BTreeSet;

use crate::model::{Claim, ContentId, NodeId, Pseudonym, Timestamp};

/// A claim of another, as it is kept: who made it is hidden behind the
/// pseudonym; who delivered it is known and is all that trust can go by.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// The claim.
    pub claim: Claim,
    /// The key that signed it.
    pub pseudonym: Pseudonym,
    /// Which bytes it is.
    pub content: ContentId,
    /// The members that delivered it.
    pub delivered_by: BTreeSet<NodeId>,
    /// When it first came.
    pub received: Timestamp,
}

/// The record that follows from two of one pseudonym. Commutative, associative
/// and idempotent: the highest revision wins, ties by content id; of the same
/// content, everybody who delivered it is remembered, and when it first came.
#[must_use]
pub fn merge(a: Heard, b: Heard) -> Heard {
    let rank = |heard: &Heard| (heard.claim.revision, heard.content);
    match rank(&a).cmp(&rank(&b)) {
        std::cmp::Ordering::Greater => a,
        std::cmp::Ordering::Less => b,
        std::cmp::Ordering::Equal => {
            let mut merged = a;
            merged.delivered_by.extend(b.delivered_by);
            merged.received = merged.received.min(b.received);
            merged
        }
    }
}
