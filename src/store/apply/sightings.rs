//! What this node saw: evidence, and this operator's word on it.

use super::{Applied, Draft};
use crate::ageing;
use crate::keys::Damaged;
use crate::model::{Evidence, IndicatorId, Origin, Scope, Sighting, Timestamp};
use crate::store::family::{self, Ends, Family};
use crate::store::record::{KeptEvidence, KeptVote};
use crate::store::{Refused, StoreError};

impl Draft<'_> {
    pub(super) fn sighting(&mut self, sighting: &Sighting) -> Result<Applied, StoreError> {
        let indicator = family::indicator(&self.db.sealer, sighting.value.id());
        let key = family::evidence(&indicator, sighting.origin);
        let seen = sighting.at;
        let fresh = Evidence::from_sighting(sighting.clone());
        let kept = match self.evidence.read(self.db, &key) {
            Ok(Some(mut kept)) => {
                self.unmark(Family::Expiry, evidence_expiry(&kept.evidence, &key));
                let chosen = kept.scope_chosen.then(|| kept.evidence.scope.clone());
                kept.evidence.absorb(fresh);
                if let Some(scope) = chosen {
                    kept.evidence.scope = scope;
                }
                kept
            }
            Ok(None) => KeptEvidence { evidence: fresh, scope_chosen: false },
            Err(StoreError::Damaged(damaged)) => self.begin_anew(fresh, &damaged),
            Err(error) => return Err(error),
        };
        self.mark(Family::Expiry, evidence_expiry(&kept.evidence, &key));
        let crossing = evidence_crossing(&kept.evidence, self.now());
        let new = self.touch(&indicator, &kept.evidence.value, seen, crossing)?;
        if new && let Some(full) = &self.full {
            return Err(full.clone());
        }
        self.evidence.put(&key, kept);
        Ok(if new { Applied::New } else { Applied::Updated })
    }

    /// Nobody knows any more how far damaged evidence was allowed to travel, so
    /// what takes its place stays here until the operator shares it.
    fn begin_anew(&self, mut fresh: Evidence, damaged: &Damaged) -> KeptEvidence {
        self.db.note_damaged(damaged);
        fresh.scope = Scope::private();
        KeptEvidence { evidence: fresh, scope_chosen: true }
    }

    pub(super) fn set_scope(
        &mut self,
        indicator: IndicatorId,
        origin: Origin,
        scope: &Scope,
    ) -> Result<Applied, StoreError> {
        let indicator = family::indicator(&self.db.sealer, indicator);
        let key = family::evidence(&indicator, origin);
        let Some(mut kept) = self.evidence.read_or_lost(self.db, &key)? else {
            return Ok(Applied::Refused(Refused::NoEvidence));
        };
        kept.evidence.scope = scope.clone();
        kept.scope_chosen = true;
        self.evidence.put(&key, kept);
        self.touch_again(&indicator, None);
        Ok(Applied::Updated)
    }

    pub(super) fn vote(
        &mut self,
        indicator: IndicatorId,
        false_positive: bool,
        at: Timestamp,
    ) -> Result<Applied, StoreError> {
        let indicator = family::indicator(&self.db.sealer, indicator);
        let new = self.votes.read_or_lost(self.db, &indicator)?.is_none();
        self.votes.put(&indicator, KeptVote { false_positive, at });
        self.touch_again(&indicator, None);
        Ok(if new { Applied::New } else { Applied::Updated })
    }
}

/// The index row that ends a piece of evidence.
pub(super) fn evidence_expiry(evidence: &Evidence, key: &[u8]) -> Vec<u8> {
    let end = ageing::end_of(evidence.value.kind(), evidence.last_seen);
    family::expiry(end, Ends::Evidence, key)
}

/// When evidence crosses its next step.
pub(super) fn evidence_crossing(evidence: &Evidence, now: Timestamp) -> Option<Timestamp> {
    let lifetime = ageing::lifetime(evidence.value.kind());
    ageing::next_crossing(evidence.confidence, evidence.last_seen, &lifetime, now)
}
