//! What takes part in sync, in memory: kept by the writer after each durable
//! group, read by whoever compares.
//!
//! An own claim is held back for a while: who finds it here alone would know who
//! made it (design section 4). It is let in once two members have it, or when its
//! time has come.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::record::Whereabouts;
use crate::metrics::Metrics;
use crate::model::{ContentId, Day, NodeId, Timestamp};
use crate::reconcile::{self, BadMessage, Set, Told};

/// Members that must have an own claim before a comparison shows it.
const WITNESSES: usize = 2;
/// Replaced claims that are remembered, 40 bytes each. One that is forgotten is
/// fetched once more and found to be old.
const MAX_REPLACED: usize = 1 << 18;

/// A change of what takes part.
#[derive(Clone, Copy, Debug)]
pub(super) enum SyncChange {
    /// A claim is stored, or there was no room for it.
    Insert(Day, ContentId),
    /// An own claim is stored, which takes no part before that time.
    Hold(Day, ContentId, Timestamp),
    /// A higher revision took its place.
    Replace(Day, ContentId),
    /// It is stored and to be fetched again.
    Lose(Day, ContentId),
    /// All that ends before this day is gone.
    DropBefore(Day),
}

impl SyncChange {
    /// What follows from what became of a claim.
    pub(super) fn of(until: Day, id: ContentId, place: &Whereabouts) -> Self {
        match place {
            Whereabouts::Stored { held: Some(from), .. } => Self::Hold(until, id, *from),
            Whereabouts::Stored { held: None, .. } | Whereabouts::NoRoom => Self::Insert(until, id),
            Whereabouts::Replaced => Self::Replace(until, id),
        }
    }
}

/// What takes part.
#[derive(Default)]
pub(super) struct Sync(RwLock<Inner>);

#[derive(Default)]
struct Inner {
    set: Set,
    /// Own claims that wait; bounded by what this node makes within an hour.
    held: BTreeMap<ContentId, Held>,
    replaced: HashSet<ContentId>,
}

struct Held {
    until: Day,
    from: Timestamp,
    /// Members that were found to have it.
    witnesses: BTreeSet<NodeId>,
}

impl Sync {
    pub(super) fn apply(&self, changes: Vec<SyncChange>, metrics: &Metrics) {
        if changes.is_empty() {
            return;
        }
        let mut inner = self.write();
        for change in changes {
            inner.apply(change);
        }
        metrics.sync_claims.set(i64::try_from(inner.set.len()).unwrap_or(i64::MAX));
    }

    pub(super) fn open(&self, from: Day, now: Timestamp) -> Result<Vec<u8>, BadMessage> {
        self.let_in(now);
        reconcile::open(&self.read().set, from)
    }

    pub(super) fn answer(
        &self,
        from: Day,
        question: &[u8],
        now: Timestamp,
    ) -> Result<Vec<u8>, BadMessage> {
        self.let_in(now);
        reconcile::answer(&self.read().set, from, question)
    }

    /// What follows from a member's answer, and how many claims it listed. What is
    /// here but takes no part is not missing; of an own claim it is noted that the
    /// member has it.
    pub(super) fn conclude(
        &self,
        from: Day,
        answer: &[u8],
        member: NodeId,
    ) -> Result<(Told, usize), BadMessage> {
        // One lock: what is let in between two of them would look missing.
        let mut inner = self.write();
        let mut told = reconcile::conclude(&inner.set, from, answer)?;
        let listed = told.missing.len();
        told.missing.retain(|id| !inner.replaced.contains(id) && !inner.saw_at(id, member));
        Ok((told, listed))
    }

    /// The day on which a claim that takes part ends.
    ///
    /// An own claim that is held is told too: who asks for it by its id has it, and
    /// who alone did not answer would be known as its author.
    pub(super) fn until(&self, id: &ContentId) -> Option<Day> {
        let inner = self.read();
        inner.held.get(id).map(|held| held.until).or_else(|| inner.set.find(id))
    }

    /// A claim that cannot be read any more is to be fetched again.
    pub(super) fn lost(&self, until: Day, id: &ContentId) {
        self.write().set.remove(until, id);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.read().set.len()
    }

    fn let_in(&self, now: Timestamp) {
        if self.read().held.values().any(|held| held.from <= now) {
            let mut inner = self.write();
            let due: Vec<ContentId> =
                inner.held.iter().filter(|(_, h)| h.from <= now).map(|(id, _)| *id).collect();
            for id in due {
                inner.let_in(&id);
            }
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn apply(&mut self, change: SyncChange) {
        match change {
            SyncChange::Insert(until, id) => {
                self.replaced.remove(&id);
                self.set.insert(until, id);
            }
            SyncChange::Hold(until, id, from) => {
                let witnesses = BTreeSet::new();
                self.held.insert(id, Held { until, from, witnesses });
            }
            SyncChange::Replace(until, id) => {
                self.held.remove(&id);
                self.set.remove(until, &id);
                if self.replaced.len() < MAX_REPLACED {
                    self.replaced.insert(id);
                }
            }
            SyncChange::Lose(until, id) => {
                self.set.remove(until, &id);
            }
            SyncChange::DropBefore(day) => {
                self.set.drop_before(day);
                self.held.retain(|_, held| held.until >= day);
                // Which of these have ended is not known here: begin anew.
                self.replaced.clear();
            }
        }
    }

    /// Notes that a member has an own claim. False if it is none that is held.
    fn saw_at(&mut self, id: &ContentId, member: NodeId) -> bool {
        let Some(held) = self.held.get_mut(id) else { return false };
        held.witnesses.insert(member);
        if held.witnesses.len() >= WITNESSES {
            self.let_in(id);
        }
        true
    }

    fn let_in(&mut self, id: &ContentId) {
        if let Some(held) = self.held.remove(id) {
            self.set.insert(held.until, *id);
        }
    }
}
