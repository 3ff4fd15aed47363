//! How much a member may take: of claims and bytes, counted before anything is
//! looked at, and of whatever else a bucket measures. Pure; the caller says what
//! time it is.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// What a member may take for long, and at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowed {
    per_second: f64,
    burst: f64,
}

/// Claims by gossip: 6,000 a minute (design, section 6).
pub(super) const CLAIMS: Allowed = Allowed { per_second: 100.0, burst: 20_000.0 };
/// Microseconds of this node's time for questions outside gossip: a quarter of a
/// core for long, five seconds at once.
pub(crate) const TIME: Allowed = Allowed { per_second: 250_000.0, burst: 5_000_000.0 };
/// Own claims: half of what others take, because to them what this node passes on for
/// others counts as its own. Whoever tells more is shut out in the end.
pub(super) const OWN_CLAIMS: Allowed = Allowed { per_second: 50.0, burst: 10_000.0 };
/// Bytes of questions and answers outside gossip: 64 MiB a minute.
pub(super) const BYTES: Allowed = Allowed { per_second: 67_108_864.0 / 60.0, burst: 67_108_864.0 };
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

impl From<Allowed> for Bucket {
    /// A full one.
    fn from(Allowed { per_second, burst }: Allowed) -> Self {
        Self::new(per_second, burst, Instant::now())
    }
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

/// The allowance of every member that took something of late.
#[derive(Debug)]
pub(crate) struct Quotas<K> {
    allowed: Allowed,
    members: HashMap<K, Bucket>,
}

impl<K: Eq + Hash> Quotas<K> {
    pub(crate) fn new(allowed: Allowed) -> Self {
        Self { allowed, members: HashMap::new() }
    }

    /// Takes so much from a member's allowance; false if there is not enough left.
    pub(crate) fn take(&mut self, member: K, amount: usize, now: Instant) -> bool {
        self.of(member, now).take(exact(amount), now)
    }

    /// Takes what was used already, beyond the allowance if it must be.
    pub(crate) fn spend(&mut self, member: K, amount: usize, now: Instant) {
        self.of(member, now).spend(exact(amount), now);
    }

    fn of(&mut self, member: K, now: Instant) -> &mut Bucket {
        if self.members.len() >= SWEEP {
            self.members.retain(|_, bucket| {
                bucket.refill(now);
                !bucket.is_full()
            });
        }
        let Allowed { per_second, burst } = self.allowed;
        self.members.entry(member).or_insert_with(|| Bucket::new(per_second, burst, now))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }
}

/// Amounts are far below 2^53.
#[allow(clippy::cast_precision_loss)]
pub(super) fn exact(amount: usize) -> f64 {
    amount as f64
}
