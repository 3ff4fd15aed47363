//! The bootstrap's clock: the wall's time, read once and then counted, so that it
//! never jumps.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::model::Timestamp;

/// Cheap to copy; all copies agree.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Timestamp,
    at: Instant,
}

impl Clock {
    /// Reads the wall's time.
    pub fn start() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started: Timestamp(since.as_secs()), at: Instant::now() }
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.started.plus(self.at.elapsed().as_secs())
    }
}
