//! What a rule has counted about one address.
//!
//! Owns when that is enough, and the stored form. All in event time, which may
//! step back: lines come from several files and clocks are set.

use crate::model::Timestamp;

use super::rule::Limit;

/// The most values that a `distinct` rule may count, which bounds one bucket.
pub const MAX_DISTINCT: usize = 32;

/// What a rule has counted about one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bucket {
    /// When it last was enough.
    pub(super) fired: Option<Timestamp>,
    /// How full it is.
    pub(super) level: u32,
    /// Up to when it has leaked.
    pub(super) leaked: Timestamp,
    /// Different values (hashed) and when each came last.
    pub(super) seen: Vec<(u64, Timestamp)>,
}

/// What one more event did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing changed: the address was named a short while ago.
    Silent,
    /// It was counted.
    Counted,
    /// It was enough.
    Enough,
}

impl Bucket {
    pub(super) fn new(at: Timestamp) -> Self {
        Self { fired: None, level: 0, leaked: at, seen: Vec::new() }
    }

    /// Takes one more event with the value that a `distinct` rule counts.
    pub(super) fn add(
        &mut self,
        limit: &Limit,
        cooldown: u64,
        at: Timestamp,
        value: impl FnOnce() -> u64,
    ) -> Outcome {
        // A step back of the clock by more than the cool-down ends it as well; else one
        // line with a time far ahead would silence the rule until then.
        if self.fired.is_some_and(|fired| apart(fired, at) < cooldown) {
            return Outcome::Silent;
        }
        let enough = match limit {
            Limit::Every => true,
            Limit::Bucket { capacity, leak } => self.fill(*capacity, *leak, at),
            Limit::Distinct { count, window, .. } => self.see(*count, *window, at, value()),
        };
        if !enough {
            return Outcome::Counted;
        }
        *self = Self { fired: Some(at), ..Self::new(at) };
        Outcome::Enough
    }

    fn fill(&mut self, capacity: u32, leak: u64, at: Timestamp) -> bool {
        let drops = at.since(self.leaked) / leak.max(1);
        let dry_after = u64::from(self.level).saturating_mul(leak);
        let stepped_back = self.leaked.since(at) > dry_after;
        if drops >= u64::from(self.level) || stepped_back {
            self.level = 0;
            self.leaked = at;
        } else {
            self.level -= u32::try_from(drops).unwrap_or(self.level);
            self.leaked = self.leaked.plus(drops * leak);
        }
        self.level += 1;
        self.level >= capacity
    }

    fn see(&mut self, count: usize, window: u64, at: Timestamp, value: u64) -> bool {
        self.seen.retain(|(other, seen)| *other != value && apart(*seen, at) <= window);
        self.seen.push((value, at));
        self.seen.len() >= count.min(MAX_DISTINCT)
    }

    /// The event time after which the bucket is as good as none.
    pub(super) fn idle_after(&self, limit: &Limit, cooldown: u64) -> Timestamp {
        let silent = self.fired.map_or(Timestamp(0), |fired| fired.plus(cooldown));
        let counted = match limit {
            Limit::Every => Timestamp(0),
            Limit::Bucket { leak, .. } => {
                self.leaked.plus(u64::from(self.level).saturating_mul(*leak))
            }
            Limit::Distinct { window, .. } => {
                self.seen.iter().map(|(_, seen)| seen.plus(*window)).max().unwrap_or_default()
            }
        };
        silent.max(counted)
    }

    /// Version 1: `1 ‖ order ‖ fired+1 or 0 ‖ level ‖ leaked ‖ (value ‖ time)*`, big-endian.
    pub(super) fn encode(&self, order: u64) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(29 + 16 * self.seen.len());
        bytes.push(VERSION);
        bytes.extend(order.to_be_bytes());
        let fired = self.fired.map_or(0, |fired| fired.seconds().saturating_add(1));
        bytes.extend(fired.to_be_bytes());
        bytes.extend(self.level.to_be_bytes());
        bytes.extend(self.leaked.seconds().to_be_bytes());
        for (value, seen) in &self.seen {
            bytes.extend(value.to_be_bytes());
            bytes.extend(seen.seconds().to_be_bytes());
        }
        bytes
    }

    /// The bucket and its order; none if the bytes are not of version 1.
    pub(super) fn decode(bytes: &[u8]) -> Option<(Self, u64)> {
        let mut rest = bytes.strip_prefix(&[VERSION])?;
        let order = take_u64(&mut rest)?;
        let fired = take_u64(&mut rest)?.checked_sub(1).map(Timestamp);
        let (level, tail) = rest.split_first_chunk()?;
        rest = tail;
        let leaked = Timestamp(take_u64(&mut rest)?);
        let mut seen = Vec::new();
        while !rest.is_empty() {
            if seen.len() == MAX_DISTINCT {
                return None;
            }
            seen.push((take_u64(&mut rest)?, Timestamp(take_u64(&mut rest)?)));
        }
        Some((Self { fired, level: u32::from_be_bytes(*level), leaked, seen }, order))
    }
}

const VERSION: u8 = 1;

pub(super) fn take_u64(rest: &mut &[u8]) -> Option<u64> {
    let (number, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(u64::from_be_bytes(*number))
}

fn apart(one: Timestamp, other: Timestamp) -> u64 {
    one.since(other).max(other.since(one))
}
