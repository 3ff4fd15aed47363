//! How often somebody may ask for something.
//!
//! Owns the generic cell rate algorithm over a bounded table of keys. Pure: it
//! is told the time, and it never grows beyond its capacity, however many keys
//! it meets.

use std::collections::HashMap;
use std::hash::Hash;

use crate::model::Timestamp;

/// So many requests in so many seconds, at once or spread.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Requests that a key may make in the period.
    pub requests: u64,
    /// Length of the period in seconds.
    pub seconds: u64,
}

/// Spends one budget a key.
#[derive(Debug)]
pub struct Limiter<K> {
    budget: Budget,
    capacity: usize,
    /// When a key's budget is whole again, in thousandths of a second.
    whole_at: HashMap<K, u64>,
}

impl<K: Eq + Hash + Clone> Limiter<K> {
    /// A limiter that remembers at most `capacity` keys.
    pub fn new(budget: Budget, capacity: usize) -> Self {
        Self { budget, capacity: capacity.max(1), whole_at: HashMap::new() }
    }

    /// Takes one request from the key's budget; `false` if nothing is left.
    pub fn spend(&mut self, key: &K, now: Timestamp) -> bool {
        let Some(after) = self.after_one(key, now) else { return false };
        if !self.whole_at.contains_key(key) {
            self.make_room(now.seconds().saturating_mul(1000));
        }
        self.whole_at.insert(key.clone(), after);
        true
    }

    /// Whether the key's budget has a request left.
    pub fn has_left(&self, key: &K, now: Timestamp) -> bool {
        self.after_one(key, now).is_some()
    }

    /// When the budget would be whole again after one more request, if that is soon enough.
    fn after_one(&self, key: &K, now: Timestamp) -> Option<u64> {
        let now = now.seconds().saturating_mul(1000);
        let period = self.budget.seconds.saturating_mul(1000);
        let cost = period / self.budget.requests.max(1);
        let whole_at = self.whole_at.get(key).copied().unwrap_or(now).max(now);
        let after = whole_at.saturating_add(cost);
        (after.saturating_sub(now) <= period).then_some(after)
    }

    /// Keys remembered.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.whole_at.len()
    }

    /// Forgets whoever has a whole budget, and if that is nobody, whoever comes
    /// closest: who asks most is remembered longest.
    fn make_room(&mut self, now: u64) {
        if self.whole_at.len() < self.capacity {
            return;
        }
        self.whole_at.retain(|_, whole_at| *whole_at > now);
        while self.whole_at.len() >= self.capacity {
            let Some(idlest) =
                self.whole_at.iter().min_by_key(|(_, whole_at)| **whole_at).map(|(k, _)| k.clone())
            else {
                return;
            };
            self.whole_at.remove(&idlest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Budget, Limiter};
    use crate::model::Timestamp;
    use proptest::prelude::*;

    const TEN_A_MINUTE: Budget = Budget { requests: 10, seconds: 60 };

    #[test]
    fn a_budget_is_spent_and_comes_back() {
        let mut limiter = Limiter::new(TEN_A_MINUTE, 8);
        let now = Timestamp(1000);
        assert!((0..10).all(|_| limiter.spend(&"a", now)));
        assert!(!limiter.has_left(&"a", now) && limiter.has_left(&"b", now));
        assert!(!limiter.spend(&"a", now));
        assert!(limiter.spend(&"b", now), "each key has its own budget");
        assert!(limiter.spend(&"a", now.plus(6)));
        assert!(!limiter.spend(&"a", now.plus(6)));
        assert!((0..10).all(|_| limiter.spend(&"a", now.plus(120))));
    }

    proptest! {
        #[test]
        fn never_more_than_twice_the_budget_in_a_period(
            steps in prop::collection::vec((0u8..4, 0u64..10), 1..400)
        ) {
            let mut limiter = Limiter::new(TEN_A_MINUTE, 4);
            let mut now = Timestamp(0);
            let mut granted: Vec<(u8, Timestamp)> = Vec::new();
            for (key, wait) in steps {
                now = now.plus(wait);
                if limiter.spend(&key, now) {
                    granted.push((key, now));
                }
                let lately = granted.iter().filter(|(of, at)| *of == key && now.since(*at) < 60);
                prop_assert!(lately.count() < 20);
            }
        }

        #[test]
        fn never_more_keys_than_fit_and_the_busiest_is_not_forgotten(
            strangers in prop::collection::vec(1u32..1000, 1..400)
        ) {
            let mut limiter = Limiter::new(TEN_A_MINUTE, 16);
            let now = Timestamp(0);
            prop_assert!((0..10).all(|_| limiter.spend(&0, now)));
            for (i, stranger) in strangers.into_iter().enumerate() {
                limiter.spend(&(stranger * 1000 + u32::try_from(i).unwrap()), now);
                prop_assert!(limiter.len() <= 16);
                prop_assert!(!limiter.spend(&0, now));
            }
        }
    }
}
