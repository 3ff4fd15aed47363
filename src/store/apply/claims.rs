//! Claims: what members delivered, what we made ourselves.

use std::collections::BTreeSet;

use super::{Applied, Draft, Touched};
use crate::ageing;
use crate::assess::{self, Heard};
use crate::model::{Audience, Claim, Generation, NodeId, Timestamp, Tlp};
use crate::privacy::tlp;
use crate::store::family::{self, Ends, Family};
use crate::store::record::{KeptClaim, KeptContent, KeptOwn, Sent, Whereabouts};
use crate::store::sync::SyncChange;
use crate::store::{Refused, StoreError};
use crate::wire::{SignedClaim, Verified};

/// Rows a day that a member may leave without a claim: about 130 bytes each.
const MAX_REMEMBERED: u32 = 1_000_000;

impl Draft<'_> {
    pub(super) fn heard(
        &mut self,
        verified: &Verified,
        from: NodeId,
        at: Timestamp,
    ) -> Result<Applied, StoreError> {
        let came = KeptClaim {
            heard: Heard {
                claim: verified.claim().clone(),
                pseudonym: verified.pseudonym(),
                content: verified.content(),
                delivered_by: [from].into(),
                received: at,
            },
            bytes: verified.bytes().to_vec(),
            own: false,
            charged: Some(from),
        };
        let key = self.claim_key(&came.heard);
        match self.claims.read_or_lost(self.db, &key)? {
            None => self.heard_first(&key, came, from),
            Some(kept) => self.heard_again(&key, kept, came, from),
        }
    }

    fn heard_first(
        &mut self,
        key: &[u8],
        came: KeptClaim,
        from: NodeId,
    ) -> Result<Applied, StoreError> {
        if let Some(refused) = self.no_room_for(from) {
            if self.may_leave_a_row(from) {
                self.remember(&came.heard, Whereabouts::NoRoom);
            }
            return Ok(Applied::Refused(refused));
        }
        self.touch_by(None, &came.heard.claim, came.heard.received)?;
        self.keep_claim(key, came, None);
        Ok(Applied::New)
    }

    fn heard_again(
        &mut self,
        key: &[u8],
        kept: KeptClaim,
        came: KeptClaim,
        from: NodeId,
    ) -> Result<Applied, StoreError> {
        let at = came.heard.received;
        match (takes_part(kept.heard.claim.tlp), takes_part(came.heard.claim.tlp)) {
            // An honest pseudonym speaks to one audience. What one member alone was told
            // must not take a claim out of the set that everybody holds.
            (true, false) => return Ok(Applied::Older),
            (false, true) if !kept.own => {
                self.drop_claim(key, &kept);
                self.touch_by(Some(&kept.heard.claim), &came.heard.claim, at)?;
                self.keep_claim(key, came, None);
                return Ok(Applied::Updated);
            }
            _ => {}
        }
        let same = kept.heard.content == came.heard.content;
        if same && kept.heard.delivered_by.contains(&from) {
            return Ok(Applied::Known);
        }
        let heard = assess::merge(kept.heard.clone(), came.heard.clone());
        if heard.content != came.heard.content {
            if self.may_leave_a_row(from) {
                self.remember(&came.heard, Whereabouts::Replaced);
            }
            return Ok(Applied::Older);
        }
        if !same && !self.may_leave_a_row(from) {
            self.events.without_room += 1;
            return Ok(Applied::Refused(Refused::Share));
        }
        let own = kept.own;
        if !own {
            self.touch_by(Some(&kept.heard.claim), &heard.claim, at)?;
        }
        if same {
            if !own {
                self.takes_part_again(&heard);
            }
            self.claims.put(key, KeptClaim { heard, ..kept });
            return Ok(Applied::Known);
        }
        self.drop_claim(key, &kept);
        let charged = came.charged.filter(|_| !own);
        self.keep_claim(key, KeptClaim { heard, bytes: came.bytes, own, charged }, None);
        Ok(if own { Applied::Clone } else { Applied::Updated })
    }

    pub(super) fn own_claim(
        &mut self,
        signed: &SignedClaim,
        audience: Audience,
        generation: Generation,
        at: Timestamp,
        held: Option<Timestamp>,
    ) -> Result<Applied, StoreError> {
        let id = signed.claim().indicator();
        let (pseudonym, until) = (signed.pseudonym(), signed.claim().until);
        let heard = Heard {
            claim: signed.claim().clone(),
            pseudonym,
            content: signed.content(),
            delivered_by: [].into(),
            received: at,
        };
        let key = self.claim_key(&heard);
        if let Some(kept) = self.claims.read_or_lost(self.db, &key)? {
            if kept.heard.claim.revision >= signed.claim().revision {
                return Err(StoreError::Overtaken);
            }
            self.drop_claim(&key, &kept);
        }
        let bytes = signed.bytes().to_vec();
        self.keep_claim(&key, KeptClaim { heard, bytes, own: true, charged: None }, held);

        let indicator = family::indicator(&self.db.sealer, id);
        let key = family::outbox(&self.db.sealer, &indicator, audience);
        let known = self.own.read_or_lost(self.db, &key)?;
        let new = known.as_ref().is_none_or(|own| own.sent.is_none());
        let mut own = known.unwrap_or_else(|| KeptOwn::new(id, audience));
        own.sent = Some(Sent { pseudonym, generation, at, left: false });
        own.generation = own.generation.max(generation);
        self.own.put(&key, own);
        self.mark(Family::Expiry, family::expiry(until, Ends::Sent, &key));
        Ok(if new { Applied::New } else { Applied::Updated })
    }

    /// Lets members be asked again for what only others delivered: until one of
    /// them delivers it, it weighs nothing.
    pub(super) fn orphan(&mut self, members: &BTreeSet<NodeId>) -> Result<Applied, StoreError> {
        for claim in self.db.sound_records::<KeptClaim>()? {
            let KeptClaim { heard, own, .. } = claim?.1;
            let public = takes_part(heard.claim.tlp);
            if !own && public && heard.delivered_by.is_disjoint(members) {
                self.sync.push(SyncChange::Lose(heard.claim.until, heard.content));
            }
        }
        Ok(Applied::Updated)
    }

    /// A member delivered what may have been an orphan.
    fn takes_part_again(&mut self, heard: &Heard) {
        if takes_part(heard.claim.tlp) {
            self.sync.push(SyncChange::Insert(heard.claim.until, heard.content));
        }
    }

    fn claim_key(&self, heard: &Heard) -> Vec<u8> {
        let indicator = family::indicator(&self.db.sealer, heard.claim.indicator());
        family::claim(&self.db.sealer, &indicator, &heard.pseudonym)
    }

    /// What an indicator tells has changed by a claim.
    fn touch_by(
        &mut self,
        before: Option<&Claim>,
        claim: &Claim,
        seen: Timestamp,
    ) -> Result<(), StoreError> {
        let indicator = family::indicator(&self.db.sealer, claim.indicator());
        let touched = Touched::by_claim(before, claim, self.now());
        self.touch(&indicator, &claim.value, seen, touched)?;
        Ok(())
    }

    /// `held`: it takes no part in sync before this time.
    fn keep_claim(&mut self, key: &[u8], kept: KeptClaim, held: Option<Timestamp>) {
        self.mark(Family::Expiry, family::expiry(kept.heard.claim.until, Ends::Claim, key));
        self.remember(&kept.heard, Whereabouts::Stored { key: key.to_vec(), held });
        self.charge(kept.charged, 1);
        self.claims.put(key, kept);
    }

    /// Takes back what points to a claim that is about to be replaced. Its
    /// content id stays remembered, so that it is not let in again.
    fn drop_claim(&mut self, key: &[u8], kept: &KeptClaim) {
        self.unmark(Family::Expiry, family::expiry(kept.heard.claim.until, Ends::Claim, key));
        self.remember(&kept.heard, Whereabouts::Replaced);
        self.charge(kept.charged, -1);
    }

    /// Counts a claim for or against a member's share.
    pub(super) fn charge(&mut self, member: Option<NodeId>, claims: i64) {
        let Some(member) = member.map(|node| family::peer(&self.db.sealer, node)) else { return };
        let shares = &mut self.memory.state.shares;
        let count = shares.entry(member).or_default();
        *count = count.saturating_add_signed(claims);
        if *count == 0 {
            shares.remove(&member);
        }
    }

    /// Counts a row that is nothing but the memory of a claim. They live as long as
    /// the claim, so a member makes a bounded number of them a day.
    fn may_leave_a_row(&mut self, member: NodeId) -> bool {
        let key = family::peer(&self.db.sealer, member);
        let today = self.now().day();
        let (day, count) = self.memory.remembered.entry(key).or_insert((today, 0));
        if *day != today {
            (*day, *count) = (today, 0);
        }
        *count = count.saturating_add(1);
        *count <= MAX_REMEMBERED
    }

    /// Why nothing new of a member can be kept. What one member may fill shrinks
    /// with the number of those that deliver, so that there is always room for
    /// one more.
    fn no_room_for(&mut self, member: NodeId) -> Option<Refused> {
        if self.full.is_some() {
            self.events.without_room += 1;
            return Some(Refused::Full);
        }
        let key = family::peer(&self.db.sealer, member);
        let shares = &self.memory.state.shares;
        let count = shares.get(&key).copied().unwrap_or(0);
        let others = shares.keys().filter(|other| **other != key).count() as u64;
        if count < self.most_claims / (others + 2) {
            return None;
        }
        self.events.without_room += 1;
        Some(Refused::Share)
    }

    /// Remembers a content id until its claim ends. Only what gossip may carry:
    /// these ids are for the mesh to know.
    fn remember(&mut self, heard: &Heard, place: Whereabouts) {
        if !takes_part(heard.claim.tlp) {
            return;
        }
        let (until, id) = (heard.claim.until, heard.content);
        self.sync.push(SyncChange::of(until, id, &place));
        let key = family::content(&self.db.sealer, until, &id);
        self.content.put(&key, KeptContent { content: id, place });
    }
}

/// Whether a claim takes part in sync: the table of markings says so.
fn takes_part(marking: Tlp) -> bool {
    tlp::allows(marking, tlp::Path::Sync)
}

/// When a claim crosses its next step.
pub(super) fn claim_crossing(claim: &Claim, now: Timestamp) -> Option<Timestamp> {
    let lifetime = ageing::lifetime(claim.value.kind());
    ageing::next_crossing(ageing::base_of(claim), ageing::counted_from(claim), &lifetime, now)
}
