//! Ageing: how sure a claim still makes us, and when it ends.
//!
//! Owns the lifetimes, which are constants of the wire version so that every
//! node holds the same set. It must never be given a setting that changes what
//! others see: `[ageing]` only shortens what [`crate::assess`] reads here.

#[cfg(test)]
mod tests;

use crate::model::{Claim, Confidence, DAY, Day, Evidence, Kind, MINUTE, Timestamp};

/// How far ahead of our clock a claim may be.
pub const MAX_AHEAD: u64 = 5 * MINUTE;
/// How much later than a lifetime from today a claim may end, in days: at level
/// strict the end is rounded up to the week, and clocks differ by [`MAX_AHEAD`].
pub const MAX_ROUNDING_DAYS: u32 = 7;
/// What a claim or an import that tells no confidence counts as.
pub const UNTOLD: Confidence = Confidence::HALF;

/// How long a claim lives and how it fades: MISP's polynomial decay
/// (`DecayingModelsFormulas/Polynomial.php`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lifetime {
    /// Seconds from the last sighting to the end.
    pub tau: u64,
    /// The decay speed: above 1 it fades fast at first and slowly towards the end.
    pub delta: f64,
}

impl Lifetime {
    /// The same curve with an earlier end. A later end is not taken.
    pub fn shortened_to(self, tau: u64) -> Self {
        Self { tau: self.tau.min(tau), ..self }
    }

    /// The end in whole days, which every lifetime of the wire version is.
    fn days(&self) -> u32 {
        u32::try_from(self.tau.div_ceil(DAY)).unwrap_or(u32::MAX)
    }
}

/// The lifetime of a kind in this wire version.
pub fn lifetime(kind: &Kind) -> Lifetime {
    let days = match kind {
        Kind::Cidr => 14,
        Kind::Ip | Kind::Url | Kind::Custom(_) => 30,
        Kind::Domain | Kind::Email => 90,
        Kind::Md5 | Kind::Sha1 | Kind::Sha256 | Kind::Sha512 => 365,
    };
    Lifetime { tau: days * DAY, delta: 3.0 }
}

/// What is left of a confidence after so many seconds, 0 to 1: `base · (1 − (age/τ)^(1/δ))`.
pub fn share_at(base: Confidence, age: u64, lifetime: &Lifetime) -> f64 {
    if age >= lifetime.tau {
        return 0.0;
    }
    base.share() * (1.0 - (seconds(age) / seconds(lifetime.tau)).powf(1.0 / lifetime.delta))
}

/// The day a claim ends whose last sighting was then: from its midnight on it counts nothing.
pub fn end_of(kind: &Kind, modified: Timestamp) -> Day {
    modified.plus(lifetime(kind).tau).day()
}

/// The day from whose midnight on evidence counts nothing.
pub fn end_of_evidence(evidence: &Evidence) -> Day {
    let by_age = end_of(evidence.value.kind(), evidence.last_seen);
    // The day after the last one on which it counts.
    let told = evidence.until.map(|until| until.plus(DAY - 1).day());
    told.map_or(by_age, |told| told.min(by_age))
}

/// From when a claim ages that tells no time but its end.
pub fn strict_modified(kind: &Kind, until: Day) -> Timestamp {
    until.start().minus(lifetime(kind).tau)
}

/// The confidence that a claim fades from: what it tells, or a half.
pub fn base_of(claim: &Claim) -> Confidence {
    claim.confidence.unwrap_or(UNTOLD)
}

/// When a claim began to fade: its last sighting, or what its end tells of it.
pub fn counted_from(claim: &Claim) -> Timestamp {
    claim.modified.unwrap_or_else(|| strict_modified(claim.value.kind(), claim.until))
}

/// Whether a claim may be taken now. Time passes, so this is asked again
/// wherever a claim is used; it is never a reason to blame its sender.
pub fn timely(claim: &Claim, now: Timestamp) -> Result<(), Untimely> {
    let latest = now.plus(MAX_AHEAD);
    if claim.created.max(claim.modified).is_some_and(|told| told > latest) {
        return Err(Untimely::FromTheFuture);
    }
    let days = lifetime(claim.value.kind()).days();
    if claim.until > latest.day().plus(days).plus(MAX_ROUNDING_DAYS) {
        return Err(Untimely::EndsTooLate);
    }
    if claim.until <= now.day() {
        return Err(Untimely::Ended);
    }
    Ok(())
}

/// Why a claim may not be taken now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untimely {
    /// Its times lie more than [`MAX_AHEAD`] ahead of our clock.
    #[error("the claim is from more than 5 minutes in the future; check the clocks")]
    FromTheFuture,
    /// It would live longer than its kind may.
    #[error("the claim ends later than its kind allows")]
    EndsTooLate,
    /// It is over.
    #[error("the claim has ended")]
    Ended,
}

impl Untimely {
    /// The name in metric labels.
    pub fn label(self) -> &'static str {
        match self {
            Self::FromTheFuture => "from_the_future",
            Self::EndsTooLate => "ends_too_late",
            Self::Ended => "ended",
        }
    }
}

/// When the confidence next falls to a multiple of ten points, or to zero.
/// `None` once nothing is left.
pub fn next_crossing(
    base: Confidence,
    modified: Timestamp,
    lifetime: &Lifetime,
    now: Timestamp,
) -> Option<Timestamp> {
    crossings(base, modified, lifetime).find(|at| *at > now)
}

/// When the confidence last fell to a multiple of ten points, or to zero; `modified` if it
/// has not yet. Between two crossings what is told of it stays as it is.
pub fn last_crossing(
    base: Confidence,
    modified: Timestamp,
    lifetime: &Lifetime,
    now: Timestamp,
) -> Timestamp {
    crossings(base, modified, lifetime).take_while(|at| *at <= now).last().unwrap_or(modified)
}

/// When a confidence falls to each multiple of ten points below it, in the order of time.
fn crossings(
    base: Confidence,
    modified: Timestamp,
    lifetime: &Lifetime,
) -> impl Iterator<Item = Timestamp> + use<> {
    let lifetime = *lifetime;
    // At most ten steps: from 90 down to 0.
    (0..10).rev().filter(move |step| 10 * step < base.percent()).map(move |step| {
        let left = 1.0 - f64::from(10 * step) / f64::from(base.percent());
        let age = seconds(lifetime.tau) * left.powf(lifetime.delta);
        // The age is within 0…τ, so nothing is truncated.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        modified.plus(age.ceil() as u64)
    })
}

/// Exact below 2⁵³ seconds, which is longer than the universe is old.
#[allow(clippy::cast_precision_loss)]
fn seconds(seconds: u64) -> f64 {
    seconds as f64
}
