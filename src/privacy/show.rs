//! What this node's own faces show: exports, the API, feeds.
//!
//! The same fields as in a claim, by the same rules, but unsigned and for a path instead of
//! an audience.

use super::tlp::{Path, allows, shows};
use super::{Policy, Withheld, bare, may_be_named, tell};
use crate::hygiene::{self, Lists};
use crate::model::{Claim, Evidence, Level, Timestamp};

/// What a path shows of evidence: no more than the level's fields, and nothing of evidence
/// that the path may not show. All of it is this node's own, or all of it was imported.
pub fn show(
    evidence: &[Evidence],
    path: Path,
    policy: &Policy,
    lists: &Lists,
    now: Timestamp,
) -> Result<Claim, Withheld> {
    let used: Vec<&Evidence> = evidence.iter().filter(|e| shows(&e.scope, path)).collect();
    let [first, ..] = used.as_slice() else { return Err(Withheld::NotForAudience) };
    if first.origin.is_own() {
        may_be_named(&first.value, policy, lists)?;
    } else {
        hygiene::check(&first.value, lists).map_err(Withheld::Unfit)?;
    }
    tell(&used, policy, lists, now).map(|(claim, _)| claim)
}

/// What a path shows of another's claim: no more than it told, and no more than the level's
/// fields. None if the path may not show it.
pub fn pass_on(claim: &Claim, path: Path, policy: &Policy) -> Option<Claim> {
    if !allows(claim.tlp, path) {
        return None;
    }
    let mut shown = bare(claim.value.clone(), claim.tlp, claim.until);
    shown.retracted = claim.retracted;
    if policy.level == Level::Strict {
        shown.until = claim.until.ceil_week();
    }
    if policy.level >= Level::Moderate {
        (shown.confidence, shown.created, shown.modified) =
            (claim.confidence, claim.created, claim.modified);
    }
    if policy.level == Level::Open {
        shown.sightings = claim.sightings;
        shown.tags.clone_from(&claim.tags);
        if policy.allow_custom_fields {
            shown.custom.clone_from(&claim.custom);
        }
    }
    Some(shown)
}
