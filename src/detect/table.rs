//! All buckets, bounded.
//!
//! Owns which bucket has to go when there are too many (the one that changed
//! longest ago), and which have changed since they were last stored.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use ipnet::IpNet;

use super::bucket::{Bucket, take_u64};
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
}

/// All buckets.
pub(super) struct Table {
    /// How many there may be.
    capacity: usize,
    /// Never iterated: its order differs from run to run.
    slots: HashMap<Key, Slot>,
    /// The buckets by their last change, oldest first.
    by_order: BTreeMap<u64, Key>,
    /// The next change's place.
    next: u64,
    /// What has changed since it was last stored.
    changed: BTreeSet<Key>,
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
            slots: HashMap::new(),
            by_order: BTreeMap::new(),
            next: 0,
            changed: BTreeSet::new(),
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

    pub(super) fn get(&self, key: &Key) -> Option<&Bucket> {
        self.slots.get(key).map(|slot| &slot.bucket)
    }

    /// Puts a changed bucket in its place, at the end of the order.
    pub(super) fn put(&mut self, key: Key, bucket: Bucket, idle_after: Timestamp) {
        let order = self.next;
        self.next += 1;
        self.changed.insert(key.clone());
        self.insert(key, Slot { bucket, order, idle_after });
    }

    fn insert(&mut self, key: Key, slot: Slot) {
        self.by_order.insert(slot.order, key.clone());
        if let Some(old) = self.slots.insert(key, slot) {
            self.by_order.remove(&old.order);
        }
        while self.slots.len() > self.capacity {
            self.evicted += 1;
            self.drop_oldest();
        }
    }

    /// Drops what is as good as none at the old end. A few at a time, so that no
    /// event has to pay for many.
    pub(super) fn expire(&mut self, at: Timestamp) {
        const AT_A_TIME: usize = 2;
        for _ in 0..AT_A_TIME {
            let oldest = self.by_order.first_key_value().and_then(|(_, key)| self.slots.get(key));
            if oldest.is_none_or(|slot| slot.idle_after >= at) {
                return;
            }
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some((_, key)) = self.by_order.pop_first() {
            self.slots.remove(&key);
            self.changed.insert(key);
        }
    }

    /// What the store must write (or, for none, delete) to hold what this table holds.
    pub(super) fn take_changed(&mut self) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        let changed = std::mem::take(&mut self.changed);
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
            Some((key, Slot { bucket, order, idle_after }))
        });
        match known {
            Some((key, slot)) if !self.by_order.contains_key(&slot.order) => {
                self.next = self.next.max(slot.order.saturating_add(1));
                self.insert(key, slot);
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
        let mut bytes = vec![BUCKET_KEY];
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
                Named::Value(Value::parse(&kind.parse().ok()?, value).ok()?)
            }
            _ => return None,
        };
        Some(Self { rule, subject })
    }
}
