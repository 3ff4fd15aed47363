//! Reading what audiences were told and what waits to leave.

use std::sync::atomic::Ordering;

use super::change::{Pending, What};
use super::family::{self, Family, Id};
use super::record::{KeptClaim, KeptEvidence, KeptOwn};
use super::{Store, StoreError};
use crate::model::{
    Audience, Claim, ContentId, Evidence, Generation, IndicatorId, Pseudonym, Timestamp,
};

/// A claim that was made for an audience.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnClaim {
    /// The claim, or one of a higher revision that came back under its pseudonym.
    pub claim: Claim,
    /// The generation of its pseudonym.
    pub generation: Generation,
    /// When it was made.
    pub at: Timestamp,
    /// Whether it surely left. One that was made and not marked may have left.
    pub left: bool,
    /// Its content id.
    pub content: ContentId,
    /// The signed bytes, to be sent again as they are.
    pub bytes: Vec<u8>,
}

/// What an audience was told of an indicator, and what it is to be told.
#[derive(Clone, Debug, PartialEq)]
pub struct OutboxRow {
    /// To whom.
    pub audience: Audience,
    /// The claim that was last made for it.
    pub last: Option<OwnClaim>,
    /// What it is to be told.
    pub waits: Option<Pending>,
    /// The least generation of the next claim.
    pub generation: Generation,
}

impl Store {
    /// The evidence that may be told to an audience, as far as it depends on whom it
    /// was shared with: for the mesh that is all of it.
    pub fn evidence_for(
        &self,
        indicator: IndicatorId,
        audience: Audience,
    ) -> Result<Vec<Evidence>, StoreError> {
        let prefix = family::indicator(&self.db().sealer, indicator);
        let records = self.db().records::<KeptEvidence>(&prefix)?.into_iter();
        let shared = records
            .map(|(_, kept)| kept)
            .filter(|kept| audience == Audience::Mesh || kept.reaches(audience));
        Ok(shared.map(|kept| kept.evidence).collect())
    }

    /// The claim that was last made for an audience.
    pub fn own(
        &self,
        indicator: IndicatorId,
        audience: Audience,
    ) -> Result<Option<OwnClaim>, StoreError> {
        Ok(self.outbox_row(indicator, audience)?.and_then(|row| row.last))
    }

    /// What the mesh was told before a time and still holds: not what was retracted.
    pub fn told_the_mesh(&self, before: Timestamp) -> Result<Vec<IndicatorId>, StoreError> {
        let mut told = Vec::new();
        for own in self.db().sound_records::<KeptOwn>()? {
            let own = own?.1;
            let left = own.sent.as_ref().is_some_and(|sent| sent.left && sent.at <= before);
            if own.audience != Audience::Mesh || !left {
                continue;
            }
            let indicator = own.indicator;
            let last = self.row(own)?.last;
            told.extend(last.filter(|last| !last.claim.retracted).map(|_| indicator));
        }
        Ok(told)
    }

    /// What an audience was told of an indicator, and what it is to be told.
    pub fn outbox_row(
        &self,
        indicator: IndicatorId,
        audience: Audience,
    ) -> Result<Option<OutboxRow>, StoreError> {
        let sealer = &self.db().sealer;
        let key = family::outbox(sealer, &family::indicator(sealer, indicator), audience);
        self.db().read::<KeptOwn>(&key)?.map(|own| self.row(own)).transpose()
    }

    /// All audiences that an indicator was shared with.
    pub fn outbox_rows(&self, indicator: IndicatorId) -> Result<Vec<OutboxRow>, StoreError> {
        let prefix = family::indicator(&self.db().sealer, indicator);
        let records = self.db().records::<KeptOwn>(&prefix)?;
        records.into_iter().map(|(_, own)| self.row(own)).collect()
    }

