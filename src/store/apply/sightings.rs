//! What this node saw or imported: evidence, and this operator's word on it.

use super::places::Views;
use super::{Applied, Draft, Touched};
use crate::ageing;
use crate::keys::Damaged;
use crate::model::{Evidence, IndicatorId, Origin, Scope, Timestamp, Tlp};
use crate::store::StoreError;
use crate::store::family::{self, Ends, Family, Id};
use crate::store::record::{KeptEvidence, KeptVote};

impl Draft<'_> {
    /// Folds evidence into the record of its indicator and origin, and of imports marking.
    pub(super) fn absorb(
        &mut self,
        fresh: Evidence,
        seen: Timestamp,
    ) -> Result<Applied, StoreError> {
        let origin = fresh.origin;
        let indicator = family::indicator(&self.db.sealer, fresh.indicator());
        let key = if origin.is_own() {
            family::evidence(&indicator, origin)
        } else {
            family::import(&indicator, origin, fresh.scope.tlp())
        };
        let known = self.evidence.read(self.db, &key);
        let before = known.as_ref().ok().and_then(|kept| Some(kept.as_ref()?.evidence.clone()));
        let kept = match known {
            Ok(Some(mut kept)) => {
                self.unmark(Family::Expiry, evidence_expiry(&kept.evidence, &key));
                // How far what was added by hand may travel is the operator's word as well.
                let chosen = kept.scope_chosen || origin == Origin::Manual;
                let chosen = chosen.then(|| kept.evidence.scope.clone());
                kept.evidence.absorb(fresh);
                if let Some(scope) = chosen {
                    kept.evidence.scope = scope;
                }
                kept
            }
            Ok(None) => self.first_of_origin(&indicator, fresh)?,
            Err(StoreError::Damaged(damaged)) => self.begin_anew(fresh, &damaged),
            Err(error) => return Err(error),
        };
        self.mark(Family::Expiry, evidence_expiry(&kept.evidence, &key));
        let record = self.indicators.read_or_lost(self.db, &indicator)?;
        let places = record.map(|record| record.places).unwrap_or_default();
        let touched = Touched::by_evidence(before.as_ref(), &kept.evidence, &places, self.now());
        let new = self.touch(&indicator, &kept.evidence.value, seen, touched)?;
        if new && let Some(full) = &self.full {
            return Err(full.clone());
        }
        self.evidence.put(&key, kept);
        Ok(if new { Applied::New } else { Applied::Updated })
    }

    /// What the operator has decided about an indicator holds for a source that sees it
    /// for the first time, too: it must not widen what was narrowed.
    fn first_of_origin(&self, indicator: &Id, fresh: Evidence) -> Result<KeptEvidence, StoreError> {
        let mut kept = KeptEvidence::new(fresh);
        let by_log = matches!(kept.evidence.origin, Origin::Log(_));
        if !by_log || self.indicators.read_or_lost(self.db, indicator)?.is_none() {
            return Ok(kept);
        }
        let known = self.evidence.under(self.db, indicator)?;
        for other in known.iter().filter(|other| other.scope_chosen) {
            kept.evidence.scope = kept.evidence.scope.strictest(&other.evidence.scope);
            kept.scope_chosen = true;
            let theirs = other.members.clone().unwrap_or_default();
            kept.members = Some(match kept.members.take() {
                None => theirs,
                Some(ours) => ours.intersection(&theirs).copied().collect(),
            });
        }
        Ok(kept)
    }

    /// Nobody knows any more how far damaged evidence was allowed to travel, so
    /// what takes its place stays here until the operator shares it.
    fn begin_anew(&self, mut fresh: Evidence, damaged: &Damaged) -> KeptEvidence {
        self.db.note_damaged(damaged);
        fresh.scope = Scope::private();
        KeptEvidence { scope_chosen: true, ..KeptEvidence::new(fresh) }
    }

    /// All imports speak with one voice, and its last word is that it is none.
    pub(super) fn import_taken_back(
        &mut self,
        indicator: IndicatorId,
    ) -> Result<Applied, StoreError> {
        let indicator = family::indicator(&self.db.sealer, indicator);
        let mut known = false;
        for key in import_keys(&indicator) {
            if let Some(kept) = self.evidence.read_or_lost(self.db, &key)? {
                self.unmark(Family::Expiry, evidence_expiry(&kept.evidence, &key));
                self.evidence.delete(&key);
                self.touch_again(&indicator, Touched::by_loss(&kept.evidence.scope));
                known = true;
            }
        }
        if known {
            self.drop_if_bare(&indicator, Views::default())?;
        }
        Ok(if known { Applied::Updated } else { Applied::Known })
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
        self.touch_again(&indicator, Touched::by_judgement());
        Ok(if new { Applied::New } else { Applied::Updated })
    }
}

/// Where imports of an indicator can be. Until schema 3 all markings had one record.
fn import_keys(indicator: &Id) -> impl Iterator<Item = Vec<u8>> {
    [Origin::Import, Origin::ImportOfDtim].into_iter().flat_map(|origin| {
        let older = family::evidence(indicator, origin);
        Tlp::ALL.map(|tlp| family::import(indicator, origin, tlp)).into_iter().chain([older])
    })
}

/// The index row that ends a piece of evidence.
pub(super) fn evidence_expiry(evidence: &Evidence, key: &[u8]) -> Vec<u8> {
    family::expiry(ageing::end_of_evidence(evidence), Ends::Evidence, key)
}

/// When evidence crosses its next step.
pub(super) fn evidence_crossing(evidence: &Evidence, now: Timestamp) -> Option<Timestamp> {
    let lifetime = ageing::lifetime(evidence.value.kind());
    ageing::next_crossing(evidence.confidence, evidence.last_seen, &lifetime, now)
}
