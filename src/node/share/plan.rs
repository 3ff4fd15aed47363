//! What an audience is told now. Reads only.

use super::audience;
use crate::keys::PseudonymKey;
use crate::model::{Audience, Claim, Generation, IndicatorId, Pseudonym, Revision, Timestamp};
use crate::node::{Node, NodeError};
use crate::privacy::{self, Policy, Shareable, To, Withheld};
use crate::store::{OutboxRow, OwnClaim, What};
use crate::wire::{self, SignedClaim};

/// The widest step between two revisions.
const MAX_REVISION_STEP: u64 = 1 << 20;
/// How far a retraction is ahead besides: an old backup, which does not know of it, makes
/// claims that stay behind it, however often it tells.
const RETRACTION_STEP: u64 = 1 << 40;

/// What is to be done about one wish to share.
#[derive(Debug)]
pub(in crate::node) enum Plan {
    /// Nothing leaves, for this reason.
    Nothing(Held),
    /// What was last told still holds.
    StillHolds,
    /// This was signed and written down before, but may not have left.
    Again(Box<OwnClaim>),
    /// This leaves.
    Send {
        /// The claim.
        signed: Box<SignedClaim>,
        /// The generation of its pseudonym.
        generation: Generation,
    },
}

/// Why nothing leaves.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::node) enum Held {
    /// The privacy filter withholds it.
    #[error(transparent)]
    Withheld(#[from] Withheld),
    /// The operator took it back.
    #[error("it was taken back; `dtim indicators share` shares it again")]
    Retracted,
    /// There is nothing to take back.
    #[error("nothing was told that could be taken back")]
    NeverTold,
    /// The member is not among those whom it was shared with.
    #[error("it was not shared with this member; `dtim indicators share` does that")]
    NotShared,
    /// The audience is no member any more.
    #[error("this peer is no member")]
    NotMember,
}

impl Node {
    /// What would leave for an audience now. `what` is the wish; none is the question
    /// what would be told if something were seen.
    pub(in crate::node) fn plan(
        &self,
        indicator: IndicatorId,
        audience: Audience,
        what: Option<What>,
        now: Timestamp,
    ) -> Result<Plan, NodeError> {
        let row = self.inner.store.outbox_row(indicator, audience)?;
        let last = self.last_told(indicator, audience, row.as_ref())?;
        let unsent = last.as_ref().filter(|own| !own.left);
        if let Some(own) = unsent.filter(|own| own.claim.retracted) {
            return Ok(Plan::Again(Box::new(own.clone())));
        }
        if what == Some(What::Withdraw) {
            return self.plan_to_take_back(indicator, audience, last.as_ref(), now);
        }
        let Some((to, policy)) = self.reader(audience) else {
            return Ok(Plan::Nothing(Held::NotMember));
        };
        let shareable = match self.shareable(indicator, &to, &policy, now)? {
            Ok(shareable) => shareable,
            Err(held) => return Ok(Plan::Nothing(held)),
        };
        let next = row.map_or(0, |row| row.generation);
        let (generation, revision) = match last {
            Some(own) if own.claim.retracted && next <= own.generation => {
                return Ok(Plan::Nothing(Held::Retracted));
            }
            Some(own) if own.claim.retracted => (next, 0),
            Some(own) if !own.left && same(&own.claim, shareable.claim()) => {
                return Ok(Plan::Again(Box::new(own)));
            }
            Some(own) => {
                // The operator's word waits for no pause.
                let at = if what == Some(What::Share) { Timestamp(0) } else { own.at };
                let (last, next) = (&own.claim, shareable.claim());
                if own.left && !privacy::republish_due(last, at, next, policy.level, now) {
                    return Ok(Plan::StillHolds);
                }
                (own.generation, own.claim.revision)
            }
            None => (next, 0),
        };
        self.sign(shareable, indicator, audience, generation, revision)
    }