    fn row(&self, own: KeptOwn) -> Result<OutboxRow, StoreError> {
        let last = match &own.sent {
            None => None,
            Some(sent) => {
                let claim = self.claim_by(own.indicator, sent.pseudonym, sent.generation)?;
                claim.map(|claim| OwnClaim { at: sent.at, left: sent.left, ..claim })
            }
        };
        let waits = pending(&own);
        Ok(OutboxRow { audience: own.audience, last, waits, generation: own.generation })
    }

    /// The claim under a pseudonym, whoever brought it. Under one of our own that no row
    /// of the outbox knows it is one that an old backup has forgotten.
    pub fn claim_by(
        &self,
        indicator: IndicatorId,
        pseudonym: Pseudonym,
        generation: Generation,
    ) -> Result<Option<OwnClaim>, StoreError> {
        let sealer = &self.db().sealer;
        let key = family::claim(sealer, &family::indicator(sealer, indicator), &pseudonym);
        Ok(self.db().read::<KeptClaim>(&key)?.map(|kept| OwnClaim {
            claim: kept.heard.claim,
            generation,
            at: kept.heard.received,
            left: true,
            content: kept.heard.content,
            bytes: kept.bytes,
        }))
    }

    /// When the first of what waits for an audience is due.
    pub fn next_due(&self, audience: Audience) -> Result<Option<Timestamp>, StoreError> {
        let audience = family::audience(&self.db().sealer, audience);
        let mut first = Vec::new();
        for urgent in [true, false] {
            let prefix = family::waiting_for(&audience, urgent);
            let limit = first.len() + 1;
            self.waiting(&prefix, Timestamp(u64::MAX), limit, &mut first)?;
        }
        Ok(first.iter().map(|wish| wish.due).min())
    }

    /// What is due for an audience: the urgent first, then by time; at most so many.
    pub fn due(
        &self,
        audience: Audience,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Pending>, StoreError> {
        let audience = family::audience(&self.db().sealer, audience);
        let mut all = Vec::new();
        for urgent in [true, false] {
            let prefix = family::waiting_for(&audience, urgent);
            self.waiting(&prefix, now, limit, &mut all)?;
        }
        Ok(all)
    }

    /// What waits to leave, audience by audience, at most so many.
    pub fn outbox(&self, limit: usize) -> Result<Vec<Pending>, StoreError> {
        let mut all = Vec::new();
        self.waiting(&[], Timestamp(u64::MAX), limit, &mut all)?;
        all.sort_by_key(|pending| pending.due);
        Ok(all)
    }

    /// How many wishes wait to leave.
    pub fn waiting_count(&self) -> u64 {
        self.shared().pending.load(Ordering::Relaxed)
    }

    fn waiting(
        &self,
        prefix: &[u8],
        until: Timestamp,
        limit: usize,
        all: &mut Vec<Pending>,
    ) -> Result<(), StoreError> {
        for row in self.db().rows(Family::Waiting, prefix, prefix)? {
            if all.len() >= limit {
                break;
            }
            let Some((due, key)) = family::split_waiting(&row?.key) else { continue };
            if due > until {
                break;
            }
            // The row of a damaged record stands alone until its day is over.
            let wish = self.db().read_or_lost::<KeptOwn>(&key)?.as_ref().and_then(pending);
            all.extend(wish.filter(|wish| wish.due == due));
        }
        Ok(())
    }
}

/// The wish of a row.
pub(super) fn pending(own: &KeptOwn) -> Option<Pending> {
    let wish = own.wish?;
    Some(Pending {
        indicator: own.indicator,
        audience: own.audience,
        what: wish.what,
        due: wish.due,
        stamp: wish.stamp,
    })
}

/// The key of a row's wish in `waiting`.
pub(super) fn waiting_key(row: &[u8], what: What, due: Timestamp) -> Option<Vec<u8>> {
    let (indicator, audience): (Id, Id) = family::split_outbox(row)?;
    Some(family::waiting(&audience, what.is_urgent(), due, &indicator))
}
