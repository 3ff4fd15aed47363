//! From evidence to what leaves: the privacy filter, the pseudonym's signature,
//! the egress row, the mesh, in that order.
//!
//! A row of the egress ledger is durable before the bytes it speaks of are sent.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::watch;

use super::{Node, NodeError, clock};
use crate::hygiene;
use crate::keys::PseudonymKey;
use crate::mesh::PublishError;
use crate::model::{
    Audience, Claim, Confidence, CustomFields, Generation, IndicatorId, Kind, Origin, Revision,
    Scope, Sighting, Tag, Timestamp, Value,
};
use crate::privacy::{self, To, Withheld, tlp};
use crate::store::{Change, EgressAudience, EgressRow, OwnClaim, Pending};
use crate::wire::{self, SignedClaim};

/// How long the loop sleeps when nothing is due and nothing wakes it.
const IDLE: Duration = Duration::from_secs(60);
/// How long a claim that found no member waits before it is tried again.
const RETRY_SECONDS: u64 = 5;
/// Members from which on an own claim waits before sync shows it.
const CROWD: usize = 4;
/// For how many seconds it waits, unless two members have it before.
const SYNC_DELAY: u64 = 3600;
/// The widest step between two revisions.
const MAX_REVISION_STEP: u64 = 1 << 20;

/// What the operator adds by hand.
#[derive(Clone, Debug)]
pub struct NewIndicator {
    /// The value as it was typed.
    pub value: String,
    /// Its kind; guessed if none is given.
    pub kind: Option<Kind>,
    /// How sure the operator is.
    pub confidence: Confidence,
    /// What it did.
    pub tags: BTreeSet<Tag>,
    /// How far it may travel.
    pub scope: Scope,
    /// Custom fields.
    pub custom: CustomFields,
}

/// What is to be done about one wish to share.
pub(super) enum Plan {
    /// Nothing leaves, for this reason.
    Nothing(Withheld),
    /// What was last told still holds.
    StillHolds,
    /// This was signed and written down before, but has not left.
    Again(Box<OwnClaim>),
    /// This leaves.
    Send { signed: Box<SignedClaim>, generation: Generation },
}

impl Node {
    /// Adds an indicator by hand: it passes hygiene, becomes evidence and is
    /// shared as its scope allows.
    pub async fn add_indicator(&self, new: NewIndicator) -> Result<IndicatorId, NodeError> {
        let parsed = match &new.kind {
            Some(kind) => Value::parse(kind, &new.value),
            None => Value::guess(&new.value),
        };
        let value = parsed.map_err(|why| NodeError::Request(why.to_string()))?;
        if let Err(unfit) = hygiene::check(&value, &self.live().lists) {
            self.inner.metrics.hygiene_refusals.with_label_values(&[unfit.label()]).inc();
            return Err(NodeError::Request(unfit.to_string()));
        }
        let now = clock::now();
        let indicator = value.id();
        let shared = tlp::allows(new.scope.tlp(), tlp::Path::Gossip);
        let sighting = Sighting {
            value,
            origin: Origin::Manual,
            at: now,
            confidence: new.confidence,
            tags: new.tags,
            scope: new.scope,
            custom: new.custom,
        };
        let mut changes = vec![Change::Sighting(sighting)];
        if shared {
            changes.push(self.after_hold(indicator, now));
        }
        self.write(changes).await?;
        self.inner.metrics.sightings.with_label_values(&[Origin::Manual.name()]).inc();
        self.inner.due.notify_one();
        Ok(indicator)
    }

    /// Sends what became due until told to stop.
    pub(super) async fn share_loop(self, mut stop: watch::Receiver<bool>) {
        loop {
            let sleep = self.share_due().await.unwrap_or_else(|error| {
                tracing::error!(%error, "sharing is paused for a moment");
                Duration::from_secs(RETRY_SECONDS)
            });
            tokio::select! {
                _ = stop.wait_for(|stopping| *stopping) => return,
                () = self.inner.due.notified() => {}
                () = tokio::time::sleep(sleep) => {}
            }
        }
    }

    /// Sends what is due now. Returns how long nothing will be.
    async fn share_due(&self) -> Result<Duration, NodeError> {
        let now = clock::now();
        let waiting = self.blocking(|node| Ok(node.inner.store.outbox()?)).await?;
        self.inner.metrics.outbox.set(i64::try_from(waiting.len()).unwrap_or(i64::MAX));
        let next = waiting.iter().map(|pending| pending.due).find(|due| *due > now);
        for pending in waiting.into_iter().take_while(|pending| pending.due <= now) {
            if !self.share_one(pending, now).await? {
                // Nobody listens: the rest would not get further either.
                return Ok(Duration::from_secs(RETRY_SECONDS));
            }
        }
        Ok(next.map_or(IDLE, |next| Duration::from_secs(next.since(clock::now()).max(1)).min(IDLE)))
    }