    fn plan_to_take_back(
        &self,
        indicator: IndicatorId,
        audience: Audience,
        last: Option<&OwnClaim>,
        now: Timestamp,
    ) -> Result<Plan, NodeError> {
        let held = match last {
            None => Held::NeverTold,
            Some(own) if own.claim.retracted => Held::Retracted,
            Some(own) if own.claim.until <= now.day() => Withheld::Ended.into(),
            Some(own) => match privacy::retract(&own.claim, audience) {
                Ok(retraction) => {
                    let (generation, revision) = (own.generation, own.claim.revision);
                    return self.sign(retraction, indicator, audience, generation, revision);
                }
                Err(withheld) => withheld.into(),
            },
        };
        Ok(Plan::Nothing(held))
    }

    fn shareable(
        &self,
        indicator: IndicatorId,
        to: &To,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Result<Shareable, Held>, NodeError> {
        let store = &self.inner.store;
        let evidence = store.evidence_for(indicator, to.audience())?;
        if evidence.is_empty() && !store.evidence(indicator)?.is_empty() {
            return Ok(Err(Held::NotShared));
        }
        let lists = &self.live().lists;
        Ok(privacy::share(&evidence, to, policy, lists, now).map_err(Held::from))
    }

    fn sign(
        &self,
        shareable: Shareable,
        indicator: IndicatorId,
        audience: Audience,
        generation: Generation,
        previous: Revision,
    ) -> Result<Plan, NodeError> {
        let key = self.pseudonym_key(indicator, audience, generation);
        let ahead = if shareable.claim().retracted { RETRACTION_STEP } else { 0 };
        let revision = self.next_revision(&key.pseudonym(), previous.saturating_add(ahead));
        let signed =
            wire::sign(shareable, &key, &self.inner.community, revision).map_err(|refusal| {
                NodeError::Request(format!("what would leave is refused: {refusal}"))
            })?;
        Ok(Plan::Send { signed: Box::new(signed), generation })
    }

    /// To whom an audience speaks, and what may be told to it: a member's own level only
    /// ever tells less. None if it is no member.
    pub(in crate::node) fn reader(&self, audience: Audience) -> Option<(To, Policy)> {
        let live = self.live();
        let mut policy = live.policy.clone();
        let Audience::Peer(node) = audience else { return Some((To::Mesh, policy)) };
        let book = self.book();
        let member = book.member(node)?;
        policy.level = member.level.map_or(policy.level, |level| level.min(policy.level));
        Some((audience::to(member, &live.config.groups), policy))
    }

    /// The last claim of ours that an audience knows. One that an old backup has
    /// forgotten is found by its pseudonym, once somebody has brought it back.
    pub(super) fn last_told(
        &self,
        indicator: IndicatorId,
        audience: Audience,
        row: Option<&OutboxRow>,
    ) -> Result<Option<OwnClaim>, NodeError> {
        let mut last = row.and_then(|row| row.last.clone());
        loop {
            let generation = match &last {
                Some(own) if !own.claim.retracted => return Ok(last),
                Some(own) => own.generation.saturating_add(1),
                None => 0,
            };
            let by = self.pseudonym_key(indicator, audience, generation).pseudonym();
            match self.inner.store.claim_by(indicator, by, generation)? {
                None => return Ok(last),
                found => last = found,
            }
        }
    }

    /// The key under which this node speaks of an indicator to an audience.
    pub(super) fn pseudonym_key(
        &self,
        indicator: IndicatorId,
        audience: Audience,
        generation: Generation,
    ) -> PseudonymKey {
        self.inner.pseudonyms.derive(&self.inner.community, indicator, audience, generation)
    }

    /// A later revision. The step looks random to others, so it counts nothing, and
    /// differs between audiences, so that it ties no two of them together; but it is the
    /// same when asked again, so that a preview shows the exact bytes.
    fn next_revision(&self, by: &Pseudonym, previous: Revision) -> Revision {
        let mut place = by.as_bytes().to_vec();
        place.extend(previous.to_be_bytes());
        let keyed = self.inner.sealer.keyed("dtim revision 1", &place);
        let step = keyed.iter().take(8).fold(0u64, |n, byte| n << 8 | u64::from(*byte));
        previous.saturating_add(1 + step % MAX_REVISION_STEP)
    }
}

/// Whether two claims say the same; a claim that was not signed yet has no revision.
fn same(signed: &Claim, unsigned: &Claim) -> bool {
    *signed == Claim { revision: signed.revision, ..unsigned.clone() }
}
