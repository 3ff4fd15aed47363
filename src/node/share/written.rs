//! What is written down durably before anything is sent: the claim, and its row in the
//! egress ledger.

use crate::model::{Claim, Generation, Level, Timestamp};
use crate::node::{Node, NodeError};
use crate::store::{
    Applied, Change, EgressAudience, EgressRow, Left, OwnClaim, Pending, StoreError,
};
use crate::wire::SignedClaim;

/// Members from which on an own claim waits before sync shows it.
const CROWD: usize = 4;
/// For how many seconds it waits, unless two members have it before.
const SYNC_DELAY: u64 = 3600;

impl Node {
    /// Writes claims and their egress rows durably, before anything is sent. Gives back
    /// those that the operator has not thought better of meanwhile.
    pub(super) async fn write_down(
        &self,
        fresh: Vec<(Pending, Box<SignedClaim>, Generation)>,
        to: EgressAudience,
        now: Timestamp,
    ) -> Result<Vec<(Pending, OwnClaim)>, NodeError> {
        // With fewer members there is no anonymity that waiting could protect.
        let crowd = self.book().members().count() >= CROWD;
        let held = crowd.then(|| now.plus(SYNC_DELAY));
        let mut written = Vec::new();
        let mut calls = Vec::new();
        for (wish, signed, generation) in fresh {
            let policy = self.reader(wish.audience).map(|(_, policy)| policy);
            let level = policy.map_or(Level::Strict, |policy| policy.level);
            calls.push(call(wish, &signed, generation, to, level, now, held));
            written.push((wish, own_claim(&signed, generation, now)));
        }
        if calls.is_empty() || not_overtaken(self.write(calls.concat()).await)? {
            return Ok(written);
        }
        let mut standing = Vec::new();
        for (call, one) in calls.into_iter().zip(written) {
            if not_overtaken(self.write(call).await)? {
                standing.push(one);
            }
        }
        Ok(standing)
    }
}

/// All that is written before a claim leaves.
fn call(
    wish: Pending,
    signed: &SignedClaim,
    generation: Generation,
    to: EgressAudience,
    level: Level,
    now: Timestamp,
    held: Option<Timestamp>,
) -> Vec<Change> {
    let claim = signed.claim();
    let row = EgressRow {
        at: now,
        audience: to,
        what: Left::Own {
            value: claim.value.clone(),
            level,
            fields: told_fields(claim),
            content: signed.content(),
        },
    };
    let audience = wish.audience;
    let own = Change::Own { signed: signed.clone(), audience, generation, at: now, held };
    vec![Change::StillWished(wish), Change::Egress(row), own]
}

fn own_claim(signed: &SignedClaim, generation: Generation, now: Timestamp) -> OwnClaim {
    OwnClaim {
        claim: signed.claim().clone(),
        generation,
        at: now,
        left: false,
        content: signed.content(),
        bytes: signed.bytes().to_vec(),
    }
}

/// False if the store has something newer; that is planned anew.
fn not_overtaken(written: Result<Vec<Applied>, NodeError>) -> Result<bool, NodeError> {
    match written {
        Ok(_) => Ok(true),
        Err(NodeError::Store(StoreError::Overtaken)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The names of the fields that a claim tells, besides those that handle it.
fn told_fields(claim: &Claim) -> Vec<String> {
    // Taken apart, so that a field that a claim gains cannot be forgotten here.
    let Claim {
        value: _,
        tlp: _,
        until: _,
        revision: _,
        confidence,
        created,
        modified,
        sightings,
        tags,
        custom,
        retracted,
    } = claim;
    let told = [
        ("kind", true),
        ("value", true),
        ("confidence", confidence.is_some()),
        ("created", created.is_some()),
        ("modified", modified.is_some()),
        ("sightings", sightings.is_some()),
        ("tags", !tags.is_empty()),
        ("custom", !custom.is_empty()),
        ("retracted", *retracted),
    ];
    told.into_iter().filter(|(_, told)| *told).map(|(name, _)| name.to_owned()).collect()
}