    /// Handles one wish. False if the mesh could not take it now.
    async fn share_one(&self, pending: Pending, now: Timestamp) -> Result<bool, NodeError> {
        let Pending { indicator, audience, .. } = pending;
        let plan = self
            .blocking(move |node| node.plan(indicator, audience, Some(pending.due), now))
            .await?;
        let own = match plan {
            Plan::Nothing(_) | Plan::StillHolds => {
                self.done(indicator, audience).await?;
                return Ok(true);
            }
            Plan::Again(own) => *own,
            Plan::Send { signed, generation } => {
                let members = self.inner.mesh.status().borrow().members_in_topic;
                if members == 0 {
                    return Ok(false);
                }
                self.write_down(signed, generation, members, now).await?
            }
        };
        match self.inner.mesh.publish(own.bytes.clone(), own.content).await {
            Ok(_) => {
                tracing::debug!(content = %own.content, "claim published");
                self.inner.metrics.claims.with_label_values(&["own", "accept"]).inc();
                self.done(indicator, audience).await?;
                Ok(true)
            }
            Err(PublishError::TooLarge) => {
                tracing::error!("an own claim is too large for the mesh and was dropped");
                self.done(indicator, audience).await?;
                Ok(true)
            }
            Err(PublishError::NoMembers | PublishError::Busy | PublishError::Stopped) => Ok(false),
        }
    }

    async fn done(&self, indicator: IndicatorId, audience: Audience) -> Result<(), NodeError> {
        self.write(vec![Change::OutboxDone { indicator, audience }]).await?;
        Ok(())
    }

    /// Writes the claim and its egress row durably, before anything is sent.
    async fn write_down(
        &self,
        signed: Box<SignedClaim>,
        generation: Generation,
        members: usize,
        now: Timestamp,
    ) -> Result<OwnClaim, NodeError> {
        let claim = signed.claim();
        let row = EgressRow {
            at: now,
            value: claim.value.clone(),
            audience: EgressAudience::Mesh { members: u32::try_from(members).unwrap_or(u32::MAX) },
            level: self.live().policy.level,
            fields: told_fields(claim),
            content: signed.content(),
        };
        let own = OwnClaim {
            revision: claim.revision,
            claim: claim.clone(),
            generation,
            at: now,
            content: signed.content(),
            bytes: signed.bytes().to_vec(),
        };
        // With fewer members there is no anonymity that waiting could protect.
        let held = (self.book().members().count() >= CROWD).then(|| now.plus(SYNC_DELAY));
        let kept =
            Change::Own { signed: *signed, audience: Audience::Mesh, generation, at: now, held };
        self.write(vec![Change::Egress(row), kept]).await?;
        self.inner.metrics.egress_rows.inc();
        Ok(own)
    }

    /// What would leave for an audience now. Reads only. `due` is since when
    /// there is a wish to share: a claim made after it has not left yet.
    pub(super) fn plan(
        &self,
        indicator: IndicatorId,
        audience: Audience,
        due: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Plan, NodeError> {
        let Audience::Mesh = audience else {
            // Direct delivery is a later step; nothing makes such a wish yet.
            return Ok(Plan::Nothing(Withheld::NoEvidence));
        };
        let live = self.live();
        let evidence = self.inner.store.evidence(indicator)?;
        let own = self.inner.store.own(indicator, audience)?;
        if let (Some(own), Some(due)) = (&own, due)
            && own.at >= due
        {
            return Ok(Plan::Again(Box::new(own.clone())));
        }
        let shareable = match privacy::share(&evidence, &To::Mesh, &live.policy, &live.lists, now) {
            Ok(shareable) => shareable,
            Err(withheld) => return Ok(Plan::Nothing(withheld)),
        };
        let generation = own.as_ref().map_or(0, |own| own.generation);
        if let Some(own) = &own
            && !privacy::republish_due(
                &own.claim,
                own.at,
                shareable.claim(),
                live.policy.level,
                now,
            )
        {
            return Ok(Plan::StillHolds);
        }
        let revision = self.next_revision(indicator, own.as_ref().map_or(0, |own| own.revision));
        let key = self.pseudonym_key(indicator, audience, generation);
        let signed =
            wire::sign(shareable, &key, &self.inner.community, revision).map_err(|refusal| {
                NodeError::Request(format!("what would leave is refused: {refusal}"))
            })?;
        Ok(Plan::Send { signed: Box::new(signed), generation })
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

    /// A later revision. The step looks random to others, so it counts nothing,
    /// but is the same when asked again, so that a preview shows the exact bytes.
    fn next_revision(&self, indicator: IndicatorId, previous: Revision) -> Revision {
        let mut place = indicator.as_bytes().to_vec();
        place.extend(previous.to_be_bytes());
        let keyed = self.inner.sealer.keyed("dtim revision 1", &place);
        let step = keyed.iter().take(8).fold(0u64, |n, byte| n << 8 | u64::from(*byte));
        previous.saturating_add(1 + step % MAX_REVISION_STEP)
    }
}

/// The names of the fields that a claim tells, besides those that handle it.
fn told_fields(claim: &Claim) -> Vec<String> {
    let told = [
        ("kind", true),
        ("value", true),
        ("confidence", claim.confidence.is_some()),
        ("created", claim.created.is_some()),
        ("modified", claim.modified.is_some()),
        ("sightings", claim.sightings.is_some()),
        ("tags", !claim.tags.is_empty()),
        ("custom", !claim.custom.is_empty()),
        ("retracted", claim.retracted),
    ];
    told.into_iter().filter(|(_, told)| *told).map(|(name, _)| name.to_owned()).collect()
}
