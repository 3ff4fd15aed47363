//! What is imported, as evidence.

use super::{Imported, Refusal};
use crate::ageing;
use crate::model::{Confidence, Evidence, Origin, Scope, Timestamp, Tlp};

/// What an operator says of an import.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// The marking of what has none.
    pub unmarked: Tlp,
    /// How much it weighs, 0 to 1.
    pub trust: f64,
}

/// The evidence that an object gives now, one for each value; or why it gives none. It has
/// not passed hygiene.
pub fn evidence(
    imported: &Imported,
    settings: Settings,
    now: Timestamp,
) -> Result<Vec<Evidence>, Refusal> {
    if imported.revoked {
        return Err(Refusal::Revoked);
    }
    if imported.valid_from > now.plus(ageing::MAX_AHEAD) {
        return Err(Refusal::NotYet);
    }
    if imported.valid_until.is_some_and(|until| until <= now) {
        return Err(Refusal::Ended);
    }
    // A foreign clock may run ahead; nothing is younger than now.
    let last_seen = imported.modified.max(imported.valid_from).min(now);
    let told = imported.confidence.unwrap_or(ageing::UNTOLD).share();
    let of_value = |value: &crate::model::Value| Evidence {
        value: value.clone(),
        origin: if imported.of_dtim { Origin::ImportOfDtim } else { Origin::Import },
        first_seen: imported.created.min(last_seen),
        last_seen,
        until: imported.valid_until,
        count: imported.sightings,
        confidence: Confidence::from_share(told * settings.trust.clamp(0.0, 1.0)),
        tags: imported.tags.clone(),
        scope: Scope::new(
            imported.tlp.unwrap_or(settings.unmarked),
            imported.recipients.iter().cloned(),
        ),
        custom: imported.custom.clone(),
    };
    let all = imported.values.iter().map(of_value);
    let live: Vec<Evidence> = all.filter(|one| ageing::end_of_evidence(one) > now.day()).collect();
    if live.is_empty() { Err(Refusal::Ended) } else { Ok(live) }
}
