//! Comparing what is stored with what a member has, and reading what it lacks.

use super::family::{self, Family};
use super::record::{self, KeptClaim, KeptContent, Whereabouts};
use super::{Store, StoreError};
use crate::model::{ContentId, Day, NodeId, Timestamp};
use crate::reconcile::{BadMessage, Told};

impl Store {
    /// Begins a comparison of the claims that end on a day or later.
    pub fn compare(&self, from: Day, now: Timestamp) -> Result<Vec<u8>, BadMessage> {
        self.shared().sync.open(from, now)
    }

    /// Answers a member that compares.
    pub fn compared(
        &self,
        from: Day,
        question: &[u8],
        now: Timestamp,
    ) -> Result<Vec<u8>, BadMessage> {
        self.shared().sync.answer(from, question, now)
    }

    /// What follows from a member's answer: what is missing here, and how to go on;
    /// and how many claims it listed, of use here or not.
    pub fn conclude(
        &self,
        from: Day,
        answer: &[u8],
        member: NodeId,
    ) -> Result<(Told, usize), BadMessage> {
        self.shared().sync.conclude(from, answer, member)
    }

    /// How many claims take part.
    #[cfg(test)]
    pub(super) fn sync_len(&self) -> usize {
        self.shared().sync.len()
    }

    /// The bytes of a claim that takes part in sync. What takes no part is not
    /// given out, so nobody can ask whether it is here.
    pub fn claim_for_sync(&self, id: &ContentId) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(until) = self.shared().sync.until(id) else { return Ok(None) };
        let key = family::content(&self.db().sealer, until, id);
        let claim = match self.db().read_or_lost::<KeptContent>(&key)? {
            Some(KeptContent { place: Whereabouts::Stored { key, .. }, .. }) => {
                self.db().read_or_lost::<KeptClaim>(&key)?
            }
            Some(KeptContent { place: Whereabouts::NoRoom, .. }) => return Ok(None),
            Some(KeptContent { place: Whereabouts::Replaced, .. }) | None => None,
        };
        // Damaged, or replaced in this moment: a member has it.
        let claim = claim.filter(|claim| claim.heard.content == *id);
        if claim.is_none() {
            self.shared().sync.lost(until, id);
        }
        Ok(claim.map(|claim| claim.bytes))
    }

    /// Content ids of claims that may come again, those that end last first.
    pub fn content_ids(&self, limit: usize) -> Result<Vec<ContentId>, StoreError> {
        let mut ids = Vec::new();
        for row in self.db().rows_backward(Family::Content)? {
            if ids.len() == limit {
                break;
            }
            let row = row?;
            match record::open::<KeptContent>(&self.db().sealer, &row.key, &row.stored) {
                Ok(kept) => ids.push(kept.content),
                Err(damaged) => self.db().note_damaged(&damaged),
            }
        }
        Ok(ids)
    }
}
