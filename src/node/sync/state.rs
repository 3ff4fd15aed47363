//! With whom to compare next, what is being fetched, what was passed on.
//!
//! Owns no connection and asks nobody; the clock is told.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::model::{ContentId, NodeId, Timestamp};
use crate::store::{Change, EgressAudience, EgressRow, Left};

/// A comparison gets so long before another is begun beside it: two that run at
/// once list the same claims twice.
const HEAD_START: Duration = Duration::from_millis(300);
/// A member that keeps a claim waiting for longer does not keep it from others.
const FETCH_TIME: Duration = Duration::from_secs(30);
/// New claims within a second that show that what runs is enough.
const BRISK: usize = 100;
/// Between two comparisons with one member, however much news it has.
const PAUSE: Duration = Duration::from_secs(1);
/// The same, if it held up the comparison: perhaps its network changed, and it is back by
/// then. Four times as long whenever it does so again.
const FIRST_REST: Duration = Duration::from_secs(10);
/// The longest, and how long it is remembered afterwards.
const LONGEST_REST: Duration = Duration::from_secs(300);

/// What a member fetched since it was last written down.
#[derive(Debug, Default)]
struct Passed {
    claims: u64,
    bytes: u64,
    digest: blake3::Hasher,
}

/// With whom to compare, and what is being fetched.
#[derive(Debug, Default)]
pub(in crate::node) struct Syncing {
    inner: Mutex<Inner>,
    pub(super) wake: Notify,
}

/// Not before then again.
#[derive(Clone, Copy, Debug)]
struct Rest {
    until: Instant,
    /// How often in a row it held up a comparison.
    held_up: u32,
}

/// Bounded by the members that are connected and by the questions that run.
#[derive(Debug, Default)]
struct Inner {
    due: BTreeMap<NodeId, Instant>,
    rests: BTreeMap<NodeId, Rest>,
    running: BTreeSet<NodeId>,
    /// Since when; after [`FETCH_TIME`] another comparison may fetch it.
    fetching: HashMap<ContentId, Instant>,
    /// When the last comparison was begun.
    begun: Option<Instant>,
    /// New claims since a moment, a second ago at the most.
    brought: Option<(Instant, usize)>,
    passed: BTreeMap<NodeId, Passed>,
}

impl Syncing {
    /// Compare with a member soon.
    pub(in crate::node) fn want(&self, member: NodeId, now: Instant) {
        let mut inner = self.lock();
        let due = inner.rests.get(&member).map_or(now, |rest| rest.until.max(now));
        inner.due.entry(member).or_insert(due);
        drop(inner);
        self.wake.notify_one();
    }

    /// A member is gone.
    pub(in crate::node) fn forget(&self, member: NodeId) {
        let mut inner = self.lock();
        inner.due.remove(&member);
    }

    /// Takes a member whose time has come and with whom no comparison runs, or
    /// tells for how long there is none.
    pub(super) fn next(&self, now: Instant) -> Result<NodeId, Option<Duration>> {
        let mut inner = self.lock();
        if let Some(wait) = inner.enough_for(now) {
            return Err(Some(wait));
        }
        let Inner { due, running, .. } = &mut *inner;
        let waiting = due.iter().filter(|(member, _)| !running.contains(member));
        let Some((member, at)) = waiting.min_by_key(|(_, at)| **at).map(|(m, at)| (*m, *at)) else {
            return Err(None);
        };
        if at > now {
            return Err(Some(at - now));
        }
        due.remove(&member);
        running.insert(member);
        inner.begun = Some(now);
        Ok(member)
    }

    /// A claim of another goes to a member.
    pub(in crate::node) fn passed_on(&self, to: NodeId, id: &ContentId, bytes: usize) {
        let mut inner = self.lock();
        let passed = inner.passed.entry(to).or_default();
        passed.claims += 1;
        passed.bytes += bytes as u64;
        passed.digest.update(id.as_bytes());
    }

    /// What is to be written down of what was passed on, a row for each member.
    pub(super) fn passed_rows(&self, at: Timestamp) -> Vec<Change> {
        let passed = std::mem::take(&mut self.lock().passed);
        let row = |(to, passed): (NodeId, Passed)| {
            let Passed { claims, bytes, digest } = passed;
            let digest = ContentId(*digest.finalize().as_bytes());
            let what = Left::PassedOn { claims, bytes, digest };
            Change::Egress(EgressRow { at, audience: EgressAudience::Member(to), what })
        };
        passed.into_iter().map(row).collect()
    }

