//! What waits to leave, and what the operator decides about it.
//!
//! Who may be told is decided by [`crate::privacy`] and the node; here it is kept, in
//! one step with the evidence, whom an indicator was shared with.

use std::collections::{BTreeMap, BTreeSet};

use rand::RngExt as _;

use super::{Applied, Draft, Touched};
use crate::model::{Audience, Generation, IndicatorId, NodeId, Origin, Scope, Timestamp};
use crate::store::change::{Hold, Pending, What};
use crate::store::family::{self, Family, Id};
use crate::store::outbox::{pending, waiting_key};
use crate::store::record::{KeptClaim, KeptEvidence, KeptOwn, Sent, Wish};
use crate::store::{Refused, StoreError};

/// What the operator decided.
pub(super) struct Word<'a> {
    pub(super) only: Option<Origin>,
    pub(super) scope: &'a Scope,
    pub(super) audiences: &'a BTreeMap<Audience, Generation>,
    pub(super) hold: Hold,
    pub(super) take_back: Hold,
}

impl Draft<'_> {
    /// What was seen is to be told.
    pub(super) fn tell(
        &mut self,
        id: IndicatorId,
        origin: Origin,
        members: &BTreeSet<NodeId>,
        hold: Hold,
    ) -> Result<Applied, StoreError> {
        let indicator = family::indicator(&self.db.sealer, id);
        let key = family::evidence(&indicator, origin);
        let Some(mut kept) = self.evidence.read_or_lost(self.db, &key)? else {
            return Ok(Applied::Refused(Refused::NoEvidence));
        };
        let mut wished = Vec::new();
        if kept.reaches(Audience::Mesh) {
            wished.extend(self.update(id, Audience::Mesh, hold, true)?);
        }
        let by_operator = kept.scope_chosen || origin == Origin::Manual;
        let first = kept.members.is_none() && !by_operator && !members.is_empty();
        if first {
            kept.members = Some(members.clone());
            self.evidence.put(&key, kept.clone());
        }
        for node in kept.members.into_iter().flatten() {
            wished.extend(self.update(id, Audience::Peer(node), hold, first)?);
        }
        Ok(Applied::Wished(wished))
    }

    /// Wishes to tell an audience what was seen. One that was not told before is told
    /// only at the first sharing; what waits already keeps the earlier time.
    fn update(
        &mut self,
        id: IndicatorId,
        audience: Audience,
        hold: Hold,
        first: bool,
    ) -> Result<Option<Pending>, StoreError> {
        let (key, row) = self.outbox_row(id, audience)?;
        if row.is_none() && !first {
            return Ok(None);
        }
        let mut own = row.clone().unwrap_or_else(|| KeptOwn::new(id, audience));
        let due = draw(hold);
        let what = match own.wish {
            Some(wish) if wish.what == What::Withdraw || wish.due <= due => return Ok(None),
            Some(wish) => wish.what,
            None => What::Update,
        };
        own.wish = Some(self.new_wish(what, due));
        let wished = pending(&own);
        self.put_row(&key, row.as_ref(), Some(own));
        Ok(wished)
    }

    /// The operator decides how far an indicator may travel.
    pub(super) fn scope(
        &mut self,
        id: IndicatorId,
        word: &Word<'_>,
    ) -> Result<Applied, StoreError> {
        let indicator = family::indicator(&self.db.sealer, id);
        let own = self.set_scope(&indicator, word)?;
        let rows = self.own.under(self.db, &indicator)?;
        // What was told may live longer than the evidence for it.
        if own.is_empty() && (rows.is_empty() || !word.audiences.is_empty()) {
            return Ok(Applied::Refused(Refused::NoEvidence));
        }
        let mut wished = Vec::new();
        for row in rows {
            if !own.iter().any(|kept| kept.reaches(row.audience)) {
                wished.extend(self.take_back(&indicator, row, word.take_back)?);
            }
        }
        for (audience, generation) in word.audiences {
            wished.extend(self.share(id, *audience, *generation, word.hold)?);
        }
        Ok(Applied::Wished(wished))
    }

    /// Sets the scope of what this node saw. Gives back all that it saw.
    fn set_scope(
        &mut self,
        indicator: &Id,
        word: &Word<'_>,
    ) -> Result<Vec<KeptEvidence>, StoreError> {
        let members = word.audiences.keys().filter_map(|audience| match audience {
            Audience::Mesh => None,
            Audience::Peer(node) => Some(*node),
        });
        let members: BTreeSet<NodeId> = members.collect();
        let mut own = self.evidence.under(self.db, indicator)?;
        own.retain(|kept| kept.evidence.origin.is_own());
        for kept in &mut own {
            let origin = kept.evidence.origin;
            if word.only.is_none_or(|only| only == origin) {
                let before = std::mem::replace(&mut kept.evidence.scope, word.scope.clone());
                self.touch_again(indicator, Touched::by_scope(&before, word.scope));
                kept.members = Some(members.clone());
                kept.scope_chosen |= word.only.is_none();
                self.evidence.put(&family::evidence(indicator, origin), kept.clone());
            }
        }
        Ok(own)
    }

    /// Wishes to tell an audience. What was taken back from it is told again under
    /// another pseudonym: the old one stays retracted everywhere.
    fn share(
        &mut self,
        id: IndicatorId,
        audience: Audience,
        generation: Generation,
        hold: Hold,
    ) -> Result<Option<Pending>, StoreError> {
        let (key, row) = self.outbox_row(id, audience)?;
        let mut own = row.clone().unwrap_or_else(|| KeptOwn::new(id, audience));
        own.generation = own.generation.max(generation);
        if let Some((sent, claim)) = self.told(&own)?
            && claim.heard.claim.retracted
        {
            own.generation = own.generation.max(sent.generation.saturating_add(1));
        }
        own.wish = Some(self.new_wish(What::Share, draw(hold)));
        let wished = pending(&own);
        self.put_row(&key, row.as_ref(), Some(own));
        Ok(wished)
    }

    /// What an audience was told is taken back; what it was not told dies.
    fn take_back(
        &mut self,
        indicator: &Id,
        row: KeptOwn,
        hold: Hold,
    ) -> Result<Option<Pending>, StoreError> {
        let key = family::outbox(&self.db.sealer, indicator, row.audience);
        let Some((sent, claim)) = self.told(&row)? else {
            self.put_row(&key, Some(&row), None);
            return Ok(None);
        };
        let mut own = row.clone();
        own.generation = sent.generation;
        // A retraction that may not have left is still to be told.
        let over = claim.heard.claim.retracted && sent.left;
        own.wish = (!over).then(|| self.new_wish(What::Withdraw, draw(hold)));
        let wished = pending(&own);
        self.put_row(&key, Some(&row), Some(own));
        Ok(wished)
    }

    /// The claim that a row's audience was told and that has not ended.
    fn told(&self, row: &KeptOwn) -> Result<Option<(Sent, KeptClaim)>, StoreError> {
        let Some(sent) = row.sent.clone() else { return Ok(None) };
        let indicator = family::indicator(&self.db.sealer, row.indicator);
        let key = family::claim(&self.db.sealer, &indicator, &sent.pseudonym);
        let claim = self.claims.read_or_lost(self.db, &key)?;
        let today = self.now().day();
        Ok(claim.filter(|kept| kept.heard.claim.until > today).map(|claim| (sent, claim)))
    }

    /// An error unless the wish stands as it was read.
    pub(super) fn still_wished(&self, wish: &Pending) -> Result<Applied, StoreError> {
        let (_, row) = self.outbox_row(wish.indicator, wish.audience)?;
        if row.as_ref().and_then(pending).as_ref() == Some(wish) {
            Ok(Applied::Known)
        } else {
            Err(StoreError::Overtaken)
        }
    }

    pub(super) fn outbox_done(
        &mut self,
        wish: &Pending,
        left: bool,
    ) -> Result<Applied, StoreError> {
        let (key, row) = self.outbox_row(wish.indicator, wish.audience)?;
        let Some(row) = row else { return Ok(Applied::Known) };
        let mut own = row.clone();
        if let Some(sent) = &mut own.sent {
            sent.left |= left;
        }
        if pending(&own).as_ref() == Some(wish) {
            own.wish = None;
        }
        if own == row {
            return Ok(Applied::Known);
        }
        // A member's row stays: it is among those whom the indicator was shared with.
        let nothing = own.sent.is_none() && own.wish.is_none() && own.audience == Audience::Mesh;
        self.put_row(&key, Some(&row), (!nothing).then_some(own));
        Ok(Applied::Updated)
    }

    /// Forgets all rows of a member.
    pub(super) fn outbox_drop(&mut self, node: NodeId) -> Result<Applied, StoreError> {
        let audience = family::audience(&self.db.sealer, Audience::Peer(node));
        let stored = self.db.rows(Family::Outbox, &[], &[])?;
        let stored = stored.map(|row| row.map(|row| row.key));
        let drafted: Vec<Vec<u8>> = self.own.changed().map(|(key, _)| key.to_vec()).collect();
        let mut keys = BTreeSet::new();
        for key in stored.chain(drafted.into_iter().map(Ok)) {
            let key = key?;
            if key.ends_with(&audience) {
                keys.insert(key);
            }
        }
        for key in keys {
            let row = self.own.read_or_lost(self.db, &key)?;
            self.put_row(&key, row.as_ref(), None);
        }
        Ok(Applied::Updated)
    }

    /// What is to be told of an indicator dies with the last evidence for it.
    pub(super) fn end_wishes(&mut self, indicator: &Id) -> Result<(), StoreError> {
        for row in self.own.under(self.db, indicator)? {
            let key = family::outbox(&self.db.sealer, indicator, row.audience);
            let mut own = row.clone();
            own.wish = own.wish.filter(|wish| wish.what == What::Withdraw);
            let told = own.sent.is_some();
            self.put_row(&key, Some(&row), told.then_some(own));
        }
        Ok(())
    }

    /// What was told has ended, and with it what was to be taken back.
    pub(super) fn end_told(&mut self, key: &[u8], row: &KeptOwn) -> Result<(), StoreError> {
        let mut own = KeptOwn::new(row.indicator, row.audience);
        own.wish = row.wish.filter(|wish| wish.what != What::Withdraw);
        let shared = match row.audience {
            Audience::Mesh => false,
            Audience::Peer(_) => {
                let indicator = family::indicator(&self.db.sealer, row.indicator);
                let seen = self.evidence.under(self.db, &indicator)?;
                seen.iter().any(|kept| kept.reaches(row.audience))
            }
        };
        let kept = own.wish.is_some() || shared;
        self.put_row(key, Some(row), kept.then_some(own));
        Ok(())
    }

    fn outbox_row(
        &self,
        id: IndicatorId,
        audience: Audience,
    ) -> Result<(Vec<u8>, Option<KeptOwn>), StoreError> {
        let indicator = family::indicator(&self.db.sealer, id);
        let key = family::outbox(&self.db.sealer, &indicator, audience);
        let row = self.own.read_or_lost(self.db, &key)?;
        Ok((key, row))
    }

    fn new_wish(&mut self, what: What, due: Timestamp) -> Wish {
        Wish { what, due, stamp: self.next_stamp() }
    }

    /// Puts a row, and keeps its wish in `waiting`.
    fn put_row(&mut self, key: &[u8], before: Option<&KeptOwn>, after: Option<KeptOwn>) {
        let wish = |row: Option<&KeptOwn>| row.and_then(|row| row.wish);
        let (old, new) = (wish(before), wish(after.as_ref()));
        let place = |wish: Option<Wish>| wish.and_then(|w| waiting_key(key, w.what, w.due));
        if let Some(gone) = place(old) {
            self.unmark(Family::Waiting, gone);
        }
        if let Some(come) = place(new) {
            self.mark(Family::Waiting, come);
        }
        self.memory.pending += i64::from(new.is_some()) - i64::from(old.is_some());
        match after {
            Some(row) => self.own.put(key, row),
            None => self.own.delete(key),
        }
    }
}

fn draw(hold: Hold) -> Timestamp {
    let (from, to) = (hold.from.seconds(), hold.to.seconds());
    Timestamp(rand::rng().random_range(from..=to.max(from)))
}
