//! How much a member may take: of claims, counted before any signature is
//! checked, and of whatever else a bucket measures. Pure; the caller says what
//! time it is.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// Claims a second that a member may send for long: 6,000 a minute (design, section 6).
const PER_SECOND: f64 = 100.0;
/// Claims that it may send at once.
const BURST: f64 = 20_000.0;
/// Members remembered before those with a full allowance are forgotten.
const SWEEP: usize = 1024;

/// An allowance that refills with time.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    per_second: f64,
    burst: f64,
    left: f64,
    at: Instant,
}

impl Bucket {
    /// A full one.
    pub(super) fn new(per_second: f64, burst: f64, now: Instant) -> Self {
        Self { per_second, burst, left: burst, at: now }
    }

    /// Takes an amount if there is so much left.
    pub(super) fn take(&mut self, amount: f64, now: Instant) -> bool {
        self.refill(now);
        let within = self.left >= amount;
        if within {
            self.left -= amount;
        }
        within
    }

    /// Takes an amount that is known only when it was spent; it may leave a debt.
    pub(super) fn spend(&mut self, amount: f64, now: Instant) {
        self.refill(now);
        self.left -= amount;
    }

    /// How long until there is no debt any more; `None` if there is none.
    pub(super) fn debt(&mut self, now: Instant) -> Option<Duration> {
        self.refill(now);
        (self.left < 0.0).then(|| Duration::from_secs_f64(-self.left / self.per_second))
    }

    fn refill(&mut self, now: Instant) {
        let earned = now.saturating_duration_since(self.at).as_secs_f64() * self.per_second;
        self.left = (self.left + earned).min(self.burst);
        self.at = self.at.max(now);
    }

    fn is_full(&self) -> bool {
        self.left >= self.burst
    }
}

/// The claims that every member may send which sent something of late.
#[derive(Debug)]
pub(super) struct Quotas<K>(HashMap<K, Bucket>);

impl<K: Eq + Hash> Quotas<K> {
    pub(super) fn new() -> Self {
        Self(HashMap::new())
    }

    /// Takes one claim from a member's allowance; false if there is none left.
    pub(super) fn take(&mut self, member: K, now: Instant) -> bool {
        if self.0.len() >= SWEEP {
            self.0.retain(|_, bucket| {
                bucket.refill(now);
                !bucket.is_full()
            });
        }
        let fresh = || Bucket::new(PER_SECOND, BURST, now);
        self.0.entry(member).or_insert_with(fresh).take(1.0, now)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
