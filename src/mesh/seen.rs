//! Which claims were seen: a bounded index of content ids, so that a replay
//! costs neither a signature check nor a copy to anybody.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::ContentId;

/// The most ids remembered, about 25 MiB; the oldest go first.
const CAPACITY: usize = 1 << 19;

/// The first half of a content id: a second claim with the same half takes
/// 2^128 tries to make.
type Short = u128;

#[derive(Debug, Default)]
struct Inner {
    ids: HashSet<Short>,
    order: VecDeque<Short>,
}

/// The index. Shared by the judge, which asks and adds, and the swarm task,
/// which adds own claims; both hold it for one look-up only.
#[derive(Debug)]
pub(super) struct Seen {
    inner: Mutex<Inner>,
    capacity: usize,
}

impl Seen {
    /// Filled with what the store knows, newest first.
    pub(super) fn new(newest_first: Vec<ContentId>) -> Self {
        let seen = Self { inner: Mutex::default(), capacity: CAPACITY };
        for id in newest_first.into_iter().take(CAPACITY).rev() {
            seen.insert(id);
        }
        seen
    }

    #[cfg(test)]
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self { inner: Mutex::default(), capacity }
    }

    pub(super) fn contains(&self, id: &ContentId) -> bool {
        self.lock().ids.contains(&short(id))
    }

    pub(super) fn insert(&self, id: ContentId) {
        let mut inner = self.lock();
        if !inner.ids.insert(short(&id)) {
            return;
        }
        inner.order.push_back(short(&id));
        if inner.order.len() > self.capacity
            && let Some(oldest) = inner.order.pop_front()
        {
            inner.ids.remove(&oldest);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn short(id: &ContentId) -> Short {
    let half = id.0.first_chunk().copied().unwrap_or_default();
    Short::from_be_bytes(half)
}
