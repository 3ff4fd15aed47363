//! With whom to compare next, what is being fetched, what was passed on.
//!
//! Owns no connection and asks nobody; the clock is told.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::model::{ContentId, NodeId, Timestamp};
use crate::store::{Change, EgressAudience, EgressRow, Left};

/// Between two comparisons with one member, however much news it has.
const PAUSE: Duration = Duration::from_secs(1);
/// The same, if it holds up the comparison.
const LONG_PAUSE: Duration = Duration::from_secs(300);

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

/// Bounded by the members that are connected and by the questions that run.
#[derive(Debug, Default)]
struct Inner {
    due: BTreeMap<NodeId, Instant>,
    /// Not before then again.
    rests: BTreeMap<NodeId, Instant>,
    running: BTreeSet<NodeId>,
    fetching: HashSet<ContentId>,
    passed: BTreeMap<NodeId, Passed>,
}

impl Syncing {
    /// Compare with a member soon.
    pub(in crate::node) fn want(&self, member: NodeId) {
        let mut inner = self.lock();
        let due = inner.rests.get(&member).copied().unwrap_or_else(Instant::now);
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
    pub(super) fn done(&self, member: NodeId, held_up: bool) {
        let mut inner = self.lock();
        inner.running.remove(&member);
        let pause = if held_up { LONG_PAUSE } else { PAUSE };
        let now = Instant::now();
        inner.rests.retain(|_, until| *until > now);
        inner.rests.insert(member, now + pause);
        drop(inner);
        self.wake.notify_one();
    }

    /// Leaves what nobody else is fetching, and notes it.
    pub(super) fn take_up(&self, missing: Vec<ContentId>) -> Fetching<'_> {
        let mut inner = self.lock();
        let ids = missing.into_iter().filter(|id| inner.fetching.insert(*id)).collect();
        Fetching { of: self, ids }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Claims that one comparison fetches, and no other until this is dropped.
pub(super) struct Fetching<'a> {
    of: &'a Syncing,
    pub(super) ids: Vec<ContentId>,
}

impl Drop for Fetching<'_> {
    fn drop(&mut self) {
        let mut inner = self.of.lock();
        for id in &self.ids {
            inner.fetching.remove(id);
        }
    }
}
