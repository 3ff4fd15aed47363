//! All buckets, bounded.
//!
//! Owns which bucket has to go when there are too many (the one that changed
//! longest ago), and which have changed since they were last stored.

use std::collections::BTreeSet;
use std::net::IpAddr;

use hashlink::LinkedHashMap;
use hashlink::linked_hash_map::RawEntryMut;
use ipnet::IpNet;

use super::bucket::{Bucket, Outcome, take_u64};
use super::rule::Named;
use crate::model::{Timestamp, Value};

/// Which rule counts what about whom.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    /// The rule's fingerprint.
    pub(super) rule: u64,
    /// Whom or what.
    pub(super) subject: Named,
}

struct Slot {
    bucket: Bucket,
    /// Its place in the order of changes.
    order: u64,
    /// The event time after which it is as good as none.
    idle_after: Timestamp,
    /// It has changed since it was last stored.
    changed: bool,
}

/// All buckets.
pub(super) struct Table {
    /// How many there may be.
    capacity: usize,
    /// By their last change, oldest first. The hash is seeded anew in each process:
    /// strangers choose the keys.
    slots: LinkedHashMap<Key, Slot>,
    /// It was filled from the store and must be sorted before it is used.
    unsorted: bool,
    /// The next change's place.
    next: u64,
    /// What has changed or gone since it was last stored.
    changed: Vec<Key>,
    /// Stored keys that nothing here needs any more.
    stale: BTreeSet<Vec<u8>>,
    /// Buckets that had to go while they still counted.
    evicted: u64,
}

/// Under this key the store keeps the place of the next change.
const ORDER_KEY: &[u8] = b"o";
const BUCKET_KEY: u8 = b'b';

impl Table {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            slots: LinkedHashMap::new(),
            unsorted: false,
            next: 0,
            changed: Vec::new(),
            stale: BTreeSet::new(),
            evicted: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn take_evicted(&mut self) -> u64 {
        std::mem::take(&mut self.evicted)
    }

    /// Lets a bucket, an empty one if there is none, take one more event. If that changed
    /// it, it comes to the end of the order. `idle_after` says until when it then counts.
    pub(super) fn update(
        &mut self,
        key: &Key,
        at: Timestamp,
        add: impl FnOnce(&mut Bucket) -> Outcome,
        idle_after: impl FnOnce(&Bucket) -> Timestamp,
    ) -> Outcome {
        self.sort();
        let order = self.next;
        let (outcome, known) = match self.slots.raw_entry_mut().from_key(key) {
            RawEntryMut::Occupied(mut entry) => {
                let slot = entry.get_mut();
                let outcome = add(&mut slot.bucket);
                if outcome == Outcome::Silent {
                    return outcome;
                }
                (slot.order, slot.idle_after) = (order, idle_after(&slot.bucket));
                let known = std::mem::replace(&mut slot.changed, true);
                entry.to_back();
                (outcome, known)
            }
            RawEntryMut::Vacant(entry) => {
                let mut bucket = Bucket::new(at);
                let outcome = add(&mut bucket);
                if outcome == Outcome::Silent {
                    return outcome;
                }
                let idle_after = idle_after(&bucket);
                let slot = Slot { bucket, order, idle_after, changed: true };
                entry.insert(key.clone(), slot);
                (outcome, false)
            }
        };
        if !known {
            self.changed.push(key.clone());
        }
        self.next += 1;
        self.keep_bounds();
        outcome
    }

    fn keep_bounds(&mut self) {
        while self.slots.len() > self.capacity {
            self.evicted += 1;
            self.drop_oldest();
        }
    }

    /// Brings what came from the store into its order.
    fn sort(&mut self) {
        if !std::mem::take(&mut self.unsorted) {
            return;
        }
        let mut slots: Vec<_> = self.slots.drain().collect();
        slots.sort_unstable_by(|(key, slot), (other_key, other)| {
            (slot.order, key).cmp(&(other.order, other_key))
        });
        self.slots.extend(slots);
        self.keep_bounds();
    }

