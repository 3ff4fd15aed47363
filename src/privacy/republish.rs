//! When an own claim is said again.

use crate::ageing;
use crate::model::{Claim, DAY, Level, Timestamp, WEEK};

/// The least change of confidence, in points, that is worth saying.
const CONFIDENCE_STEP: u8 = 10;

/// Whether the next claim to the same audience should be sent, given the one
/// that was sent last. Each sending is a hint at who saw what when, so it is
/// done for a change that matters, and seldom.
pub fn republish_due(
    previous: &Claim,
    previous_at: Timestamp,
    next: &Claim,
    level: Level,
    now: Timestamp,
) -> bool {
    if next.retracted && !previous.retracted {
        return true;
    }
    let pause = match level {
        Level::Strict => WEEK,
        Level::Moderate | Level::Open => DAY,
    };
    now.since(previous_at) >= pause && differs(previous, next)
}

fn differs(previous: &Claim, next: &Claim) -> bool {
    let tau = ageing::lifetime(next.value.kind()).tau;
    let moved = u64::from(previous.until.0.abs_diff(next.until.0)) * DAY;
    let points = |claim: &Claim| ageing::base_of(claim).percent();
    moved.saturating_mul(10) >= tau
        || points(previous).abs_diff(points(next)) >= CONFIDENCE_STEP
        || previous.tlp != next.tlp
        || previous.retracted != next.retracted
}