    /// A comparison has ended. Who held it up waits longer for the next, also
    /// after a new connection.
    pub(super) fn done(&self, member: NodeId, held_up: bool, now: Instant) {
        let mut inner = self.lock();
        inner.running.remove(&member);
        inner.rests.retain(|_, rest| rest.until + LONGEST_REST > now);
        let before = inner.rests.get(&member).map_or(0, |rest| rest.held_up);
        let rest = if held_up {
            let pause = FIRST_REST.saturating_mul(1 << (2 * before.min(8))).min(LONGEST_REST);
            Rest { until: now + pause, held_up: before + 1 }
        } else {
            Rest { until: now + PAUSE, held_up: 0 }
        };
        let until = rest.until;
        inner.rests.insert(member, rest);
        // What was wished meanwhile waits as well.
        if let Some(due) = inner.due.get_mut(&member) {
            *due = until.max(*due);
        }
        drop(inner);
        self.wake.notify_one();
    }

    /// A running comparison brought new claims.
    pub(super) fn brought(&self, claims: usize, now: Instant) {
        let mut inner = self.lock();
        let before = inner.within_a_second(now);
        let since = inner.brought.map_or(now, |(since, _)| since);
        inner.brought = Some((if before == 0 { now } else { since }, before + claims));
    }

    /// Leaves what nobody else is fetching, and notes it.
    pub(super) fn take_up(&self, missing: Vec<ContentId>, now: Instant) -> Fetching<'_> {
        let mut inner = self.lock();
        let free = |since: &Instant| now.saturating_duration_since(*since) >= FETCH_TIME;
        let mut ids = missing;
        ids.retain(|id| inner.fetching.get(id).is_none_or(free));
        inner.fetching.extend(ids.iter().map(|id| (*id, now)));
        Fetching { of: self, since: now, ids }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// For how long what runs is enough.
    fn enough_for(&self, now: Instant) -> Option<Duration> {
        if self.running.is_empty() {
            return None;
        }
        let young = self.begun.map(|begun| begun + HEAD_START).filter(|until| *until > now);
        if let Some(until) = young {
            return Some(until - now);
        }
        (self.within_a_second(now) >= BRISK).then_some(HEAD_START)
    }

    fn within_a_second(&self, now: Instant) -> usize {
        let recent = self
            .brought
            .filter(|(since, _)| now.saturating_duration_since(*since) < Duration::from_secs(1));
        recent.map_or(0, |(_, claims)| claims)
    }
}

/// Claims that one comparison fetches, and no other until this is dropped.
pub(super) struct Fetching<'a> {
    of: &'a Syncing,
    since: Instant,
    pub(super) ids: Vec<ContentId>,
}

impl Drop for Fetching<'_> {
    fn drop(&mut self) {
        let mut inner = self.of.lock();
        for id in &self.ids {
            // Another one may have taken it over.
            if inner.fetching.get(id) == Some(&self.since) {
                inner.fetching.remove(id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(n: u8) -> NodeId {
        NodeId::from_public_key([n; 32])
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn who_holds_up_a_comparison_waits_however_much_news_it_has() {
        let (syncing, start) = (Syncing::default(), Instant::now());
        syncing.want(member(1), start);
        assert_eq!(syncing.next(start), Ok(member(1)));
        syncing.want(member(1), start);
        assert_eq!(syncing.next(start + SECOND), Err(None), "one at a time with one member");
        let mut now = start;
        for pause in [10, 40, 160, 300, 300] {
            syncing.done(member(1), true, now);
            syncing.want(member(1), now);
            let wait = syncing.next(now).unwrap_err().unwrap();
            assert_eq!(wait, pause * SECOND);
            syncing.forget(member(1));
            syncing.want(member(1), now);
            assert!(syncing.next(now).is_err(), "a new connection changes nothing");
            now += wait;
            assert_eq!(syncing.next(now), Ok(member(1)));
        }
        syncing.done(member(1), false, now);
        syncing.want(member(1), now);
        assert_eq!(syncing.next(now), Err(Some(PAUSE)), "who answers is like anybody again");
    }

    #[test]
    fn a_second_comparison_begins_only_when_the_first_brings_little() {
        let (syncing, start) = (Syncing::default(), Instant::now());
        for n in 1..=3 {
            syncing.want(member(n), start);
        }
        assert_eq!(syncing.next(start), Ok(member(1)));
        assert_eq!(syncing.next(start), Err(Some(HEAD_START)));
        syncing.brought(BRISK, start + HEAD_START);
        assert_eq!(syncing.next(start + HEAD_START), Err(Some(HEAD_START)));
        assert_eq!(syncing.next(start + 2 * SECOND), Ok(member(2)));
        syncing.done(member(1), false, start + 2 * SECOND);
        syncing.done(member(2), false, start + 2 * SECOND);
        assert_eq!(syncing.next(start + 2 * SECOND), Ok(member(3)), "nothing runs");
    }
}
