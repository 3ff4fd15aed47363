//! The one place that asks the machine what time it is.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::model::Timestamp;

/// Outputs read the same assessment for so long, so that ETags, versions and
/// consumers agree (design section 4).
const TICK_SECONDS: u64 = 600;

/// Now, by the machine's clock; the epoch if it stands before that.
pub fn now() -> Timestamp {
    Timestamp(since_epoch().as_secs())
}

/// Now in nanoseconds since 1970: what a file system's times are compared with.
pub(super) fn nanoseconds() -> u64 {
    u64::try_from(since_epoch().as_nanos()).unwrap_or(u64::MAX)
}

/// Now in microseconds since 1970: what places in a view are stamped with.
pub fn microseconds() -> u64 {
    u64::try_from(since_epoch().as_micros()).unwrap_or(u64::MAX)
}

#[allow(clippy::disallowed_methods)] // this is the place
fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The beginning of the assessment tick that `now` lies in.
pub fn tick(now: Timestamp) -> Timestamp {
    now.floor(TICK_SECONDS)
}