    /// Drops what is as good as none at the old end. A few at a time, so that no
    /// event has to pay for many.
    pub(super) fn expire(&mut self, at: Timestamp) {
        const AT_A_TIME: usize = 2;
        self.sort();
        for _ in 0..AT_A_TIME {
            if self.slots.front().is_none_or(|(_, slot)| slot.idle_after >= at) {
                return;
            }
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some((key, slot)) = self.slots.pop_front()
            // What has changed is among the changed already.
            && !slot.changed
        {
            self.changed.push(key);
        }
    }

    /// What the store must write (or, for none, delete) to hold what this table holds.
    pub(super) fn take_changed(&mut self) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        self.sort();
        // What went and came again is in it twice, and then twice in what is given.
        let changed = std::mem::take(&mut self.changed);
        for key in &changed {
            if let Some(slot) = self.slots.get_mut(key) {
                slot.changed = false;
            }
        }
        let stale = std::mem::take(&mut self.stale).into_iter().map(|key| (key, None));
        let mut all: Vec<_> = changed
            .iter()
            .map(|key| {
                let slot = self.slots.get(key);
                (key.encode(), slot.map(|slot| slot.bucket.encode(slot.order)))
            })
            .chain(stale)
            .collect();
        if !all.is_empty() {
            all.push((ORDER_KEY.to_vec(), Some(self.next.to_be_bytes().to_vec())));
        }
        all
    }

    /// Takes back one stored pair. `idle_after` knows the rules; a bucket of a rule
    /// that is no more, or bytes of another version, are deleted with the next change.
    pub(super) fn restore(
        &mut self,
        key: &[u8],
        bytes: &[u8],
        idle_after: impl FnOnce(u64, &Bucket) -> Option<Timestamp>,
    ) {
        if key == ORDER_KEY {
            let next = take_u64(&mut &*bytes).unwrap_or(0);
            self.next = self.next.max(next);
            return;
        }
        let known = Key::decode(key).and_then(|key| {
            let (bucket, order) = Bucket::decode(bytes)?;
            let idle_after = idle_after(key.rule, &bucket)?;
            Some((key, Slot { bucket, order, idle_after, changed: false }))
        });
        match known {
            Some((key, slot)) => {
                self.next = self.next.max(slot.order.saturating_add(1));
                // Pairs come in any order; the next event keeps the bounds.
                self.unsorted = true;
                self.slots.insert(key, slot);
            }
            _ => {
                self.stale.insert(key.to_vec());
            }
        }
    }
}

impl Key {
    /// `b ‖ rule ‖ 4 or 6 ‖ address ‖ prefix length`, or `b ‖ rule ‖ 't' ‖ kind ‖ 0 ‖ value`.
    fn encode(&self) -> Vec<u8> {
        // As long as that of an IPv6 network.
        let mut bytes = Vec::with_capacity(27);
        bytes.push(BUCKET_KEY);
        bytes.extend(self.rule.to_be_bytes());
        match &self.subject {
            Named::Net(net) => {
                match net.addr() {
                    IpAddr::V4(address) => {
                        bytes.push(4);
                        bytes.extend(address.octets());
                    }
                    IpAddr::V6(address) => {
                        bytes.push(6);
                        bytes.extend(address.octets());
                    }
                }
                bytes.push(net.prefix_len());
            }
            Named::Value(value) => {
                bytes.push(b't');
                bytes.extend(value.kind().name().as_bytes());
                bytes.push(0);
                bytes.extend(value.as_str().as_bytes());
            }
        }
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(&[BUCKET_KEY])?;
        let rule = take_u64(&mut rest)?;
        let net = |address: IpAddr, prefix| Some(Named::Net(IpNet::new(address, prefix).ok()?));
        let subject = match rest {
            [4, address @ .., prefix] => {
                net(IpAddr::from(<[u8; 4]>::try_from(address).ok()?), *prefix)?
            }
            [6, address @ .., prefix] => {
                net(IpAddr::from(<[u8; 16]>::try_from(address).ok()?), *prefix)?
            }
            [b't', named @ ..] => {
                let (kind, value) = std::str::from_utf8(named).ok()?.split_once('\0')?;
                Named::Value(Box::new(Value::parse(&kind.parse().ok()?, value).ok()?))
            }
            _ => return None,
        };
        Some(Self { rule, subject })
    }
}
