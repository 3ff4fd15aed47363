//! How much a member may send, counted before anything is looked at. Pure; the
//! caller says what time it is.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Instant;

/// What a member may send for long, and at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowed {
    per_second: f64,
    burst: f64,
}

/// Claims by gossip: 6,000 a minute (design, section 6).
pub(super) const CLAIMS: Allowed = Allowed { per_second: 100.0, burst: 20_000.0 };
/// Questions in sync that may cost a look at the whole set.
pub(crate) const COMPARISONS: Allowed = Allowed { per_second: 20.0, burst: 2_000.0 };
/// Bytes of questions and answers outside gossip: 64 MiB a minute.
pub(super) const BYTES: Allowed = Allowed { per_second: 67_108_864.0 / 60.0, burst: 67_108_864.0 };
/// Members remembered before those with a full allowance are forgotten.
const SWEEP: usize = 1024;

#[derive(Debug)]
struct Allowance {
    left: f64,
    at: Instant,
}

impl Allowance {
    fn refill(&mut self, allowed: Allowed, now: Instant) {
        let earned = now.duration_since(self.at).as_secs_f64() * allowed.per_second;
        self.left = (self.left + earned).min(allowed.burst);
        self.at = now;
    }
}

/// The allowance of every member that sent something of late.
#[derive(Debug)]
pub(crate) struct Quotas<K> {
    allowed: Allowed,
    members: HashMap<K, Allowance>,
}

impl<K: Eq + Hash> Quotas<K> {
    pub(crate) fn new(allowed: Allowed) -> Self {
        Self { allowed, members: HashMap::new() }
    }

    /// Takes so much from a member's allowance; false if there is not enough left.
    pub(crate) fn take(&mut self, member: K, amount: usize, now: Instant) -> bool {
        let allowance = self.allowance(member, now);
        let amount = as_share(amount);
        let within = allowance.left >= amount;
        if within {
            allowance.left -= amount;
        }
        within
    }

    /// Takes what was used already, beyond the allowance if it must be.
    pub(super) fn spend(&mut self, member: K, amount: usize, now: Instant) {
        self.allowance(member, now).left -= as_share(amount);
    }

    fn allowance(&mut self, member: K, now: Instant) -> &mut Allowance {
        let allowed = self.allowed;
        if self.members.len() >= SWEEP {
            self.members.retain(|_, allowance| {
                allowance.refill(allowed, now);
                allowance.left < allowed.burst
            });
        }
        let full = Allowance { left: allowed.burst, at: now };
        let allowance = self.members.entry(member).or_insert(full);
        allowance.refill(allowed, now);
        allowance
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }
}

/// Exact: amounts are far below 2^53.
#[allow(clippy::cast_precision_loss)]
fn as_share(amount: usize) -> f64 {
    amount as f64
}
