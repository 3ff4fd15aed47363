//! How many claims a member may send, counted before any signature is checked.
//! Pure; the caller says what time it is.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Instant;

/// Claims a second that a member may send for long: 6,000 a minute (design, section 6).
const PER_SECOND: f64 = 100.0;
/// Claims that it may send at once.
const BURST: f64 = 20_000.0;
/// Members remembered before those with a full allowance are forgotten.
const SWEEP: usize = 1024;

#[derive(Debug)]
struct Allowance {
    left: f64,
    at: Instant,
}

impl Allowance {
    fn refill(&mut self, now: Instant) {
        let earned = now.duration_since(self.at).as_secs_f64() * PER_SECOND;
        self.left = (self.left + earned).min(BURST);
        self.at = now;
    }
}

/// The allowance of every member that sent something of late.
#[derive(Debug)]
pub(super) struct Quotas<K>(HashMap<K, Allowance>);

impl<K: Eq + Hash> Quotas<K> {
    pub(super) fn new() -> Self {
        Self(HashMap::new())
    }

    /// Takes one claim from a member's allowance; false if there is none left.
    pub(super) fn take(&mut self, member: K, now: Instant) -> bool {
        if self.0.len() >= SWEEP {
            self.0.retain(|_, allowance| {
                allowance.refill(now);
                allowance.left < BURST
            });
        }
        let allowance = self.0.entry(member).or_insert(Allowance { left: BURST, at: now });
        allowance.refill(now);
        let within = allowance.left >= 1.0;
        if within {
            allowance.left -= 1.0;
        }
        within
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
