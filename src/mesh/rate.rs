//! How often something may happen for one key. Owns counts in a window of
//! time and a bounded table; it reads no clock.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// Counts events by key in windows of fixed length.
///
/// The table is bounded: when it is full, keys that are not in it are refused
/// until the window ends, so a flood of fresh keys costs no memory.
#[derive(Debug)]
pub(super) struct Rate<K> {
    limit: u32,
    window: Duration,
    capacity: usize,
    since: Option<Instant>,
    counts: HashMap<K, u32>,
}

impl<K: Eq + Hash> Rate<K> {
    /// At most `limit` events for a key in a `window`, for `capacity` keys.
    pub(super) fn new(limit: u32, window: Duration, capacity: usize) -> Self {
        Self { limit, window, capacity, since: None, counts: HashMap::new() }
    }

    /// Counts an event and tells whether it is within the limit.
    pub(super) fn allow(&mut self, key: K, now: Instant) -> bool {
        let running = self.since.is_some_and(|since| now.duration_since(since) < self.window);
        if !running {
            self.since = Some(now);
            self.counts.clear();
        }
        if self.counts.len() >= self.capacity && !self.counts.contains_key(&key) {
            return false;
        }
        let count = self.counts.entry(key).or_insert(0);
        *count = count.saturating_add(1);
        *count <= self.limit
    }
}
